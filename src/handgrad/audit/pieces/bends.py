"""Bends: which activation somebody's function is, by its values, and which mistake its derivative is, by its."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from handgrad.audit.pieces.complaint import Complaint
from handgrad.audit.pieces.trial import like
from handgrad.core.arrays import Array
from handgrad.core.layers import ELU, GELU, Layer, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh

Function = Callable[[Array], Array]


@dataclass(frozen=True)
class Bend:
    """An activation: f and its derivative, both of its input."""

    name: str
    f: Function
    slope: Function


def _of(name: str, make: Callable[[], Layer]) -> Bend:
    def slope(z: Array) -> Array:
        layer = make()
        layer(z)
        return layer.backward(np.ones_like(z))

    def value(z: Array) -> Array:
        return make()(z)

    return Bend(name, value, slope)


def _quick(z: Array) -> Array:
    s = Sigmoid()(1.702 * z)
    return s + 1.702 * z * s * (1 - s)  # type: ignore[no-any-return]


KNOWN = (
    _of("ReLU", ReLU),
    _of("sigmoid", Sigmoid),
    _of("tanh", Tanh),
    _of("GELU", GELU),
    _of("SiLU", SiLU),
    _of("softplus", Softplus),
    _of("tanh-approximate GELU", lambda: GELU("tanh")),
    Bend("softsign", lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2),
    Bend("sigmoid-approximate GELU", lambda z: z * Sigmoid()(1.702 * z), _quick),
)


_BROKEN = ("ReLU", "leaky ReLU", "ELU")  # a line above 0, and a mask on the way back


def bend_of(z: Array, y: Array) -> Bend | None:
    """The activation that gives y of z, number by number; None where none is known."""
    if z.shape != y.shape:
        return None
    for known in KNOWN:
        if like(known.f(z), y, 1e-9):
            return known
    below = z < 0
    if below.sum() < 3 or not like(y[~below], z[~below], 1e-9):
        return None
    slope = float(np.mean(y[below] / z[below]))
    if slope > 0 and like(y[below], slope * z[below], 1e-9):
        return _of("leaky ReLU", lambda: LeakyReLU(slope))
    alpha = float(np.mean(y[below] / np.expm1(z[below])))
    if alpha > 0 and like(y[below], alpha * np.expm1(z[below]), 1e-9):
        return _of("ELU", lambda: ELU(alpha))
    return None


def bend_and_mask(z: Array, y: Array) -> tuple[Bend, Array] | None:
    """The activation of which y is what a dropout leaves, and by what that multiplies each number; None where y is
    none, or nothing is dropped.
    """
    kept = y != 0
    for known in KNOWN if z.shape == y.shape else ():
        whole = known.f(z)
        dropped, made = ~kept & (whole != 0), kept & (whole == 0)
        if like(whole, z, 1e-9) or not dropped.any() or made.any() or kept.sum() < 3:
            continue
        ratio = y[kept] / whole[kept]
        if float(np.ptp(ratio)) <= 1e-9 * abs(float(ratio[0])):
            return known, np.where(dropped, 0.0, ratio[0])
    return None


def mistakes(bend: Bend, z: Array) -> Iterator[tuple[str, Array, dict[str, str]]]:
    """(code, what it would multiply the error by, more to tell) of every known mistake that differs from the slope."""
    y, true = bend.f(z), bend.slope(z)
    tried: list[tuple[str, Array]] = [
        ("derivative-at-output", bend.slope(y)),
        ("activation-derivative-missing", np.ones_like(z)),
    ]
    if bend.name == "sigmoid":
        tried.append(("derivative-fed-input", z * (1 - z)))
    if bend.name == "tanh":
        tried.append(("derivative-fed-input", 1 - z * z))
        tried += [("derivative-incomplete", 1 - one) for one in (y, z, np.abs(y))]
    tried += [("derivative-applied-twice", true * true), ("derivative-sign", -true)]
    if bend.name in _BROKEN:
        tried.append(("mask-inverted", bend.slope(-z)))
    if bend.name in ("leaky ReLU", "ELU"):
        tried.append(("leaky-slope-missing", (z > 0) * 1.0))
    tried += [("sigmoid-derivative-everywhere", y * (1 - y)), ("derivative-is-value", y), ("derivative-is-value", z)]
    for code, other in tried:
        if not like(other, true, 1e-3):
            yield code, other, {}
    for known in KNOWN:
        for at in (z, y):
            other = known.slope(at)
            if not like(other, true, 1e-8):
                code = "derivative-of-approximation" if like(other, true, 0.02) else "derivative-of-another-activation"
                yield code, other, {"other": known.name}


def mistaken(bend: Bend, z: Array, s: Array) -> Iterator[Complaint]:
    """What s is instead of bend's slope at z; the first that fits is it."""
    true = bend.slope(z)
    told = {"activation": bend.name, "residual": apart(s, true)}
    found = next(((code, more) for code, other, more in mistakes(bend, z) if like(s, other)), None)
    broken = bend.name in _BROKEN and like(s[z > 0], true[z > 0]) and float(s[z < 0].std()) < 1e-9
    if found is not None and not (broken and found[0] == "derivative-of-another-activation"):
        yield Complaint(found[0], measured=told | found[1], severity=_severity(found[0]))
    elif broken and not like(s, true, 1e-3):
        yield Complaint("negative-side-wrong", measured=told | {"slope": float(s[z < 0].mean())})


def apart(a: Array, b: Array) -> float:
    """How far two arrays are apart, relative to the larger."""
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(a), np.linalg.norm(b)))


def _severity(code: str) -> str:
    return "warning" if code == "derivative-of-approximation" else "error"
