"""The audit that both READMEs show is the one that the command prints."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from test_docs_run import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "README.ko.md"])
def test_the_report_in_the_readme_is_the_one_that_is_printed(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    command, shown = re.findall(r"```console\n\$ handgrad (audit [^\n]*)\n(.*?)```", text, re.DOTALL)[0]
    run = [sys.executable, "-m", "handgrad", *command.split()]
    out = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert out.returncode == 1, out.stderr
    printed = " ".join(out.stdout.split())
    for part in shown.split("  ...\n"):
        assert " ".join(part.split()) in printed
