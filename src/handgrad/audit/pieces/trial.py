"""Trial: a layer on a batch that it takes, at a random point, beside the numeric derivative of what it computes.

Which form of batch a layer takes is found by trying: a form counts if forward runs, and backward answers in its shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from handgrad.audit.judging.numeric import worst
from handgrad.audit.pieces.unit import Ran, Unit
from handgrad.core.arrays import Array

ROWS = 5
NEAR, WRONG = 1e-6, 1e-3  # relative: below the one a gradient is right, above the other it is wrong
_MOST = 160  # numbers whose derivative is taken one by one
_MOST_FORMS = 3


@dataclass
class Trial:
    """One form in which a layer runs.

    Attributes:
        unit: the layer, its point set.
        x: the batch, float64 or whole numbers for a layer that looks rows up.
        dy: a random gradient by its output.
        ran: what it made of them.
    """

    unit: Unit
    x: Array
    dy: Array
    ran: Ran
    distances: dict[str, float] = field(default_factory=dict)

    @cached_property
    def _worker(self) -> Any:
        return self.unit.worker()

    def value(self, name: str, at: Array) -> float:
        """<forward, dy> with x ("dx") or one parameter at another value."""
        one = self._worker
        if name == "dx":
            return float(np.vdot(one.forward(at.copy()), self.dy))
        one.put(name, at)
        found = float(np.vdot(one.forward(self.x.copy()), self.dy))
        one.put(name, self.unit.point[name])
        return found

    @property
    def gradients(self) -> dict[str, Array]:
        """What backward gave: "dx" and the parameters."""
        own = {} if self.ran.dx is None or self.x.dtype.kind != "f" else {"dx": self.ran.dx}
        return own | self.ran.grads

    def at(self, name: str) -> Array:
        """The input or the parameter."""
        return self.x if name == "dx" else self.unit.point[name]

    def distance(self, name: str) -> float:
        """How far a gradient is from the numeric derivative, relative; nan where that cannot be told."""
        if name not in self.distances:
            self.distances[name] = self._distance(name)
        return self.distances[name]

    def _distance(self, name: str) -> float:
        gradient, at = self.gradients[name], self.at(name)
        if gradient.shape != at.shape:
            return np.inf
        if not np.isfinite(gradient).all():
            return np.nan
        rng = np.random.default_rng(5)
        scale = float(np.sqrt(np.mean(at * at))) or 1.0
        quick = [self._quick(name, np.multiply(rng.standard_normal(at.shape), scale)) for _ in range(2)]
        if quick[0] <= NEAR:
            return 0.0
        if all(np.isfinite(quick)):  # no kink is near
            return max(quick)
        found = worst(lambda value: self.value(name, value), at, gradient, rng, directions=2)
        sure = found.resolved and found.relative > 10 * found.resolution
        return found.relative if sure or found.relative <= NEAR else np.nan

    def _quick(self, name: str, v: Array) -> float:
        """The relative distance along one direction, from two steps; inf where the two do not agree."""
        gradient = self.gradients[name]
        numeric, blur = self._slope(name, v)
        analytic = float(np.vdot(gradient, v))
        size = max(abs(numeric), float(np.linalg.norm(gradient)) * float(np.linalg.norm(v)) / np.sqrt(v.size))
        distance = abs(numeric - analytic) / size if size else 0.0
        return distance if distance <= NEAR or blur <= NEAR * size else np.inf

    def _slope(self, name: str, v: Array) -> tuple[float, float]:
        """(the slope along a direction, how far two steps disagree about it)."""
        at = self.at(name)
        near, far = ((self.value(name, at + h * v) - self.value(name, at - h * v)) / (2 * h) for h in (1e-5, 2e-5))
        return (4 * near - far) / 3, abs(near - far)

    def factor(self, name: str, gradient: Array) -> float | None:
        """The k for which a gradient is k times the true one along each of some directions; None without one."""
        rng = np.random.default_rng(8)
        found = []
        for _ in range(3):
            v: Array = np.asarray(rng.standard_normal(self.at(name).shape))
            slope, blur = self._slope(name, v)
            if not slope or blur > NEAR * abs(slope):
                return None
            found.append(float(np.vdot(gradient, v)) / slope)
        return found[0] if found[0] and np.allclose(found, found[0], rtol=1e-4, atol=0) else None

    def wrong(self) -> list[str]:
        """The gradients that are surely wrong."""
        return [name for name in self.gradients if self.distance(name) > WRONG]

    def right(self) -> bool:
        """Whether there is something to judge, and all of it is right."""
        return bool(self.gradients) and all(self.distance(name) <= NEAR for name in self.gradients)

    def numeric(self, name: str) -> Array | None:
        """The whole numeric gradient, number by number; None where there are too many."""
        at = self.at(name)
        if at.size > _MOST:
            return None
        found = np.zeros(at.shape)
        for i in np.ndindex(at.shape):
            step = np.zeros(at.shape)
            step[i] = 1e-4
            near, far = (self.value(name, at + k * step) - self.value(name, at - k * step) for k in (1, 2))
            found[i] = (8 * near - far) / 12e-4
        return found

    def scales(self, name: str) -> bool:
        """Whether a wrong gradient is linear in dy, as every derivative is, or wrong for tiny dy too; one that is only
        clipped is neither.
        """
        other: Array = np.roll(self.dy, 1) * 0.7 + 0.1
        tiny = [1e-6 * self.dy, 1e-7 * self.dy]
        runs = [self.unit.run(self.x, dy) for dy in (other, 2 * self.dy - 3 * other, *tiny)]
        beside, both, small, least = (one.dx if name == "dx" else one.grads.get(name) for one in runs)
        if beside is None or both is None or small is None or least is None:
            return False
        if like(both, 2 * self.gradients[name] - 3 * beside):
            return True
        slope = 1e6 * small
        ran = replace(self.ran, dx=slope) if name == "dx" else replace(self.ran, grads={name: slope})
        return like(slope, 1e7 * least, 1e-4) and Trial(self.unit, self.x, self.dy, ran).distance(name) > WRONG


def like(a: Array | None, b: Array | None, rtol: float = 1e-6) -> bool:
    """Whether two arrays hold the same numbers, to rounding."""
    if a is None or b is None or np.shape(a) != np.shape(b):
        return False
    size = max(float(np.linalg.norm(b)), float(np.linalg.norm(a)))
    return bool(np.isfinite(size) and float(np.linalg.norm(np.subtract(a, b))) <= rtol * size)


def trials(unit: Unit, shapes: list[tuple[int, ...]], *, single: bool = False) -> Iterator[Trial]:
    """The forms in which a layer runs both ways: of the batches it was seen with, then of those that its arrays allow.

    `single` asks for one sample a call, in which a factor of the batch size cannot be seen.
    """
    found = 0
    suggested = [shape for shape in _shapes(unit) if (len(shape) == 1 or (len(shape) == 2 and 1 in shape)) is single]
    for shape in dict.fromkeys([*shapes, *suggested]):
        for whole in (False, True):
            if whole and (len(shape) > 2 or found):
                continue
            try:
                trial = _tried(unit, shape, whole)
            except Exception:  # it takes another form
                continue
            if trial is not None:
                yield trial
                found += 1
                break
        if found == _MOST_FORMS:
            return


def _tried(unit: Unit, shape: tuple[int, ...], whole: bool) -> Trial | None:
    rng = np.random.default_rng(3)
    x: Array = rng.integers(0, 3, shape) if whole else np.multiply(rng.standard_normal(shape), 1.3)
    unit.point.clear()
    one = unit.worker()
    y = one.forward(x.copy())
    if not y.size or not np.isfinite(y).all() or y.ndim == 0:
        return None
    again = one.forward(x.copy())
    if not like(again, y, 1e-12):
        return None
    unit.point.update(_point(one, x, y, rng, set(unit.worker().arrays())))
    y = unit.worker().forward(x.copy())
    if not np.isfinite(y).all() or not like(unit.worker().forward(x.copy()), y, 1e-12):
        return None
    dy: Array = np.asarray(rng.standard_normal(y.shape))
    ran = unit.run(x, dy)
    if ran.dx is not None and ran.dx.shape != x.shape:
        return None
    return Trial(unit, x, dy, ran) if ran.dx is not None or ran.grads else None


def _point(one: Any, x: Array, y: Array, rng: np.random.Generator, lasting: set[str]) -> dict[str, Array]:
    """Random values for the arrays on which the output depends: zeros and ones hide what depends on what.

    `lasting` are those that are there before forward; a view that forward makes of a weight is none of its own.
    """
    point = {}
    for name, value in one.arrays().items():
        if name not in lasting or not value.flags.writeable or value.size > 4_000_000:
            continue
        saved = value.copy()
        value += 0.3 * rng.standard_normal(value.shape) * (float(np.abs(saved).mean()) or 1.0)
        try:
            moves = not np.array_equal(one.forward(x.copy()), y)
        except Exception:
            moves = False
        value[...] = saved
        if moves:
            fan = max(value.shape) if value.ndim > 1 else 1
            size = 0.6 * rng.standard_normal(value.shape) if value.ndim == 1 else rng.standard_normal(value.shape)
            point[name] = (1.0 + size if value.ndim == 1 and saved.all() else size) / np.sqrt(min(fan, 9))
    return point


def _shapes(unit: Unit) -> Iterator[tuple[int, ...]]:
    """Shapes of batches that the layer's arrays suggest."""
    values = list(unit.worker().arrays().values())
    matrices = [v.shape for v in values if v.ndim == 2 and min(v.shape) > 1]
    vectors = [max(v.shape) for v in values if (v.ndim in (1, 2) and min(v.shape) == 1) or v.ndim == 1]
    deep = [v.shape for v in values if v.ndim > 2]
    for shape in getattr(unit.thing, "__dict__", {}).values():
        if isinstance(shape, (tuple, list)) and 1 < len(shape) < 4 and all(isinstance(n, int) for n in shape):
            yield (2, *shape)
            yield tuple(shape)
    for weight in deep:
        for channels in dict.fromkeys(weight):
            if (len(weight) == 4 and channels > 1) or weight.count(channels) == 1:
                yield (2, channels, 5, 5)
                yield (2, 5, 5, channels)
        yield from ((8, 8), (weight[0], 8, 8))
        if len(weight) == 4 and 1 in weight:
            yield (2, 1, 5, 5)
        side = max(weight)
        yield (2, side, 4, 4)
    for shape in matrices:
        for n in dict.fromkeys(shape):
            yield from ((ROWS, n), (n, ROWS), (n, 1), (1, n), (n,), (3, 4, n))
    for n in dict.fromkeys(vectors):
        yield from ((ROWS, n), (n, ROWS), (2, n, 4, 4))
    if not values:
        yield from ((6, 1), (1, 6))
        yield from ((ROWS, 6), (2, 3, 6, 6), (2, 6, 6, 3), (2, 4, 6), (6, 6), (40,))
