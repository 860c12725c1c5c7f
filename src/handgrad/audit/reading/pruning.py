"""Which statements of a stranger's script only build, and which train, load or show: decided by reading them.

A class may be called anything; a function or method that is called train, fit, backward, load_data or plot_loss is
taken at its word, and so is one that loops over epochs within.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from handgrad.audit.reading.standins import Deferred, StandIn
from handgrad.audit.reading.switches import switches

MARK = "__audited__"  # in the namespace of each module of the user's
Objection = tuple[str, str]  # a code of `audit_file.held_...`, and what it is about

_TRAINING = {
    "train", "trains", "training", "trainer", "entrenar", "treinar", "fit", "learn", "forward", "backward", "backprop",
    "backpropagate", "backpropagation",
    "propagate", "feedforward", "predict", "predictions", "evaluate", "eval", "optimize", "optimise",
    "minimize", "minimise", "update", "main", "test", "tests", "benchmark", "epoch", "epochs", "validate", "descent",
    "gradcheck", "backprop1", "infer", "classify",
}  # fmt: skip
_TRAINING_ENDS = {"step", "run", "solve", "score", "accuracy", "check", "demo", "experiment", "sgd"}
_DATA = {
    "load", "download", "fetch", "read", "open", "save", "savez", "dump", "urlretrieve", "urlopen", "imread",
    "imwrite", "loadtxt", "savetxt", "loadmat", "genfromtxt", "fromfile", "tofile", "memmap",
}  # fmt: skip
_OUTPUT = {
    "print", "pprint", "plot", "show", "draw", "display", "visualize", "visualise", "imshow", "animate", "savefig",
    "summary",
}  # fmt: skip
_ENDS = {"exit", "quit", "_exit", "abort", "system", "popen", "Popen", "breakpoint", "sleep", "help"} | {
    "input", "raw_input", "check_output",
}  # fmt: skip
_BUILDS = {"init", "initialize", "initialise", "make", "create", "build", "get", "new", "set", "add", "generate"}
_TRAINED_OVER = {"epoch", "epochs", "iteration", "iterations", "iter", "iters", "episode", "batch", "batches"} | {
    "minibatch", "minibatches", "loader", "dataloader", "steps",
}  # fmt: skip
_OF_NETS = ("forward", "backward", "backprop", "predict", "parameters", "feedforward")
_DEPTH = 4  # calls within calls that are followed
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Judge:
    """Judges statements of one program, against the names that are set so far."""

    def __init__(self, tree: ast.Module, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.unset: set[str] = set()  # names that a statement was to set that did not run
        self.untrained: set[str] = set()  # arrays that a training was to move that did not run
        self.trained = False  # whether a training was held back: what comes after it is meant for a test
        self._bodies: dict[str, list[ast.AST]] = {}
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._bodies.setdefault(node.name, []).append(node)

    def objection(self, node: ast.stmt) -> Objection | None:
        """Why a statement is held back; None where it may run."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass, ast.Global)):
            return None
        if isinstance(node, (ast.Assert, ast.Raise, ast.AsyncFor, ast.AsyncWith)):
            return "check", ast.unparse(node).split("\n")[0][:60]
        if isinstance(node, ast.Expr) and not isinstance(node.value, (ast.Call, ast.NamedExpr, ast.ListComp)):
            return "output", ast.unparse(node.value)[:60]
        if isinstance(node, (ast.For, ast.While)):
            found = self._loop_objection(node)
            if found:
                return found
        if isinstance(node, ast.Assign) and (turned := self.untrained & stored_names(node) & _read_names(node.value)):
            return "unset", min(turned)  # W = W.T, to save what was trained
        if self.trained and switches(node, self._resolve):
            return "training", ast.unparse(node)[:60]
        return self.uses_unset(node) or self.calls_objection(node, plain=not isinstance(node, (ast.For, ast.While)))

    def leave_untrained(self, node: ast.stmt) -> None:
        """Note which arrays a training that is held back would have moved."""
        for part in ast.walk(node):
            target = part.target if isinstance(part, ast.AugAssign) else None
            if isinstance(target, ast.Name) and _is_float_array(self.namespace.get(target.id)):
                self.untrained.add(target.id)

    def uses_unset(self, node: ast.AST) -> Objection | None:
        """The first name that the node reads now and that was left unset."""
        own = _inner_names(node)
        if isinstance(node, (ast.For, ast.While)):
            own |= {name for name in stored_names(node) if name not in self.namespace}
        for part in _immediate(node):
            if isinstance(part, ast.Name) and part.id in self.unset - own:
                augmented = isinstance(node, ast.AugAssign) and part is node.target
                if isinstance(part.ctx, ast.Load) or augmented:
                    return "unset", part.id
        return None

    def calls_objection(self, node: ast.AST, *, plain: bool = True) -> Objection | None:
        """What the calls that the node makes now speak against it. In a loop (not plain) a print is let pass."""
        for part in _immediate(node):
            if isinstance(part, ast.Call):
                found = self._call_objection(part, alone=isinstance(node, ast.Expr) and part is node.value)
                if found and (plain or found != ("output", "print")):
                    return found
        return None

    def _call_objection(self, call: ast.Call, *, alone: bool) -> Objection | None:
        name = _last_name(call.func)
        if name is None:
            return None
        callee, owner = self._resolve(call.func), self._owner(call.func)
        said = ast.unparse(call.func)[:60]
        if name in _ENDS:
            return "ends", said
        if isinstance(callee, type):
            return self._body_objection("__init__", said, owner=callee) if is_users(callee) else None
        if isinstance(owner, (dict, list, set, str, tuple, np.ndarray, np.generic)):
            return ("data", said) if _words(name) & _DATA else None
        if isinstance(callee, Deferred):
            return "data", said
        if isinstance(callee, StandIn):
            code = "data" if _words(name) & _DATA else "output"
            return (code, said) if alone or code == "data" else None
        if callee is not None and not is_users(callee):
            return _library_objection(name, said)
        if callee is not None and not isinstance(callee, FunctionType):  # net(x), but not HeInit()((784, 10))
            return ("training", said) if any(hasattr(type(callee), method) for method in _OF_NETS) else None
        return _name_objection(name, said) or self._body_objection(name, said, owner=None)

    def _body_objection(self, name: str, said: str, owner: type | None, depth: int = 0) -> Objection | None:
        bodies = self._bodies.get(name, [])
        if owner is not None:  # of one class only
            first = getattr(getattr(vars(owner).get(name), "__code__", None), "co_firstlineno", None)
            bodies = [body for body in bodies if getattr(body, "lineno", None) == first]
        for body in bodies:
            for part in ast.walk(body):
                if isinstance(part, (ast.For, ast.While)) and _is_training_loop(part):
                    return "training", said
                if isinstance(part, ast.Call) and depth < _DEPTH:
                    inner = _last_name(part.func)
                    if inner is None or inner == name or inner not in self._bodies:
                        continue
                    if inner.startswith(("train", "fit")) or self._body_objection(inner, said, None, depth + 1):
                        return "training", said
        return None

    def _loop_objection(self, loop: ast.For | ast.While) -> Objection | None:
        said = ast.unparse(loop).split("\n")[0][:60]
        if _is_training_loop(loop) or (isinstance(loop, ast.While) and isinstance(loop.test, ast.Constant)):
            return "training", said
        builds = False
        for part in ast.walk(loop):
            if isinstance(part, ast.Assign):
                builds = True
                if any(self._updates(target, part.value) for target in part.targets):
                    return "training", said
            elif isinstance(part, ast.AugAssign):
                builds = True
                if not self._counts(part):
                    return "training", said
            elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
                builds = builds or _last_name(part.value.func) != "print"
        return None if builds else ("output", said)

    def _updates(self, target: ast.expr, value: ast.expr) -> bool:
        """Whether `target = value` changes something from what it was: W = W - lr * dW."""
        written = ast.unparse(target)
        if isinstance(target, ast.Name) and not _is_float_array(self.namespace.get(target.id)):
            return False
        return any(isinstance(part, type(target)) and ast.unparse(part) == written for part in ast.walk(value))

    def _counts(self, node: ast.AugAssign) -> bool:
        """Whether `+=` counts or collects rather than moves an array."""
        if isinstance(node.value, (ast.Constant, ast.List, ast.Tuple)):
            return True
        if not isinstance(node.target, ast.Name) or isinstance(node.op, ast.Sub):
            return False
        return not _is_float_array(self.namespace.get(node.target.id))

    def _owner(self, callee: ast.expr) -> Any:
        """What an attribute is called on; None where that is not known."""
        return self._resolve(callee.value) if isinstance(callee, ast.Attribute) else None

    def _resolve(self, node: ast.expr) -> Any:
        """What an expression of names and dots stands for now, found without running anything of the user's."""
        if isinstance(node, ast.Name):
            return self.namespace.get(node.id, getattr(builtins, node.id, None))
        if isinstance(node, ast.Attribute):
            owner = self._resolve(node.value)
            if isinstance(owner, (ModuleType, StandIn)) or _is_plain(owner):
                return getattr(owner, node.attr, None)
            found = None if owner is None else inspect.getattr_static(owner, node.attr, None)
            return found.__func__ if isinstance(found, (staticmethod, classmethod)) else found
        constants = {ast.List: [], ast.Dict: {}, ast.JoinedStr: ""}
        return constants.get(type(node), node.value if isinstance(node, ast.Constant) else None)


def is_users(thing: Any) -> bool:
    """Whether a function or class, or the class of an object, comes from the user's file or one beside it."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    return module is not None and MARK in vars(module)


def stored_names(node: ast.AST) -> set[str]:
    """The names that a statement would set in its module."""
    found = {part.id for part in _immediate(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    for part in _immediate(node):
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(part.name)
        elif isinstance(part, ast.alias):
            found.add(part.asname or part.name.partition(".")[0])
    return found - _inner_names(node)


def _inner_names(node: ast.AST) -> set[str]:
    """The names that live only within the comprehensions of a node."""
    targets = [part.target for part in ast.walk(node) if isinstance(part, ast.comprehension)]
    return {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}


def _read_names(node: ast.AST) -> set[str]:
    """The names that an expression reads."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _immediate(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it that runs when it does: not the bodies of functions and lambdas."""
    yield node
    children: Iterator[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        children = iter([*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)])
    elif isinstance(node, ast.Lambda):
        children = iter([*node.args.defaults, *filter(None, node.args.kw_defaults)])
    for child in children:
        yield from _immediate(child)


def _last_name(callee: ast.expr) -> str | None:
    if isinstance(callee, ast.Attribute):
        return callee.attr
    return callee.id if isinstance(callee, ast.Name) else None


def _words(name: str) -> set[str]:
    """train_step, trainStep, TrainStep: {"train", "step"}."""
    return {word.lower() for word in _WORD.findall(name)}


def _name_objection(name: str, said: str) -> Objection | None:
    """What the name of a function of the user's says of it."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return None
    if _DATA & set(words):
        return "data", said
    if _OUTPUT & set(words[:1]):
        return "output", said
    if words[0] not in _BUILDS and (_TRAINING & set(words) or words[-1] in _TRAINING_ENDS):
        return "training", said
    return None


def _library_objection(name: str, said: str) -> Objection | None:
    words = _words(name)
    if name in {"print", "pprint"}:
        return "output", said
    return ("data", said) if words & _DATA else None


def _is_training_loop(loop: ast.For | ast.While) -> bool:
    """Whether a loop says that it runs over epochs or batches, or calls what trains."""
    head: list[ast.AST] = [loop.target, loop.iter] if isinstance(loop, ast.For) else [loop.test]
    for part in (part for top in head for part in ast.walk(top)):
        name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
        if _words(name) & _TRAINED_OVER:
            return True
    calls = [_last_name(part.func) for part in ast.walk(loop) if isinstance(part, ast.Call)]
    return any(name and _words(name) & {"backward", "backprop", "train", "fit", "step"} for name in calls)


def _is_float_array(thing: Any) -> bool:
    return isinstance(thing, np.ndarray) and np.issubdtype(thing.dtype, np.floating)


def _is_plain(thing: Any) -> bool:
    """Whether attributes of a thing can be asked for without running code of the user's."""
    kind = thing if isinstance(thing, type) else type(thing)
    return kind.__module__ in {"builtins", "numpy"}
