"""Source text: the text of a file with the way from its syntax tree to its characters, comments and all.

Columns of a tree count bytes of UTF-8, so that every place goes through here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class SourceText:
    """A text and its tree."""

    def __init__(self, text: str, tree: ast.Module) -> None:
        self.text, self.tree = text, tree
        self.lines = text.split("\n")
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def offset(self, line: int, column: int) -> int:
        """Where in the text a line and a column of the tree are."""
        text = self.lines[line - 1]
        inside = column if text.isascii() else len(text.encode()[:column].decode())
        return self._starts[line - 1] + inside

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """First and one past the last character of a node; decorators are not counted."""
        return (
            self.offset(node.lineno, node.col_offset),
            self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0),
        )

    def of(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def header(self, node: ast.stmt) -> tuple[int, int]:
        """The span of a statement without the block below it."""
        start, end = self.span(node)
        body = getattr(node, "body", None)
        if not body:
            return start, end
        first = self.offset(body[0].lineno, body[0].col_offset)
        return start, start + len(self.text[start:first].rstrip())

    def indent(self, node: ast.stmt) -> str:
        """What stands before a statement on its line; "" as well where another statement stands there."""
        start = self._starts[node.lineno - 1]
        before = self.text[start : self.span(node)[0]]
        return before if not before.strip() else ""

    def alone(self, node: ast.stmt) -> bool:
        """Whether a statement has its lines to itself, but for a comment."""
        start, end = self.span(node)
        before = self.text[self._starts[node.lineno - 1] : start]
        after = self.text[end : self._starts[node.end_lineno or node.lineno] - 1].strip()
        return not before.strip() and (not after or after.startswith("#"))

    def whole_lines(self, node: ast.stmt) -> tuple[int, int]:
        """The span of the lines that a statement stands on, with the end of the last one."""
        return self._starts[node.lineno - 1], min(self._starts[node.end_lineno or node.lineno], len(self.text))

    @cached_property
    def parents(self) -> dict[ast.stmt, tuple[ast.AST, list[ast.stmt]]]:
        """By statement: what it stands in, and the block of statements there."""
        found: dict[ast.stmt, tuple[ast.AST, list[ast.stmt]]] = {}
        for node in ast.walk(self.tree):
            for block in blocks(node):
                found |= dict.fromkeys(block, (node, block))
        return found

    def within(self, node: ast.stmt) -> Iterator[ast.AST]:
        """What a statement stands in, from the nearest out to the file."""
        at: ast.AST = node
        while isinstance(at, ast.stmt):
            at = self.parents[at][0]
            if isinstance(at, ast.ExceptHandler):
                at = self._handlers[at]
                yield at
            else:
                yield at

    @cached_property
    def _handlers(self) -> dict[ast.ExceptHandler, ast.Try]:
        return {h: node for node in ast.walk(self.tree) if isinstance(node, ast.Try) for h in node.handlers}

    def top(self, node: ast.stmt) -> ast.stmt:
        """The statement of the file that a statement stands in."""
        outer = [one for one in self.within(node) if isinstance(one, ast.stmt)]
        return outer[-1] if outer else node

    def function(self, node: ast.stmt) -> ast.FunctionDef | None:
        """The innermost function that a statement stands in."""
        return next((one for one in self.within(node) if isinstance(one, ast.FunctionDef)), None)

    @cached_property
    def by_line(self) -> dict[int, ast.stmt]:
        """The innermost statement on each line; of several on one line the first."""
        found: dict[int, ast.stmt] = {}
        for node in sorted(
            (n for n in ast.walk(self.tree) if isinstance(n, ast.stmt)), key=lambda n: (n.lineno, -(n.end_lineno or 0))
        ):
            last = node.end_lineno or node.lineno
            if getattr(node, "body", None):
                last = max(node.lineno, node.body[0].lineno - 1)  # type: ignore[attr-defined]
            for line in range(node.lineno, last + 1):
                if line not in found or found[line].lineno < node.lineno:
                    found[line] = node
        return found


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The lists of statements directly below a node."""
    for name in BLOCKS[:3]:
        block = getattr(node, name, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block


def is_simple(node: ast.stmt) -> bool:
    """Whether a statement has no block below it."""
    return not getattr(node, "body", None)
