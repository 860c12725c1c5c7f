"""Limits: gradients that a step cuts off, number by number or by their norm, so that a large one does no harm.

What is cut off still points where it should, or would if nothing were cut. How large it was cannot be seen any more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.judging.evidence import Evidence
from handgrad.audit.judging.measure import Fit, fit
from handgrad.core.arrays import Array

_EQUAL = 1e-9  # relative: numbers that are one and the same limit
_ROUND = 1e-12  # relative: a number that somebody wrote down in two digits
_APART = 1e-3  # relative: factors that are not one and the same
_FEWEST = 3  # numbers that lie at a limit; two may be equal for another reason


def limit(gradients: Sequence[Mapping[str, Array]]) -> float | None:
    """The largest number of all gradients, where too many are just as large to be so by chance. Beside some of these
    lie smaller ones of the same array; where only the signs are left, none do.
    """
    arrays = [value for one in gradients for value in one.values()]
    most = max((float(np.abs(value).max(initial=0.0)) for value in arrays), default=0.0)
    at = [_at(value, most) for value in arrays]
    beside = any(cut.any() and value[~cut].any() for value, cut in zip(arrays, at, strict=True))
    return most if most and beside and sum(int(cut.sum()) for cut in at) >= _FEWEST else None


def cut(gradients: Sequence[Mapping[str, Array]]) -> set[str]:
    """The parameters in whose gradients a number lies at a limit that they share."""
    most = limit(gradients)
    return set() if most is None else {n for one in gradients for n, value in one.items() if _at(value, most).any()}


def released(
    gradients: Sequence[Mapping[str, Array]], true: Sequence[Mapping[str, Array]], exact: float
) -> tuple[list[dict[str, Array]], float | None]:
    """(gradients as they were before their numbers were cut off, the limit), where the true ones show that only the
    limit keeps them from being multiples of these; else (as they are, None).
    """
    most, as_they_are = limit(gradients), [dict(one) for one in gradients]
    if most is None:
        return as_they_are, None
    found = [
        {name: _released(value, t[name], most, exact) if name in t else value for name, value in one.items()}
        for one, t in zip(gradients, true, strict=True)
    ]
    changed = any(new[name] is not old[name] for new, old in zip(found, gradients, strict=True) for name in old)
    return (found, most) if changed else (as_they_are, None)


def _released(gradient: Array, true: Array, most: float, exact: float) -> Array:
    """What a gradient was, if cutting off a multiple of the true one at a limit makes it; else itself."""
    at = _at(gradient, most)
    if not at.any() or not true[at].all():
        return gradient
    found = fit(gradient[~at], true[~at], exact)
    factor = found.factor if gradient[~at].any() else 2 * most / float(np.abs(true[at]).min())  # all of it lies there
    beyond = factor * true[at] * np.sign(gradient[at]) > most * (1 + _EQUAL)
    return factor * true if found.exact and beyond.all() else gradient


def norm(gradients: Sequence[Mapping[str, Array]], evidence: Sequence[Evidence]) -> float | None:
    """The norm at which gradients are cut off, each or all together, where their factors change with the batch: several
    have the largest norm of all, or one does, and it is a round number.
    """
    fits = [one.fits for one in evidence]
    names = [name for name in gradients[0] if all(name in one and one[name].exact for one in fits)]
    if all(_near(fits[0][name].factor, fits[-1][name].factor, _APART) for name in names):
        return None
    each = np.array([[np.linalg.norm(one[name]) for name in names] for one in gradients])
    for norms in (each.reshape(-1), np.linalg.norm(each, axis=1)):
        most = float(norms.max())
        if most and (_at(norms, most).sum() > 1 or _near(most, float(f"{most:.1e}"), _ROUND)):
            return most
    return None


def signs(fits: Sequence[Mapping[str, Fit]]) -> list[dict[str, Fit]]:
    """All that factors tell of gradients that are cut off: 1 or -1."""
    return [{name: replace(one, factor=float(np.sign(one.factor))) for name, one in both.items()} for both in fits]


def told(most: float, names: Collection[str]) -> Finding:
    """The finding, which is no mistake."""
    return Finding("optimizer-clipped", "note", tuple(names), {"most": most, "optimizer": "update"}, {})


def _at(values: Array, most: float) -> Array:
    return np.abs(values) >= most * (1 - _EQUAL)


def _near(one: float, other: float, rtol: float) -> bool:
    return abs(one - other) <= rtol * abs(other)
