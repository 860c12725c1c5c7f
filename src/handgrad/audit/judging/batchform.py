"""Batch form: what a batch of the user's says about a network: numbers a sample, classes, the form of the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.audit.subject import Subject
from handgrad.errors import InputError


@dataclass(frozen=True)
class BatchForm:
    """What is known of the batches that a network takes.

    Attributes:
        features: numbers a sample, as rows or as columns; empty where nothing is known.
        classes: how many classes there may be; empty where nothing is known.
        least: there are at least so many classes, or it is a single output.
        labels: "one-hot", "whole" or "" where it is not known.
    """

    features: frozenset[int] = frozenset()
    classes: frozenset[int] = frozenset()
    least: int = 0
    labels: str = ""

    @classmethod
    def of(cls, x: Any, y: Any) -> BatchForm:
        """Of a batch and its labels, each of which may be None. InputError where they do not fit together."""
        features: frozenset[int] = frozenset()
        rows: set[int] = set()
        if x is not None:
            data = _numbers(x)
            if data.ndim < 2 or not data.size:
                raise InputError("audit.x_shape", shape=data.shape)
            if not np.isfinite(data).all():
                raise InputError("audit.x_finite")
            columns = {data.shape[0]} if data.ndim == 2 else set()
            features = frozenset({int(np.prod(data.shape[1:])), *columns})
            rows = {data.shape[0], data.shape[-1]} if data.ndim == 2 else {data.shape[0]}
        if y is None:
            return cls(features)
        labels = _numbers(y)
        if rows and (labels.ndim == 0 or not {labels.shape[0], labels.shape[-1]} & rows):
            raise InputError("audit.y_length", rows=len(data), labels=len(np.atleast_1d(labels)))
        if labels.ndim == 2 and min(labels.shape) > 1:
            one_hot = {0.0, 1.0} >= set(np.unique(labels))
            return cls(features, frozenset(labels.shape), labels="one-hot" if one_hot else "")
        whole = labels.size > 0 and bool((labels == np.round(labels)).all()) and labels.min() >= 0
        return cls(features, least=int(labels.max()) + 1, labels="whole") if whole else cls(features)

    def fits(self, subject: Subject, told: str) -> bool:
        """Whether a network may take such batches. `told`: the form of labels that it was found to take, in words."""
        if self.features and subject.features not in self.features:
            return False
        if self.classes and subject.classes not in self.classes:
            return False
        single = subject.classes == 1 and self.least <= 2
        if self.least and not single and subject.classes < self.least:
            return False
        return not (self.labels and subject.classes > 1) or told.startswith("one-hot") == (self.labels == "one-hot")


def _numbers(value: Any) -> Any:
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise InputError("audit.x_shape", shape=type(value).__name__) from None
