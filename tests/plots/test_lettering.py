"""Lettering: every text can be written, and takes no more room than was counted."""

from __future__ import annotations

import io
import tomllib
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import handgrad
from handgrad.plots.lettering import font, inches, legible, names

WORDS = Path(handgrad.__file__).parent / "words" / "ko"


def test_every_korean_word_of_the_figures_can_be_written() -> None:
    for text in tomllib.loads((WORDS / "plots.toml").read_text(encoding="utf-8")).values():
        assert legible(text) == " ".join(text.split())


def test_all_hangul_is_there() -> None:
    syllables = "".join(map(chr, range(0xAC00, 0xD7A4)))
    assert legible(syllables) == syllables
    others = "ㄱㅏ おキ ✗→…"
    assert legible(others) == others


def test_what_no_font_knows_is_replaced_before_it_can_warn() -> None:
    assert legible("a\tb\nc") == "a b c"
    assert legible("漢 x") == "� x"
    assert legible("a\x00") == "a�"
    figure = Figure()
    figure.text(0.5, 0.5, legible("漢\x00"), **font())
    figure.savefig(io.BytesIO(), format="png")  # a missing glyph would warn, and a warning is an error


def test_a_dollar_is_a_dollar() -> None:
    figure = Figure()
    text = figure.text(0.5, 0.5, legible(r"$\frac"), **font())
    figure.savefig(io.BytesIO(), format="png")
    assert text.get_text() == r"$\frac"


def test_names_are_cut_to_their_room() -> None:
    assert names([3, "short", "just sixteen now", "one more than sixteen"]) == [
        "3", "short", "just sixteen now", "one more than s…",
    ]  # fmt: skip
    assert names(["가나다라마바사아자차카타"]) == ["가나다라마바사아자…"]  # a syllable is wider than a digit


@pytest.mark.parametrize("text", ["0123456789", "MNIST", "Ankle boot", "T-shirt/top", "앵클부츠", "おきすつ"])
def test_inches_are_enough(text: str) -> None:
    figure = Figure(dpi=150)
    drawn = figure.text(0.5, 0.5, text, **font(8))
    width = drawn.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width / 150
    assert 0.6 * inches(text) < width < 1.12 * inches(text)
