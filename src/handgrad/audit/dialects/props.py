"""Props: copies of a file's objects, so that what an audit tries out leaves the file's own as they are.

Objects that the file builds only in a function such as main, or out of data that is missing, are built here as well:
its own statement is run, with small random data where it asks for data.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from types import FunctionType
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import roles
from handgrad.audit.dialects.edits import base, callee
from handgrad.audit.dialects.making import CLASSES, FEATURES
from handgrad.audit.dialects.slices import first_turns, scopes
from handgrad.audit.dialects.witness import quietly
from handgrad.audit.dialects.world import copies, is_closure
from handgrad.audit.memory.restoring import kept, put_back
from handgrad.audit.objects import counters, is_foreign, is_own
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.reading.pruning import Judge

_ROWS = 8
_SECONDS = 0.5  # for one statement
_MOST = 30  # statements


class Props(dict[str, Any]):
    """A file's names, with copies of its objects in place of them.

    Attributes:
        real: the names themselves, which the file's functions look up.
        laid: the copies by name.
        first: what everything below them held at first.
        numbers: those that the file's functions change, as they were at first.
    """

    def __init__(self, namespace: dict[str, Any], tree: ast.Module | None) -> None:
        self.real = getattr(namespace, "real", namespace)
        counted = counters(namespace.values()) & namespace.keys()
        numbers = {name for name in counted if type(namespace[name]) in (int, float)}
        named = ((name, value) for name, value in namespace.items() if not name.startswith("__"))
        held = {n: value for n, value in named if n in numbers or _holds_own(value) or _remembers(value)}
        self.laid = copies(held)
        self.laid |= built({**namespace, **self.laid}, tree) if tree is not None else {}
        functions = [one for one in namespace.values() if isinstance(one, FunctionType)]
        keeping = [one for one in functions if is_closure(one) or vars(one)]  # which no copy of a name can stand for
        self.first = list(kept([self.laid, *keeping]))
        self.numbers = {name: self.laid[name] for name in numbers}
        super().__init__({**namespace, **self.laid})

    def begin_again(self) -> None:
        """Make the copies what they were before anything was tried."""
        for thing, held in self.first:
            put_back(thing, held)
        self.laid |= self.numbers

    @contextmanager
    def on_stage(self) -> Iterator[None]:
        """While this lasts, the copies stand under the names of the file; afterwards all is as it was."""
        before = dict(self.real)
        self.real.update(self.laid)
        try:
            yield
        finally:
            self.laid = {name: self.real.get(name, value) for name, value in self.laid.items()}
            self.real.clear()
            self.real.update(before)


def _holds_own(value: Any) -> bool:
    if isinstance(value, (list, tuple, dict)):
        inner = list(value.values()) if isinstance(value, dict) else value
        return any(map(_holds_own, inner[:20]))
    return is_own(value)


def _remembers(value: Any) -> bool:
    """Whether a dictionary holds what a step may change: parameters, what an optimizer remembers of them, a counter."""
    inner = list(value.values()) if isinstance(value, dict) and len(value) <= _MOST else ()
    changing = ((isinstance(one, np.ndarray) and one.dtype.kind == "f") or type(one) is int for one in inner)
    return any(changing) or any(map(_remembers, inner))


def built(namespace: dict[str, Any], tree: ast.Module) -> dict[str, Any]:
    """Objects of the file's classes that its statements build where they were not run, by the names they are given."""
    found: dict[str, Any] = {}
    classes = {n for n, v in namespace.items() if isinstance(v, type) and not is_foreign(v.__module__)}
    for scope in scopes(tree) if classes else ():
        if not scope.owner and any(_calls(n, classes) for one in scope.body for n in ast.walk(one)):
            turns = first_turns(scope.body, lambda loop: any(_calls(n, classes) for n in ast.walk(loop)))
            body = [step for one in turns for step in (*_handed(one, classes, namespace), one)]
            plain = {name: value.value for name, value in scope.defaults().items() if isinstance(value, ast.Constant)}
            for one_hot in (True, False):
                made = _of(body, namespace | plain, tree, classes, one_hot)
                found |= {name: value for name, value in made.items() if name not in found}
    return found


def _of(
    body: list[ast.stmt], namespace: dict[str, Any], tree: ast.Module, classes: set[str], one_hot: bool
) -> dict[str, Any]:
    """What the statements of one function, or of the file itself, build, with labels in one form. A network of which a
    layer could not be made, net.add(Dense(n)), is not the file's, and left out.
    """
    local = dict(namespace)
    judge = Judge(tree, local)
    made: dict[str, Any] = {}
    assigned = (one for one in body if (isinstance(one, ast.Assign) and _names_one(one)) or _goes_on(one, made))
    for one in islice(assigned, _MOST):
        if not isinstance(one, ast.Assign) or isinstance(one.targets[0], ast.Tuple):
            if not judge.objection(one) and not _runs(one, local) and _calls(one, classes):
                made.pop(_called_on(one), None)
            continue
        name = base(one.targets[0])
        if name in namespace and _holds_own(namespace[name]):
            continue  # another list of layers would not be the one that the optimizer holds
        wanted = {n.id for n in ast.walk(one.value) if isinstance(n, ast.Name)} - local.keys()
        local |= {n: value for n in wanted if (value := _data(n, one_hot)) is not None}
        if not judge.objection(one) and _runs(one, local) and _holds_own(local.get(name)):
            made[name] = local[name]
    return made


def _names_one(one: ast.Assign) -> bool:
    """Whether a statement gives one name a value, or several theirs, or is the head of a loop in its first turn."""
    several = isinstance(one.targets[0], ast.Tuple) and isinstance(one.value, ast.Tuple)
    turn = isinstance(one.value, ast.Call) and callee(one.value) == "next"
    return isinstance(one.targets[0], ast.Name) or several or turn


def _goes_on(one: ast.stmt, made: dict[str, Any]) -> bool:
    """Whether a statement calls a method of an object that was built here: net.build(), for its layers."""
    return _called_on(one) in made


def _called_on(one: ast.stmt) -> str:
    """The name of the object of which a statement calls a method; "" of any other."""
    match one:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            return name
    return ""


def _handed(one: ast.stmt, classes: set[str], namespace: dict[str, Any]) -> Iterator[ast.stmt]:
    """An object that is built where it is handed to a function, train(Net(4), x), under the name that it has there."""
    call = one.value if isinstance(one, ast.Expr) else None
    function = namespace.get(callee(call)) if isinstance(call, ast.Call) else None
    if not isinstance(call, ast.Call) or not isinstance(function, FunctionType):
        return
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    for name, value in [*zip(names, call.args, strict=False), *((k.arg, k.value) for k in call.keywords if k.arg)]:
        if _builds(value, classes) and name not in namespace:
            made = ast.Assign([ast.Name(name, ast.Store())], value)
            yield ast.fix_missing_locations(ast.copy_location(made, one))


def _runs(one: ast.stmt, names: dict[str, Any]) -> bool:
    """Run a statement over some names; whether it could be."""
    code = compile(ast.Module([one], []), "<audit>", "exec")
    try:
        with time_limit(_SECONDS):
            quietly(lambda: exec(code, names))
    except (Exception, OutOfTime):  # it wants what is not there
        return False
    return True


def _calls(one: ast.AST, classes: set[str]) -> bool:
    return isinstance(one, ast.Assign | ast.Expr) and any(_builds(n, classes) for n in ast.walk(one))


def _builds(one: ast.AST, classes: set[str]) -> bool:
    """Net(4), or Net.of_sizes(4)."""
    match one:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id=name))):
            return name in classes
    return False


def _data(name: str, one_hot: bool) -> Any:
    """Random rows for a name that says data, labels for one that says labels; None for any other."""
    kinds = {kind.removeprefix("held-out ") for kind in roles(name)[:1]}
    labels = np.arange(_ROWS) % CLASSES
    if kinds == {"y"}:
        return np.eye(CLASSES)[labels] if one_hot else labels
    return np.random.default_rng(0).random((_ROWS, FEATURES)) if kinds == {"x"} else None
