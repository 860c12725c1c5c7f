"""Evaluation: the file's own tests, found by what they take the largest output of, and run on random rows.

The statements that lead to it are run as they stand, with rows in place of the data, and all is put back afterwards.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import CodeType, SimpleNamespace
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import BACKWARD, UPDATE, plain
from handgrad.audit.dialects.drawing import drawn_from
from handgrad.audit.dialects.witness import quietly
from handgrad.audit.inspection import Inspection
from handgrad.audit.memory.restoring import untouched
from handgrad.audit.objects import own_classes, own_instances
from handgrad.audit.place.observe import Noted, observe
from handgrad.audit.properties.naming import kind_of, last_name
from handgrad.audit.properties.trained import TRAINS, builds, gives_trained, trained_names, trainings
from handgrad.core.arrays import Array

_MOST = 6  # evaluations of a file
_GOES_ON = {plain(name) for name in (*BACKWARD, *UPDATE)} - {"call", "apply", "back"}
_SETS_MODE = re.compile(r"eval|test|train|mode|infer|predict", re.IGNORECASE)


@dataclass(frozen=True)
class Evaluation:
    """What a program takes the largest of, and how it gets there.

    Attributes:
        scope: the function around it, or the file.
        owner: the class of that function, by name; "" where there is none.
        setup: the statements that it needs and that see no data.
        body: the statements that lead there from the data, and those that set a mode, in their order.
        last: the outputs, as they are written.
        trained: the statements by which a function trains what it needs, params = train(x, y), which are not run.
    """

    scope: ast.Module | ast.FunctionDef
    owner: str
    setup: tuple[ast.stmt, ...]
    body: tuple[ast.stmt, ...]
    last: ast.expr
    trained: tuple[ast.stmt, ...] = ()

    @property
    def lines(self) -> set[int]:
        """Its own lines."""
        nodes: tuple[ast.stmt | ast.expr, ...] = (*self.body, self.last)
        return {line for node in nodes for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def evaluations(inspection: Inspection) -> Iterator[Evaluation]:
    """What the file takes the largest of, or holds against a half; what training does so with aside."""
    tree, known = inspection.program.tree, inspection.namespace.keys() | vars(builtins).keys()
    return islice(_in_suite(tree, "", tree.body, (), known, trainings(tree)), _MOST)


def _in_suite(
    scope: ast.Module | ast.FunctionDef,
    owner: str,
    suite: list[ast.stmt],
    before: tuple[ast.stmt, ...],
    known: Set[str],
    whole: Set[str],
    *,
    looped: bool = False,
) -> Iterator[Evaluation]:
    """Those of a block. `looped`: it runs again and again, so that what trains in it is no test. `whole`: names of the
    functions that are a training from its start to its end, after which a block may test.
    """
    for i, one in enumerate(suite):
        match one:
            case ast.FunctionDef():
                yield from _in_suite(one, owner, one.body, (), known, whole)
            case ast.ClassDef():
                yield from _in_suite(ast.Module(one.body, []), one.name, one.body, (), known, whole)
            case ast.For() | ast.While() | ast.If() | ast.With() | ast.Try():
                turns = looped or isinstance(one, ast.For | ast.While)
                for inner in (one.body, getattr(one, "orelse", [])):
                    yield from _in_suite(scope, owner, inner, (*before, *suite[:i]), known, whole, looped=turns)
            case _:
                for last in _taken(one):
                    ahead = [*before, *suite[:i]]
                    trained = tuple(one for one in ahead if gives_trained(one))
                    setup, body = _leading([one for one in ahead if one not in trained], last, known)
                    own = [s for s in body if not (_sets_mode(s) or (s in before and _is_data(s)))]  # no data of before
                    first = min((s.lineno for s in own), default=one.lineno)
                    over = [] if looped else [s for s in ahead if isinstance(s, ast.Expr) and _calls(s, whole)]
                    aside = [s for s in (*suite, *body) if s.lineno >= first and s not in (*trained, *over)]
                    training = any(map(_goes_on, aside)) or (looped and any(_calls(s, TRAINS) for s in aside))
                    if not training and not any(map(_repeats, (*body, last))):
                        yield Evaluation(scope, owner, setup, body, last, trained)


def _taken(one: ast.stmt) -> Iterator[ast.expr]:
    """What the largest is taken of, or what is rounded, or held against a half."""
    for node in ast.walk(one):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="argmax" | "round"), args=[e, *_]):
                yield e
            case ast.Call(func=ast.Attribute(value=e, attr="argmax" | "round")):
                yield e
            case ast.Compare(left=e, ops=[ast.Gt() | ast.GtE()], comparators=[ast.Constant(value=0.5)]):
                yield e


def _leading(
    before: list[ast.stmt], last: ast.expr, known: Set[str]
) -> tuple[tuple[ast.stmt, ...], tuple[ast.stmt, ...]]:
    """The statements that an expression needs, in their order: those without data, and those with it or with a mode."""
    wanted, taken = _read(last), list[ast.stmt]()
    for one in reversed(before):
        if (isinstance(one, ast.Assign | ast.AugAssign | ast.Expr) or _only_leads(one)) and (
            _sets_mode(one) or _made(one) & wanted
        ):
            taken.insert(0, one)
            wanted = wanted - _made_anew(one) | (set() if _sets_mode(one) else _read(one))
    data: set[str] = set()
    setup, body = list[ast.stmt](), list[ast.stmt]()
    for one in taken:
        fed = any(name in data or kind_of(name) == "x" or name not in known for name in _read(one) - _inner(one))
        data |= _made(one) if fed else set()
        (body if fed or _sets_mode(one) else setup).append(one)
    return tuple(setup), tuple(body)


def _only_leads(one: ast.stmt) -> bool:
    """Whether a loop does nothing but go on through the layers: it neither trains nor evaluates.

    One that never asks which turn it is does the same again and again, which is training.
    """
    if not isinstance(one, ast.For) or not _made(one.target) & _read(one):
        return False
    inner = [n for n in ast.walk(one) if isinstance(n, ast.stmt)]
    return not any(_goes_on(n) or list(_taken(n)) for n in inner)


def _made_anew(one: ast.stmt) -> set[str]:
    """The names that a statement sets whatever they were before."""
    return {target.id for target in getattr(one, "targets", []) if isinstance(target, ast.Name)}


def _made(one: ast.AST) -> set[str]:
    """The names that a statement sets; an object that is called may keep what it is given."""
    call = one.value if isinstance(one, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and not _goes_on(one):
        return {_root(call.func)}
    return {n.id for n in ast.walk(one) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _read(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _inner(node: ast.AST) -> set[str]:
    """The names that comprehensions below a node go over with."""
    targets = [n.target for n in ast.walk(node) if isinstance(n, ast.comprehension)]
    return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _sets_mode(one: ast.stmt) -> bool:
    match one:
        case ast.Assign(targets=[target], value=ast.Constant(value=bool() | str())):
            return bool(_SETS_MODE.search(last_name(target.value if isinstance(target, ast.Subscript) else target)))
        case ast.Expr(value=ast.Call(func=func, args=args, keywords=[])):
            plain_given = all(isinstance(a, ast.Constant) and isinstance(a.value, bool | str) for a in args)
            return (
                plain_given and bool(_SETS_MODE.search(last_name(func))) and (bool(args) or "eval" in last_name(func))
            )
    return False


def _goes_on(one: ast.AST) -> bool:
    """Whether a statement is of the training: it goes back or updates, and so what is ahead of it is no test."""
    if not isinstance(one, ast.Assign | ast.AugAssign | ast.Expr | ast.Return) or _sets_mode(one):
        return False
    if isinstance(one, ast.AugAssign) and isinstance(one.op, ast.Sub):
        return True
    return _calls(one, _GOES_ON)


def _calls(one: ast.AST, names: Set[str]) -> bool:
    return any(isinstance(n, ast.Call) and plain(last_name(n.func)) in names for n in ast.walk(one))


def _repeats(node: ast.AST) -> bool:
    """Whether a test draws many times and takes the mean, as is done on purpose."""
    return any(isinstance(n, ast.comprehension) and "range" in ast.unparse(n.iter) for n in ast.walk(node))


def noted(inspection: Inspection, call: Callable[[], object]) -> list[Noted]:
    """What a call does to arrays in the file's own lines."""
    return [n for n in observe(call, {inspection.program.filename, "<audit>"}) if n.line > 0]


def run(inspection: Inspection, test: Evaluation, x: Array, seed: int, *, prepared: bool) -> tuple[list[Noted], Array]:
    """(the notes of one run on these rows, the outputs). All is as it was afterwards. Raises what the code raises.

    Args:
        inspection: the file.
        test: what is run.
        x: rows, or columns, in place of the data.
        seed: of its random numbers.
        prepared: whether what the file makes of its data is left out.
    """
    real = inspection.namespace
    with untouched(real), _classes_kept(real):
        names = real if isinstance(test.scope, ast.Module) else dict(real)
        setup = [one for one in test.setup if not (_made(one) <= real.keys() or _is_data(one))]
        trained = trained_names(inspection, test.scope, test.trained, real)
        kept = [one for one in test.body if not (prepared and _is_data(one)) and not builds(one, trained.keys())]
        body = [_Every().visit(deepcopy(one)) for one in kept]
        names.update(_given(test, [*setup, *body], real, x) | trained)
        for one in setup:
            try:
                exec(_compiled([one], inspection), names)
            except Exception:  # it loads data
                names.update({name: x.copy() for name in _made(one)})
        last = _Every().visit(deepcopy(test.last))
        result = ast.copy_location(ast.Assign([ast.Name("__outputs__", ast.Store())], last), last)
        code = _compiled([*body, result], inspection)
        notes = noted(inspection, partial(quietly, partial(_seeded, seed, code, names)))
        return notes, np.array(names["__outputs__"], np.float64)


class _Every(ast.NodeTransformer):
    """Statements that take all rows where they take a stretch of them: X[n:] as X."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        stretch = all(isinstance(one, ast.Slice) and one.step is None for one in parts)
        return node.value if stretch and kind_of(last_name(node.value)) == "x" else node


def _compiled(body: list[ast.stmt], inspection: Inspection) -> CodeType:
    module = ast.fix_missing_locations(ast.Module(body, []))
    return compile(module, inspection.program.filename, "exec")


def _seeded(seed: int, code: CodeType, names: dict[str, Any]) -> None:
    with drawn_from(seed, names):
        exec(code, names)


def _given(test: Evaluation, body: list[ast.stmt], real: dict[str, Any], x: Array) -> dict[str, Any]:
    """What the names stand for that the statements read and do not make: rows, an object of the file, a default."""
    made = {n.id for one in body for n in ast.walk(one) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    nodes = [n for one in (*body, test.last) for n in ast.walk(one)]
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    arguments = (
        test.scope.args if isinstance(test.scope, ast.FunctionDef) else ast.arguments([], [], None, [], [], None, [])
    )
    asked = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    given: dict[str, Any] = {}
    for name, value in zip(asked[::-1], arguments.defaults[::-1], strict=False):
        if isinstance(value, ast.Constant):
            given[name] = value.value
    for name in read - given.keys():
        asks = {
            n.attr
            for n in nodes
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == name
        }
        if test.owner and asked[:1] == [name]:
            given[name] = _itself(test.owner, asks, real)
        elif kind_of(name) == "x" and not callable(real.get(name)):
            given[name] = x.copy()
        elif name in asked and asks and name not in real:
            given[name] = _instance(asks, real)
        elif name not in made and (name in asked or name not in real) and name not in vars(builtins):
            given[name] = real[name] if name in real and not isinstance(real[name], np.ndarray) else x.copy()
    return given


def _itself(owner: str, asks: set[str], real: dict[str, Any]) -> Any:
    """An object of a class; where the file has built none, one that has what is asked of it."""
    kind = real.get(owner)
    for one in own_instances(real).values():
        if isinstance(kind, type) and isinstance(one, kind):
            return one
    return SimpleNamespace(**{name: real[name] for name in asks})


def _instance(asks: set[str], real: dict[str, Any]) -> Any:
    return next(one for one in own_instances(real).values() if all(hasattr(one, name) for name in asks))


def _is_data(one: ast.stmt) -> bool:
    """Whether a statement makes rows or labels, by their names."""
    return bool(_made(one)) and not isinstance(one, ast.Expr) and all(kind_of(name) for name in _made(one))


@contextmanager
def _classes_kept(real: dict[str, Any]) -> Iterator[None]:
    """Plain attributes of the file's classes, such as a mode that all layers share, are put back."""
    plain_kinds = (bool, int, float, str, type(None))
    before = [
        (kind, k, v) for kind in own_classes(real).values() for k, v in vars(kind).items() if isinstance(v, plain_kinds)
    ]
    try:
        yield
    finally:
        for kind, key, value in before:
            if not key.startswith("__") and vars(kind).get(key) is not value:
                setattr(kind, key, value)
