"""Refining: the settings of an adaptive step that no code tells, found from the steps themselves.

The learning rates are fitted away at every trial, so what is left to search for are a few numbers: two shares, an
epsilon, a weight decay. Levenberg's and Marquardt's method finds them from a start nearby.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from handgrad.audit.optimizing.averages import PLACES, Form, Numbers, direction
from handgrad.audit.optimizing.path import Path, Rates, rates
from handgrad.core.arrays import Array

_ROUNDS = 20
_EPSILONS = (1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
_DECAYS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
_ROUND = (0.5, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999)


@dataclass(frozen=True)
class Guess:
    """Settings under trial: those of the form, and the weight decay that is part of the gradient."""

    numbers: Numbers
    coupled: float = 0.0


def fitted(path: Path, form: Form, guess: Guess, *, decay: bool = False) -> Rates | None:
    """What a guess leaves over; None where it has no direction at all."""
    bent = path.with_decay(guess.coupled) if guess.coupled else path
    d = direction(bent.g, form, guess.numbers)
    return rates(path, d, decay=decay) if np.isfinite(d).all() else None


def refined(path: Path, form: Form, starts: list[Numbers]) -> tuple[Guess, Rates] | None:
    """The settings, near one of the starts, with which a form gives these steps; the simplest first."""
    first = form.above in ("average", "late")
    second = "average" in form.below
    free = tuple(name for name, used in (("first", first), ("second", second)) if used)
    for guess, more, decay in _families(path, form, starts):
        found = _descend(path, form, guess, (*free, *more), decay=decay)
        if found is not None and found[1].rest <= path.exact and _sensible(path, found[0].numbers, free):
            return _rounded(path, form, *found, decay=decay)
    return None


def _sensible(path: Path, n: Numbers, free: tuple[str, ...]) -> bool:
    """Whether settings are such as people use. At the ends of their range every form turns into another one."""
    swapped = any(abs(1 - n.second - share) < 1e-4 for share in _ROUND if share >= 0.9)
    second = "second" not in free or 0.3 < n.second < 0.99995 or swapped
    shares = second and ("first" not in free or 0.3 < n.first < 0.9995)
    size = float(np.median(np.abs(path.g)))
    return shares and n.eps < 0.3 * (size**2 if n.place.startswith("inside") else size)


def _families(path: Path, form: Form, starts: list[Numbers]) -> Iterator[tuple[Guess, tuple[str, ...], bool]]:
    """(start, what else is free, whether weights decay beside the gradient) of everything worth a trial."""
    for start in starts[:2]:
        yield Guess(start), (), False
    best = starts[0]
    for decay in (False, True):
        if decay:
            yield Guess(best), (), True
        for place in PLACES:
            trials = [Guess(replace(best, eps=eps, place=place)) for eps in _EPSILONS]
            yield _best(path, form, trials, decay=decay), ("eps",), decay
    for sign in (1.0, -1.0):
        trials = [Guess(replace(best, eps=eps), sign * size) for size in _DECAYS for eps in (0.0, 1e-8)]
        yield _best(path, form, trials, decay=False), ("coupled",), False


def _best(path: Path, form: Form, trials: list[Guess], *, decay: bool) -> Guess:
    def rest(guess: Guess) -> float:
        found = fitted(path, form, guess, decay=decay)
        return np.inf if found is None else float(np.linalg.norm(found.left))

    return min(trials, key=rest)


def _descend(path: Path, form: Form, guess: Guess, free: tuple[str, ...], *, decay: bool) -> tuple[Guess, Rates] | None:
    """Levenberg and Marquardt on the logarithms of what is free."""
    here = fitted(path, form, guess, decay=decay)
    if here is None or not free:
        return None if here is None else (guess, here)
    z, damping = _coordinates(guess, free), 1e-3
    for _ in range(_ROUNDS):
        columns = []
        for j in range(len(free)):
            there = fitted(path, form, _at(guess, free, z + 1e-5 * np.eye(len(free))[j]), decay=decay)
            if there is None:
                return guess, here
            columns.append((there.left - here.left).reshape(-1) / 1e-5)
        slope = np.stack(columns, axis=1)
        pull, bend = slope.T @ here.left.reshape(-1), slope.T @ slope
        step = -np.linalg.solve(bend + damping * np.diag(np.diag(bend)) + 1e-14 * np.eye(len(free)), pull)
        trial = _at(guess, free, z + np.clip(step, -2.0, 2.0))
        there = fitted(path, form, trial, decay=decay)
        if there is not None and np.linalg.norm(there.left) < np.linalg.norm(here.left):
            done = np.linalg.norm(there.left) > 0.999 * np.linalg.norm(here.left)
            z, guess, here, damping = z + np.clip(step, -2.0, 2.0), trial, there, damping / 10
            if done:
                break
        else:
            damping *= 10
            if damping > 1e6:
                break
    return guess, here


def _coordinates(guess: Guess, free: tuple[str, ...]) -> Array:
    n = guess.numbers
    values = {"first": 1 - n.first, "second": 1 - n.second, "eps": n.eps, "coupled": abs(guess.coupled)}
    found: Array = np.log(np.maximum([values[name] for name in free], 1e-14))
    return found


def _at(guess: Guess, free: tuple[str, ...], z: Array) -> Guess:
    values = dict(zip(free, np.exp(z), strict=True))
    n = guess.numbers
    first, second = 1 - values.get("first", 1 - n.first), 1 - values.get("second", 1 - n.second)
    numbers = replace(n, first=max(first, 0.0), second=max(second, 0.0), eps=values.get("eps", n.eps))
    sign: Callable[[float], float] = np.sign
    return Guess(numbers, float(sign(guess.coupled) * values.get("coupled", abs(guess.coupled))))


def _rounded(path: Path, form: Form, guess: Guess, found: Rates, *, decay: bool) -> tuple[Guess, Rates]:
    """With the shares that people write, where they do as well."""
    n = guess.numbers
    usual = (*_ROUND, *(round(1 - share, 4) for share in _ROUND))
    near = [min(usual, key=lambda share, own=own: abs(share - own)) for own in (n.first, n.second)]  # type: ignore[misc]
    tidy = Guess(replace(n, first=near[0] if n.first else 0.0, second=near[1] if n.second else 0.0), guess.coupled)
    again = fitted(path, form, tidy, decay=decay)
    return (tidy, again) if again is not None and again.rest <= path.exact else (guess, found)
