"""The story on a terminal: headings, sentences, columns of numbers whose points line up, pictures of half blocks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import numpy as np

from handgrad.core.arrays import Array
from handgrad.explain.equation import Equation
from handgrad.explain.expression import Apply, Node, Number, Rest
from handgrad.explain.plain import factors_text, name_of, plain
from handgrad.explain.story import Chapter, Picture, Sentence, Story
from handgrad.words import say

# Two pixels a character, upper and lower half: dark and dark, dark and bright, bright and dark, bright and bright.
_BLOCKS = " ▄▀█"
_MOST_BARS = 12


def story_lines(story: Story, *, lang: str | None = None, width: int = 80) -> Iterator[str]:
    """The whole story, line by line, no line wider than `width` cells."""
    yield from _wrapped(story.title.text(lang), width)
    for chapter in story.chapters:
        yield from ("", *chapter_lines(chapter, lang=lang, width=width))


def chapter_lines(chapter: Chapter, *, lang: str | None = None, width: int = 80) -> Iterator[str]:
    """One chapter, line by line."""
    title = chapter.title.text(lang)
    yield f"{title} " + "─" * max(width - cells(title) - 1, 0)
    for sentence in chapter.about:
        yield from _wrapped(sentence.text(lang), width)
    for formula in chapter.formulas:
        yield from _formula_lines(formula.text, width)
    if chapter.shapes:
        shapes = [f"{shape.symbol} {_shape_text(shape.shape)}" for shape in chapter.shapes]
        yield from _wrapped("    " + ", ".join(shapes), width)
    for block in chapter.blocks:
        match block:
            case Sentence():
                yield from _wrapped(block.text(lang), width)
            case Equation():
                yield from equation_lines(block, lang=lang, width=width)
            case Picture() if block.kind != "heat" or chapter.part != "backward" or not chapter.layer:
                yield from _picture_lines(block, lang, width)


def _formula_lines(text: str, width: int) -> Iterator[str]:
    """A formula on its line; a long one broken where its parts are set apart."""
    if cells(text) + 4 <= width:
        yield f"    {text}"
        return
    for part in re.split(r"\s{2,}", text):
        yield from _wrapped(f"    {part}", width)


def equation_lines(equation: Equation, *, lang: str | None = None, width: int = 80) -> Iterator[str]:
    """An equation on one line; a sum with a rest or with worked terms as a column, one term a line."""
    node = equation.expression
    names, numbers = plain(node, lang, named=True), plain(node, lang)
    parts = [names] if isinstance(node, Number) else [names, numbers] if names != numbers else [numbers]
    too_long = max(map(cells, parts)) + cells(equation.symbol) + 7 > width
    if isinstance(node, Apply) and node.op == "add":
        short = too_long and all(isinstance(term, Number) for term in node.args)
        if short or any(map(_needs_line, node.args)):
            yield from _column(equation, node, lang, width)
            return
    yield from _joined(equation.symbol, [*parts, equation.result.text], width)


def _joined(symbol: str, parts: list[str], width: int) -> Iterator[str]:
    """symbol = part = part, on as few lines as it takes, each after the first led by its sign of equality."""
    line = f"    {symbol}"
    for part in parts:
        if cells(line) + cells(part) + 3 > width and line.strip() != symbol:
            yield line
            line = " " * (4 + cells(symbol))
        line += f" = {part}"
        while cells(line) > width and (cut := _last_sign(line, width, len(symbol) + 8)):
            yield line[:cut].rstrip()
            line = " " * (8 + cells(symbol)) + line[cut:].lstrip()
    yield line


def _last_sign(line: str, width: int, start: int) -> int:
    """Where a line that is too long can be broken: before the last sign of arithmetic that fits; 0 for nowhere."""
    places = [found.start() + 1 for found in re.finditer(r" [-+×/] ", line) if found.start() > start]
    return max((place for place in places if cells(line[:place]) <= width), default=0)


def _needs_line(term: Node) -> bool:
    return isinstance(term, Rest) or (isinstance(term, Apply) and term.value is not None)


def _column(equation: Equation, node: Apply, lang: str | None, width: int) -> Iterator[str]:
    """A sum, one term a line: what it is, its factors, what they come to; long names on lines of their own."""
    rows = [(name_of(term, lang), factors_text(term, lang), _total_text(term)) for term in node.args]
    names, middle = (max(cells(row[i]) for row in rows) for i in (0, 1))
    names = max(names, cells(equation.symbol))
    totals = _aligned([row[2] for row in rows] + [equation.result.text])
    if names + middle + max(map(len, totals)) + 9 > width:
        yield from _long_column(equation, rows, totals, width)
        return
    for (name, factors, _), total in zip(rows, totals, strict=False):
        sign = "=" if factors else " "
        yield f"    {_pad(name, names)}  {_pad(factors, middle)} {sign} {total}".rstrip()
    yield f"    {' ' * (names + middle + 5)}{'─' * max(map(len, totals))}"
    yield f"    {_pad(equation.symbol, names)}  {' ' * middle} = {totals[-1]}"


def _long_column(equation: Equation, rows: list[tuple[str, str, str]], totals: list[str], width: int) -> Iterator[str]:
    """The same for names that leave no room for numbers beside them."""
    middle = max(cells(factors) for _, factors, _ in rows)
    for (name, factors, _), total in zip(rows, totals, strict=False):
        yield from _wrapped(f"    {name}", width)
        yield f"        {_pad(factors, middle)} {'=' if factors else ' '} {total}".rstrip()
    yield f"        {' ' * (middle + 3)}{'─' * max(map(len, totals))}"
    yield from _wrapped(f"    {equation.symbol}", width)
    yield f"        {' ' * middle} = {totals[-1]}"


def _total_text(term: Node) -> str:
    match term:
        case Number():
            return term.text
        case Rest(total=Number() as total):
            return total.text
        case Apply(value=Number() as value):
            return value.text
    return plain(term)


def _aligned(texts: list[str]) -> list[str]:
    """The numbers with their points below each other."""
    split = [(text.partition("e")[0], text.partition("e")[2]) for text in texts]
    heads = [mantissa.partition(".")[0] for mantissa, _ in split]
    room = max(map(len, heads))
    return [" " * (room - len(head)) + text for head, text in zip(heads, texts, strict=True)]


def _picture_lines(picture: Picture, lang: str | None, width: int) -> Iterator[str]:
    if picture.kind == "heat" and picture.array.ndim == 2 and picture.array.shape[1] <= width - 4:
        yield from _wrapped(picture.title.text(lang) + " " + say("explain.heat", lang), width)
        yield from (f"    {line}".rstrip() for line in heat_lines(picture.array))
        return
    if picture.kind == "bars":
        if picture.array.size <= _MOST_BARS:
            yield from _wrapped(picture.title.text(lang), width)
            yield from _bar_lines(picture, width)
        return
    if picture.kind == "image" and picture.array.shape[1] <= width - 4:
        yield from _wrapped(picture.title.text(lang), width)
        yield from (f"    {line}".rstrip() for line in half_blocks(picture.array))


def _bar_lines(picture: Picture, width: int) -> Iterator[str]:
    labels = picture.labels or tuple(map(str, range(picture.array.size)))
    room, largest = max(map(cells, labels)), float(np.max(np.abs(picture.array))) or 1.0
    for i, (label, value) in enumerate(zip(labels, picture.array.tolist(), strict=True)):
        bar = "█" * round(abs(value) / largest * min(30, width - room - 20))
        yield f"  {'>' if i in picture.marked else ' '} {_pad(label, room)} {value:>8.4f} {bar}".rstrip()


def half_blocks(picture: Array) -> list[str]:
    """A picture as lines of characters, two rows of pixels a line, so that pixels come out square."""
    bright = np.pad(picture > 0.375, ((0, len(picture) % 2), (0, 0)))
    codes = 2 * bright[0::2] + bright[1::2]  # (height, width) -> (height / 2, width)
    return ["".join(_BLOCKS[code] for code in line) for line in codes]


def heat_lines(picture: Array) -> list[str]:
    """Signed numbers as lines of characters, the larger of two rows a line: + and - from a third of the largest on."""
    padded = np.pad(np.nan_to_num(picture.astype(np.float64)), ((0, len(picture) % 2), (0, 0)))
    upper, lower = padded[0::2], padded[1::2]
    shown = np.where(np.abs(upper) >= np.abs(lower), upper, lower)  # (height, width) -> (height / 2, width)
    size = np.abs(shown) / (np.abs(shown).max() or 1.0)
    marks = np.where(size >= 1 / 3, np.where(shown > 0, "+", "-"), np.where(size >= 1 / 10, "·", " "))
    return ["".join(line) for line in marks]


def cells(text: str) -> int:
    """How many columns of a terminal a text takes: Hangul is two wide, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells, broken at spaces."""
    indent = text[: len(text) - len(text.lstrip())]
    lines, line = [], ""
    for word in text.split():
        if line and cells(indent) + cells(line) + 1 + cells(word) > width:
            lines.append(indent + line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, indent + line]


def _shape_text(shape: tuple[int, ...]) -> str:
    return say("explain.scalar") if not shape else f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
