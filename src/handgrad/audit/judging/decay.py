"""Decay: whether the weights' own share in their gradients is the derivative of what the loss charges for them.

A share without a charge is weight decay, a convention, unless the loss charges for other parameters, or biases alone
have it: what is left out by convention is they. A charge without its share, or with another one, is a mistake.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.judging.descent import Link
from handgrad.audit.judging.penalty import Penalty
from handgrad.core.arrays import Array

_LIKE = 1e-3  # relative: shares that are one and the same


def decayed(
    links: Sequence[Link], penalty: Penalty | None, rows: Sequence[int], biases: Collection[str] = ()
) -> list[Finding]:
    """Findings about the weights' own share in their gradients.

    Args:
        links: what explains the gradients of several batches.
        penalty: what the loss charges; None for nothing.
        rows: of each batch.
        biases: the names of those parameters that are biases.
    """
    shares: dict[str, Array] = {}
    dues: dict[str, Array] = {}
    for name, fits in ((name, both) for link in links for name, both in link.fits.items()):
        if not all(one.exact and one.factor for one in fits):
            continue
        due = np.array([_due(penalty, name, count) for count in rows])
        factors = np.array([one.factor for one in fits])
        if (factors < 1).all() and np.ptp(factors) and np.allclose([one.decay for one in fits], due, rtol=_LIKE):
            continue  # an average that is wrong beside it, which is said
        shares[name], dues[name] = np.array([one.decay / one.factor for one in fits]), due
    return judged(shares, dues, biases, charged=penalty is not None and bool(penalty.names))


def judged(
    shares: Mapping[str, Array], dues: Mapping[str, Array], biases: Collection[str], *, charged: bool
) -> list[Finding]:
    """Findings about shares of parameters in their gradients that are not what is due.

    Args:
        shares: parameter -> its share in its gradient, one number a batch.
        dues: parameter -> the share that the derivative of the loss has.
        biases: the names of those parameters that are biases.
        charged: whether the loss charges for any: then that some are left out is no convention.
    """
    found: dict[str, list[str]] = {}
    measured: dict[str, dict[str, float]] = {}
    for name, share in shares.items():
        due = dues[name]
        code = _code(share, due)
        if code:
            found.setdefault(code, []).append(name)
            ratio = float(share[-1] / due[-1]) if due[-1] else 0.0
            measured.setdefault(code, {"share": float(share[-1]), "due": float(due[-1]), "ratio": ratio})
    biases_alone = set(found.get("weight-decay", ())) <= set(biases)
    severity = {"weight-decay": "warning" if charged or biases_alone else "note", "penalty-scaled": "warning"}
    return [
        Finding(code, severity.get(code, "error"), tuple(names), measured[code], {"share": measured[code]["due"]})
        for code, names in found.items()
    ]


def _due(penalty: Penalty | None, name: str, rows: int) -> float:
    """The share of a parameter that the derivative of the penalty has."""
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
