"""Slips of losses: what a gradient is that is not its value's, among what people write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.audit.pieces.complaint import Complaint
from handgrad.audit.pieces.softmaxes import softmax
from handgrad.audit.pieces.trial import like
from handgrad.core.arrays import Array


def named(
    p: Array, t: Array, axis: int, gradient: Array, true: Array, where: Callable[..., Any], *, scores: bool
) -> Complaint:
    """What a gradient is that is not its value's: of predictions p and labels t of one form, whose classes lie along an
    axis. Of `scores` only differences count. `where`: the function of the user's that gives it.
    """
    told: dict[str, Any] = {
        "residual": float(np.linalg.norm(gradient - true) / max(np.linalg.norm(gradient), np.linalg.norm(true)))
    }
    if is_multiple(gradient, -true):
        return Complaint("sign-flipped", "dx", told | {"factor": -1.0}, convention="scale", function=where)
    if not gradient.any():
        return Complaint("loss-gradient-missing", "dx", told, function=where)
    inner = softmax(p, axis) if scores else p
    many = scores and t.ndim == 2
    d = inner - t
    clipped = np.clip(p, 1e-12, 1 - 1e-12)
    tried: list[tuple[str, str, Array]] = [
        ("softmax-as-sigmoid", "", d * inner * (1 - inner) if scores else 0 * d),
        ("gradient-of-squared-error", "", _through(inner, d, axis) if scores else 0 * d),
        ("gradient-of-another-loss", "squared error", p - t),
        ("gradient-of-another-loss", "absolute error", np.sign(p - t)),
        ("gradient-of-another-loss", "binary cross-entropy", (p - t) / (clipped * (1 - clipped))),
        ("gradient-of-another-loss", "cross-entropy of probabilities", -t / clipped),
        ("gradient-of-another-loss", "cross-entropy of scores", softmax(p, axis) - t),
        ("gradient-of-another-loss", "squared error, squared once more", (p - t) ** 2),
        ("every-row-indexed", "", inner - t.max(axis=int(axis == 0), keepdims=True) if many else 0 * d),
        *(("error-of-another-class", "", inner - np.roll(t, k, axis) if many else 0 * d) for k in (1, -1)),
        ("loss-labels-missing", "", inner),
        ("loss-gradient-value", "", t * np.log(np.abs(clipped))),
        ("loss-gradient-value", "", -t * np.log(np.abs(clipped))),
    ]
    for code, other, wrong in tried:
        if is_multiple(gradient, wrong) or (code == "gradient-of-another-loss" and is_multiple(gradient, -wrong)):
            pairing = "pairing" if other == "squared error" else ""
            return Complaint(code, "dx", told | ({"other": other} if other else {}), convention=pairing, function=where)
    return Complaint("loss-gradient-wrong", "dx", told, function=where)


def _through(p: Array, d: Array, axis: int) -> Array:
    """d through the softmax's Jacobian."""
    return p * (d - (d * p).sum(axis=axis, keepdims=True))  # type: ignore[no-any-return]


def is_multiple(gradient: Array, other: Array) -> bool:
    """Whether one array is another but for a factor above 0."""
    size = float(np.vdot(other, other))
    k = float(np.vdot(gradient, other)) / size if size else 0.0
    return k > 0 and like(gradient, k * other, 1e-3)
