"""Pairing: do the rows still have their own labels when the network sees them? A shuffle or a slice may part them.

Each name is followed through the code with the picks that were made of its rows, in order. Two arrays that are used
together must have gone through the same picks; what cannot be followed is left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.naming import kind_of, last_name, stem
from handgrad.audit.properties.places import found
from handgrad.audit.properties.rows import Pick, Rows, bare, data_name, has_pick, is_all, single, written
from handgrad.audit.properties.shifts import rolled, rolled_alone, rolled_beside, shift_between

_DRAWS = {"permutation", "permuted", "choice", "randint", "randperm", "sample", "rand", "random", "integers", "choices"}
_MIXES = {"permutation", "permuted", "shuffle", "sample"}
_COUNTS = {"shape", "size", "ndim", "dtype"}  # of an array, and none of its rows
_RESTORES = {"set_state", "setstate", "bit_generator", "get_state", "getstate"}
_MAKES = {"default_rng", "RandomState", "Random", "Generator"}


@dataclass(frozen=True)
class Parting:
    """A pair that has lost its order: the names, the line that parts them, and by how many rows where that is known."""

    x: str
    y: str
    line: int
    shift: int | None = None


def labels_apart(inspection: Inspection) -> list[Finding]:
    """Rows that are shuffled or sliced without their labels."""
    findings: dict[int, Finding] = {}
    for parting in partings(inspection.program.tree):
        shift = parting.shift
        code = "labels-shuffled" if shift is None else "labels-shifted"
        measured = {"x": parting.x, "y": parting.y} | ({} if shift is None else {"rows": abs(shift)})
        expected = {} if shift is None else {"rows": 0}
        findings.setdefault(parting.line, found(inspection, code, "error", parting.line, measured, expected))
    return list(findings.values())


def partings(tree: ast.Module) -> Iterator[Parting]:
    """Every parting of a program: at top level, and in each function on its own."""
    scopes: list[ast.Module | ast.FunctionDef] = [tree]
    scopes += (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    for scope in scopes:
        names = [last_name(node) for node in _own(scope) if isinstance(node, ast.Name | ast.Attribute)]
        if _RESTORES & set(names) or sum(name in _MAKES for name in names) > 1:
            continue  # random numbers that are wound back give the same order again
        follower = _Follower()
        follower.block(scope.body)
        follower.at_the_end(scope)
        yield from follower.partings
    yield from (Parting(*one) for one in (*rolled(tree), *rolled_alone(tree), *rolled_beside(tree)))


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a scope without the functions and classes in it."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            yield node
            yield from _own(node)


def _bodies(node: ast.If | ast.With | ast.Try) -> Iterator[list[ast.stmt]]:
    """The blocks of a statement, in the order in which they stand."""
    yield node.body
    if isinstance(node, ast.Try):
        yield from (handler.body for handler in node.handlers)
        yield node.finalbody
    if not isinstance(node, ast.With):
        yield node.orelse


@dataclass
class _Follower:
    """Goes through statements and keeps what is known of each name."""

    rows: dict[str, Rows] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    drawn: set[str] = field(default_factory=set)
    partings: list[Parting] = field(default_factory=list)
    time: int = 0
    seed: str = ""
    draws: int = 0
    turn: list[tuple[str, Rows]] = field(default_factory=list)  # what was picked in this turn of the innermost loop
    parts: dict[str, ast.expr] = field(default_factory=dict)  # names that stand for a part of something, written out

    def block(self, body: list[ast.stmt]) -> None:
        """Statements one after the other; then the batch that was picked in this block is compared."""
        picked: dict[str, list[tuple[str, int]]] = {"x": [], "y": []}
        for node in body:
            self.statement(node)
            if isinstance(node, ast.Assign):
                for target, value in single(node):
                    kind = kind_of(target)
                    rows = self.rows.get(target)
                    if kind and rows and rows.picks and not rows.root.startswith(f"{target}@") and has_pick(value):
                        picked[kind].append((target, node.lineno))
        if len(picked["x"]) == len(picked["y"]) == 1:
            (x, _), (y, _) = picked["x"][0], picked["y"][0]
            self.compare(x, self.rows.get(x), y, self.rows.get(y))

    def statement(self, node: ast.stmt) -> None:
        """One statement, in the order in which it runs; a loop runs twice, so that it meets what it left behind."""
        self.time += 1
        match node:
            case ast.FunctionDef() | ast.ClassDef() | ast.AsyncFunctionDef():
                return
            case ast.For():
                self.calls(node.iter)
                self.twice(node)
            case ast.While():
                self.twice(node)
            case ast.If() | ast.With() | ast.Try():
                for body in _bodies(node):
                    self.block(body)
            case ast.Assign():
                self.note(node.value)
                self.calls(node.value)
                for target in node.targets:
                    self.assign(target, node.value, node.lineno)
            case ast.AnnAssign() if node.value is not None:
                self.calls(node.value)
                self.assign(node.target, node.value, node.lineno)
            case ast.Return() | ast.Expr():
                if node.value is not None:
                    self.note(node.value)
                    self.expression(node.value)

    def twice(self, loop: ast.For | ast.While) -> None:
        """Two turns of a loop; then the rows that a turn picks are held against the labels that it picks."""
        around, self.turn = self.turn, []
        for _ in range(2):
            self.turn.clear()
            if isinstance(loop, ast.For):
                self.assign(loop.target, None, loop.lineno)
            self.block(loop.body)
        rows = [(name, one) for name, one in self.turn if kind_of(name) == "x"]
        if len({(one.root, tuple(p.key for p in one.picks)) for _, one in rows}) == 1 and not self.partings:
            for name, one in self.turn:
                if kind_of(name) == "y" and not self.partings:
                    self.compare(rows[0][0], rows[0][1], name, one)
        self.turn = around

    def note(self, node: ast.expr) -> None:
        """What an expression picks by an index that is no plain number."""
        for part in ast.walk(node):
            if not isinstance(part, ast.Subscript) or (name := written(part.value)) is None or not kind_of(name):
                continue
            if any(isinstance(n, ast.Name) for n in ast.walk(part.slice)):
                rows = self.of(part)
                self.turn += [(name, rows)] if rows is not None and rows.picks else []

    def expression(self, node: ast.expr) -> None:
        """What is returned, yielded or called for its effect."""
        inner = node.value if isinstance(node, ast.Yield) else node
        if isinstance(inner, ast.Tuple):
            self.together(inner.elts)
        if isinstance(inner, ast.Call) and last_name(inner.func) in {"shuffle", "permuted"} and inner.args:
            self.shuffle(inner)
        elif isinstance(inner, ast.Call) and last_name(inner.func) == "seed":
            self.seed, self.draws = ast.unparse(inner), 0
        elif inner is not None:
            self.calls(inner)

    def shuffle(self, call: ast.Call) -> None:
        """In place, of one array; a list of pairs keeps its pairs."""
        name = written(call.args[0])
        if name is None or (len(call.args) > 1 and kind_of(written(call.args[1]) or "")):
            return
        if kind_of(name):
            rows = self.of(call.args[0])
            if rows:
                pick = Pick(self.draw(), drawn=True, time=self.time, line=call.lineno)
                self.rows[name] = replace(rows, picks=(*rows.picks, pick))
        else:
            self.version(name, drawn=True)

    def draw(self) -> str:
        """A name for the next random order: the same one after the same seed."""
        self.draws += 1
        return f"#{self.seed}{self.draws}"

    def version(self, name: str, *, drawn: bool) -> None:
        """The name stands for something new from now on."""
        self.versions[name] = self.draw() if drawn else f"{name}@{self.time}"
        (self.drawn.add if drawn else self.drawn.discard)(name)

    def assign(self, target: ast.expr, value: ast.expr | None, line: int) -> None:
        """What a name stands for after `target = value`."""
        if isinstance(target, ast.Tuple | ast.List):
            inner = value.elts if isinstance(value, ast.Tuple | ast.List) else [None] * len(target.elts)
            if len(inner) == len(target.elts):
                held = [self.of(one) if one is not None else None for one in inner]
                for one, each, rows in zip(target.elts, inner, held, strict=True):
                    self.bind(one, each, rows)
            return
        self.bind(target, value, self.of(value) if value is not None else None)

    def bind(self, target: ast.expr, value: ast.expr | None, rows: Rows | None) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            self.assign(target, value, target.lineno)
            return
        name = written(target)
        if name is None:
            return
        self.version(name, drawn=value is not None and self.is_drawn(value))
        self.parts.pop(name, None)
        if isinstance(value, ast.Subscript):
            self.parts[name] = self.spelt(value)
        cut = any(isinstance(n, ast.Slice) and (n.lower or n.upper) for n in ast.walk(value or target))
        self.rows[name] = rows if rows is not None else Rows(f"{name}@{self.time}", self.time, cut=cut)

    def is_drawn(self, node: ast.expr) -> bool:
        """Whether an expression is random, or made of what is."""
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and last_name(part.func) in _DRAWS:
                return True
            if isinstance(part, ast.Name | ast.Attribute) and written(part) in self.drawn:
                return True
        return False

    def of(self, node: ast.expr) -> Rows | None:
        """The rows that an expression gives, where it is made of one array only."""
        match node:
            case ast.Name() | ast.Attribute() if (name := written(node)) is not None and kind_of(name):
                return self.rows.get(name) or Rows(name, 0)
            case ast.Attribute():
                return None if node.attr in _COUNTS else self.of(node.value)
            case ast.Subscript(slice=ast.Constant(value=str())):
                name = ast.unparse(node)
                return (self.rows.get(name) or Rows(name, 0)) if kind_of(name) else None
            case ast.Subscript():
                rows = self.of(node.value)
                return None if rows is None else self.picked(rows, node.slice, node.lineno)
            case ast.Call():
                return self.called(node)
        inner = [self.of(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        known = [rows for rows in inner if rows is not None]
        return known[0] if len(known) == 1 else None

    def called(self, call: ast.Call) -> Rows | None:
        """The rows that a call gives: those of the only array in it, mixed if the call mixes."""
        parts = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        given = [*parts, *call.args, *(keyword.value for keyword in call.keywords)]
        known = [rows for rows in map(self.of, given) if rows is not None]
        if not known or any(rows != known[0] for rows in known):
            return None
        name = last_name(call.func)
        for other in call.args:
            if self.of(other) is None and self.is_drawn(other):
                return self.picked(known[0], other, call.lineno)
        if name in _MIXES:
            same = [k for k in call.keywords if k.arg in ("random_state", "seed")]
            key = f"#{ast.unparse(same[0].value)}" if same else self.draw()
            return replace(known[0], picks=(*known[0].picks, Pick(key, True, self.time, call.lineno)))
        return known[0]

    def picked(self, rows: Rows, index: ast.expr, line: int) -> Rows:
        axis = 0
        if isinstance(index, ast.Tuple):
            kept = [(i, one) for i, one in enumerate(index.elts) if not is_all(one)]
            if len(kept) != 1:
                return rows
            axis, index = kept[0]
        if is_all(index):
            return rows
        pick = Pick(self.key(index), self.is_drawn(index), self.time, line, self.spelt(index), axis)
        return replace(rows, picks=(*rows.picks, pick))

    def spelt(self, node: ast.expr) -> ast.expr:
        """An expression with each name that stands for a part of something written out: rows as order[i:i + 32]."""
        follower = self

        class Parts(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.AST:
                return follower.parts.get(node.id, node)

        spelt: ast.expr = Parts().visit(deepcopy(node))
        return spelt

    def key(self, node: ast.expr) -> str:
        """An expression in words, each name as it stands now, each draw a new one."""
        follower = self

        class Versions(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.AST:
                return ast.Name(follower.versions.get(node.id, node.id))

            def visit_Call(self, node: ast.Call) -> ast.AST:
                if last_name(node.func) in _DRAWS:
                    return ast.Name(follower.draw())
                return self.generic_visit(node)

        return ast.unparse(Versions().visit(deepcopy(node)))

    def calls(self, node: ast.expr) -> None:
        """Every call, and every pair in a list, in an expression that is given rows and labels."""
        for part in ast.walk(node):
            if isinstance(part, ast.Tuple) and not isinstance(node, ast.Tuple):
                self.together(part.elts)
            if isinstance(part, ast.Call) and last_name(part.func) not in _MIXES:
                self.together([*part.args, *(keyword.value for keyword in part.keywords)])

    def together(self, parts: list[ast.expr]) -> None:
        """Arrays that are used side by side."""
        data: dict[str, list[tuple[str, Rows]]] = {"x": [], "y": []}
        for part in parts:
            rows = self.of(part)
            name = data_name(part)
            if rows is not None and name and (kind := kind_of(name)):
                data[kind].append((name, rows))
        if len(data["x"]) == len(data["y"]) == 1:
            (x, a), (y, b) = data["x"][0], data["y"][0]
            self.compare(x, a, y, b)

    def at_the_end(self, scope: ast.AST) -> None:
        """Rows that were mixed under their own name, where the labels, used later, were not."""
        for x, a in self.rows.items():
            if kind_of(x) != "x" or not a.drawn() or bare(a) != x:
                continue
            last = max(pick.line for pick in a.drawn().values())
            own = list(_own(scope))
            called = {id(node.func) for node in own if isinstance(node, ast.Call)}  # y.reshape names no other labels
            for node in own:
                if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
                    continue
                if id(node) in called:
                    continue
                y = written(node) or ""
                if kind_of(y) == "y" and stem(x) == stem(y) and node.lineno > last:
                    self.compare(x, a, y, self.rows.get(y) or Rows(y, 0))

    def compare(self, x: str, a: Rows | None, y: str, b: Rows | None) -> None:
        """Note a parting where there is one beyond doubt."""
        if a is None or b is None or a.root == b.root or stem(a.root) != stem(b.root):
            return
        if a.drawn().keys() != b.drawn().keys():
            for one, other in ((a, b), (b, a)):
                alone = [p for key, p in one.drawn().items() if key not in other.drawn() and p.time > other.born]
                if alone and all(pick.time > other.born for pick in one.drawn().values()):
                    shift = _shift(a, b)
                    line = b.picks[-1].line if shift else alone[-1].line
                    self.partings.append(Parting(x, y, line, shift))
                    return
            return
        shift = _shift(a, b)
        if shift and (a.born == b.born or not (a.cut or b.cut)):
            self.partings.append(Parting(x, y, b.picks[-1].line, shift))


def _shift(a: Rows, b: Rows) -> int | None:
    """By how many rows the last picks of two arrays are apart, where nothing else parts them."""
    if not a.picks or len(a.picks) != len(b.picks) or a.picks[-1].axis != b.picks[-1].axis:
        return None
    if any(p.key != q.key for p, q in zip(a.picks[:-1], b.picks[:-1], strict=True)):
        return None
    last, first = a.picks[-1], b.picks[-1]
    return shift_between(last.index, first.index) or None if last.key != first.key else None
