"""Path: what an optimizer did to some parameters, step by step, and the gradients that it was given for each.

All arrays lie flat, one entry a number of any parameter; an optimizer is whatever rule leads from the one to the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from handgrad.core.arrays import Array


@dataclass(frozen=True)
class Path:
    """Some steps of an optimizer.

    Attributes:
        names: of the parameters, in the order in which the optimizer takes them.
        owner: (N,) which parameter each number belongs to.
        theta: (K + 1, N) the numbers before each step, and after the last.
        g: (K, N) the gradient that each step was given.
        exact: relative: what may be left over.
        ulp: the rounding of theta, relative to it.
    """

    names: tuple[str, ...]
    owner: Array
    theta: Array
    g: Array
    exact: float = 1e-8
    ulp: float = float(np.finfo(np.float64).eps)

    @cached_property
    def delta(self) -> Array:
        """(K, N) what each step did."""
        change: Array = np.diff(self.theta, axis=0)
        return change

    @property
    def alike(self) -> float:
        """Relative: how far apart two rates may lie that are the same."""
        return max(1e-6, 20 * self.exact)

    def rounding(self, k: int | slice = slice(None)) -> float:
        """What the rounding of theta adds to some steps."""
        return 4 * self.ulp * float(np.linalg.norm(self.theta[:-1][k]))

    @cached_property
    def starts(self) -> Array:
        """(P,) where the numbers of each parameter begin."""
        return np.searchsorted(self.owner, np.arange(len(self.names)))

    @property
    def steps(self) -> int:
        """How many there are."""
        return len(self.g)

    def only(self, i: int) -> Path:
        """The steps of one parameter."""
        mine = self.owner == i
        return replace(
            self, names=(self.names[i],), owner=self.owner[mine] * 0, theta=self.theta[:, mine], g=self.g[:, mine]
        )

    def without(self, gone: Sequence[int]) -> Path:
        """The steps of all other parameters."""
        left = [i for i in range(len(self.names)) if i not in gone]
        mine = np.isin(self.owner, left)
        owner = np.searchsorted(left, self.owner[mine])
        names = tuple(self.names[i] for i in left)
        return replace(self, names=names, owner=owner, theta=self.theta[:, mine], g=self.g[:, mine])

    def with_decay(self, decay: float) -> Path:
        """The same steps, as if the gradient had had decay * theta added to it."""
        return replace(self, g=self.g + decay * self.theta[:-1])


def path_of(
    values: Sequence[Mapping[str, Array]], gradients: Sequence[Mapping[str, Array]], exact: float = 1e-8
) -> Path:
    """A path from parameters before each step and after the last, and gradients, all by name."""
    names = tuple(values[0])
    owner = np.concatenate([np.full(np.size(values[0][name]), i) for i, name in enumerate(names)])

    def flat(one: Mapping[str, Array]) -> Array:
        return np.concatenate([np.asarray(one[name], np.float64).reshape(-1) for name in names])

    return Path(names, owner, np.array([flat(v) for v in values]), np.array([flat(g) for g in gradients]), exact)


def regress(columns: Sequence[Array], target: Array, rounding: float = 0.0) -> tuple[Array, float]:
    """(coefficients, |rest| / |target|) of the least squares of columns against a target, all of one shape.

    As much of the rest as `rounding` does not count.
    """
    sizes = np.array([float(np.linalg.norm(column)) or 1.0 for column in columns])
    matrix = np.stack([column.reshape(-1) for column in columns], axis=1) / sizes
    goal = target.reshape(-1)
    size = float(np.linalg.norm(goal))
    found = np.linalg.lstsq(matrix, goal, rcond=None)[0]
    rest = float(np.linalg.norm(goal - matrix @ found))
    return found / sizes, max(rest - rounding, 0.0) / size if size else 0.0


@dataclass(frozen=True)
class Rates:
    """Steps as multiples of known directions.

    Attributes:
        rate: (K, P) the learning rate that each parameter had at each step, if the step is -rate * direction.
        decay: (K, P) the share of each parameter that every step took away beside that; 0 where none was looked for.
        rest: the largest |what is left over| / |step| of all of them.
        left: (K, N) what is left over, by the size of the step.
    """

    rate: Array
    decay: Array
    rest: float
    left: Array


def rates(path: Path, direction: Array, *, decay: bool = False) -> Rates:
    """The rates that bring -rate * direction (and -decay * theta) nearest to each step of each parameter."""
    starts = path.starts

    def dot(a: Array, b: Array) -> Array:
        found: Array = np.add.reduceat(a * b, starts, axis=1)
        return found

    delta, theta = path.delta, path.theta[:-1]
    with np.errstate(all="ignore"):
        size = np.maximum(dot(direction, direction), 1e-300)
        rate = -dot(direction, delta) / size
        shrink = np.zeros_like(rate)
        if decay:
            # What is orthogonal to the direction tells how much of theta itself went.
            along = dot(direction, theta) / size
            beside = theta - along[:, path.owner] * direction
            shrink = shrink - np.sum(dot(beside, delta), axis=0) / np.maximum(
                np.sum(dot(beside, beside), axis=0), 1e-300
            )
            rate -= shrink * along
        rest = delta + rate[:, path.owner] * direction + shrink[:, path.owner] * theta
        left = np.sqrt(dot(rest, rest)) - 2 * path.ulp * np.sqrt(dot(theta, theta))
        moved = np.maximum(np.sqrt(dot(delta, delta)), 1e-300)
        share = np.maximum(left, 0) / moved
        rest = rest / moved[:, path.owner]
    worst = float(np.max(share))
    return Rates(rate, shrink, worst if np.isfinite(worst) else np.inf, rest)
