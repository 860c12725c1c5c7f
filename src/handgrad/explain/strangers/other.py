"""Places where the file's own array is not what the formula gives: what it should be, and what it is."""

from __future__ import annotations

from dataclasses import replace

from handgrad.audit.reading.source import Program
from handgrad.explain.decimals import to_digits
from handgrad.explain.equation import Equation
from handgrad.explain.story import Block, Chapter, Sentence
from handgrad.explain.strangers.own_step import Own


def with_other(program: Program, chapter: Chapter, own: dict[str, Own], digits: int) -> Chapter:
    """The chapter, its equations of such an array followed by what the file has; as it is where there is none."""
    arrays = {shape.symbol: shape.array for shape in chapter.shapes if own.get(shape.array, Own()).other is not None}
    made = {symbol: array for symbol, array in arrays.items() if symbol in ("dx", "dW", "db")}
    if not made:
        return chapter
    blocks: list[Block] = []
    for block in chapter.blocks:
        if not isinstance(block, Equation) or block.result.ref is None or block.result.ref.array not in made.values():
            blocks.append(block)
            continue
        here = own[block.result.ref.array]
        assert here.other is not None
        value = to_digits(here.other[block.result.ref.index], digits)
        blocks.append(replace(block, result=replace(block.result, ref=None)))
        if not here.near:
            blocks.append(Sentence("explain_file.should_be", {"should": block.result.text, "value": value}))
    said = [_said(program, symbol, own[array]) for symbol, array in made.items()]
    return replace(chapter, about=(*chapter.about, *said), blocks=tuple(blocks))


def with_off(chapter: Chapter, off: dict[str, float], file: str, digits: int) -> Chapter:
    """The chapter, with what its gradients should be where they are only too large or too small."""
    arrays = {
        shape.symbol: shape.array for shape in chapter.shapes if shape.array in off and chapter.part == "backward"
    }
    made = {symbol: array for symbol, array in arrays.items() if symbol in ("dW", "db")}
    blocks: list[Block] = []
    for block in chapter.blocks:
        blocks.append(block)
        ref = block.result.ref if isinstance(block, Equation) else None
        if isinstance(block, Equation) and ref is not None and ref.array in made.values():
            should = to_digits(float(block.result.text) / off[ref.array], digits)
            blocks.append(Sentence("explain_file.times_off", {"should": should, "value": block.result.text}))
    said = [Sentence("explain_file.off", {"symbol": symbol, "times": f"{off[array]:g}", "file": file})
            for symbol, array in made.items()]  # fmt: skip
    return replace(chapter, about=(*chapter.about, *said), blocks=tuple(blocks))


def _said(program: Program, symbol: str, own: Own) -> Sentence:
    if own.near:
        return Sentence("explain_file.nearly", {"symbol": symbol})
    where = {"symbol": symbol, "name": own.name or symbol, "file": program.path.name}
    return Sentence("explain_file.other", where)
