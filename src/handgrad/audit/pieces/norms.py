"""Norms: layers that take the mean away and divide by the spread, and the ways in which their backward goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from handgrad.audit.pieces.bends import KNOWN, bend_of
from handgrad.audit.pieces.complaint import Complaint
from handgrad.audit.pieces.trial import Trial, like
from handgrad.core.arrays import Array


@dataclass(frozen=True)
class Norm:
    """A layer y = gain * (x - mean) / spread + shift.

    Attributes:
        axes: over which mean and spread are taken.
        spread: of the batch, as the layer has it, with its epsilon.
        gain: the name of what multiplies; None without.
        shift: of what is added.
    """

    axes: tuple[int, ...]
    spread: Array
    gain: str | None
    shift: str | None


_ROUGH = 0.1  # an epsilon makes no larger difference
_EPSILONS = (0.0, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
_AXES = ((0,), (1,), (-1,), (0, 2, 3), (1, 2, 3), (2, 3), (0, 1, 2))


def norm_of(trial: Trial) -> Norm | None:
    """Which norm a layer is; None where its output is nothing of the kind."""
    x, y, point = trial.x, trial.ran.y, trial.unit.point
    if x.shape != y.shape or x.dtype.kind != "f" or len(point) > 2 or x.ndim < 2:
        return None
    kinds: dict[str, str] = {}
    for name, value in point.items():
        one = trial.unit.worker()
        one.put(name, value + 1.0)
        moved = one.forward(x.copy()) - y
        kinds["shift" if np.allclose(moved, 1.0, atol=1e-9) else "gain"] = name
    if len(kinds) != len(point):
        return None
    bare = trial.unit.worker()
    for kind, name in kinds.items():
        bare.put(name, np.zeros_like(point[name]) + (kind == "gain"))
    hat = bare.forward(x.copy())
    for axes in _AXES:
        if max(axes) >= x.ndim or (axes == (-1,) and x.ndim == 2):
            continue
        centred = x - x.mean(axis=axes, keepdims=True)
        spread = np.abs(centred).sum(axis=axes, keepdims=True) / np.abs(hat).sum(axis=axes, keepdims=True)
        plain = centred.std(axis=axes, keepdims=True)
        if like(hat, centred / spread, 1e-9) and np.allclose(spread, plain, rtol=0.2):
            return Norm(axes, spread, kinds.get("gain"), kinds.get("shift"))
    return None


def judged(trial: Trial, norm: Norm) -> Iterator[Complaint]:
    """What is wrong with a norm's gradients."""
    x, dy, axes = trial.x, trial.dy, norm.axes
    hat = (x - x.mean(axis=axes, keepdims=True)) / norm.spread
    gain = _broadcast(trial, norm, hat)
    g, s = dy * gain, norm.spread

    def mean(a: Array) -> Array:
        return a.mean(axis=axes, keepdims=True)  # type: ignore[no-any-return]

    if trial.ran.dx is not None and trial.distance("dx") > 1e-3:
        dx = trial.ran.dx
        told = {"residual": trial.distance("dx")}
        tried = wrong_errors(dy, gain, hat, s, x, axes)
        code = next((code for code, wrong in tried if _near(dx, wrong)), None)
        if code:
            yield Complaint(code, "dx", told)
        else:
            yield from _scaled(trial, dx, (g - mean(g) - hat * mean(g * hat)) / s, told)
    for name, true in ((norm.gain, dy * hat), (norm.shift, dy)):
        if name is not None and name in trial.ran.grads and trial.distance(name) > 1e-3:
            yield from _own(trial, name, true, x, hat, s)


def wrong_errors(
    dy: Array, gain: Array, hat: Array, s: Array, x: Array, axes: tuple[int, ...], *, centred: bool = True
) -> Iterator[tuple[str, Array]]:
    """(code, what is taken for the derivative by x) for y = gain * hat + shift and hat = (x - mean) / s.

    Without `centred` no mean is taken away: hat = x / s.
    """
    g = dy * gain

    def mean(a: Array) -> Array:
        return a.mean(axis=axes, keepdims=True)  # type: ignore[no-any-return]

    def total(a: Array) -> Array:
        return a.sum(axis=axes, keepdims=True)  # type: ignore[no-any-return]

    def due(a: Array) -> Array:
        return mean(a) if centred else np.zeros_like(mean(a))

    yield "norm-statistics-constant", g / s
    if centred:
        yield "norm-mean-constant", (g - hat * mean(g * hat)) / s
        yield "norm-variance-constant", (g - mean(g)) / s
    if (gain != 1).any():
        yield "norm-gain-missing", (dy - due(dy) - hat * mean(dy * hat)) / s
    yield "norm-spread-missing", g - due(g) - hat * mean(g * hat)
    yield "norm-spread-missing", (g - due(g) - hat * mean(g * hat)) * s
    yield "norm-sums-not-averaged", (g - due(g) - hat * total(g * hat)) / s
    if centred:
        yield "norm-sums-not-averaged", (g - total(g) - hat * total(g * hat)) / s
        yield "norm-sums-not-averaged", (g - total(g) - hat * mean(g * hat)) / s
    yield "norm-passed-through", dy
    yield "norm-passed-through", g
    for c in (2.0, 0.5, -1.0):
        yield "norm-variance-term-wrong", (g - due(g) - c * hat * mean(g * hat)) / s
    for term in (mean(g * hat) / s, mean(g * hat) * s, mean(g * hat) * s * s):
        yield "norm-variance-term-wrong", (g - due(g) - hat * term) / s
    yield "norm-variance-term-wrong", (g - due(g) - hat * mean(g * x)) / s
    yield "norm-variance-term-wrong", (g - due(g) - hat * mean(dy * hat)) / s


def normalised(z: Array, y: Array) -> Array | None:
    """The h = (z - mean) / spread of which y is an activation, for each row or column; None where it is none."""
    for axis in (0, 1):
        centred = z - z.mean(axis=axis, keepdims=True)
        var = np.mean(centred**2, axis=axis, keepdims=True)
        if not (var > 0).all():
            continue
        rough = centred / np.sqrt(var)
        if any(np.abs(known.f(rough) - y).max() < _ROUGH for known in KNOWN):
            for eps in _EPSILONS:
                for spread in (np.sqrt(var + eps), np.sqrt(var) + eps):
                    if bend_of(centred / spread, y) is not None:
                        return centred / spread  # type: ignore[no-any-return]
    return None


def _near(a: Array, b: Array) -> bool:
    return like(a, b, 1e-4)  # epsilon may be left out on the way back


def _scaled(trial: Trial, dx: Array, true: Array, told: dict[str, float]) -> Iterator[Complaint]:
    k = float(np.vdot(dx, true) / np.vdot(true, true))
    if _near(dx, k * true) and k:
        code = "layer-gradient-sign" if k < 0 else "layer-gradient-scaled"
        yield Complaint(code, "dx", {"factor": k, "rows": len(dx)})
    elif not dx.any():
        yield Complaint("layer-gradient-missing", "dx", {"factor": 0.0})
    elif trial.scales("dx"):
        yield Complaint("layer-gradient-wrong", "dx", told)


def _broadcast(trial: Trial, norm: Norm, hat: Array) -> Array:
    """The gain in the shape of the batch."""
    if norm.gain is None:
        return np.ones_like(hat)
    one, two = trial.unit.worker(), trial.unit.worker()
    two.put(norm.gain, 2 * trial.unit.point[norm.gain])
    moved: Array = two.forward(trial.x.copy()) - one.forward(trial.x.copy())
    return moved / hat


def _own(trial: Trial, name: str, share: Array, x: Array, hat: Array, spread: Array) -> Iterator[Complaint]:
    """A gain's or shift's gradient: dy adds its share along the axes on which the parameter does not lie."""
    gradient, value = trial.ran.grads[name], trial.unit.point[name]
    told: dict[str, float] = {"residual": min(trial.distance(name), 1.0), "rows": len(x)}

    def summed(a: Array) -> Array | None:
        for axes in ((0,), (1,), (0, 1), (0, 2, 3), (1, 2, 3), (0, 1, 2)):
            fits = max(axes) < a.ndim and a.sum(axis=axes).size == value.size
            if fits and like(_one_way(trial, name), share.sum(axis=axes).reshape(-1), 1e-4):
                return a.sum(axis=axes)  # type: ignore[no-any-return]
        return None

    true = summed(share)
    if gradient.shape != value.shape:
        if gradient.size == 1 or gradient.shape == x.shape:
            yield Complaint("norm-parameter-not-summed", name, told)
        return
    if true is None:
        return
    flat, right = gradient.reshape(-1), true.reshape(-1)
    k = float(np.vdot(flat, right) / np.vdot(right, right))
    if not flat.any():
        yield Complaint("layer-gradient-missing", name, told | {"factor": 0.0})
    elif like(flat, k * right):
        if k < 0:
            yield Complaint("layer-gradient-sign", name, told | {"factor": k})
        else:
            yield Complaint("layer-gradient-scaled", name, told | {"factor": k}, convention="scale")
    elif share is not trial.dy and any(
        (other := summed(trial.dy * a)) is not None and like(flat, other.reshape(-1))
        for a in (x, trial.ran.y, hat * spread, hat / spread)
    ):
        yield Complaint("norm-gain-by-input", name, told)
    elif trial.scales(name):
        yield Complaint("layer-gradient-wrong", name, told)


def _one_way(trial: Trial, name: str) -> Array:
    """The numeric gradient of a short parameter."""
    found = trial.numeric(name)
    return np.zeros(0) if found is None else found.reshape(-1)
