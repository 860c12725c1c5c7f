"""Places: statements that a step has run, each with all that an edit operator wants to know of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from handgrad.audit.repair.edits import Change, Edit
from handgrad.audit.repair.source_text import SourceText
from handgrad.audit.repair.tracing import Seen, Trace, is_atom

_TIGHT = ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.List | ast.Dict
_PRECEDENCE = {ast.Add: 2, ast.Sub: 2, ast.Mult: 3, ast.Div: 3, ast.MatMult: 3, ast.FloorDiv: 3, ast.Mod: 3, ast.Pow: 5}


@dataclass(frozen=True)
class Hints:
    """What is known of the file as a whole.

    Attributes:
        slopes: how the file's functions of one argument are called that give derivatives: "relu_grad", "self.f_prime".
        hidden: the activation between the layers, where it is known.
        names: parameters that are wrong, as they are called in the findings.
        updated: parameters that are right.
        codes: what the findings are called.
        words: every word that the file uses.
        scalar: whether its numbers are objects one by one.
        leaks: slopes of a leaky ReLU that are written in it.
    """

    slopes: tuple[str, ...] = ()
    hidden: str = ""
    names: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    codes: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    scalar: bool = False
    leaks: tuple[str, ...] = ()


@dataclass
class Place:
    """A statement, and what was in scope when it began."""

    source: SourceText
    statement: ast.stmt
    trace: Trace
    hints: Hints
    scope: dict[str, Seen] = field(default_factory=dict)

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.statement.lineno

    @property
    def result(self) -> tuple[int, ...] | None:
        """The shape of what it makes, where that is an array."""
        return self.trace.result.get(self.line)

    @cached_property
    def value(self) -> ast.expr | None:
        """What it assigns, returns or runs."""
        found = getattr(self.statement, "value", None)
        return found if isinstance(found, ast.expr) else None

    @cached_property
    def heads(self) -> list[ast.expr]:
        """The expressions of the statement itself, without the blocks below it."""
        if isinstance(self.statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            return []
        found = []
        for name, value in ast.iter_fields(self.statement):
            if name in ("body", "orelse", "finalbody", "handlers"):
                continue
            several = value if isinstance(value, list) else [value]
            found += [one for one in several if isinstance(one, ast.expr)]
            found += [one.context_expr for one in several if isinstance(one, ast.withitem)]
        return found

    @cached_property
    def nodes(self) -> list[ast.expr]:
        """All expressions of the statement, texts in quotes left out."""
        return [one for head in self.heads for one in _below(head)]

    @cached_property
    def parents(self) -> dict[ast.expr, ast.AST]:
        """By expression: what it stands in."""
        found: dict[ast.expr, ast.AST] = dict.fromkeys(self.heads, self.statement)
        for node in self.nodes:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    found[child] = node
                elif isinstance(child, ast.keyword | ast.comprehension):
                    found |= {one: child for one in ast.iter_child_nodes(child) if isinstance(one, ast.expr)}
        return found

    @cached_property
    def atoms(self) -> list[ast.expr]:
        """Names, attributes and items that are read, the whole chain of each: self.W of self.W.T as well."""
        found: list[ast.expr] = []
        for node in self.nodes:
            if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript) or not is_atom(node):
                continue
            parent = self.parents.get(node)
            called = isinstance(parent, ast.Call) and parent.func is node
            if (isinstance(node.ctx, ast.Load) and not called and not isinstance(parent, ast.Attribute)) or (
                isinstance(parent, ast.Attribute) and parent.attr == "T"
            ):
                found.append(node)
        return found

    @cached_property
    def products(self) -> list[tuple[ast.BinOp, list[ast.expr]]]:
        """Each product that is no factor of another, with all its factors."""
        found = []
        for node in self.nodes:
            parent = self.parents.get(node)
            if _is_product(node) and not (_is_product(parent) and parent.left is node):  # type: ignore[union-attr]
                found.append((node, _factors_of(node)))
        return found  # type: ignore[return-value]

    def text(self, node: ast.expr | ast.stmt) -> str:
        """As it is written."""
        return self.source.of(node)

    def seen(self, node: ast.expr) -> Seen | None:
        """What an atom held."""
        return self.scope.get(ast.unparse(node))

    def shape(self, node: ast.expr) -> tuple[int, ...] | None:
        """The shape of an expression, as far as atoms and arithmetic tell."""
        return _shape(self, node)

    def alike(self, shape: tuple[int, ...], *, boolean: bool = False) -> Iterator[str]:
        """Texts of all arrays in scope of a shape."""
        kinds = ("bool",) if boolean else ("float", "int") if shape else ("number",)
        for text, seen in self.scope.items():
            if seen.shape == shape and seen.kind in kinds and not text.endswith(".T"):
                yield text

    def replace(self, node: ast.expr, new: str, operator: str, size: float = 1.0) -> Edit:
        """An edit that puts a text in the place of an expression, in brackets where it needs them."""
        return Edit((Change(self.statement, self.fitted(node, new), node),), operator, node.lineno, size)

    def rewrite(self, new: str, operator: str, size: float = 1.0, where: str = "replace") -> Edit:
        """An edit of the whole statement."""
        return Edit((Change(self.statement, new, None, where),), operator, self.line, size)

    def fitted(self, node: ast.expr, new: str) -> str:
        """The text with brackets where it would fall apart in its new place."""
        made = ast.parse(new.strip(), mode="eval").body
        inside = new.strip()[1:-1]
        if new.startswith("(") and not isinstance(made, ast.Tuple) and _same(inside, made):
            new, made = inside, ast.parse(inside.strip(), mode="eval").body
        if isinstance(made, _TIGHT) or (isinstance(made, ast.Constant) and not new.startswith("-")):
            return new
        parent = self.parents.get(node)
        loose = isinstance(parent, ast.stmt | ast.Call | ast.keyword | ast.Subscript) and not (
            isinstance(parent, ast.Call) and parent.func is node
        )
        start, end = self.source.span(node)
        text = self.source.text
        bracketed = text[:start].rstrip(" \n").endswith("(") and text[end:].lstrip(" \n").startswith(")")
        if loose or bracketed or _precedence(made) >= _precedence(node):
            return new
        return f"({new})"


def joined(place: Place, node: ast.expr, sign: str, right: str) -> str:
    """`node * right` or the like, with brackets around the node where it needs them."""
    text = place.text(node)
    tight = isinstance(node, _TIGHT | ast.Constant) or _precedence(node) >= 3
    return f"{text if tight else f'({text})'} {sign} {right}"


def _precedence(node: ast.expr) -> int:
    if isinstance(node, ast.BinOp):
        return _PRECEDENCE.get(type(node.op), 1)
    if isinstance(node, ast.UnaryOp):
        return 4
    if isinstance(node, ast.Compare | ast.BoolOp):
        return 1
    return 0 if isinstance(node, ast.IfExp | ast.Lambda | ast.Tuple | ast.Starred | ast.NamedExpr) else 6


def _is_product(node: ast.AST | None) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)


def _factors_of(node: ast.expr) -> list[ast.expr]:
    """a, b, c of a * b * c."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors_of(node.left), node.right]
    return [node]


def _same(text: str, node: ast.expr) -> bool:
    """Whether a text is an expression that is no other than this one."""
    try:
        return ast.dump(ast.parse(text.strip(), mode="eval").body) == ast.dump(node)
    except SyntaxError:
        return False


def bracketed(place: Place, node: ast.expr) -> str:
    """A factor as it is written, with its brackets."""
    text = place.text(node)
    tight = isinstance(node, _TIGHT | ast.Constant) or _precedence(node) >= 4
    return text if tight else f"({text})"


def _below(node: ast.expr) -> Iterator[ast.expr]:
    """An expression and all below it, the innermost last."""
    if isinstance(node, ast.JoinedStr):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from _below(child)
        elif isinstance(child, ast.keyword):
            yield from _below(child.value)
        elif isinstance(child, ast.comprehension):
            for part in (child.target, child.iter, *child.ifs):
                yield from _below(part)


def _shape(place: Place, node: ast.expr) -> tuple[int, ...] | None:
    seen = place.scope.get(ast.unparse(node)) if is_atom(node) else None
    if seen is not None:
        return seen.shape
    if isinstance(node, ast.Constant):
        return () if isinstance(node.value, int | float) else None
    if isinstance(node, ast.UnaryOp):
        return _shape(place, node.operand)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        inner = _shape(place, node.value)
        return inner[::-1] if inner is not None else None
    if isinstance(node, ast.Compare):
        return _shape(place, node.left)
    if isinstance(node, ast.BinOp):
        left, right = _shape(place, node.left), _shape(place, node.right)
        if left is None or right is None:
            return None
        if isinstance(node.op, ast.MatMult):
            return _product(left, right)
        return _broadcast(left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("dot", "matmul"):
        sides = node.args if len(node.args) == 2 else [node.func.value, *node.args]
        shapes = [_shape(place, one) for one in sides]
        if len(shapes) == 2 and shapes[0] is not None and shapes[1] is not None:
            return _product(shapes[0], shapes[1])
    return None


def _product(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...] | None:
    if len(left) == 2 and len(right) == 2:
        return (left[0], right[1])
    return _broadcast(left, right) if not left or not right else None


def _broadcast(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    if len(left) < len(right):
        left, right = right, left
    right = (1,) * (len(left) - len(right)) + right
    return tuple(max(a, b) for a, b in zip(left, right, strict=True))
