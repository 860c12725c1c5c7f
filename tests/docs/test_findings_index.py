"""The index of all findings is the one that its script writes: every code, with the title of its page."""

from __future__ import annotations

import runpy

import pytest
from test_docs_run import ROOT

from handgrad.audit.findings import codes

SCRIPT = runpy.run_path(str(ROOT / "bench" / "findings_index.py"))


@pytest.mark.parametrize(("language", "name"), [("en", "README.md"), ("ko", "README.ko.md")])
def test_the_index_is_up_to_date(language: str, name: str) -> None:
    written = (ROOT / "docs" / "findings" / name).read_text(encoding="utf-8")
    assert written == SCRIPT["index"](language), "run: python bench/findings_index.py"


def test_every_code_stands_in_the_index_once() -> None:
    lines = [line for line in SCRIPT["index"]("en").splitlines() if line.startswith("- ")]
    assert sorted(line.strip("-[` ").partition("]")[0] for line in lines) == sorted(codes())
