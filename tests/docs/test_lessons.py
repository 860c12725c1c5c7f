"""The lessons run, in both languages, and print what they show; each figure that their text speaks of is one of these.

test_docs_run.py holds their links, formulas and code cells, as it does for every page.
"""

from __future__ import annotations

import contextlib
import math
import re
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import jupytext
import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image
from test_docs_run import LESSONS, ROOT, blocks, name, prose, run

every_lesson = pytest.mark.parametrize("page", LESSONS, ids=name)
RECORDS = ROOT / "bench" / "RECORDS.md"
PICTURE = re.compile(r"!\[[^\]]+\]\((images/[^)]+)\)")


@pytest.fixture(autouse=True)
def _no_windows() -> Iterator[None]:
    before = mpl.get_backend()
    mpl.use("Agg")
    yield
    plt.close("all")
    mpl.use(before)


@pytest.mark.slow
@every_lesson
def test_a_lesson_prints_what_it_shows_and_draws_its_pictures(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a lesson may write files
    monkeypatch.setenv("HANDGRAD_LANG", "ko" if page.name.endswith(".ko.md") else "en")
    for block, printed, says in run(page):
        where = f"{name(page)}, line {block.line}"
        assert printed == (says.text if says else ""), f"{where}: the text block and the output differ"
    shown = PICTURE.findall(page.read_text(encoding="utf-8"))
    drawn = plt.get_fignums()
    assert len(shown) == len(drawn)
    for number, target in zip(drawn, shown, strict=True):
        plt.figure(number).savefig("now.png", dpi=100)
        # Another matplotlib sets its letters a little differently; another figure is far from it.
        assert np.abs(coarse(Path("now.png")) - coarse(page.parent / target)).mean() < 2, f"{target} is out of date"


def coarse(picture: Path) -> Any:
    """A picture as 40 x 25 grey cells, 0 to 255."""
    with Image.open(picture) as image:
        return np.asarray(image.convert("L").resize((40, 25), Image.Resampling.BOX), float)


@every_lesson
def test_a_figure_in_the_text_stands_in_the_code_or_in_what_it_prints(page: Path) -> None:
    text = prose_without_formulas(page)
    known = " ".join(block.text for block in blocks(page))
    if f"{RECORDS.name})" in page.read_text(encoding="utf-8"):  # measured once, with the date and how
        known += RECORDS.read_text(encoding="utf-8")
    there = {stripped_zeros(figure) for figure in re.findall(r"\d[\d,_]*\.?\d*", known)}
    for figure, percent in re.findall(r"(?<![\w.])(\d[\d,]*\.\d+|\d+(?= ?%)|\d[\d,]*\d(?![\d억만]*분의))( ?%)?", text):
        shares = {stripped_zeros(figure)} | ({f"{float(figure) / 100:.6g}"} if percent else set())
        assert shares & there, f"{name(page)} speaks of {figure}{percent}, and nothing prints it"


def prose_without_formulas(page: Path) -> str:
    """What is not code, not a formula and not a link."""
    text = re.sub(r"^\$\$\n.*?^\$\$$", "", prose(page), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\]\([^)]*\)", "]", re.sub(r"\$[^$]*\$", "", text))


def stripped_zeros(figure: str) -> str:
    """0.5250 and 0.525 are one figure, and so are 2,115 and 2115."""
    return f"{float(re.sub('[,_]', '', figure).rstrip('.') or 0):.10g}"


@every_lesson
def test_arithmetic_on_paper_closes(page: Path) -> None:
    printed = [line for block in blocks(page) if block.kind == "text" for line in block.text.splitlines()]
    for formula in re.findall(r"\$\$?([^$]+)\$\$?", prose(page)) + printed:
        for line in re.split(r"\\qquad|\\cr|\\text", formula):
            sides = [side for side in map(arithmetic, re.split(r"=|\\approx", line)) if side]
            for (value, _), (shown, half) in pairwise(sides):
                assert abs(value - shown) <= half * 1.0001, f"{name(page)}: {line.strip()} gives {value}"


def arithmetic(side: str) -> tuple[float, float] | None:
    """A side of an equation that is numbers alone: (its value, half a unit of its last digit); else None."""
    text = side.strip().rstrip(".,")
    for pattern, plain in [
        (r"\\d?frac\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", r"((\1)/(\2))"),
        (r"\\times|\\cdot", "*"), (r"\^\{([^{}]*)\}", r"**(\1)"), (r"\^(\d)", r"**\1"),
        (r"\be\b", f"{math.e!r}"), (r"\\ln\s*([\d.]+)", r"log(\1)"), (r"\\ln", "log"),
        (r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)"),
        (r"\\left|\\right", ""), (r"\{,\}", ""),
    ]:  # fmt: skip
        text = re.sub(pattern, plain, text)
    words = set(re.findall(r"[A-Za-z]+", text))
    if not words <= {"log", "sqrt"} or not re.search(r"\d", text) or re.search(r"[][_\\{}:,]", text):
        return None
    with contextlib.suppress(SyntaxError):
        return value_and_half(text, side)
    return None


def value_and_half(text: str, side: str) -> tuple[float, float]:
    """What the text comes to, and half a unit of the last digit in the side that it was."""
    places = [len(figure.partition(".")[2]) for figure in re.findall(r"\d+\.?\d*", side)]
    value = eval(text, {"__builtins__": {}}, {"log": math.log, "sqrt": math.sqrt})
    return float(value), 0.5 * 10.0 ** -max(places)


def test_the_arithmetic_is_really_done() -> None:
    assert arithmetic(r"0.5 \times 1.0 - 0.25") == (0.25, 0.005)
    assert arithmetic(r"\frac{1}{1 + e^{-0.1}}") == pytest.approx((0.52498, 0.05), abs=1e-5)
    assert arithmetic(r"\ln 2") == pytest.approx((0.6931, 0.5), abs=1e-4)
    assert arithmetic(r"x \times 2") is None


@every_lesson
def test_a_lesson_asks_has_three_exercises_with_solutions_and_goes_on(page: Path) -> None:
    headings = re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    ours = (
        ["연습 문제", "다음에 배울 것", "풀이"]
        if page.name.endswith(".ko.md")
        else ["Exercises", "What comes next", "Solutions"]
    )
    assert headings[-3:] == ours
    text = prose(page)
    assert re.search(r"^\*\*(The question|질문): .*[?]\*\*$", text, re.MULTILINE | re.DOTALL)
    exercises, _, rest = text.partition(f"## {ours[0]}")[2].partition(f"## {ours[1]}")
    assert re.findall(r"^(\d)\. \*\*", exercises, re.MULTILINE) == ["1", "2", "3"]
    assert re.findall(r"^\*\*(\d)\.\*\* ", rest, re.MULTILINE) == ["1", "2", "3"]


@every_lesson
def test_a_lesson_opens_as_a_notebook(page: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of jupytext's own libraries
        notebook = jupytext.read(page)
        jupytext.write(notebook, tmp_path / "lesson.ipynb")
    again = nbformat.read(tmp_path / "lesson.ipynb", as_version=4)
    nbformat.validate(again)
    code = [cell.source.strip() for cell in again.cells if cell.cell_type == "code"]
    assert code == [block.text.strip() for block in blocks(page) if block.kind == "python"]


def test_the_index_names_every_lesson() -> None:
    for index in ("README.md", "README.ko.md"):
        text = (ROOT / "docs" / "lessons" / index).read_text(encoding="utf-8")
        ending = index.removeprefix("README")
        wanted = [page.name for page in LESSONS if page.name.endswith(".ko.md") == (ending == ".ko.md")]
        assert re.findall(r"\((\d\d_[^)]*)\)", text) == wanted
