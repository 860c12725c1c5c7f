"""Adaptive steps: the directions of Adagrad, RMSprop and Adam, right or with one of the known mistakes in them.

A direction is what the learning rate multiplies. Which averages it is made of, the steps tell, number by number; how
the learning rate that is left over changes from step to step then tells how, and whether, they were corrected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handgrad.core.arrays import Array

PLACES = ("outside", "raw", "inside", "inside raw")  # of epsilon; raw: where nothing is corrected for the start


@dataclass(frozen=True)
class Form:
    """What stands above and below the fraction bar.

    Attributes:
        above: "average" of the gradients, "gradient", "sum" or "late" (the average before this step's gradient).
        below: the second moment: "average", "sum", "gradient" (of this step only), "centered", "square of average",
            "average of size", "late", "largest".
        power: 0.5 for the root, 1 where it is missing.
        compounded: the corrected averages are kept as the averages: "", "both", "first" or "second".
        going_in: it is each gradient that is corrected, as it goes into them.
    """

    above: str = "average"
    below: str = "average"
    power: float = 0.5
    compounded: str = ""
    going_in: bool = False


@dataclass(frozen=True)
class Numbers:
    """The settings of a form."""

    first: float = 0.9
    second: float = 0.999
    eps: float = 0.0
    place: str = "outside"
    start: float = 0.0  # of the second moment


def running(values: Array, share: float, start: float = 0.0) -> Array:
    """The running average of each step's values, (K, N)."""
    found = np.empty_like(values)
    now = np.full(values.shape[1], start)
    for k in range(len(values)):
        now = share * now + (1 - share) * values[k]
        found[k] = now
    return found


def compounding(values: Array, share: float) -> Array:
    """The same, where each corrected average is what the next one starts from."""
    found = np.empty_like(values)
    now = np.zeros(values.shape[1])
    for k in range(len(values)):
        now = (share * now + (1 - share) * values[k]) / (1 - share ** (k + 1))
        found[k] = now
    return found


def corrected_going_in(values: Array, share: float) -> Array:
    """The same, where each step's values are corrected before they go into the average."""
    t = np.arange(1, len(values) + 1)[:, None]
    return running(values / (1 - share**t), share)


def _compounded(form: Form, which: str) -> Callable[[Array, float], Array] | None:
    """How an average is made that a form says keeps its correction; None of any other."""
    if form.compounded not in ("both", which):
        return None
    return corrected_going_in if form.going_in else compounding


def _late(values: Array) -> Array:
    return np.vstack([np.zeros_like(values[:1]), values[:-1]])


def direction(g: Array, form: Form, n: Numbers) -> Array:
    """(K, N) the direction of each step. NaN where it has none."""
    mean = _compounded(form, "first") or running
    kinds: dict[str, Callable[[], Array]] = {
        "average": lambda: mean(g, n.first),
        "gradient": lambda: g,
        "sum": lambda: np.cumsum(g, axis=0),
        "late": lambda: _late(running(g, n.first)),
    }
    m = kinds[form.above]()
    v = _second(g, form, n)
    t = np.arange(1, len(g) + 1)[:, None]
    c = np.sqrt(1 - n.second**t) if n.second < 1 and form.below == "average" and not form.compounded else 1.0
    with np.errstate(all="ignore"):
        if n.place.startswith("inside"):
            below = (v + n.eps * (1.0 if n.place == "inside raw" else c**2)) ** form.power
        else:
            below = v**form.power + n.eps * (1.0 if n.place == "raw" else c)
        found: Array = m / below
    return found


def _second(g: Array, form: Form, n: Numbers) -> Array:
    kinds: dict[str, Callable[[], Array]] = {
        "average": lambda: (_compounded(form, "second") or _from(n.start))(g * g, n.second),
        "sum": lambda: n.start + np.cumsum(g * g, axis=0),
        "gradient": lambda: g * g,
        "centered": lambda: running(g * g, n.second) - running(g, n.second) ** 2,
        "square of average": lambda: running(g, n.second) ** 2,
        "square of sum": lambda: np.cumsum(g, axis=0) ** 2,
        "average of size": lambda: running(np.abs(g), n.second),
        "size of average": lambda: np.abs(running(g, n.second)),
        "of first": lambda: running(running(g, n.first) ** 2, n.second),
        "late": lambda: _late(running(g * g, n.second, n.start)),
        "largest": lambda: np.maximum.accumulate(running(g * g, n.second), axis=0),
    }
    return kinds[form.below]()


def _from(start: float) -> Callable[[Array, float], Array]:
    return lambda values, share: running(values, share, start)


def corrections(first: float, second: float, steps: int, count: int) -> dict[str, Array]:
    """By name, what the learning rate of each step (K) and parameter (P) is multiplied by to mend the averages."""
    t = np.arange(1, steps + 1)[:, None] * np.ones(count)
    layers = max(count // 2, 1)  # each with weights and biases
    each = (t - 1) * count + np.arange(1, count + 1)

    def both(when: Array) -> Array:
        corrected: Array = np.sqrt(1 - second**when) / (1 - first**when)
        return corrected

    return {
        "right": both(t),
        "none": np.ones_like(t),
        "per parameter": both(each),
        "per layer": both((t - 1) * layers + np.arange(count) // 2 + 1),
        "first only": 1 / (1 - first**t),
        "second only": np.sqrt(1 - second**t),
        "late": both(t + 1),
        "late per parameter": both(each + 1),
        "along parameters": both(t + np.arange(count)),
        "late along parameters": both(t + np.arange(1, count + 1)),
        "no root": (1 - second**t) / (1 - first**t),
        "multiplied": (1 - first**t) / np.sqrt(1 - second**t),
        "by the first": np.sqrt(1 - first**t) / (1 - first**t),
        "by the second": np.sqrt(1 - second**t) / (1 - second**t),
        "exchanged": np.sqrt(1 - first**t) / (1 - second**t),
        "by share": np.full_like(t, float(both(np.array(1.0)))),
    }
