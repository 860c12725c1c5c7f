"""The story as plain values for a program: the same chapters and printed numbers, and where each number came from."""

from __future__ import annotations

from typing import Any

from handgrad.explain.equation import Equation
from handgrad.explain.expression import Apply, Node, Number, Rest, Value
from handgrad.explain.plain import plain, tex
from handgrad.explain.story import Block, Chapter, Picture, Sentence, Story


def story_values(story: Story, lang: str | None = None) -> dict[str, Any]:
    """The whole story, its words in one language; printed numbers are strings, those of pictures have six digits."""
    return {
        "title": story.title.text(lang),
        **story.facts,
        "row": story.row,
        "chapters": [_chapter(chapter, lang) for chapter in story.chapters],
    }


def _chapter(chapter: Chapter, lang: str | None) -> dict[str, Any]:
    return {
        "key": chapter.key,
        "part": chapter.part,
        "layer": chapter.layer,
        "kind": chapter.kind,
        "title": chapter.title.text(lang),
        "about": [sentence.text(lang) for sentence in chapter.about],
        "formulas": [{"text": formula.text, "tex": formula.tex} for formula in chapter.formulas],
        "shapes": [{"symbol": s.symbol, "shape": list(s.shape), "array": s.array} for s in chapter.shapes],
        "blocks": [_block(block, lang) for block in chapter.blocks],
    }


def _block(block: Block, lang: str | None) -> dict[str, Any]:
    match block:
        case Sentence():
            return {"type": "sentence", "text": block.text(lang)}
        case Equation():
            return {
                "type": "equation",
                "symbol": block.symbol,
                "expression": node_values(block.expression),
                "result": node_values(block.result),
                "text": plain(block.expression, lang),
                "tex": tex(block.expression, lang),
            }
        case Picture():
            return {
                "type": "picture",
                "kind": block.kind,
                "title": block.title.text(lang),
                "shape": list(block.array.shape),
                "values": [float(f"{value:.6g}") for value in block.array.reshape(-1).tolist()],
                "source": block.source,
                "marked": list(block.marked),
                "labels": list(block.labels),
            }


def node_values(node: Node) -> dict[str, Any]:
    """One part of an equation: a number, the rest of a sum, or an operator on its arguments."""
    match node:
        case Number():
            found: dict[str, Any] = {"number": node.text}
            found |= {"name": node.name} if node.name else {}
            return found | ({"array": node.ref.array, "index": list(node.ref.index)} if node.ref else {})
        case Rest():
            return {"rest": node.count} | node_values(node.total)
        case Apply():
            value = {} if node.value is None else {"value": node_values(node.value)}
            return {"op": node.op, "args": [node_values(argument) for argument in node.args]} | value
        case Value():  # never in a settled equation
            return {"number": repr(float(node.value))}
