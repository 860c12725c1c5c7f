"""Scaled: the gradients inside of a step whose optimizer scales each number by itself, such as Adam or RMSprop.

Such a step is no multiple of the gradient, but what it remembers tells it: from a memory of zeros one step leaves a
share of the gradient's squares, and beside squares that are large already it goes along the gradient.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.audit.dialects.making import made
from handgrad.audit.judging.measure import fit
from handgrad.audit.objects import Slot, parts, restore, snapshot
from handgrad.core.arrays import Array

if TYPE_CHECKING:
    from handgrad.audit.dialects.settling import Net

_MOST = 96  # arrays that may be a memory
_EXACT = 1e-6  # relative
_LARGE = 1e8  # squares beside which those of a gradient are nothing
_STILL = 2.0**-40  # of one that changes no weight so far that a later gradient of the same step feels it
_RATE = 2.0**-6  # of a step beside them
_SLIGHT = 1e-3  # relative: how far a step of one parameter may change that of another
_ROUGH = 1e-2  # relative: how well such a step must agree with what the memory says


@dataclass
class Scaled:
    """A net with such an optimizer.

    Attributes:
        net: how a step is taken.
        parameters: where its parameters are.
        names: what they are called.
        rate: the learning rate of the steps that are tried.
        squares: by parameter, which array remembers its squares, and which share of it stays at each step.
        plain: by parameter, the same of one that remembers the gradient itself.
        bare: parameters of which nothing is remembered, which move along their gradients.
        memory: arrays of the parameters' shapes, in which it may remember anything.
        counts: what it counts its steps by, and from which number.
    """

    net: Net
    parameters: list[Slot]
    names: list[str]
    rate: float
    squares: dict[int, tuple[int, float]] = field(default_factory=dict)
    plain: dict[int, tuple[int, float]] = field(default_factory=dict)
    bare: list[int] = field(default_factory=list)
    memory: list[Slot] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def mixed(self) -> bool:
        """Whether it remembers the squares of some parameters only."""
        return bool(self.squares) and len(self.squares) + len(self.bare) < len(self.parameters)

    @property
    def bare_names(self) -> set[str]:
        """What those of which nothing is remembered are called."""
        return {self.names[p] for p in self.bare}

    def by_name(self, x: Array, y: Array) -> dict[str, Array]:
        """The gradients, the mean over samples that go one by one. It leaves nothing behind."""
        rows = 1 if self.net.split else len(x)
        each = [self._gradients(x[i : i + rows], y[i : i + rows]) for i in range(0, len(x), rows)]
        return {name: np.mean(one, axis=0) for name, one in zip(self.names, zip(*each, strict=True), strict=True)}

    def sizes(self, x: Array, y: Array, rate: float = 0.0) -> dict[str, Array]:
        """How large the gradients are at which a first step of some rate has looked: of those squared only, by name."""
        _, left = self._run(x, y, rate=rate)
        return {self.names[p]: self._size(left, p) for p in self.squares}

    def step(self, x: Array, y: Array, lr: float) -> None:
        """The file's own step, which it remembers."""
        self.net.report(x, y, lr)

    def settings(self) -> dict[str, float | str]:
        """Numbers and words that its objects keep, by name."""
        return {name: value for held in self._held() for name, value in held.items() if type(value) in (float, str)}

    @contextmanager
    def from_the_first(self, settings: Mapping[str, float]) -> Iterator[None]:
        """While this lasts, nothing is remembered yet, and some settings are these; afterwards all is as it was."""
        before, kept = [(held, dict(held)) for held in self._held()], snapshot(self.memory)
        for slot in self.memory:
            if slot.get().flags.writeable:
                slot.get()[...] = 0.0
        for held, _ in before:
            held.update({name: settings[name] for name in settings if name in held})
            held.update({name: value for name, value in self.counts.items() if type(held.get(name)) is int})
        try:
            yield
        finally:
            for held, values in before:
                held.update({n: v for n, v in values.items() if isinstance(v, int | float)})
            restore(self.memory, kept)

    def things(self) -> list[Any]:
        """The objects that take part."""
        return [thing for root in self.net.way.stage.roots for thing in parts(root)]

    def _held(self) -> list[dict[str, Any]]:
        return [vars(thing) for thing in self.things()]

    def _gradients(self, x: Array, y: Array) -> list[Array]:
        along, _ = self._run(x, y, [at for at, _ in self.squares.values()], _LARGE, _RATE)
        moved, _ = self._run(x, y) if self.bare else (along, [])
        _, left = self._run(x, y, rate=_STILL)
        return [
            moved[p] / self.rate if p in self.bare
            else np.sign(move) * self._size(left, p) if p in self.squares
            else _taken(left, *self.plain[p])
            for p, move in enumerate(along)
        ]  # fmt: skip

    def look(self, x: Array, y: Array) -> bool:
        """Whether there is such an optimizer, which remembers the squares of all that a step moves."""
        before, saved = [(thing, _whole(vars(thing))) for thing in self.things()], snapshot(self.parameters)
        self.net.report(x, y, 0.0)  # some make their memory at the first step
        restore(self.parameters, saved)
        self.counts = {n: _first(one, n) for one, was in before for n, v in was.items() if vars(one).get(n) != v}
        owned = {id(slot.get()) for slot in self.parameters}
        shapes = {slot.get().shape for slot in self.parameters}
        found = self.net.way.stage.slots()
        self.memory = [one for one in found if id(one.get()) not in owned and one.get().shape in shapes]
        many = len(self.memory)
        if not len(self.parameters) <= many <= _MOST:
            return False
        moved, left = self._run(x, y)
        for at in range(many):
            now, then = self._run(x, y, [at])
            both = enumerate(zip(moved, now, strict=True))
            touched = [p for p, (a, b) in both if not _alike(a, b)]
            if len(touched) != 1 or left[at].shape != moved[touched[0]].shape:
                continue  # it is nobody's memory, such as an activation that is kept
            stays = then[at] - left[at]
            if np.ptp(stays) > _EXACT or not 0 < stays.mean() <= 1 + _EXACT:
                continue
            squared = left[at].min() >= 0 and _less(now[touched[0]], moved[touched[0]])
            share = 1.0 if stays.mean() > 1 - _EXACT else float(stays.mean())
            (self.squares if squared else self.plain)[touched[0]] = at, share
        if rest := set(range(len(moved))) - {*self.squares, *self.plain}:
            double, _ = self._run(x, y, rate=2 * self.rate)
            if not self.squares or not all(moved[p].any() and _alike(2 * moved[p], double[p]) for p in rest):
                return False
            self.bare = sorted(rest)
        if not self.squares:  # what remembers no squares is a velocity, unless its steps are no multiple of it
            return not any(fit(move, left[self.plain[p][0]], _ROUGH).exact for p, move in enumerate(moved))
        along, _ = self._run(x, y, [at for at, _ in self.squares.values()], _LARGE, _RATE)
        return all(fit(np.abs(along[p]), self._size(left, p), _ROUGH).exact for p in self.squares)

    def _made(self, x: Array, y: Array) -> None:
        """What a step leaves in its objects, where these were put back to what they are at first."""
        if not all(map(_is_there, self.memory)):
            saved = snapshot(self.parameters)
            self.net.report(x, y, 0.0)
            restore(self.parameters, saved)

    def _size(self, left: list[Array], parameter: int) -> Array:
        """How large each number of a gradient was, from the squares that it has left in an empty memory."""
        return np.sqrt(_taken(left, *self.squares[parameter]))

    def _run(
        self, x: Array, y: Array, full: Collection[int] = (), of: float = 1.0, rate: float = 0.0
    ) -> tuple[list[Array], list[Array]]:
        """How far each parameter moves down, and what is left in a memory of zeros, or of a number in some arrays."""
        self._made(x, y)
        every = [*self.parameters, *self.memory]
        saved = snapshot(every)
        counts = [(held, _whole(held)) for held in self._held()]
        for i, slot in enumerate(self.memory):
            if slot.get().flags.writeable:
                slot.get()[...] = of * (i in full)
        try:
            self.net.report(x, y, rate or self.rate)
            moved = [old - slot.get() for old, slot in zip(saved, self.parameters, strict=False)]
            return moved, [np.array(slot.get()) for slot in self.memory]
        finally:
            restore(every, saved)
            for held, numbers in counts:  # of the steps, by which averages are corrected
                held.update(numbers)


def _is_there(slot: Slot) -> bool:
    try:
        return isinstance(slot.get(), np.ndarray)
    except (AttributeError, LookupError):
        return False


def _alike(one: Array, other: Array) -> bool:
    """Whether two moves are the same, but for what an update that comes too early makes of the next one's gradient."""
    return bool(np.allclose(one, other, rtol=0, atol=_SLIGHT * float(np.abs(one).max()), equal_nan=True))


def _taken(left: list[Array], at: int, stays: float) -> Array:
    """What an array has taken in, of which it keeps a share: all of it, where it only adds up."""
    return left[at] / (1 - stays if stays < 1 else 1.0)


def _whole(held: Mapping[str, Any]) -> dict[str, int]:
    return {name: value for name, value in held.items() if type(value) is int}


def _first(thing: Any, name: str) -> int:
    """What a new object of the kind counts from."""
    value = next((vars(fresh).get(name) for fresh in made(type(thing))), 0)
    return value if type(value) is int else 0


def _less(now: Array, before: Array) -> bool:
    return bool(np.all(np.abs(now) <= np.abs(before)))


def scaled(net: Net, parameters: list[Slot], names: list[str], x: Array, y: Array, rate: float) -> Scaled | None:
    """The net with such an optimizer inside of its step; None where there is none. Raises what the code does."""
    found, rows = Scaled(net, parameters, names, rate), 1 if net.split else len(x)
    return found if found.look(x[:rows], y[:rows]) else None
