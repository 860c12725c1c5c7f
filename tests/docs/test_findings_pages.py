"""Every code has a page, and the page's example is audited: wrong as it stands, right with the diff below it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_docs_run import ROOT, blocks

from handgrad.audit.findings import codes
from handgrad.audit.session import audit_file

FOLDER = ROOT / "docs" / "findings"
PAGES = sorted(page for page in FOLDER.glob("*.md") if not page.name.endswith(".ko.md") and page.stem != "README")
QUICK = PAGES[::40]  # the rest take a minute or two


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert sorted(page.stem for page in PAGES) == sorted(codes())


def audited(text: str, folder: Path) -> dict[str, Any]:
    """The report on a file with this text."""
    file = folder / "example.py"
    file.write_text(text, encoding="utf-8")
    return audit_file({"path": str(file)})


def mended(wrong: str, diff: str) -> str:
    """The example with the diff's lines exchanged; each hunk is some lines with `-`, then those with `+`."""
    old, new = ("".join(f"{line[1:]}\n" for line in diff.splitlines() if line[:1] in (" ", sign)) for sign in "-+")
    assert wrong.count(old) == 1, f"these lines are not in the example once:\n{old}"
    return wrong.replace(old, new)


def check(page: Path, folder: Path) -> None:
    """The code is found in the example and gone from its right twin, which has no error."""
    wrong, diff = blocks(page)
    assert (wrong.kind, diff.kind) == ("python no-run", "diff")
    found = audited(wrong.text, folder)["findings"]
    assert page.stem in {finding["code"] for finding in found}
    right = audited(mended(wrong.text, diff.text), folder)
    assert page.stem not in {finding["code"] for finding in right["findings"]}
    assert right["ok"], [finding["cause"] for finding in right["findings"]]


@pytest.mark.parametrize("page", QUICK, ids=lambda page: page.stem)
def test_some_examples_are_wrong_and_their_twins_right(page: Path, tmp_path: Path) -> None:
    check(page, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if page not in QUICK], ids=lambda page: page.stem)
def test_every_example_is_wrong_and_its_twin_right(page: Path, tmp_path: Path) -> None:
    check(page, tmp_path)
