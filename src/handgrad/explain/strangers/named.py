"""The chapters of a story with the file's own names: which array a symbol stands for, and which line made it."""

from __future__ import annotations

from dataclasses import replace

from handgrad.audit.reading.source import Program
from handgrad.explain.story import Block, Chapter, Sentence
from handgrad.explain.strangers.own_step import Own
from handgrad.explain.strangers.step import StrangersStep

LINE = 60  # characters of a line of the file that are shown
_GIVEN = {"W": "weight", "b": "bias"}
# What a chapter works out, by its symbols; what goes in was worked out in another one.
_MADE = {
    "input": ("x",), "forward": ("y",), "loss": (), "backward": ("dW", "db", "dx"), "why": (), "update": (),
}  # fmt: skip


def with_own(program: Program, chapter: Chapter, step: StrangersStep) -> Chapter:
    """The chapter, with a line for each array that the file made for it, below the formulas."""
    arrays = {shape.symbol: shape.array for shape in chapter.shapes if shape.symbol in _MADE[chapter.part]}
    if chapter.key == "softmax":
        arrays = {letter: f"loss.{letter}" for letter in ("e", "p") if f"loss.{letter}" in step.own}
    lines: list[Block] = [*_parameters(chapter, step)]
    missing: list[str] = []
    for symbol, array in arrays.items():
        own = step.own.get(array, Own())
        if own.name and not step.single:
            lines.append(_line(program, symbol, own))
        elif not own.name and array in step.own and chapter.key not in ("input", "backward-input") and step.found_any:
            missing.append(symbol)
    if missing == ["dx"] and chapter.layer == step.moment.trace.layers[0].name:
        lines.append(Sentence("explain_file.not_needed"))
    elif missing:
        lines.append(Sentence("explain_file.kept_none", {"symbols": ", ".join(missing)}))
    return replace(chapter, blocks=(*lines, *chapter.blocks))


def _parameters(chapter: Chapter, step: StrangersStep) -> list[Sentence]:
    """W and b are W1 and b1."""
    if chapter.part != "forward":
        return []
    own = [(symbol, step.parameters.get(f"{chapter.layer}.{short}", "")) for symbol, short in _GIVEN.items()]
    named = [f"{symbol} = {name}" for symbol, name in own if name]
    return [Sentence("explain_file.parameters", {"names": ", ".join(named)})] if named else []


def _line(program: Program, symbol: str, own: Own) -> Sentence:
    if own.line == 0:
        return Sentence("explain_file.own", {"symbol": symbol, "name": own.name})
    _, shown, cell = program.place(own.line)
    lines = program.text.split("\n")
    text = " ".join(lines[own.line - 1].split()) if own.line <= len(lines) else ""
    text = text if len(text) <= LINE else text[: LINE - 1] + "…"
    said = {"symbol": symbol, "name": own.name, "line": shown, "cell": cell, "text": text}
    return Sentence("explain_file.own_line" if cell is None else "explain_file.own_cell", said)
