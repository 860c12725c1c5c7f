"""Scaled: the gradients inside of a step whose optimizer scales each number by itself, such as Adam or RMSprop.

Such a step is no multiple of the gradient, but what it remembers tells it: from a memory of zeros one step leaves a
share of the gradient's squares, and beside squares that are large already it goes along the gradient.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from handgrad.audit.judging.measure import fit
from handgrad.audit.objects import Slot, parts
from handgrad.core.arrays import Array

if TYPE_CHECKING:
    from handgrad.audit.dialects.settling import Net

_MOST = 48  # arrays that may be a memory
_EXACT = 1e-6  # relative
_LARGE = 1e8  # squares beside which those of a gradient are nothing
_RATE = 2.0**-6  # of a step beside them
_ROUGH = 1e-2  # relative: how well such a step must agree with what the memory says


@dataclass
class Scaled:
    """A net with such an optimizer.

    Attributes:
        net: how a step is taken.
        parameters: where its parameters are.
        rate: the learning rate of the steps that are tried.
        squares: by parameter, which array remembers its squares, and which share of it stays at each step.
    """

    net: Net
    parameters: list[Slot]
    rate: float
    squares: dict[int, tuple[int, float]] = field(default_factory=dict)

    def gradients(self, x: Array, y: Array) -> list[Array]:
        """The gradient of each parameter."""
        along, _ = self._run(x, y, [at for at, _ in self.squares.values()], _LARGE, _RATE)
        _, left = self._run(x, y)
        return [np.sign(move) * self._size(left, p) for p, move in enumerate(along)]

    def look(self, x: Array, y: Array) -> bool:
        """Whether there is such an optimizer, which remembers the squares of all that a step moves."""
        self.net.report(x, y, 0.0)  # some make their memory at the first step
        many = len(self._memory())
        if not len(self.parameters) <= many <= _MOST:
            return False
        moved, left = self._run(x, y)
        for at in range(many):
            now, then = self._run(x, y, [at])
            stays = then[at] - left[at]
            touched = [p for p, (a, b) in enumerate(zip(moved, now, strict=True)) if not np.array_equal(a, b)]
            steady = np.ptp(stays) <= _EXACT and 0 < stays.mean() <= 1 + _EXACT
            if len(touched) == 1 and steady and left[at].min() >= 0 and _less(now[touched[0]], moved[touched[0]]):
                self.squares[touched[0]] = at, 1.0 if stays.mean() > 1 - _EXACT else float(stays.mean())
        if set(self.squares) != set(range(len(moved))):
            return False
        along, _ = self._run(x, y, [at for at, _ in self.squares.values()], _LARGE, _RATE)
        return all(fit(np.abs(move), self._size(left, p), _ROUGH).exact for p, move in enumerate(along))

    def _size(self, left: list[Array], parameter: int) -> Array:
        """How large each number of a gradient was, from the squares that it has left in an empty memory."""
        at, stays = self.squares[parameter]
        return np.sqrt(left[at] / (1 - stays if stays < 1 else 1.0))

    def _memory(self) -> list[Slot]:
        owned = {id(slot.get()) for slot in self.parameters}
        shapes = {slot.get().shape for slot in self.parameters}
        found = self.net.way.stage.slots()
        return [one for one in found if id(one.get()) not in owned and one.get().shape in shapes]

    def _run(
        self, x: Array, y: Array, full: Collection[int] = (), of: float = 1.0, rate: float = 0.0
    ) -> tuple[list[Array], list[Array]]:
        """How far each parameter moves down, and what is left in a memory of zeros, or of a number in some arrays."""
        memory = self._memory()
        every = [*self.parameters, *memory]
        saved = [np.array(slot.get()) for slot in every]
        things = [vars(thing) for root in self.net.way.stage.roots for thing in parts(root)]
        counts = [(held, name, value) for held in things for name, value in held.items() if type(value) is int]
        for i, slot in enumerate(memory):
            slot.get()[...] = of * (i in full)
        try:
            self.net.report(x, y, rate or self.rate)
            moved = [old - slot.get() for old, slot in zip(saved, self.parameters, strict=False)]
            return moved, [np.array(slot.get()) for slot in memory]
        finally:
            for slot, value in zip(every, saved, strict=True):
                slot.get()[...] = value
            for held, name, count in counts:  # of the steps, by which averages are corrected
                held[name] = count


def _less(now: Array, before: Array) -> bool:
    return bool(np.all(np.abs(now) <= np.abs(before)))


def scaled(net: Net, parameters: list[Slot], x: Array, y: Array, rate: float) -> Scaled | None:
    """The net with such an optimizer inside of its step; None where there is none. Raises what the code does."""
    found = Scaled(net, parameters, rate)
    return found if not net.split and found.look(x, y) else None
