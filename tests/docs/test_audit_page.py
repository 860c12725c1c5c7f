"""What docs/audit.md shows of audits is what they give: reports, the object of --json, and the network by glue."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_docs_run import ROOT, blocks

from handgrad.audit.reading.sandbox import run_in_child

PICTURES = ROOT / "examples" / "glue_pictures.py"
both = pytest.mark.parametrize(("name", "language"), [("audit.md", "en"), ("audit.ko.md", "ko")])


def printed(command: str, language: str) -> str:
    """What the command prints, run in the root of the repository."""
    run = [sys.executable, "-m", "handgrad", *command.split()]
    environment = {**os.environ, "HANDGRAD_LANG": language}
    out = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", env=environment, check=False)
    assert out.returncode in (0, 1), out.stderr
    return out.stdout


@both
@pytest.mark.slow
def test_reports_are_those_that_are_printed(name: str, language: str) -> None:
    shown = [
        block.text for block in blocks(ROOT / "docs" / name) if block.kind == "console" and "examples/" in block.text
    ]
    assert len(shown) == 2
    for block in shown:
        first, _, report = block.partition("\n")
        out = " ".join(printed(first.removeprefix("$ handgrad "), language).split())
        for part in report.split("  ...\n"):
            assert " ".join(part.split()) in out


@both
@pytest.mark.slow
def test_the_json_is_that_of_the_command(name: str, language: str) -> None:
    (block,) = (block for block in blocks(ROOT / "docs" / name) if block.kind == "json")
    real = json.loads(printed("audit examples/averaged_twice.py --json", language).splitlines()[-1])
    assert neutral(json.loads(block.text)) == neutral(real)


def neutral(value: Any) -> Any:
    """An answer without its times, with figures rounded and files by their last name."""
    if isinstance(value, dict):
        return {key: neutral(part) for key, part in value.items() if key != "seconds"}
    if isinstance(value, list):
        return [neutral(part) for part in value]
    if isinstance(value, float):
        return round(value, 6)
    return re.sub(r"^/.*/", "", value) if isinstance(value, str) else value


def test_the_network_by_glue_is_the_example() -> None:
    assert PICTURES.read_text(encoding="utf-8") in {block.text for block in blocks(ROOT / "docs" / "audit.md")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "code"),
    [("z > 0", "z > -1", "unnamed"), (' / (1 - 0.999 ** moments["t"])', "", "optimizer-bias-half")],
)
def test_its_mistakes_are_found(old: str, new: str, code: str, tmp_path: Path) -> None:
    text = PICTURES.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file = tmp_path / "pictures.py"
    file.write_text(text.replace(old, new), encoding="utf-8")
    report = run_in_child("handgrad.audit.session:audit_file", {"path": str(file)})
    assert [finding["code"] for finding in report["findings"]] == [code]
