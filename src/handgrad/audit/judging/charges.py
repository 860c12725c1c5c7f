"""Charges: what a loss charges for the size of each parameter, and the share that its gradient has, in any network.

Where all other parameters are 0, each unit of a layer is like any other, and weights whose rows and columns have a mean
of 0 hand nothing on, whatever the network is. A loss that changes with them all the same charges for their size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from handgrad.audit.judging.batch import Batch
from handgrad.audit.judging.measure import Fit
from handgrad.audit.judging.truth import Slopes
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_POINTS = 3
_SURE = 1e-5  # relative: charges at several points that are one and the same
_NOTHING = 1e-9  # relative to the loss: a charge of 0
_LIKE = 1e-3  # relative: factors, and shares, that are one and the same


@dataclass(frozen=True)
class Charge:
    """The derivative by a parameter w of what a loss charges for it: factor * w, or factor * sign(w)."""

    factor: float
    signs: bool = False


def charges(subject: Subject, one: Batch, rng: np.random.Generator) -> dict[str, Charge]:
    """By parameter; without those of which it cannot be told. The parameters are restored."""
    saved = subject.snapshot()
    nothing = {name: np.zeros_like(value) for name, value in saved.items()}

    def loss(name: str, value: Array) -> float:
        subject.restore({**nothing, name: value})
        return float(subject.loss(one.x, one.y))

    found: dict[str, Charge] = {}
    try:
        for name, value in saved.items():
            base, points = loss(name, nothing[name]), [_centred(rng, value) for _ in range(_POINTS)]
            more = [loss(name, point) - base for point in points]
            if np.isfinite(more).all() and (charge := _told(more, points, abs(base))) is not None:
                found[name] = charge
    finally:
        subject.restore(saved)
    return found


def _centred(rng: np.random.Generator, like: Array) -> Array:
    """Random numbers whose mean along each axis is 0."""
    value: Array = np.asarray(rng.standard_normal(like.shape), like.dtype)
    for axis, size in enumerate(like.shape):
        value = value - value.mean(axis=axis, keepdims=True) if size > 1 else value
    return value


def _told(more: Sequence[float], points: Sequence[Array], base: float) -> Charge | None:
    """What a loss that is so much more at each of these points charges for them."""
    if max(map(abs, more)) <= _NOTHING * base:
        return Charge(0.0)
    for signs, size in ((False, np.square), (True, np.abs)):
        factors = [rest / float(size(point).sum()) for rest, point in zip(more, points, strict=True)]
        if factors[0] > 0 and max(factors) - min(factors) <= _SURE * factors[0]:
            return Charge(factors[0] * (1 if signs else 2), signs)
    return None


@dataclass(frozen=True)
class Shares:
    """What explains the gradients of some parameters: the slope of the loss, and a share of the parameter itself.

    Attributes:
        fits: by parameter, for each batch.
        due: by parameter, the share that the derivative of the loss has in each batch.
        charged: whether the loss charges for any parameter.
    """

    fits: dict[str, list[Fit]]
    due: dict[str, list[float]]
    charged: bool


def shares(
    subject: Subject,
    batches: Sequence[Batch],
    seen: Sequence[Slopes],
    gradients: Sequence[Mapping[str, Array]],
    usual: Sequence[float],
    exact: float,
) -> Shares:
    """Of those parameters whose gradients are wrong, and whom nothing but such a share explains.

    Args:
        subject: the network, at the point where its gradients were seen.
        batches: two of them or more.
        seen: the slopes of its loss in each.
        gradients: those in question, in each batch, as they are seen along the same directions.
        usual: the factor that right gradients have in each batch.
        exact: relative: what rounding may leave over.
    """
    rng = np.random.default_rng(len(usual))
    told = [_of_one_kind(charges(subject, one, rng)) for one in batches]
    values = subject.snapshot()
    fits: dict[str, list[Fit]] = {}
    wanted: dict[str, list[float]] = {}
    for name in gradients[0]:
        due = _due(told, name, values)
        found = [
            _fit(gradient[name], one, name, values, charge, exact)
            for gradient, one, charge in zip(gradients, seen, due, strict=True)
        ]
        right = all(one.exact and abs(one.factor - k) <= _LIKE * abs(k) for one, k in zip(found, usual, strict=True))
        sure = all(name in one for one in told) or all(one.decay > 0 for one in found)
        if right and sure:
            fits[name], wanted[name] = found, [charge.factor for charge in due]
    return Shares(fits, wanted, any(charge.factor for one in told for charge in one.values()))


def _of_one_kind(told: dict[str, Charge]) -> dict[str, Charge]:
    """Charges of 0 as those of signs, where there are others of signs, for what is decayed by mistake is so alike."""
    signs = any(charge.signs for charge in told.values())
    return {
        name: replace(charge, signs=True) if signs and not charge.factor else charge for name, charge in told.items()
    }


def _due(told: Sequence[Mapping[str, Charge]], name: str, values: Mapping[str, Array]) -> list[Charge]:
    """The charge for a parameter in each batch; where it is not told, that for others of its kind, or else none."""
    kin = [other for other, value in values.items() if is_thin(value) == is_thin(values[name])]
    kin = [name, *kin] if all(name in one for one in told) else kin
    return [next((one[other] for other in kin if other in one), Charge(0.0)) for one in told]


def is_thin(value: Array) -> bool:
    """Whether a parameter is a vector or a single number, as biases are, or a matrix of one row or column."""
    return value.ndim < 2 or min(value.shape) == 1


def _fit(gradient: Array, seen: Slopes, name: str, values: Mapping[str, Array], charge: Charge, exact: float) -> Fit:
    """A gradient, seen along some directions, as a multiple of the slope without its charge and a share of its own."""
    own = seen.along({n: np.sign(v) if charge.signs else v for n, v in values.items()})[name]
    data = seen.values[name] - charge.factor * own
    (factor, decay), *_ = np.linalg.lstsq(np.stack([data, own], axis=1), gradient, rcond=None)
    left = float(np.linalg.norm(gradient - factor * data - decay * own) / (np.linalg.norm(gradient) or 1.0))
    decay = 0.0 if abs(decay) < _LIKE * abs(charge.factor) else float(decay)
    return Fit(float(factor), left, left <= exact and len(gradient) > 2, decay)
