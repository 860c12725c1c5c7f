"""Idling: a program that works out its gradients in a loop, while nothing that it comes to ever moves a parameter.

What a function of the file does not move is known where it was run; of the rest, whatever could be an update counts as
one, so that only a program in which nothing could be is spoken of.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import FORWARD, plain
from handgrad.audit.dialects.edits import base
from handgrad.audit.dialects.settling import moves
from handgrad.audit.dialects.world import reachable
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.properties.lost import lost_update, onto_itself
from handgrad.audit.properties.motion import UPDATES, adds, by_itself, is_number, says_rate, steps, used
from handgrad.audit.properties.naming import last_name
from handgrad.audit.properties.places import found
from handgrad.audit.properties.tails import straight, tails, turned_product
from handgrad.audit.properties.updating import BACK, TRAINS, given, is_rate, never_called, takes_a_step
from handgrad.audit.reading.traced import traced

Function = ast.FunctionDef | ast.AsyncFunctionDef
Loop = ast.For | ast.While
_AN_UPDATE = "w -= lr * dw"
_CHANGES = re.compile("updat|optim|rule|step|apply|adjust", re.IGNORECASE)
_ROWS, _MOST = 4, 200  # rows of a batch; functions that are watched


def never_stepped(inspection: Inspection) -> list[Finding]:
    """A loop that goes forward and back, in a program that never updates anything."""
    named = never_called(inspection)
    if named or lost_update(inspection) or (inspection.reading.trains and moves(inspection.reading.subject)):
        return named
    file = _File(inspection)
    for scope, loop in file.training():
        back = file.back_calls(loop)
        if not back or any(_may_move(node, file) for node in file.around(scope, loop)):
            continue
        measured = {"update": file.unused_update() or _AN_UPDATE, "backward": last_name(back[-1].func)}
        kept = [n for n in ast.walk(loop) if isinstance(n, ast.Assign) and base(n.targets[0]) in file.memories]
        line = max([back[-1].lineno, *(node.lineno for node in kept)])  # an update would follow what it needs
        return [found(inspection, "update-never-called", "error", line, measured)]
    return _unused(inspection, file)


def _unused(inspection: Inspection, file: _File) -> list[Finding]:
    """A script's loop that works out gradients under names that nothing ever reads."""
    tree = inspection.program.tree
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    for scope, loop in file.training():
        if not isinstance(scope, ast.Module):
            continue
        kept = tails(tree, loop, inspection.namespace)
        file.memories |= kept
        if any(_may_move(node, file) for node in file.around(scope, loop)):
            continue
        made = [n for n in ast.walk(loop) if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)]
        idle = [n for n in made if ast.unparse(n.targets[0]) in kept or ast.unparse(n.targets[0]) not in read]
        products = [n for n in idle if turned_product(n.value, both=straight(loop))]
        if products:
            last = max(n.lineno for n in ast.walk(loop) if isinstance(n, ast.Assign | ast.AugAssign))
            line = last if kept else products[-1].lineno  # an update would follow what it needs
            measured = {"update": _AN_UPDATE, "backward": ast.unparse(products[-1].targets[0])}
            return [found(inspection, "update-never-called", "error", line, measured)]
    return []


class _File:
    """The functions of a file, what mentions what, and which of them are known to move nothing."""

    def __init__(self, inspection: Inspection) -> None:
        self.tree = inspection.program.tree
        self.functions = [node for node in ast.walk(self.tree) if isinstance(node, Function)]
        self.by_name: dict[str, list[Function]] = {}
        for one in self.functions:
            self.by_name.setdefault(one.name, []).append(one)
        for kind in (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)):
            made = [one for one in kind.body if isinstance(one, Function) and one.name in ("__init__", "__call__")]
            self.by_name.setdefault(kind.name, []).extend(made)
        for name, value in given(self.tree):  # self.rule(w, dw) may be sgd
            if isinstance(value, ast.Name) and value.id in self.by_name and value.id != name:
                self.by_name[name] = self.by_name.get(name, []) + self.by_name[value.id]
        self.constants = _constants(self.tree)
        self.scheduling = {id(part) for node in ast.walk(self.tree) if _schedules(node) for part in ast.walk(node)}
        self.memories = _memories(inspection)
        ran, moved = _still(inspection)
        ways = {*FORWARD} - {"__call__"}  # which keep what they came through
        known = (one for one in self.functions if one.lineno in ran or BACK.search(one.name) or one.name in ways)
        read = {name for one in self.functions if one.name in ways for name in used(one)}
        rest = [one for one in known if one.lineno not in moved and not steps(one)]
        self.still = {id(one) for one in rest if one.name in ways or not adds(one, read)}  # forward adds biases
        self.back = {one.name for one in self.functions if BACK.search(one.name)}
        self.back |= {one.name for one in self.functions if one.lineno in ran and self._goes_back(one)}

    def _goes_back(self, function: Function) -> bool:
        return any(BACK.search(last_name(node.func)) for node in ast.walk(function) if isinstance(node, ast.Call))

    def reached(self, nodes: Iterable[ast.AST]) -> dict[int, Function]:
        """The functions that some code mentions, and those that these mention."""
        seen: dict[int, Function] = {}
        waiting = list(nodes)
        while waiting:
            said = {_said(part) for part in waiting}
            waiting = []
            for name in said & self.by_name.keys():
                for one in self.by_name[name]:
                    if id(one) not in seen:
                        seen[id(one)] = one
                        waiting += ast.walk(one)
        return seen

    def training(self) -> Iterator[tuple[ast.Module | Function, Loop]]:
        """(scope, loop) of the outermost loops that the program comes to: what runs only within another one is not."""
        top = list(_own(self.tree))
        reached = self.reached(top)
        scopes: list[ast.Module | Function] = [self.tree, *reached.values()]
        loops = [(scope, loop) for scope in scopes for loop in _outermost(scope)]
        if not any(self.back_calls(loop) for _, loop in loops):  # a library: its loops are called from elsewhere
            mentioned = {_said(node) for one in self.functions for node in ast.walk(one) if node is not one}
            loops += [(one, loop) for one in self.functions if one.name not in mentioned for loop in _outermost(one)]
        within = {key for _, loop in loops for key in self.reached(ast.walk(loop))}
        return ((scope, loop) for scope, loop in loops if id(scope) not in within | self.still)

    def back_calls(self, loop: Loop) -> list[ast.Call]:
        """The calls in a loop, or in what it comes to, that go back; where one does both, it must be given labels.

        A loop that calls its own items, `for layer in ...: d = layer.backward(d)`, is one way back and no training.
        """
        own = list(ast.walk(loop))
        items = _names(loop.target) if isinstance(loop, ast.For) else set()
        for nodes in (
            own,
            [n for one in self.reached(own).values() if id(one) not in self.still for n in ast.walk(one)],
        ):
            calls = [n for n in nodes if isinstance(n, ast.Call) and last_name(n.func) in self.back]
            calls = [n for n in calls if BACK.search(last_name(n.func)) or len(n.args) + len(n.keywords) > 1]
            calls = [n for n in calls if items.isdisjoint(_names(n.func))]
            if calls:
                named = [n for n in calls if BACK.search(last_name(n.func))]
                return sorted(named or self._within(calls) or calls, key=lambda n: n.lineno)
        return []

    def _within(self, calls: list[ast.Call]) -> list[ast.Call]:
        """The calls that by their names go back, in functions that by their names train to which some calls come."""
        trains = [c for c in calls if TRAINS.search(last_name(c.func))]
        nodes = (n for one in self.reached(p for c in trains for p in ast.walk(c)).values() for n in ast.walk(one))
        return [n for n in nodes if isinstance(n, ast.Call) and BACK.search(last_name(n.func))]

    def around(self, scope: ast.Module | Function, loop: Loop) -> Iterator[ast.AST]:
        """All that may run where the loop stands, or within it, but for what is known to be still, and for rates."""
        nodes = [node for node in _own(scope) if getattr(node, "lineno", 0) >= loop.lineno]
        called = {id(one): one for one in self.functions if one.name == "__call__"}  # by the name of an instance
        for one in (self.reached(ast.walk(loop)) | called).values():
            if id(one) not in self.still and one.name != "__init__":
                nodes += ast.walk(one)
        return (node for node in nodes if id(node) not in self.scheduling)

    def unused_update(self) -> str:
        """A function that updates, by its name, which nothing mentions."""
        said = {_said(node) for node in ast.walk(self.tree)}
        moving = (
            one
            for one in self.functions
            if one.name not in said | {"__init__"} and any(map(takes_a_step, ast.walk(one)))
        )
        return next((one.name for one in moving), "")


def _still(inspection: Inspection) -> tuple[set[int], set[int]]:
    """The first lines of the file's functions that run for the loss and the gradients: those of functions that move no
    parameter, and those of functions that do.
    """
    subject, filename = inspection.reading.subject, inspection.program.filename
    began: list[float] = []
    ran: set[int] = set()
    moved: set[int] = set()

    def total() -> float:
        return sum(float(value.sum()) for value in subject.parameters().values())

    def note(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != filename or len(ran) > _MOST:
            return None
        if event == "call":
            frame.f_trace_lines = False
            ran.add(frame.f_code.co_firstlineno)
            began.append(total())
        elif event == "return" and began and began.pop() != total():
            moved.add(frame.f_code.co_firstlineno)
        return note

    saved: dict[str, Any] = {}
    try:
        one, saved = batch(subject, _ROWS, 1), subject.snapshot()
        with traced(note):
            subject.gradient(one.x, one.y)
            subject.loss(one.x, one.y)
    except Exception:  # nothing is known of it
        return set(), set()
    finally:
        with suppress(Exception):
            subject.restore(saved)
    return ran - moved, moved


def _may_move(node: ast.AST, file: _File) -> bool:
    """Whether a statement could be an update: it changes something by what is no plain number, or speaks of a rate."""
    match node:
        case ast.AugAssign(target=target, value=value):
            return not is_number(value) and not _counts(target, value, file) and base(target) not in file.memories
        case ast.Assign(targets=[target, *_], value=value):
            if (isinstance(target, ast.Name) and target.id in file.constants) or base(target) in file.memories:
                return False
            parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
            onto = onto_itself(node) is not None or any(isinstance(p, ast.Attribute | ast.Subscript) for p in parts)
            return (onto and not is_number(value) and not _counts(target, value, file)) or _each_less(value)
        case ast.BinOp(op=ast.Mult(), left=left, right=right) if not isinstance(right, ast.Call):
            return any(is_rate(part) for side in (left, right) for part in ast.walk(side))
        case ast.Call(func=func, keywords=named):
            name = last_name(func)
            foreign = name not in file.by_name and (plain(name) in UPDATES or _CHANGES.search(name) is not None)
            return foreign or name == "setattr" or any(one.arg == "out" for one in named)
    return False


def _each_less(value: ast.expr) -> bool:
    """Whether a list takes something from each of another one: [w - step for w, step in ...]."""
    if not isinstance(value, ast.ListComp | ast.DictComp):
        return False
    one = value.elt if isinstance(value, ast.ListComp) else value.value
    return isinstance(one, ast.BinOp) and isinstance(one.op, ast.Sub) and not is_number(one.left)


def _counts(target: ast.expr, value: ast.expr, file: _File) -> bool:
    """Whether it is a number that is counted up, or an array that is brought to another scale by itself."""
    return isinstance(target, ast.Name) and (target.id in file.constants or by_itself(target, value))


def _schedules(node: ast.AST) -> bool:
    """Whether it changes a learning rate, and nothing else: config["learning_rate"] *= decay."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    return bool(targets) and all(says_rate(one.slice if isinstance(one, ast.Subscript) else one) for one in targets)


def _memories(inspection: Inspection) -> set[str]:
    """Containers of arrays that the way to the loss and back never looks at, nor is handed, nor any that it shares: an
    optimizer's.
    """
    names = inspection.namespace
    ways = [n for one in inspection.reading.functions.values() for n in [getattr(one, "__name__", "")] if n in names]
    calls = [n for n in ast.walk(inspection.program.tree) if isinstance(n, ast.Call) and last_name(n.func) in ways]
    handed = {last_name(one) for call in calls for one in (*call.args, *(k.value for k in call.keywords))}
    read = set(reachable(names, ways)) | (handed & names.keys())
    used = {id(array) for name in read for array in _arrays(names[name])}
    held = {
        name: _arrays(value) for name, value in names.items() if name not in read and isinstance(value, dict | list)
    }
    return {name for name, arrays in held.items() if ways and arrays and not used & {id(array) for array in arrays}}


def _arrays(value: Any) -> list[Any]:
    """The arrays of floats in a container, or a container of such."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
    if inner is None:
        return [value] if isinstance(value, np.ndarray) and value.dtype.kind == "f" else []
    return [array for one in inner[:_MOST] for array in _arrays(one)]


def _constants(tree: ast.Module) -> set[str]:
    """Names that begin as a plain number or an empty list: counters, sums of losses, histories."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            plain_start = is_number(node.value) or (isinstance(node.value, ast.List) and not node.value.elts)
            if plain_start:
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            elif isinstance(node.value, ast.Tuple):
                pairs = zip(getattr(node.targets[0], "elts", []), node.value.elts, strict=False)
                found |= {t.id for t, v in pairs if isinstance(t, ast.Name) and is_number(v)}
    return found


def _outermost(scope: ast.AST) -> Iterator[Loop]:
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, Loop):
            yield node
        elif not isinstance(node, Function | ast.ClassDef):
            yield from _outermost(node)


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a scope, without those of functions and classes within."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, Function | ast.ClassDef):
            yield node
            yield from _own(node)


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _said(node: ast.AST) -> str:
    """The name, or the text, that a node is: what is handed on or looked up may be called elsewhere."""
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    return text or last_name(node)
