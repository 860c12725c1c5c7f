"""Slices: cut the training loop out of somebody's file, as code that can be run for one batch.

What stands in the loop runs as it was written. Left out are the lines that choose the batch, for the batch is given,
and those that need what is not there, such as the score on test data.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handgrad.audit.dialects.edits import base, callee, reads
from handgrad.audit.dialects.flow import free_names, stores
from handgrad.audit.dialects.roles import CALLED, role, words


@dataclass
class Scope:
    """Where a loop can stand: the file itself, a function, or a method of a class.

    Attributes:
        name: "" for the file, else of the function: "train", or "Net.train".
        body: its statements, in order.
        node: the function's definition.
        owner: the class that a method belongs to.
        asked: the arguments, but for self, of each function and method of the file.
        alike: "x" or "y" for names that do not say so, but hold as many rows as labels or data that do.
        by_callers: what its callers were found to hand over, by the form of the batch.
        literals: what its callers hand over as plain values, once it was asked for.
    """

    name: str
    body: list[ast.stmt]
    node: ast.FunctionDef | None = None
    owner: str = ""
    asked: dict[str, list[str]] = field(default_factory=dict)
    alike: Mapping[str, str] = field(default_factory=dict)
    by_callers: dict[Any, dict[str, Any]] = field(default_factory=dict)
    literals: dict[str, Any] | None = None

    @property
    def arguments(self) -> list[str]:
        """Names of the arguments, `self` included."""
        if self.node is None:
            return []
        a = self.node.args
        return [one.arg for one in (*a.posonlyargs, *a.args, *a.kwonlyargs)]

    def defaults(self) -> dict[str, ast.expr]:
        """Default of each argument that has one."""
        if self.node is None:
            return {}
        a = self.node.args
        plain = [*a.posonlyargs, *a.args]
        found = {one.arg: value for one, value in zip(plain[len(plain) - len(a.defaults) :], a.defaults, strict=True)}
        found |= {one.arg: value for one, value in zip(a.kwonlyargs, a.kw_defaults, strict=True) if value is not None}
        return found


@dataclass
class Slice:
    """A loop's body, ready to be compiled.

    Attributes:
        scope: where it stands.
        before: the statements ahead of the loop, outer loops' included.
        body: one turn of the loop.
        targets: the names that the loop itself sets.
        inputs: names that are given the batch: {"xb": "x", "yb": "y"}.
        losses: names that may hold the loss after a turn.
        lines: first and last line in the file.
        text: what `turns` makes of the body, once it was asked for.
    """

    scope: Scope
    before: list[ast.stmt]
    body: list[ast.stmt]
    targets: dict[str, int]
    inputs: dict[str, str] = field(default_factory=dict)
    losses: list[str] = field(default_factory=list)
    lines: tuple[int, int] = (0, 0)
    text: Any = None


def scopes(tree: ast.Module) -> list[Scope]:
    """The file, its functions, the methods of its classes."""
    found = [Scope("", _flat(tree.body))]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    found.append(Scope(f"{node.name}.{inner.name}", inner.body, inner, node.name))
    methods = {id(scope.node) for scope in found}
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and id(n) not in methods]
    found += [Scope(node.name, node.body, node) for node in functions]
    asked = {one.node.name: one.arguments[bool(one.owner) :] for one in found if one.node is not None}
    for one in found:
        one.asked = asked
    return found


def _flat(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a file, with those under `if __name__ == "__main__"` and `try` brought up among them."""
    found: list[ast.stmt] = []
    for one in body:
        if (isinstance(one, ast.If) and "__name__" in reads(one.test)) or isinstance(one, ast.Try | ast.With):
            found += _flat(one.body)
        else:
            found.append(one)
    return found


def slices(scope: Scope) -> Iterator[Slice]:
    """Each loop in a scope that changes something, the innermost ones first, with each way to hand it a batch."""
    for before, loop in _loops(scope.body, []):
        body = [copy.deepcopy(one) for one in loop.body]
        if not _changes(body):
            continue
        targets = _targets(loop)
        lines = (loop.lineno, loop.end_lineno or loop.lineno)
        rows = set(targets) if isinstance(loop, ast.For) and not _counted(loop) else set()
        for kept, inputs in _inputs(scope, before, body, targets, rows):
            yield Slice(scope, before, kept, targets, inputs, [], lines)


def whole(scope: Scope) -> Iterator[Slice]:
    """A function that is itself one training step: it takes a batch, or the file's data, and changes something."""
    inputs = {name: role(name) for name in scope.arguments if role(name) in ("x", "y")}
    node = scope.node
    if node is None or not _moves(scope):
        return
    body, lines = [copy.deepcopy(one) for one in scope.body], (node.lineno, node.end_lineno or node.lineno)
    if sorted(inputs.values()) == ["x", "y"]:
        yield Slice(scope, [], body, {}, inputs, [], lines)
    elif not inputs and any(isinstance(n, ast.Global) for one in body for n in ast.walk(one)):  # def animate(frame):
        for kept, given in _inputs(scope, [], body, dict.fromkeys(scope.arguments, 1), set()):
            yield Slice(scope, [], kept, dict.fromkeys(scope.arguments, 1), given, [], lines)


def _moves(scope: Scope) -> bool:
    """Whether a function has a learning rate, changes what is not its own, or calls something that says it updates."""
    if any(role(name) == "lr" for name in scope.arguments):
        return True
    nodes = [n for one in scope.body for n in ast.walk(one)]
    outer = any(isinstance(n, ast.Global | ast.Nonlocal) for n in nodes)
    calls = any(isinstance(n, ast.Call) and CALLED["update"].search(callee(n).lower()) for n in nodes)
    kept = any(isinstance(n, ast.AugAssign) and not isinstance(n.target, ast.Name) for n in nodes)
    return outer or calls or kept


def _loops(body: list[ast.stmt], before: list[ast.stmt]) -> Iterator[tuple[list[ast.stmt], ast.For | ast.While]]:
    """(what stands before, loop), inner loops ahead of those around them."""
    ahead = list(before)
    for one in body:
        if isinstance(one, ast.For | ast.While):
            yield from _loops(one.body, [*ahead, *_first(one)])
            yield ahead, one
        elif isinstance(one, ast.If | ast.With | ast.Try):
            yield from _loops(one.body, ahead)
        ahead = [*ahead, one]


def first_turns(body: list[ast.stmt], into: Callable[[ast.For], bool]) -> Iterator[ast.stmt]:
    """The statements of a body, with those of a first turn in place of each loop that is to be gone into."""
    for one in body:
        if isinstance(one, ast.For) and into(one):
            yield from _first(one)
            yield from first_turns(one.body, into)
        else:
            yield one


def _first(loop: ast.For | ast.While) -> list[ast.stmt]:
    """The names of a loop as they are in a turn of it, for the loops within."""
    if isinstance(loop, ast.While):
        return []
    if _counted(loop):
        values = _targets(loop)
        made = [ast.Assign([ast.Name(name, ast.Store())], ast.Constant(value)) for name, value in values.items()]
    else:
        first = ast.Call(ast.Name("next", ast.Load()), [ast.Call(ast.Name("iter", ast.Load()), [loop.iter], [])], [])
        made = [ast.Assign([loop.target], first)]
    return [ast.fix_missing_locations(ast.copy_location(one, loop)) for one in made]


def _counted(loop: ast.For) -> bool:
    return isinstance(loop.iter, ast.Call) and callee(loop.iter) in ("range", "trange", "tqdm", "count")


def _changes(body: list[ast.stmt]) -> bool:
    """Whether a body holds anything that may be an update."""
    for node in (n for one in body for n in ast.walk(one)):
        if isinstance(node, ast.AugAssign | ast.Call):
            return True
        if isinstance(node, ast.Assign) and stores(node) & reads(node.value):
            return True
    return False


def _targets(loop: ast.For | ast.While) -> dict[str, int]:
    """What the loop's own names are set to: 0 where they choose samples, else 1, so that no `i % 100 == 0` holds."""
    if isinstance(loop, ast.While):
        return {}
    chosen = {
        name for one in loop.body for n in ast.walk(one) if isinstance(n, ast.Subscript) for name in reads(n.slice)
    }
    return {name: 0 if name in chosen else 1 for name in stores(loop.target)}


def _inputs(
    scope: Scope, before: list[ast.stmt], body: list[ast.stmt], targets: dict[str, int], rows: set[str]
) -> Iterator[tuple[list[ast.stmt], dict[str, str]]]:
    """(body, names that get the batch): those of the loop, those chosen at its beginning, or the whole data, of which
    the loop may give the numbers of some rows.
    """
    looped = {name: role(name) for name in targets if role(name) in ("x", "y")}
    chosen: dict[str, str] = {}
    kept: list[ast.stmt] = []
    for one in body:
        names = _chosen(one, targets)
        if names and not set(names) & set(chosen):
            chosen |= names
        else:
            kept.append(one)
    nodes = [n for one in body for n in ast.walk(one)]
    counters = {base(n.target) for n in nodes if isinstance(n, ast.AugAssign) and isinstance(n.value, ast.Constant)}
    counters |= {base(n.targets[0]) for n in [*before, *nodes] if isinstance(n, ast.Assign) and _is_count(n)}
    called = {n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}  # one_hot(label)
    handed = _handed(nodes, scope.asked)
    free = {n: role(n) or handed.get(n, "") for n in free_names(body) if n not in counters | called}
    missing = {"x", "y"} - set(free.values())
    alike = [n for n in free if len(missing) == 1 and not free[n] and scope.alike.get(n) in missing]
    if len(alike) == 1:
        free[alike[0]] = scope.alike[alike[0]]
    free = {n: kind for n, kind in free.items() if kind in ("x", "y")}
    whole = _Unpicked(body, free, rows)
    ways = [(looped | chosen, kept), (looped, body), (free, body)]
    if whole.found:
        ways.insert(2, (free, whole.body))
    for names, rest in ways:
        if set(names.values()) == {"x", "y"}:
            yield rest, free | names


def _handed(nodes: list[ast.AST], asked: Mapping[str, list[str]]) -> dict[str, str]:
    """The roles of names as those take them to whom they are handed: rows_1 of net.forward(rows_1) for forward(x)."""
    calls = [n for n in nodes if isinstance(n, ast.Call) and callee(n) in asked]
    pairs = [(a, name) for n in calls for a, name in zip(n.args, asked[callee(n)], strict=False)]
    return {a.id: role(name) for a, name in pairs if isinstance(a, ast.Name) and role(name) in ("x", "y")}


class _Unpicked(ast.NodeTransformer):
    """A body that gets its batch as it is, where it picks one on the way: step(X[rows], y[rows]).

    Args:
        body: one turn of a loop.
        data: names of data and labels.
        rows: names that the loop gives the numbers of rows: for rows in np.array_split(order, n).
    """

    def __init__(self, body: list[ast.stmt], data: Mapping[str, str], rows: set[str]) -> None:
        self.data = data
        self.first = next((name for name, kind in data.items() if kind == "x"), "")
        nodes = [n for one in body for n in ast.walk(one)]
        self.used = {
            part.id for n in nodes if isinstance(n, ast.Subscript) and self._of_data(n)
            for part in _parts(n.slice) if isinstance(part, ast.Name)
        }  # fmt: skip
        given = sorted(self.used & rows)
        self.found = bool(given)
        self.body = [self.visit(copy.deepcopy(one)) for one in body] if self.first else body
        self.body = [*(self._all_rows([ast.Name(name, ast.Store())], body[0]) for name in given), *self.body]

    def _of_data(self, node: ast.Subscript) -> bool:
        return isinstance(node.value, ast.Name) and node.value.id in self.data

    def _all_rows(self, targets: list[ast.expr], at: ast.stmt) -> ast.stmt:
        every = ast.parse(f"list(range(len({self.first})))", mode="eval").body
        return ast.fix_missing_locations(ast.copy_location(ast.Assign(targets, every), at))

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """All rows, for the numbers of some of them."""
        if self.used & _row_numbers(node) and isinstance(node.targets[0], ast.Name):
            self.found = True
            return self._all_rows(node.targets, node)
        self.generic_visit(node)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """The whole, for a stretch of it."""
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load) or not self._of_data(node):
            return node
        if not any(isinstance(part, ast.Slice) and part.lower and part.upper for part in _parts(node.slice)):
            return node
        self.found = True
        return node.value


def _parts(index: ast.expr) -> list[ast.expr]:
    return index.elts if isinstance(index, ast.Tuple) else [index]


def _row_numbers(one: ast.stmt) -> set[str]:
    """Names that a statement gives the numbers of a batch's rows: drawn at random, or a slice of their order."""
    if not isinstance(one, ast.Assign):
        return set()
    drawn = isinstance(one.value, ast.Call) and set(_DRAWN) & set(words(callee(one.value)))
    order = isinstance(one.value, ast.Subscript) and isinstance(one.value.slice, ast.Slice)
    return stores(one) if drawn or order else set()


def _is_count(one: ast.Assign) -> bool:
    """Whether a statement starts a count or adds to it: t = 0, t = t + 1."""
    if len(one.targets) != 1 or not isinstance(one.targets[0], ast.Name):
        return False
    value, name = one.value, one.targets[0].id
    adds = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub)  # X = X / 255 counts nothing
    if isinstance(value, ast.BinOp) and adds and isinstance(value.left, ast.Name) and value.left.id == name:
        value = value.right
    return isinstance(value, ast.Constant) and isinstance(value.value, int | float)


def _chosen(one: ast.stmt, targets: Mapping[str, int]) -> dict[str, str]:
    """The names of data and labels that a statement takes out of the whole, none if it does something else."""
    if not isinstance(one, ast.Assign) or len(one.targets) != 1:
        return {}
    value = one.value
    names = {name: role(name) or _taken_from(_meant(one.targets[0], value, name)) for name in stores(one)}
    calls = [w for n in ast.walk(value) if isinstance(n, ast.Call) for w in words(callee(n))]
    said = {"batch", "next", "take", "sample", *_DRAWN} & set(calls)
    picks = any(isinstance(n, ast.Subscript) for n in ast.walk(value)) or said
    plain = all(isinstance(t, ast.Name | ast.Tuple | ast.List) for t in one.targets)
    if not names or not plain or not picks or set(names.values()) - {"x", "y"} or stores(one) & reads(value):
        return {}
    return names


def _meant(target: ast.expr, value: ast.expr, name: str) -> ast.expr:
    """What a name gets of a value: its own, where several names get several values."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        both = zip(target.elts, value.elts, strict=True)
        return next((v for t, v in both if isinstance(t, ast.Name) and t.id == name), value)
    return value


# Words in what draws a batch at random, in programs that only try their network out.
_DRAWN = ("rand", "randn", "random", "randint", "normal", "uniform", "integers", "choice")


def _taken_from(value: ast.expr) -> str:
    """Of rows taken out of an array, whether it is one of data or labels, as its name says: l0 = images[rows]."""
    return role(base(value)) if isinstance(value, ast.Subscript) else ""
