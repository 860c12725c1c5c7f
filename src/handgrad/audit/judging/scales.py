"""Scales: what the factors between gradients and their true values mean, from how they change with the batch.

One factor for all parameters is the business of the learning rate; a factor for some of them is a mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.judging.measure import Fit
from handgrad.core.arrays import Array

_FEWEST_FIXED = 7.5  # rows of a batch that people fix; a smaller divisor is another convention
_LIKE = 1e-4  # relative: factors that are one and the same


def scales(found: Sequence[Mapping[str, Fit]], rows: Sequence[int], *, averaged: bool = True) -> list[Finding]:
    """Findings about factors.

    Args:
        found: for each batch, parameter -> its gradient as a multiple of the true one.
        rows: of each batch.
        averaged: whether the reported loss is a mean over the batch, and not a sum.
    """
    groups = _groups(found)
    if not groups:
        return []
    sizes = np.array(rows, np.float64)
    powers = [_power(factors, sizes) for factors, _ in groups]
    most = max(range(len(groups)), key=lambda i: len(groups[i][1]))
    share, names = groups[most]
    if not averaged and powers[most] == -1:  # a convention of most, against which the rest is held
        rest = [{n: replace(fit, factor=fit.factor / abs(part)) for n, fit in one.items()}
                for one, part in zip(found, share, strict=True)]  # fmt: skip
        return [_finding("averaged", "note", names, abs(float(share[-1])), rows, {}), *scales(rest, rows)]
    if len(groups) > 1 and any(p == -2 for p in powers) and all(p is not None and p <= 0 for p in powers):
        names = [name for (_, group), p in zip(groups, powers, strict=True) for name in group if p != 0]
        least = min(float(factors[-1]) for factors, _ in groups)
        return [_finding("averaged-every-layer", "error", names, least, rows, {})]
    usual = max(range(len(groups)), key=lambda i: (np.allclose(groups[i][0], 1, rtol=_LIKE), len(groups[i][1])))
    reference = {"others": ", ".join(groups[usual][1]), "reference": float(groups[usual][0][-1])}
    findings = []
    for i, (factors, names) in enumerate(groups):
        meant = _meaning(factors, powers[i], sizes)
        if i != usual:  # a convention that only some follow is none
            meant = [(code, severity) for code, severity in meant if severity == "error"] or [("uneven-scale", "error")]
        for code, severity in meant:
            more = reference if code == "uneven-scale" else {}
            findings.append(_finding(code, severity, names, float(factors[-1]), rows, more))
    return findings


def _finding(
    code: str, severity: str, names: Sequence[str], factor: float, rows: Sequence[int], more: Mapping[str, Any]
) -> Finding:
    measured = {"factor": factor, "rows": rows[-1], **more}
    return Finding(code, severity, tuple(names), measured, {"factor": 1.0})


def _groups(found: Sequence[Mapping[str, Fit]]) -> list[tuple[Array, list[str]]]:
    """(factor at each batch, parameters that have it)."""
    groups: list[tuple[Array, list[str]]] = []
    for name in found[0]:
        factors = np.array([one[name].factor for one in found])
        like = next((names for known, names in groups if np.allclose(factors, known, rtol=_LIKE, atol=0)), None)
        if like is None:
            groups.append((factors, [name]))
        else:
            like.append(name)
    return groups


def _power(factors: Array, rows: Array) -> int | None:
    """The p for which the factor goes with B^p; None where it goes with no power of the batch size."""
    for p in (0, -1, 1, -2, -3):
        rest = factors / rows**p
        if np.allclose(rest, rest[0], rtol=_LIKE, atol=0):
            return p
    return None


def _meaning(factors: Array, power: int | None, rows: Array) -> list[tuple[str, str]]:
    """(code, severity) of what a factor at each batch size says."""
    if np.allclose(factors, 1, rtol=_LIKE, atol=0):
        return []
    if (factors < 0).all() and power is not None:
        return [("sign-flipped", "error"), *_meaning(-factors, power, rows)]
    match power:
        case 0:
            return [("constant-factor", "note")]
        case -1:
            return [("averaged-twice", "error")]
        case -2 | -3:
            return [("averaged-every-layer", "error")]
        case 1 if float(np.mean(factors / rows)) > 1 / _FEWEST_FIXED:
            return [("summed", "note")]
        case 1:  # summed, and divided by a number that does not change with the batch
            return [("batch-dependent-factor", "warning")]
    return [("batch-dependent-factor", "error")]
