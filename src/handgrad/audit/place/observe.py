"""Observing: runs somebody's code once and notes every array that it makes, changes, names or hands on, line by line.

What is noted is the number itself, under the name that its author gave it, so that a network of somebody's can be read
step by step without a change to its code.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from handgrad.audit.reading.traced import traced

MADE, CHANGED, NAMED, GIVEN, RETURNED = "made", "changed", "named", "given", "returned"
_DEPTH = 4  # self.layers[0].W.grad
_ENTRIES = 64  # of a container or an object
_COMPARED = 1 << 18  # elements; of a larger array only some are looked at to see whether it has changed
_BLOCKS = ("<module>", "<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>")  # are handed nothing by name
_PLAIN = (int, float, complex, str, bytes, bool, type(None), type, range, slice, FunctionType, MethodType, ModuleType)


@dataclass(frozen=True, slots=True)
class Noted:
    """One thing that happened to one array.

    Attributes:
        order: when, from 0.
        line: the line that did it, as the code object counts; 0 where that is outside the observed code.
        function: the name of the function that the line is in.
        name: what the array is called there: "dW", "self.dW", "grads['W1']"; "return" for what has no name.
        value: a copy (B, n) or any other shape; of arrays above `large` the array itself.
        how: "made" (not seen before), "changed" (in place), "named" (seen before, and now under this name too),
            "given" (handed to a function, whose parameter `name` is) or "returned".
        array: the identity of the array, the same for all notes on it.
        call: a number for each call of a function, the same for all notes in it. A thing given has that of its callee.
        stack: the lines of the callers, the nearest first.
        event: which event of the observed code it was, from 1; another run of the same call can be stopped there.
    """

    order: int
    line: int
    function: str
    name: str
    value: Any
    how: str
    array: int
    call: int
    stack: tuple[int, ...] = ()
    event: int = 0


def observe(
    call: Callable[[], object],
    filenames: Collection[str] | Mapping[str, int],
    *,
    most: int = 4000,
    large: int = 1 << 20,
) -> list[Noted]:
    """Run `call` and note what happens to arrays in code of these files, in the order of execution.

    Arrays of floats, whole numbers and truth values are looked for in local variables, in global names that the code
    mentions, and in attributes and entries of what these hold. Lists of arrays, such as list comprehensions return,
    count entry by entry.

    Args:
        call: runs the code; what it raises is raised.
        filenames: what the code objects to observe have as `co_filename`; and what is added to their lines, if any.
        most: how many notes are kept; what comes after them runs unobserved.
        large: elements above which an array is noted without being copied.
    """
    offsets = dict(filenames) if isinstance(filenames, Mapping) else dict.fromkeys(filenames, 0)
    observer = _Observer(offsets, most, large)
    with traced(observer.enter):
        call()
    return observer.notes


class _Frame:
    """What is known of one running call: its number, the line that it is at, and which array each name held."""

    __slots__ = ("line", "names", "number", "stack")

    def __init__(self, number: int, line: int, stack: tuple[int, ...]) -> None:
        self.number, self.line, self.stack = number, line, stack
        self.names: dict[str, int] = {}


class _Observer:
    """A trace function with a memory: every array seen so far, with its last value."""

    def __init__(self, offsets: dict[str, int], most: int, large: int) -> None:
        self.offsets, self.most, self.large = offsets, most, large
        self.notes: list[Noted] = []
        self.seen: dict[int, tuple[Any, Any]] = {}  # the array is held too, so that its id is not given again
        self.frames: dict[FrameType, _Frame] = {}
        self.calls = self.events = 0

    def enter(self, frame: FrameType, event: str, value: Any) -> Any:
        """For `sys.settrace`: a new call begins."""
        offset = self.offsets.get(frame.f_code.co_filename)
        if offset is None or len(self.notes) >= self.most:
            return None
        self.events += 1
        back = frame.f_back
        while back is not None and back not in self.frames:
            back = back.f_back
        caller = self.frames[back] if back is not None else None
        stack = () if caller is None else (caller.line, *caller.stack)
        if caller is not None and back is not None:
            self._look(back, caller)
        mine = self.frames[frame] = _Frame(self.calls, frame.f_code.co_firstlineno + offset, stack)
        self.calls += 1
        if frame.f_code.co_name not in _BLOCKS:
            self._given(frame, mine, 0 if caller is None else caller.line)
        for path, array in held_by(frame):  # what is there already is no news
            mine.names[path] = id(array)
            if id(array) not in self.seen:
                self.seen[id(array)] = (array, self._kept(array))
        return self.follow

    def follow(self, frame: FrameType, event: str, value: Any) -> Any:
        """For `sys.settrace`: a line begins, or a call ends."""
        mine = self.frames.get(frame)
        if mine is None:
            return None
        self.events += 1
        if event == "line":
            self._look(frame, mine)
            mine.line = frame.f_lineno + self.offsets[frame.f_code.co_filename]
        elif event == "return":
            self._look(frame, mine)
            for name, array in returned(value):
                self._note(frame, mine, name, array, RETURNED)
            self.frames.pop(frame, None)
        return self.follow if len(self.notes) < self.most else None

    def _given(self, frame: FrameType, mine: _Frame, line: int) -> None:
        """What a call is handed; objects are not, for all that they hold would be."""
        code = frame.f_code
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            given = frame.f_locals.get(name)
            for path, array in _reach(name, given, 2, set()) if not _is_instance(given) else ():
                self._note(frame, mine, path, array, GIVEN, line)

    def _look(self, frame: FrameType, mine: _Frame) -> None:
        """Compare all that a frame holds with what was there before; the line that it was at has done it."""
        changed: dict[int, tuple[str, Any]] = {}
        for path, array in held_by(frame):
            known = self.seen.get(id(array))
            if known is None:
                self._note(frame, mine, path, array, MADE)
            elif not _same(array, known[1]):
                if id(array) not in changed or path.isidentifier():  # the name that came last is the one in use
                    changed[id(array)] = (path, array)
            elif mine.names.get(path) != id(array):
                self._note(frame, mine, path, array, NAMED)
            mine.names[path] = id(array)
        for path, array in changed.values():
            self._note(frame, mine, path, array, CHANGED)

    def _note(self, frame: FrameType, mine: _Frame, name: str, array: Any, how: str, line: int | None = None) -> None:
        known = self.seen.get(id(array))
        if known is None or not _same(array, known[1]):
            known = self.seen[id(array)] = (array, self._kept(array))
        if len(self.notes) < self.most:
            at = mine.line if line is None else line
            function = frame.f_code.co_name
            note = (len(self.notes), at, function, name, known[1], how, id(array), mine.number, mine.stack, self.events)
            self.notes.append(Noted(*note))

    def _kept(self, array: Any) -> Any:
        return array if array.size > self.large else array.copy()


def held_by(frame: FrameType) -> Iterator[tuple[str, Any]]:
    """(name, array) for everything that a frame can reach."""
    seen: set[int] = set()
    code, names = frame.f_code, frame.f_locals
    inside = names is not frame.f_globals
    for name in list(names) if inside else ():
        yield from _reach(name, names[name], _DEPTH, seen)
    for name in code.co_names:
        if name in frame.f_globals and not (inside and name in names):
            yield from _reach(name, frame.f_globals[name], _DEPTH, seen)


def returned(value: Any) -> Iterator[tuple[str, Any]]:
    """(name, array) for everything that a call returns."""
    return _reach("return", value, 2, set())


def _reach(path: str, value: Any, depth: int, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """(name, array) of a value that is one, or of the arrays in its entries and attributes."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "fiub" and value.size:
            yield path, value
        elif value.dtype.kind == "O" and value.ndim == 1 and depth:
            yield from _entries(path, enumerate(value.tolist()), depth, seen)
        return
    if depth == 0 or isinstance(value, (*_PLAIN, np.generic)):
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, dict):
        yield from _entries(path, list(value.items()), depth, seen)
    elif isinstance(value, (list, tuple)):
        yield from _entries(path, enumerate(value), depth, seen)
    elif _is_instance(value):
        for name, held in list(vars(value).items())[:_ENTRIES]:
            yield from _reach(f"{path}.{name}", held, depth - 1, seen)


def _entries(path: str, entries: Any, depth: int, seen: set[int]) -> Iterator[tuple[str, Any]]:
    for i, (key, held) in enumerate(entries):
        if i == _ENTRIES:
            return
        if not isinstance(held, _PLAIN):
            yield from _reach(f"{path}[{key!r}]", held, depth - 1, seen)


def _is_instance(value: Any) -> bool:
    """Whether it is an object of somebody's own class."""
    return not isinstance(value, _PLAIN) and hasattr(value, "__dict__") and not isinstance(value, np.ndarray)


def _same(array: Any, kept: Any) -> bool:
    """Whether an array still is what it was; NaN is like NaN."""
    if array is kept:
        return True
    if array.shape != kept.shape or array.dtype != kept.dtype:
        return False
    if array.size > _COMPARED:
        step = array.size // _COMPARED + 1
        array, kept = array.reshape(-1)[::step], kept.reshape(-1)[::step]
    return bool((array == kept).all()) or bool(np.array_equal(array, kept, equal_nan=array.dtype.kind == "f"))
