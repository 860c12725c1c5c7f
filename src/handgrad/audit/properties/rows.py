"""Rows: what is known of an array's rows as code goes on, and how code writes that it takes some of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from handgrad.audit.dialects.edits import assigned
from handgrad.audit.properties.naming import kind_of


@dataclass(frozen=True)
class Pick:
    """One choice of rows: how it is written with every name as it stood, whether it was drawn, when and where."""

    key: str
    drawn: bool
    time: int
    line: int
    index: ast.expr | None = None
    axis: int = 0


@dataclass(frozen=True)
class Rows:
    """What is known of one array's rows: where they came from, and what was picked of them since."""

    root: str
    born: int
    picks: tuple[Pick, ...] = ()
    cut: bool = False  # it was made of a part of something else, so that it may be moved already

    def drawn(self) -> dict[str, Pick]:
        """The picks at random."""
        return {pick.key: pick for pick in self.picks if pick.drawn}


def single(node: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    """(name, value) of an assignment, of a tuple one by one."""
    for target, value in assigned(node):
        if (name := written(target)) is not None:
            yield name, value


def has_pick(value: ast.expr) -> bool:
    """Whether an expression takes a part of anything."""
    return any(isinstance(part, ast.Subscript) for part in ast.walk(value))


def written(node: ast.AST) -> str | None:
    """A name or self.name as text; None for all else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}" if node.attr not in ("T", "shape", "size") else None
    return None


def data_name(node: ast.expr) -> str | None:
    """The one name of rows or labels in an expression; an item of a dictionary goes before the dictionary."""
    names = {name for part in ast.walk(node) if (name := _named(part)) is not None and kind_of(name)}
    whole = [name for name in names if not any(other.startswith(f"{name}[") for other in names)]
    return whole[0] if len(whole) == 1 else None


def _named(node: ast.AST) -> str | None:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return ast.unparse(node)
    return written(node)


def is_all(node: ast.expr) -> bool:
    """Whether an index takes everything: `:`, `...` or None."""
    whole = isinstance(node, ast.Slice) and node.lower is None and node.upper is None and node.step is None
    return whole or (isinstance(node, ast.Constant) and node.value in (None, ...))


def bare(rows: Rows) -> str:
    """The name of the root without its version."""
    return rows.root.split("@")[0]
