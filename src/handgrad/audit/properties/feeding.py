"""Feeding: on which scale rows of data are when the code's own functions get them, in training and afterwards.

Each expression that is handed to a network is followed back to what was loaded. The same data divided by 255 in one
place and as it came in another is a mistake, whatever the names are.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.naming import kind_of, last_name
from handgrad.audit.properties.places import found
from handgrad.audit.properties.preparation import (
    Range,
    given_back,
    loaded_alike,
    prepared,
    range_of,
    scaled_differently,
)

_LOADS = re.compile(r"load|read|fetch|open|fromfile|frombuffer|genfromtxt", re.IGNORECASE)
_ASIDE = re.compile(
    r"plot|show|draw|display|visuali|view|print|save|hist|norm|scal|stand|prep|load|read", re.IGNORECASE
)
_PRODUCTS = {"dot", "matmul"}


@dataclass(frozen=True)
class _Use:
    """Rows that are handed on: as they are written, on which line, and what was made of them before."""

    text: str
    line: int
    made: Range

    @property
    def raw(self) -> bool:
        """Whether they are as they came."""
        return (self.made.low, self.made.high) == (0.0, 255.0)


def fed_differently(inspection: Inspection) -> list[Finding]:
    """Rows of one origin that are on a scale in training, and as they came in the test, or the other way round."""
    findings = scaled_differently(inspection)
    if any(finding.code == "test-scaled-differently" for finding in findings):
        return findings
    tree = inspection.program.tree
    scopes: list[ast.Module | ast.FunctionDef] = [tree]
    scopes += (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    for scope in scopes:
        uses = _uses(tree, scope)
        for one in uses:
            other = next((u for u in uses if u.raw != one.raw and loaded_alike(u.made.origin, one.made.origin)), None)
            if other is not None and not prepared(tree, scope):
                raw = one if one.raw else other
                shared = raw.made.origin.split("[")[0] == f"line {raw.made.line}" or not raw.made.line
                line = raw.line if shared else raw.made.line
                told = {"train": one.text, "test": other.text, "trained": one.made.high, "tested": other.made.high}
                return [*findings, found(inspection, "test-scaled-differently", "warning", line, told)]
    return findings


def _uses(tree: ast.Module, scope: ast.Module | ast.FunctionDef) -> list[_Use]:
    follower = _Follower(_own(tree), {name for node in ast.walk(tree) for name in _assigned(node)})
    follower.block(scope.body)
    return follower.uses


def _own(tree: ast.Module) -> set[str]:
    """Functions and methods of the file that may be part of a network."""
    functions = (node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return {name for name in functions if not _ASIDE.search(name)}


def _assigned(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assign):
        yield from (part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name))


@dataclass
class _Follower:
    """Goes through statements in order, and keeps what became of each name and what was handed on."""

    own: set[str]
    objects: set[str]
    ranges: dict[str, Range] = field(default_factory=dict)
    uses: list[_Use] = field(default_factory=list)
    turns: int = 0  # loops around the statement

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Statements one after the other; a loop is gone through once."""
        for node in body:
            match node:
                case ast.For() | ast.While():
                    self.turns += 1
                    self.block(node.body)
                    self.turns -= 1
                case ast.If() | ast.With() | ast.Try():
                    self.block(node.body)
                case ast.Assign():
                    self.assign(node)
                case ast.AugAssign(target=ast.Name(id=name), op=op, value=value) if name in self.ranges:
                    self.set(name, ast.BinOp(ast.Name(name, ast.Load()), op, value), node.lineno)
                case ast.Expr() | ast.Return() | ast.AugAssign():
                    self.look(node)

    def assign(self, node: ast.Assign) -> None:
        """What is assigned to data is its preparation; anything else uses it."""
        names = [part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        if not any(kind_of(name) == "x" for name in names):
            self.look(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.set(target.id, node.value, node.lineno)
            elif isinstance(target, ast.Tuple | ast.List):
                self.unpack(target, node.value)

    def unpack(self, target: ast.Tuple | ast.List, value: ast.expr) -> None:
        """Several at once; of what a call gives in pairs, the first of each are the rows."""
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            made = {one.id: range_of(each, self.ranges) for one, each in zip(target.elts, value.elts, strict=True)
                    if isinstance(one, ast.Name) and self.known(each) and kind_of(one.id) != "y"}  # fmt: skip
            self.ranges |= {name: self.there(one, value.lineno) for name, one in made.items()}
        elif isinstance(value, ast.Call):
            pairs = [one.elts[0] for one in target.elts if isinstance(one, ast.Tuple) and len(one.elts) == 2]
            rows = pairs or [one for one in target.elts if isinstance(one, ast.Name) and kind_of(one.id) == "x"]
            held = given_back(value, self.ranges, value.lineno)
            self.ranges |= {n.id: held for n in rows if isinstance(n, ast.Name)}

    def set(self, name: str, value: ast.expr, line: int) -> None:
        """Follow what is data: made of other data, loaded, or called so."""
        loaded = isinstance(value, ast.Call) and bool(_LOADS.search(ast.unparse(value.func)))
        if kind_of(name) != "y" and (self.known(value) or kind_of(name) == "x" or loaded):
            made = range_of(value, self.ranges)
            self.ranges[name] = made if isinstance(value, ast.Name) and made.line else self.there(made, line)
        else:
            self.ranges.pop(name, None)

    def there(self, made: Range, line: int) -> Range:
        """A range that a line has made; rows that are picked in a loop keep the line that prepared them all."""
        return made if self.turns and made.line else Range(made.origin, made.low, made.high, line)

    def known(self, value: ast.expr) -> bool:
        """Whether an expression is made of rows that are followed."""
        return any(isinstance(part, ast.Name) and part.id in self.ranges for part in ast.walk(value))

    def look(self, node: ast.stmt) -> None:
        """Note what the statement hands to functions of the file, to its objects, or multiplies by weights."""
        for part in ast.walk(node):
            given: list[ast.expr] = []
            if isinstance(part, ast.Call):
                name = last_name(part.func)
                called = name in self.own or (isinstance(part.func, ast.Name) and name in self.objects)
                if called or name in _PRODUCTS:
                    given = [*part.args, *(one.value for one in part.keywords)]
                    given += [part.func.value] if isinstance(part.func, ast.Attribute) and name in _PRODUCTS else []
            elif isinstance(part, ast.BinOp) and isinstance(part.op, ast.MatMult):
                given = [part.left, part.right]
            for one in given:
                made = range_of(one, self.ranges) if self.known(one) else None
                if made is not None and made.low is not None and made.high is not None and made.high > made.low:
                    self.uses.append(_Use(ast.unparse(one), one.lineno, made))
