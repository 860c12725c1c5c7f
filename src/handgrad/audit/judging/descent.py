"""Descent: from the loss down, layer by layer, which link of the chain somebody computed, rightly or by which mistake.

Each link is judged given what the code has for the link above, so that two mistakes in one network are both named, and
the first wrong number is found where it is made and not where it ends up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from handgrad.audit.judging.measure import Fit, fit, fit_beside
from handgrad.audit.judging.mistakes import (
    ALL,
    Guess,
    Rows,
    at_loss,
    handed_down,
    handed_down_late,
    of_bias,
    of_weights,
)
from handgrad.audit.judging.walk import Case
from handgrad.core.arrays import Array

Key = tuple[tuple[str, ...], str]
UNNAMED = "unnamed"
_MOST_ROWS = 48
_DECAYED, _NAMED, _UNNAMED_PARAMETER, _UNNAMED_LAYER = (
    0.1,
    1.0,
    3.0,
    10.0,
)  # what an explanation costs; the cheapest one is believed


@dataclass(frozen=True)
class Link:
    """How a layer's numbers came about.

    Attributes:
        layer: its index, from the input up.
        error: codes of the mistakes in its error dL/dz; () where that is made rightly from what is above.
        mistakes: parameter -> codes of the mistakes in its own gradient.
        fits: parameter -> its gradient as a multiple of what it is explained by, one fit a batch.
    """

    layer: int
    error: tuple[str, ...]
    mistakes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fits: dict[str, list[Fit]] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """The links from the loss down to the first that could not be explained.

    Attributes:
        links: the top layer first.
        cost: how much had to be assumed.
        lost: parameters below a link that could not be explained; nothing is known about them.
        tried: how many guesses were held against the gradients.
    """

    links: tuple[Link, ...] = ()
    cost: float = 0.0
    lost: tuple[str, ...] = ()
    tried: int = 0


def descend(
    cases: Sequence[Case], gradients: Sequence[dict[str, Array]], exact: float, gone: Collection[str] = (),
    *, every: bool = False,
) -> Explanation:  # fmt: skip
    """The cheapest explanation of the gradients of several batches, the same for all of them.

    Args:
        cases: the batches.
        gradients: for each, by the names of the subject's parameters, in their layout.
        exact: what rounding may leave over.
        gone: parameters whose gradient is 0, which say nothing about the errors above them.
        every: look at every row of large matrices, and not at some.
    """
    return _Descent(cases, gradients, exact, gone, every).best()


class _Descent:
    def __init__(
        self, cases: Sequence[Case], gradients: Sequence[dict[str, Array]], exact: float, gone: Collection[str],
        every: bool,
    ) -> None:  # fmt: skip
        self.cases, self.exact, self.gone = cases, exact, gone
        self.top = len(cases[0].walk.stages) - 1
        self.whole = [_canonical(case, found) for case, found in zip(cases, gradients, strict=True)]
        stages = cases[0].walk.stages
        self.rows = [ALL if every else _some(stage.x.shape[1]) for stage in stages]
        some = {stage.matrix.weight: rows for stage, rows in zip(stages, self.rows, strict=True)}
        self.gradients = [{name: value[some.get(name, ALL)] for name, value in one.items()} for one in self.whole]
        beside = [_canonical(case, charged(case)) for case in cases]
        self.beside = [{name: value[some.get(name, ALL)] for name, value in one.items()} for one in beside]
        self.found: Explanation | None = None
        self.tried = 0

    def best(self) -> Explanation:
        self._down(self.top, [], [], 0.0)
        assert self.found is not None
        return replace(self.found, tried=self.tried)

    def _down(self, i: int, known: list[list[Guess]], links: list[Link], cost: float) -> None:
        """Explain layer i and all below it. `known`: for each batch, the errors of the layers above, the top first."""
        if self.found is not None and cost >= self.found.cost:
            return
        if i < 0:
            self.found = Explanation(tuple(links), cost)
            return
        guesses = sorted(self._guesses(i, known), key=lambda together: len(together[0].codes))
        explained = False
        for together in guesses:
            judged = self._parameters(i, together)
            if judged is None:
                continue
            explained = True
            link, extra = judged
            more = extra + _NAMED * len(together[0].codes)
            self._down(i - 1, self._with(known, together), [*links, link], cost + more)
        if not explained:
            self._give_up(i, known, links, cost + _UNNAMED_LAYER)

    def _with(self, known: list[list[Guess]], more: Sequence[Guess]) -> list[list[Guess]]:
        """The errors so far and those of one more layer, for each batch."""
        return [[*above, one] for above, one in zip(known or [[] for _ in self.cases], more, strict=True)]

    def _guesses(self, i: int, known: list[list[Guess]]) -> Iterator[tuple[Guess, ...]]:
        """The same guess on every batch."""
        each: list[dict[Key, Guess]] = []
        for k, case in enumerate(self.cases):
            walk = case.walk
            made = at_loss(walk) if i == self.top else handed_down(walk, i, known[k])
            each.append({guess.key: guess for guess in made})
            if i < self.top:
                own, above = (self.whole[k][stage.matrix.weight] for stage in walk.stages[i : i + 2])
                late = handed_down_late(walk, i, known[k][-1].value, own, above, self.exact)
                each[-1] |= {} if late is None else {late.key: late}
        for key in each[0]:
            if all(key in one for one in each):
                yield tuple(one[key] for one in each)

    def _parameters(self, i: int, together: tuple[Guess, ...]) -> tuple[Link, float] | None:
        """The layer's link under a guess at its error, and what that costs; None where its gradients contradict it."""
        matrix = self.cases[0].walk.stages[i].matrix
        link, cost, alive, proved = Link(i, together[0].codes), 0.0, 0, 0
        for name in filter(None, (matrix.weight, matrix.bias)):
            if name in self.gone:
                continue
            alive += 1
            loose = i < self.top and self.cases[0].walk.stages[i + 1].W.shape[1] == 1 and name == matrix.bias
            made = [
                list(
                    of_weights(case.walk, i, one.value, one.above, self.rows[i])
                    if name == matrix.weight
                    else of_bias(case.walk, i, one.value, one.above)
                )
                for case, one in zip(self.cases, together, strict=True)
            ]
            for guesses in zip(*made, strict=True):
                self.tried += 1
                found = [self._fit(k, name, one.value) for k, one in enumerate(guesses)]
                nothing = [
                    not g[name].any() and not one.value.any() for g, one in zip(self.gradients, guesses, strict=True)
                ]
                single = self.gradients[0][name].size == 1 or "bias-summed-over-everything" in guesses[0].codes
                rows = [len(case.x) for case in self.cases]
                doubtful = bool(guesses[0].codes or together[0].codes) or link.mistakes.get(matrix.weight) == (UNNAMED,)
                if (single or (loose and doubtful)) and not alike([one.factor for one in found], rows, self.exact):
                    continue  # a vector of one number is a multiple of any other, and all sums below one output are
                if all(zero or (one.exact and one.factor) for zero, one in zip(nothing, found, strict=True)):
                    link.mistakes[name] = guesses[0].codes
                    if not any(nothing):  # 0 is a multiple of 0 by any factor
                        link.fits[name] = found
                    cost += _NAMED * len(guesses[0].codes) + _DECAYED * any(one.decay for one in found)
                    proved += 1
                    break
            else:
                lone = [self._one_row(k, i, name, one.value) for k, one in enumerate(together)]
                known = [row for row in lone if row is not None]
                if len(known) == len(lone) and not loose:
                    link.mistakes[name], link.fits[name] = ("one-row-only",), known
                    cost, proved = cost + _NAMED, proved + 1
                    continue
                found = [fit(g[name], m[0].value, self.exact) for g, m in zip(self.gradients, made, strict=True)]
                link.mistakes[name], link.fits[name] = (UNNAMED,), found
                cost += _UNNAMED_PARAMETER
        return None if alive and not proved else (link, cost)

    def _one_row(self, k: int, i: int, name: str, delta: Array) -> Fit | None:
        """A gradient of batch k that is that of a single sample, wherever a shuffle has put it."""
        stage = self.cases[k].walk.stages[i]
        for row, x in zip(delta, stage.x[:, self.rows[i]], strict=True):
            found = self._fit(k, name, row if name == stage.matrix.bias else np.outer(x, row))
            if found.exact and found.factor:
                return found
        return None

    def _fit(self, k: int, name: str, guess: Array) -> Fit:
        """A parameter's gradient of batch k as a multiple of a guess, with a share of the parameter itself in it."""
        return fit_beside(self.gradients[k][name], guess, self.beside[k][name], self.exact)

    def _give_up(self, i: int, known: list[list[Guess]], links: list[Link], cost: float) -> None:
        """A layer whose error is none that is known: go on below with the one that its weights' gradient implies."""
        stages = self.cases[0].walk.stages
        matrix = stages[i].matrix
        implied = []
        for case, gradient in zip(self.cases, self.whole, strict=True):
            x, dW = case.walk.stages[i].x, gradient[matrix.weight]
            delta = np.linalg.lstsq(x.T, dW, rcond=None)[0]
            sure = np.linalg.matrix_rank(x) == len(x) and fit(dW, x.T @ delta, self.exact).exact
            implied.append(Guess((UNNAMED,), "", delta) if sure else None)
        names = tuple(name for name in (matrix.weight, matrix.bias) if name)
        truth = [case.walk.deltas()[i] for case in self.cases]
        link = Link(i, (UNNAMED,))
        for name in names:
            right = [case.walk.stages[i].x.T @ d if name == matrix.weight else d.sum(axis=0)
                     for case, d in zip(self.cases, truth, strict=True)]  # fmt: skip
            link.fits[name] = [fit(g[name], r, self.exact) for g, r in zip(self.whole, right, strict=True)]
        kept = [one for one in implied if one is not None]
        if len(kept) == len(implied):
            self._down(i - 1, self._with(known, kept), [*links, link], cost)
            return
        lost = tuple(name for s in stages[:i] for name in (s.matrix.weight, s.matrix.bias) if name)
        if self.found is None or cost < self.found.cost:
            self.found = Explanation((*links, link), cost, lost)


def alike(factors: Sequence[float], rows: Sequence[int], exact: float) -> bool:
    """Whether the factors of batches of so many rows are the same, or grow or shrink with the rows."""
    scaled = ([factor * n**power for factor, n in zip(factors, rows, strict=True)] for power in (-1, 0, 1))
    return any(max(some) - min(some) <= max(1e-4, 10 * exact) * abs(some[0]) for some in scaled)


def _some(inputs: int) -> Rows:
    """Which rows of a large matrix are looked at: some say as much as all."""
    return ALL if inputs <= _MOST_ROWS else np.random.default_rng(inputs).permutation(inputs)[:_MOST_ROWS]


def charged(case: Case) -> dict[str, Array]:
    """What a penalty on the weights would add to each gradient, but for its factor: the weights, or their signs."""
    penalty = case.identity.penalty
    signs = penalty is not None and penalty.kind == "sizes"
    return {name: np.sign(value) if signs else value for name, value in case.parameters.items()}


def _canonical(case: Case, gradient: dict[str, Array]) -> dict[str, Array]:
    """Weights as (inputs, outputs), biases as (outputs,)."""
    found = {}
    for matrix in case.identity.matrices:
        dW = np.asarray(gradient[matrix.weight], np.float64)
        found[matrix.weight] = dW.T if matrix.transposed else dW
        if matrix.bias is not None:
            found[matrix.bias] = np.asarray(gradient[matrix.bias], np.float64).reshape(-1)
    return found
