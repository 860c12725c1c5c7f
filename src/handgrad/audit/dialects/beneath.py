"""Beneath: the gradients under a step whose optimizer scales each number by what it remembers, such as Adam.

Such a step is no multiple of a gradient. Where the code hands its gradients out before the optimizer gets them, these
are judged in place of the step, and the step remains to show what its optimizer does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from handgrad.audit.judging.identify import random_point
from handgrad.audit.judging.rates import scales_by_memory
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array

_ROWS = 5


def beneath(subject: Subject, gradients: Callable[[Array, Array], Mapping[str, Array]]) -> Subject:
    """The subject as it is; or with these gradients for its step, where that scales them and they can be had."""
    rng, saved = np.random.default_rng(13), subject.snapshot()
    x, y = rng.random((_ROWS, subject.features)), np.arange(_ROWS) % max(subject.classes, 2)
    try:
        subject.restore(random_point(subject, rng))
        if not scales_by_memory(subject, x, y, rng) or set(gradients(x, y)) != set(saved):
            return subject
    except Exception:  # it does not run, or nobody returns gradients
        return subject
    finally:
        if subject.afresh is not None:
            subject.afresh()
        subject.restore(saved)
    return replace(subject, step=None, gradients=gradients, whole=subject.step)


def in_place_of(update: str) -> str:
    """How a report says that gradients stand for a step."""
    return f"theta -= lr * gradient, in place of {update}"
