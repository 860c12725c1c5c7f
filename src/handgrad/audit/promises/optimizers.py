"""The promises of an optimizer, each checked on any class that takes (value, gradient) pairs and has `step()`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.audit.promises.verdict import Promise, Verdict, equal, near, unchanged
from handgrad.core.arrays import Array


@dataclass(frozen=True)
class OptimizerTrial:
    """A way to make an optimizer.

    Attributes:
        make: takes a list of (value, gradient) pairs and a learning rate.
        seed: of everything random.
    """

    make: Callable[[list[tuple[Array, Array]], float], Any]
    seed: int = 0

    def pairs(self) -> list[tuple[Array, Array]]:
        """A matrix and a vector, each with a gradient; the same at each call."""
        rng = np.random.default_rng(self.seed)
        return [(rng.standard_normal(shape), rng.standard_normal(shape)) for shape in ((4, 3), (3,))]

    def steps(self, count: int, lr: float = 0.01) -> list[tuple[Array, Array]]:
        """The pairs after some steps with gradients that change."""
        pairs = self.pairs()
        optimizer = self.make(pairs, lr)
        for i in range(count):
            optimizer.step()
            _next_gradients(pairs, i)
        return pairs


def in_place(trial: OptimizerTrial) -> Iterator[Verdict]:
    """A step changes the very arrays that were handed over, against the gradient, and leaves the gradients alone."""
    before, pairs = trial.pairs(), trial.pairs()
    trial.make(pairs, 0.01).step()
    for i, ((value, grad), (old, old_grad)) in enumerate(zip(pairs, before, strict=True)):
        yield equal("in_place", str(i), bool(np.vdot(value - old, grad) < 0), True)
        yield unchanged("in_place", f"{i} gradient", grad, old_grad)


def linear_in_lr(trial: OptimizerTrial) -> Iterator[Verdict]:
    """The first step is proportional to the learning rate, and none is made at 0."""
    start, one, three, none = trial.pairs(), *(trial.steps(1, lr) for lr in (0.01, 0.03, 0.0))
    for i, (old, _) in enumerate(start):
        yield near("linear_in_lr", str(i), three[i][0] - old, 3 * (one[i][0] - old))
        yield unchanged("linear_in_lr", f"{i} at lr 0", none[i][0], old)


def each_number_alone(trial: OptimizerTrial) -> Iterator[Verdict]:
    """No number looks at its neighbour: cut into pieces, handed over in reverse, the weights come out the same."""
    whole, cut = trial.steps(3), trial.pairs()
    pieces = [(value[i : i + 1], grad[i : i + 1]) for value, grad in cut for i in range(len(value))]
    optimizer = trial.make(pieces[::-1], 0.01)
    for i in range(3):
        optimizer.step()
        _next_gradients(cut, i)
    for i in range(len(cut)):
        yield near("each_number_alone", str(i), cut[i][0], whole[i][0])


def resumes(trial: OptimizerTrial) -> Iterator[Verdict]:
    """state() of one optimizer, loaded into a new one, goes on to exactly the same weights."""
    pairs = trial.pairs()
    optimizer = trial.make(pairs, 0.01)
    if not hasattr(optimizer, "load_state"):
        return
    for i in range(3):
        optimizer.step()
        _next_gradients(pairs, i)
    others = [(value.copy(), grad.copy()) for value, grad in pairs]
    heir = trial.make(others, 0.01)
    heir.load_state({name: array.copy() for name, array in optimizer.state().items()})
    for i in range(3, 6):
        for who, whose in ((optimizer, pairs), (heir, others)):
            who.step()
            _next_gradients(whose, i)
    for i in range(len(pairs)):
        yield unchanged("resumes", str(i), others[i][0], pairs[i][0])


def _next_gradients(pairs: list[tuple[Array, Array]], i: int) -> None:
    """Some other gradients, the same for the same i."""
    for _, grad in pairs:
        grad[...] = 0.1 * (i + 1) - 0.7 * grad


OPTIMIZER_PROMISES: tuple[Promise, ...] = (in_place, linear_in_lr, each_number_alone, resumes)
