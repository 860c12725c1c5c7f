"""Charges: what the loss of an unknown network charges for its weights, and whether its gradients know of it.

At an input of zeros the first layer's weights change the loss by their penalty alone, whatever the network is. With
that, a gradient that differs from the true one by a share of the parameter itself has a name. What is charged for the
weights above is not seen: they have a name where the same is wrong with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.judging.batch import Batch
from handgrad.audit.judging.decay import judged
from handgrad.audit.judging.descent import alike
from handgrad.audit.judging.truth import slopes
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_LIKE = 1e-2  # relative: two measurements of one share
_EXACT = 3e-3  # relative to the difference: what a share leaves of it
_NOTHING = 1e-9  # relative to the parameter: a slope that is none

# gradient, true gradient and the parameter itself, along the same directions
Along = tuple[Array, Array, Array]


def charged(
    subject: Subject, batches: Sequence[Batch], wrong: Mapping[str, Sequence[Along]], rng: np.random.Generator
) -> list[Finding]:
    """Findings about those wrong gradients that are right but for a share of the parameter itself.

    Args:
        subject: at the point at which its gradients were taken; it is left there.
        batches: of which they were taken.
        wrong: parameter -> for each batch what is known of its gradient.
        rng: for directions.
    """
    rows = [one.rows for one in batches]
    found = {name: [share for one in each if (share := _share(*one)) is not None] for name, each in wrong.items()}
    sure = {n: each for n, each in found.items() if len(each) == len(rows) and alike(each, rows, _LIKE / 10)}
    more = {name: np.array(each) for name, each in sure.items()}
    first = _first(subject, batches, rng) if more else None
    if first is None:
        return []
    name, due = first
    same = {n for n, share in more.items() if name in more and np.allclose(share, more[name], rtol=_LIKE)}
    biases = {n for n in more if subject.parameters()[n].ndim < 2}
    alone = {n for n in biases - same if (more[n] > 0).all()}  # decayed, and not charged for
    shares = {n: more[n] + due if n in same else more[n] for n in more if n in same | alone}
    shares = {n: np.where(np.abs(share) <= _LIKE * np.abs(due), 0.0, share) for n, share in shares.items()}
    dues = {n: due if n in same else np.zeros_like(due) for n in shares}
    return judged(shares, dues, biases, charged=bool(due.any()))


def _share(gradient: Array, true: Array, own: Array) -> float | None:
    """What the gradient holds of the parameter beyond the true one; None where that does not explain it."""
    if len(gradient) < 3:
        return None
    (factor, more), *_ = np.linalg.lstsq(np.stack([true, own], axis=1), gradient, rcond=None)
    left = np.linalg.norm(gradient - factor * true - more * own)
    return float(more / factor) if factor and left <= _EXACT * np.linalg.norm(gradient - factor * true) else None


def _first(subject: Subject, batches: Sequence[Batch], rng: np.random.Generator) -> tuple[str, Array] | None:
    """(the first layer's weights, their share in the derivative of the loss for each batch); None where that is more
    than a share.
    """
    point = subject.parameters()
    for name in (name for name, value in point.items() if value.ndim == 2 and subject.features in value.shape):
        found = []
        for one in batches:
            at_zero = slopes(subject, np.zeros_like(one.x), one.y, rng, names={name})
            if name not in at_zero.values:
                break
            slope, own = at_zero.values[name], at_zero.along(point)[name]
            share = float(np.vdot(slope, own) / np.vdot(own, own))
            if np.linalg.norm(slope - share * own) > _LIKE * np.linalg.norm(slope) and np.abs(slope).max() > _NOTHING:
                break
            found.append(share if abs(share) > _NOTHING else 0.0)
        else:
            return name, np.array(found)
    return None
