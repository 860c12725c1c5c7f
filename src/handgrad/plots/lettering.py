"""Lettering: which fonts write a figure, and how much room a text takes.

matplotlib's own DejaVu Sans writes everything that it can. It has no Hangul, and few machines have a font that does,
so one lies in `fonts/`; what neither of the two knows is written as a replacement sign instead of a warning.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.font_manager import findfont, fontManager
from matplotlib.ft2font import FT2Font

SMALL, TEXT, TITLE = 8, 9, 11  # points, on the saved sheet
LATIN, HANGUL = "DejaVu Sans", "Handgrad Hangul"

_HANGUL_FILE = Path(__file__).parent / "fonts" / "HandgradHangul.ttf"
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_WIDE = 1.6  # of a Hangul syllable, in widths of a digit


def font(size: int = TEXT, **more: Any) -> dict[str, Any]:
    """Keyword arguments of a matplotlib text; `$` is a dollar sign and starts no formula."""
    _register()
    return {"family": [LATIN, HANGUL], "size": size, "parse_math": False} | more


def legible(text: Any) -> str:
    """The text on one line, with a sign in the place of each character that no font here can write."""
    line = " ".join(str(text).split())
    if line.isascii() and line.isprintable():
        return line
    return "".join(c if ord(c) in _known() else _UNKNOWN for c in line)


def names(classes: Sequence[Any], most: int = 16) -> list[str]:
    """Names of classes as labels: legible, and cut off with … where they take more room than `most` digits."""
    return [_shortened(legible(name), most) for name in classes]


def room(text: str) -> float:
    """How much room the longest line takes, roughly, in widths of a digit."""
    return max(sum(map(_width, line)) for line in text.split("\n"))


def inches(text: str, size: int = SMALL) -> float:
    """The width of a text on the sheet, roughly: a digit of DejaVu Sans is 0.64 times as wide as its size."""
    return room(text) * 0.64 * size / 72


def _shortened(text: str, most: int) -> str:
    if room(text) <= most:
        return text
    while room(text) > most - 1:
        text = text[:-1]
    return text.rstrip() + "…"


def _width(character: str) -> float:
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else 1


@functools.cache
def _register() -> None:
    fontManager.addfont(_HANGUL_FILE)


@functools.cache
def _known() -> frozenset[int]:
    files = (findfont(LATIN), str(_HANGUL_FILE))
    return frozenset().union(*(FT2Font(file).get_charmap() for file in files))
