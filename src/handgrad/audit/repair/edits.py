"""Edits: small changes of a text at nodes of its tree, so that formatting and comments stay as they are.

An edit is text first; the tree that it makes is had by parsing nothing but the statements that it touches.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from handgrad.audit.repair.source_text import SourceText, is_simple

Replacements = Mapping[ast.stmt, list[ast.stmt]]


@dataclass(frozen=True)
class Change:
    """One change of a text.

    Attributes:
        statement: the statement that it is in.
        new: what is put there: an expression, or lines of statements without their indentation; "" takes away.
        node: the expression that is replaced; None for the whole statement.
        where: "replace", or for whole statements "before" or "after".
    """

    statement: ast.stmt
    new: str
    node: ast.expr | None = None
    where: str = "replace"


@dataclass(frozen=True)
class Edit:
    """Changes that go together.

    Attributes:
        changes: one or more, in different places.
        operator: what kind of edit it is.
        line: the line of the text that it mends.
        size: how much it changes, for choosing between edits.
    """

    changes: tuple[Change, ...]
    operator: str
    line: int
    size: float = field(default=0.0)


def edited(source: SourceText, changes: Iterable[Change]) -> str | None:
    """The text with all changes made; None where they overlap or a statement shares its line with another."""
    spans: list[tuple[int, int, str]] = []
    for change in changes:
        span = _text_change(source, change)
        if span is None:
            return None
        spans.append(span)
    spans.sort()
    text, at, parts = source.text, 0, []
    for start, end, new in spans:
        if start < at:
            return None
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def _text_change(source: SourceText, change: Change) -> tuple[int, int, str] | None:
    if change.node is not None:
        return (*source.span(change.node), change.new)
    node = change.statement
    start, end = source.span(node)
    if change.where == "replace" and change.new and "\n" not in change.new:
        return start, end, change.new
    if not source.alone(node):
        return None
    indent = source.indent(node)
    lines = "".join(f"{indent}{line}\n" for line in change.new.split("\n")) if change.new else ""
    first, last = source.whole_lines(node)
    if change.where == "replace":
        if not change.new and len(source.parents[node][1]) == 1:
            return start, end, "pass"
        return first, last, lines
    if change.where == "before":
        return first, first, lines
    if last == len(source.text) and not source.text.endswith("\n"):
        return last, last, "\n" + lines[:-1]
    return last, last, lines


def replacements(source: SourceText, changes: Iterable[Change]) -> dict[ast.stmt, list[ast.stmt]]:
    """What stands in place of each changed statement; of one with a block below it only its head counts.

    Raises: SyntaxError where an edit makes no Python.
    """
    by_statement: dict[ast.stmt, list[Change]] = {}
    for change in changes:
        by_statement.setdefault(change.statement, []).append(change)
    return {node: _replaced(source, node, several) for node, several in by_statement.items()}


def _replaced(source: SourceText, node: ast.stmt, changes: list[Change]) -> list[ast.stmt]:
    inner = [one for one in changes if one.node is not None]
    whole = [one for one in changes if one.node is None]
    kept = [node]
    if inner:
        start, end = source.header(node)
        text = source.text[start:end]
        for one in sorted(inner, key=lambda one: source.span(one.node), reverse=True):  # type: ignore[arg-type]
            first, last = source.span(one.node)  # type: ignore[arg-type]
            text = text[: first - start] + one.new + text[last - start :]
        kept = _parsed(text if is_simple(node) else f"{text}\n pass", node)
    found = list(kept)
    for one in whole:
        made = _parsed(one.new, node) if one.new else []
        if one.where == "replace":
            found = [*made] if found == kept else [x for x in found if x not in kept] + made
        elif one.where == "before":
            found = [*made, *found]
        else:
            found = [*found, *made]
    return found


def _parsed(text: str, node: ast.stmt) -> list[ast.stmt]:
    """Statements of a text; `return` and `break` parse anywhere."""
    body = ast.parse(text).body
    for one in body:
        ast.increment_lineno(one, node.lineno - 1)
    return body


def diff(old: str, new: str, name: str) -> str:
    """A unified diff of two texts."""
    a, b = old.splitlines(keepends=True), new.splitlines(keepends=True)
    found = []
    for line in difflib.unified_diff(a, b, f"a/{name}", f"b/{name}"):
        found.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(found)
