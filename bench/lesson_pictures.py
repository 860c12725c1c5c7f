"""Run the lessons and draw their pictures anew; with --outputs, write what they print into them as well.

python bench/lesson_pictures.py                       # the pictures of all lessons
python bench/lesson_pictures.py --outputs docs/lessons/01_one_neuron.md
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

FOLDER = Path(__file__).parents[1] / "docs" / "lessons"
BLOCK = re.compile(r"^```python\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
DPI = 100


def main() -> None:
    """Run the pages that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path, default=sorted(FOLDER.glob("0*.md")))
    parser.add_argument("--outputs", action="store_true")
    arguments = parser.parse_args()
    for page in arguments.pages:
        text = run(page.resolve())
        if arguments.outputs:
            page.write_text(text, encoding="utf-8")
        for number, target in zip(plt.get_fignums(), pictures(text, page.parent), strict=True):
            plt.figure(number).savefig(target, dpi=DPI, metadata={"Software": None})
        plt.close("all")


def run(page: Path) -> str:
    """The page's text with each block followed by what it prints; its figures are left open."""
    namespace: dict[str, Any] = {"__name__": "__main__"}

    def with_output(block: re.Match[str]) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), np.errstate(all="raise", under="ignore"):
            exec(compile(block[1], str(page), "exec"), namespace)
        printed = f"\n\n```text\n{out.getvalue()}```" if out.getvalue() else ""
        return f"```python\n{block[1]}```{printed}"

    before = Path.cwd()
    os.environ["HANDGRAD_LANG"] = "ko" if page.name.endswith(".ko.md") else "en"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # an example may write files
        try:
            return BLOCK.sub(with_output, page.read_text(encoding="utf-8"))
        finally:
            os.chdir(before)


def pictures(text: str, folder: Path) -> list[Path]:
    """The pictures that a page shows, in their order."""
    return [folder / target for target in re.findall(r"!\[[^\]]*\]\((images/[^)]+)\)", text)]


if __name__ == "__main__":
    main()
