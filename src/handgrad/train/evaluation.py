"""Evaluation: how good a trained net is, which classes it mixes up, and whether its confidence can be believed.

Everything comes from one pass over the images: `evaluate` counts, and `probabilities` hands out what it counts from.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.checks import positive_int
from handgrad.core.layers.activations import Sigmoid
from handgrad.core.layers.softmax import softmax
from handgrad.core.losses import MSE, BinaryCrossEntropy, Huber, one_hot
from handgrad.data.batches import in_parts
from handgrad.errors import DivergedError, InputError
from handgrad.train.checks import need_criterion, need_predictor
from handgrad.train.guests import evaluating
from handgrad.train.samples import as_numbers
from handgrad.words import say

BINS = 15  # of the calibration error, as many as in Guo et al. 2017


@dataclass(frozen=True, slots=True)
class Mistake:
    """One image that was classified wrong.

    Attributes:
        index: its row among the images, from 0.
        true: its class.
        predicted: the class that the net chose.
        confidence: the probability that the net gave to its choice.
    """

    index: int
    true: int
    predicted: int
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What a net does on labelled images. A share whose denominator is 0 is 0: say, the recall of an absent class.

    Attributes:
        n: images.
        loss: mean over the images: of the criterion, or without one -log of the probability of the true class, in nats.
        accuracy: share of the images that were classified right.
        confusion: counts (classes, classes), a row for each true class, a column for each predicted one.
        precision: (classes,), of the images that were called this class, the share that are of it.
        recall: (classes,), of the images of this class, the share that were called so.
        f1: (classes,), harmonic mean of precision and recall.
        support: (classes,), images of this class.
        calibration_error: expected calibration error (Guo et al. 2017, section 2): the mean distance between confidence
            and accuracy in 15 bins of equal width, each weighted with its share of the images. From 0 (good) to 1.
        mistakes: the wrong predictions that the net was surest of, the worst first.
    """

    n: int
    loss: float
    accuracy: float
    confusion: Array
    precision: Array
    recall: Array
    f1: Array
    support: Array
    calibration_error: float
    mistakes: tuple[Mistake, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as plain values for `json.dumps`; a loss that is no finite number becomes None."""
        values = {name: getattr(self, name) for name in self.__slots__}
        arrays = {name: value.tolist() for name, value in values.items() if isinstance(value, np.ndarray)}
        mistakes = [{key: getattr(m, key) for key in Mistake.__slots__} for m in self.mistakes]
        loss = self.loss if math.isfinite(self.loss) else None
        return values | arrays | {"loss": loss, "mistakes": mistakes}

    def __repr__(self) -> str:
        return (
            f"Evaluation(n={self.n}, loss={self.loss:.4f}, accuracy={self.accuracy:.4f}, "
            f"calibration_error={self.calibration_error:.4f}, classes={len(self.support)})"
        )

    def _repr_html_(self) -> str:
        caption = say(
            "evaluate_cli.result", n=f"{self.n:,}", accuracy=f"{self.accuracy:.2%}", loss=f"{self.loss:.4f}",
            calibration=f"{self.calibration_error:.2%}",
        )  # fmt: skip
        names = ("class", "precision", "recall", "f1", "support")
        head = "".join(f"<th>{escape(say(f'evaluate_cli.{name}'))}</th>" for name in names)
        shares = zip(self.precision, self.recall, self.f1, self.support, strict=True)
        rows = "".join(
            f"<tr><th>{i}</th>{''.join(f'<td>{share:.2%}</td>' for share in row)}<td>{int(count):,}</td></tr>"
            for i, (*row, count) in enumerate(shares)
        )
        return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{rows}</table>"


def probabilities(net: Any, images: Any, *, batch_size: int = 1000) -> Array:
    """The probability of each class for each image, the net in evaluation mode; its mode is restored afterwards.

    Args:
        net: ends in logits (softmax is applied here), in Softmax, or in Sigmoid. What a Sigmoid gives stays as it is:
            a number from 0 to 1 a class, not a distribution.
        images: (n, ...), uint8 from 0 to 255 (divided by 255) or floats (taken as they are); flattened.
        batch_size: rows at a time, which bounds the memory.

    Returns:
        (n, classes), of the net's dtype.

    Raises:
        InputError: for no images, or a net that does not give a row of two numbers or more for each image.
        DivergedError: where the net's output is not finite.
    """
    return _as_probabilities(net, _outputs(net, as_numbers(images), batch_size))


def evaluate(
    net: Any, images: Any, labels: Any, criterion: Any = None, *, batch_size: int = 1000, worst: int = 25
) -> Evaluation:
    """Count what a net gets right and wrong on labelled images, and how far its confidence can be trusted.

    Args:
        net: see `probabilities`.
        images: likewise.
        labels: whole numbers (n,), from 0 to classes - 1.
        criterion: the loss to report, called with (output, labels) or, if it is one that compares numbers (MSE, Huber,
            BinaryCrossEntropy), with one-hot labels. Its own state is left alone.
        batch_size: rows at a time.
        worst: how many mistakes to keep.

    Raises:
        InputError: for labels that do not fit, and as `probabilities`.
        DivergedError: where the net's output is not finite.
    """
    if criterion is not None:
        need_criterion(criterion)
    images = as_numbers(images)
    labels = _labels(labels, images)
    outputs = _outputs(net, images, batch_size)
    n, classes = outputs.shape
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError("evaluate.label_range", low=labels.min(), high=labels.max(), classes=classes)
    p = _as_probabilities(net, outputs)
    loss = _mean_loss(criterion, outputs, labels, batch_size) if criterion is not None else _surprise(p, labels)

    predicted = p.argmax(axis=1)  # (n, classes) -> (n,)
    confidence = p[np.arange(n), predicted].astype(np.float64)
    right = predicted == labels
    confusion = np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    support, called, hits = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    return Evaluation(
        n=n,
        loss=loss,
        accuracy=float(right.sum()) / n,
        confusion=confusion,
        precision=_share(hits, called),
        recall=_share(hits, support),
        f1=_share(2 * hits, called + support),  # 2pr / (p + r), with p = hits/called and r = hits/support
        support=support,
        calibration_error=_calibration_error(confidence, right),
        mistakes=_worst(labels, predicted, confidence, right, worst),
    )


def _outputs(net: Any, images: Array, batch_size: int) -> Array:
    """What the net gives, (n, classes)."""
    batch_size = positive_int(batch_size, "batch_size", 1_000_000)
    if len(images) == 0:
        raise InputError("evaluate.empty")
    predict = need_predictor(net)
    with evaluating(net), np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # looked for below
        parts = [np.asarray(predict(x)) for x in in_parts(images, batch_size, getattr(net, "dtype", np.float32))]
    outputs = np.concatenate(parts)
    if outputs.ndim != 2 or len(outputs) != len(images) or outputs.shape[1] < 2:
        raise InputError("evaluate.outputs", got=outputs.shape, n=len(images))
    if not np.isfinite(outputs).all():
        raise DivergedError("evaluate.not_finite", rows=int((~np.isfinite(outputs)).any(axis=1).sum()), n=len(images))
    return outputs


def _as_probabilities(net: Any, outputs: Array) -> Array:
    """Outputs as they are if they are probabilities already, else their softmax. (n, classes) -> (n, classes)."""
    last = list(net.named_layers())[-1][1] if hasattr(net, "named_layers") else None
    distributions = bool(outputs.min() >= 0) and bool(np.abs(outputs.sum(axis=1) - 1).max() < 1e-3)
    return outputs if distributions or isinstance(last, Sigmoid) else softmax(outputs)


def _labels(labels: Any, images: Array) -> Array:
    array = as_numbers(labels)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InputError("evaluate.labels", got=array.shape, dtype=array.dtype)
    if len(array) != len(images):
        raise InputError("evaluate.counts", images=len(images), labels=len(array))
    return array.astype(np.int64)  # labels * classes does not fit uint8


def _mean_loss(criterion: Any, outputs: Array, labels: Array, batch_size: int) -> float:
    """Mean of the criterion over all rows, some at a time, each part weighted with its rows."""
    criterion = copy.copy(criterion)  # so that a backward() still to come belongs to the user's last value
    total = 0.0
    for start in range(0, len(outputs), batch_size):
        y, t = outputs[start : start + batch_size], labels[start : start + batch_size]
        if isinstance(criterion, (MSE, Huber, BinaryCrossEntropy)):
            t = one_hot(t, y.shape[1], y.dtype)
        total += float(criterion(y, t)) * len(y)
    return total / len(outputs)


def _surprise(p: Array, labels: Array) -> float:
    """Mean of -log p of the true class, in nats; a probability of 0 counts as the smallest number of the dtype."""
    true = np.maximum(p[np.arange(len(p)), labels], np.finfo(p.dtype).tiny)
    return float(-np.log(true).mean(dtype=np.float64))


def _share(part: Array, whole: Array) -> Array:
    """part / whole, and 0 where whole is 0."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _calibration_error(confidence: Array, right: Array) -> float:
    """sum over the bins of |B|/n * |accuracy(B) - confidence(B)|; bin m holds confidences in (m/15, (m + 1)/15]."""
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    # |B| times the difference of two means over B is the difference of two sums.
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum()) / len(confidence)


def _worst(labels: Array, predicted: Array, confidence: Array, right: Array, most: int) -> tuple[Mistake, ...]:
    wrong = np.flatnonzero(~right)
    order = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    return tuple(Mistake(int(i), int(labels[i]), int(predicted[i]), float(confidence[i])) for i in order)
