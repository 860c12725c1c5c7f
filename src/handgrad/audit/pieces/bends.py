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

    return Bend(name, lambda z: make()(z), slope)


KNOWN = (
    _of("ReLU", ReLU),
    _of("sigmoid", Sigmoid),
    _of("tanh", Tanh),
    _of("GELU", GELU),
    _of("SiLU", SiLU),
    _of("softplus", Softplus),
    _of("tanh-approximate GELU", lambda: GELU("tanh")),
    Bend("softsign", lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2),
    Bend("sigmoid-approximate GELU", lambda z: z * _sigmoid(1.702 * z), lambda z: _quick(z)),
)


def _sigmoid(z: Array) -> Array:
    return Sigmoid()(z)


def _quick(z: Array) -> Array:
    s = _sigmoid(1.702 * z)
    return s + 1.702 * z * s * (1 - s)  # type: ignore[no-any-return]


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


def mistaken(bend: Bend, z: Array, s: Array) -> Iterator[Complaint]:
    """What s is instead of bend's slope at z; the first that fits is it."""
    y, true = bend.f(z), bend.slope(z)
    distance = float(np.linalg.norm(s - true) / max(np.linalg.norm(true), np.linalg.norm(s)))
    told = {"activation": bend.name, "residual": distance}
    tried: list[tuple[str, Array]] = [
        ("derivative-at-output", bend.slope(y)),
        ("activation-derivative-missing", np.ones_like(z)),
    ]
    if bend.name == "sigmoid":
        tried.append(("derivative-fed-input", z * (1 - z)))
    if bend.name == "tanh":
        tried += [
            ("derivative-fed-input", 1 - z * z), ("tanh-square-missing", 1 - y), ("tanh-square-missing", 1 - z),
            ("tanh-square-missing", 1 - np.abs(y)),
        ]  # fmt: skip
    tried += [
        ("derivative-twice", true * true),
        ("derivative-sign", -true),
        ("derivative-reversed", bend.slope(-z)) if bend.name in ("ReLU", "leaky ReLU", "ELU") else ("", y),
        ("leaky-slope-missing", (z > 0) * 1.0) if bend.name == "leaky ReLU" else ("", y),
        ("leaky-slope-missing", np.where(z > 0, 1.0, 0.0)) if bend.name == "ELU" else ("", y),
        ("sigmoid-derivative-everywhere", y * (1 - y)),
    ]
    if bend.name in ("sigmoid", "tanh", "softplus"):
        tried.append(("derivative-is-value", y))
    tried += [("derivative-is-value", y), ("derivative-is-value", z)]
    for code, other in tried:
        if code and not like(other, true, 1e-3) and like(s, other):
            yield Complaint(code, measured=told)
            return
    if bend.name in ("ReLU", "leaky ReLU", "ELU") and like(s[z > 0], true[z > 0]) and s[z < 0].std() < 1e-9:
        if not like(s, true, 1e-3):
            yield Complaint("negative-side-wrong", measured=told | {"slope": float(s[z < 0].mean())})
        return
    for other_bend in KNOWN:
        for at in (z, y):
            wrong = other_bend.slope(at)
            if like(s, wrong) and not like(wrong, true, 1e-8):
                close = like(wrong, true, 0.02)
                code = "derivative-of-approximation" if close else "derivative-of-another"
                yield Complaint(
                    code, measured=told | {"other": other_bend.name}, severity="warning" if close else "error"
                )
                return
