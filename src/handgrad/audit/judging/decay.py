"""Decay: whether the weights' own share in their gradients is the derivative of what the loss charges for them.

A share without a charge is weight decay, a convention, unless the loss charges for other parameters, or biases alone
have it: what is left out by convention is they. A charge without its share, or with another one, is a mistake.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.judging.measure import Fit
from handgrad.audit.judging.penalty import Penalty
from handgrad.core.arrays import Array

_LIKE = 1e-3  # relative: shares that are one and the same


def decayed(
    fits: Mapping[str, Sequence[Fit]], due: Mapping[str, Sequence[float]], biases: Collection[str], *, charged: bool
) -> list[Finding]:
    """Findings about the parameters' own share in their gradients.

    Args:
        fits: what explains the gradient of a parameter in each of several batches.
        due: the share that the derivative of the loss has, in each of them.
        biases: the names of those parameters that are biases.
        charged: whether the loss charges for any parameter: then that others are left out is no convention.
    """
    found: dict[str, list[str]] = {}
    measured: dict[str, dict[str, float]] = {}
    for name, both in fits.items():
        if not all(one.exact and one.factor for one in both):
            continue
        shares, wanted = np.array([one.decay / one.factor for one in both]), np.array(due[name])
        factors = np.array([one.factor for one in both])
        if (factors < 1).all() and np.ptp(factors) and np.allclose([one.decay for one in both], wanted, rtol=_LIKE):
            continue  # an average that is wrong beside it, which is said
        code = _code(shares, wanted)
        if code:
            found.setdefault(code, []).append(name)
            ratio = float(shares[-1] / wanted[-1]) if wanted[-1] else 0.0
            measured.setdefault(code, {"share": float(shares[-1]), "due": float(wanted[-1]), "ratio": ratio})
    biases_alone = set(found.get("weight-decay", ())) <= set(biases)
    severity = {"weight-decay": "warning" if charged or biases_alone else "note", "penalty-scaled": "warning"}
    return [
        Finding(code, severity.get(code, "error"), tuple(names), measured[code], {"share": measured[code]["due"]})
        for code, names in found.items()
    ]


def share_due(penalty: Penalty | None, name: str, rows: int) -> float:
    """The share of a parameter that the derivative of a penalty has in a batch of so many rows."""
    if penalty is None or name not in penalty.names:
        return 0.0
    return penalty.factor * (2 if penalty.kind == "squares" else 1) / (rows if penalty.by_rows else 1)


def _code(shares: Array, due: Array) -> str:
    if np.allclose(shares, due, rtol=_LIKE, atol=1e-12):
        return ""
    if (shares < 0).all():
        return "weight-decay-sign"
    if not due.any():
        return "weight-decay"
    return "penalty-scaled" if shares.any() else "penalty-missing"
