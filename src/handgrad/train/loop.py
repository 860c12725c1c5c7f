"""The training loop: it yields a record for every step and every epoch, and prints nothing.

`fit` is the loop that people write by hand, with what they come to need later: a schedule, a validation split,
early stopping, and a state from which it goes on to the very same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from handgrad import engines
from handgrad.core.arrays import Array, RandomSource, random_source
from handgrad.core.checks import in_range, positive_int
from handgrad.core.schedules import Schedule
from handgrad.data.batches import SHUFFLES, in_parts, next_order, steps_in
from handgrad.engines.numpy_engine import count_right
from handgrad.errors import DivergedError, InputError
from handgrad.records import EpochRecord, Record, StepRecord
from handgrad.train import checks, randomness
from handgrad.train.guests import (
    arrays_of,
    evaluating,
    generators_of,
    is_finite,
    largest_gradient,
    put_arrays,
    set_mode,
)
from handgrad.train.samples import Samples, as_numbers, gather_samples, weights_of
from handgrad.train.threads import available
from handgrad.words import say


def fit(net: Any, images: Any, labels: Any, criterion: Any, optimizer: Any, **settings: Any) -> Iterator[Record]:
    """Train a net, yielding a record a step and a record an epoch. Nothing is trained until they are asked for.

        for record in fit(net, images, labels, SoftmaxCrossEntropy(), SGD(net, lr=0.1), epochs=3, rng=0):
            print(record)

    It is this loop:

        for epoch in range(epochs):
            for rows in batches:
                loss = criterion(net(x[rows]), y[rows])
                net.backward(criterion.backward())
                optimizer.step()

    The arguments are those of `Training`, and what is wrong with them is told at the call.
    """
    return Training(net, images, labels, criterion, optimizer, **settings).records()


class Training:
    """A training that can stop at any record and go on later.

    Args:
        net: a net of ours, or any object with forward, backward and parameters.
        images: (n, ...), uint8 from 0 to 255 or floats; flattened, and uint8 divided by 255, a batch at a time. Or a
            SciPy sparse matrix (n, features).
            Sparse matrices of SciPy's are made dense a batch at a time.
        labels: whole numbers (n,), or what the criterion takes otherwise, one row a sample.
        criterion: a loss of ours, or any object called with (prediction, target) that has `backward()`.
        optimizer: one of ours, or any object with `step()`.
        epochs: passes over the data.
        batch_size: rows an update; None: 64, or all where there are fewer.
        schedule: factor of the optimizer's learning rate by step (see `handgrad.core.schedules`); None: constant.
        rng: numpy Generator or seed for the order of the rows.
        shuffle: "fresh" (a new order each epoch), "compose" (re-order the last order) or "none".
        drop_last: leave out a last batch that is not full.
        validation: (images, labels) to look at after each epoch; or a share of the samples below 1, or a number of
            them, to set apart for that: drawn at random by the seed `rng`, or by 0 where that is no seed.
        patience: stop after so many epochs without a better validation loss. At the end, stopped or not, the weights
            are those with the best one.
        accumulate: work through each batch in so many parts, for batches that do not fit.
        clip_norm: the largest norm that the whole gradient may have.
        weights: (n,), above 0: how much each sample counts. The loss of a batch is then the weighted mean, and so is
            that of samples set apart by `validation`; accuracies count each sample once.
        engine: "numpy" (the layers as they are written), "fast" (compiled, see docs/engines.md), or "auto": the
            compiled one where it is installed, serves this training, and the run is long enough to pay for it.
        threads: that the compiled engine may use, which changes no number; None: all processors of this process.

    Raises:
        InputError: for settings that do not fit together; from `records`, for samples that are not finite numbers.
        DivergedError: from `records`, when the loss stops being a finite number.
    """

    def __init__(
        self,
        net: Any,
        images: Any,
        labels: Any,
        criterion: Any,
        optimizer: Any,
        *,
        epochs: int = 1,
        batch_size: int | None = None,
        schedule: Schedule | None = None,
        rng: RandomSource | int | None = None,
        shuffle: str = "fresh",
        drop_last: bool = False,
        validation: Any = None,
        patience: int | None = None,
        accumulate: int = 1,
        clip_norm: float | None = None,
        weights: Any = None,
        engine: str = "auto",
        threads: int | None = None,
    ) -> None:
        checks.need_parts(net, criterion, optimizer)
        self.net, self.criterion, self.optimizer = net, criterion, optimizer
        self.samples, self.validation = gather_samples(images, labels, validation, rng)
        self.images, self.labels = self.samples.images, self.samples.labels
        self.weights, self.val_weights = weights_of(weights, self.samples, self.validation, len(as_numbers(labels)))
        self.epochs = positive_int(epochs, "epochs", 1_000_000)
        self.batch_size = checks.batch_size_of(batch_size, len(self.images))
        self.schedule, self.shuffle, self.drop_last, self.patience = schedule, shuffle, drop_last, patience
        self.rng = random_source(rng)
        self.base_lr: float | None = getattr(optimizer, "lr", None)
        self._check(accumulate, clip_norm)
        self.accumulate, self.clip_norm, self.threads = accumulate, clip_norm, threads
        self.engine_choice = engines.choose(
            engine, net, criterion, optimizer, self.images, self.labels, epochs=self.epochs, accumulate=accumulate,
            clip_norm=clip_norm, weights=self.weights,
        )  # fmt: skip
        self._engine: Any = None
        self.steps_per_epoch = steps_in(len(self.images), self.batch_size, drop_last)
        # Where the training stands; `state` and `load_state` know all of it.
        self.step = 0
        self.order = np.arange(len(self.images))
        self.sums = _Sums()
        self.owed: EpochRecord | None = None  # of an epoch that is done, and not yet yielded
        self.best_loss, self.best_epoch, self.stopped = math.inf, 0, False
        self.best: dict[str, Array] = {}

    @property
    def epoch(self) -> int:
        """Epochs that are wholly done."""
        return self.step // self.steps_per_epoch

    @property
    def engine(self) -> Any:
        """What runs the steps; made when first asked for, since the compiled one has to look through the samples."""
        if self._engine is None:
            self._engine = engines.make(
                self.engine_choice, self.net, self.criterion, self.optimizer, self.images, self.labels,
                batch_size=self.batch_size, accumulate=self.accumulate, clip_norm=self.clip_norm,
                threads=self.threads or available(), weights=self.weights,
            )  # fmt: skip
        return self._engine

    @engine.setter
    def engine(self, engine: Any) -> None:
        self._engine = engine

    def records(self) -> Iterator[Record]:
        """Train from where it stands to the end, yielding a record a step and a record an epoch.

        When a record is seen, its step is done and `state` is that after it. A schedule's learning rates are gone at
        the end: the optimizer has its own again.
        """
        try:
            while self.owed or (self.epoch < self.epochs and not self.stopped):
                if self.owed:
                    record, self.owed = self.owed, None
                    yield record
                else:
                    yield from self._one_epoch()
        finally:
            if self.schedule is not None:
                self.optimizer.lr = self.base_lr

    def _one_epoch(self) -> Iterator[Record]:
        """Yield the steps that remain of the present epoch, and leave its record in `owed` before the last of them."""
        done = self.step % self.steps_per_epoch
        if not done:
            self.order = next_order(self.order, self.shuffle, self.rng)
            self.sums = _Sums()
        set_mode(self.net, training=True)
        began = time.perf_counter() - self.sums.seconds
        epoch = self.epoch + 1
        rates = [self._rate(self.step + i) for i in range(self.steps_per_epoch - done)]
        rows = self.order[done * self.batch_size :]
        for result in self.engine.epoch(self.images, self.labels, rows, self.batch_size, rates):
            if not math.isfinite(result.loss):
                start = self.step % self.steps_per_epoch * self.batch_size
                batch = self.order[start : start + self.batch_size]
                self._diverged(self.step + 1, self.samples, np.concatenate([batch, self.order]))
            self.step += 1
            self.sums.add(result.loss, result.correct, result.samples, time.perf_counter() - began)
            accuracy = None if result.correct is None else result.correct / result.samples
            lr = getattr(self.optimizer, "lr", 0.0)
            step = StepRecord(self.step, epoch, result.loss, accuracy, lr, result.samples)
            if self.step % self.steps_per_epoch:
                yield step
        # The epoch's last step and the epoch are one moment: what follows (validation, stopping) belongs to the state.
        val_loss, val_accuracy = self._validate(epoch)
        sums = self.sums
        self.owed = EpochRecord(
            epoch, self.step, sums.loss / sums.samples, step.loss, sums.accuracy, val_loss, val_accuracy, step.lr,
            sums.seconds,
        )  # fmt: skip
        yield step

    def state(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """All that the rest of the training depends on: arrays by name (copies), and plain JSON values.

        InputError where somebody else's optimizer cannot say what it remembers.
        """
        if not (hasattr(self.optimizer, "state") and hasattr(self.optimizer, "load_state")):
            raise InputError("train.no_state", optimizer=type(self.optimizer).__name__)
        arrays = {f"net.{name}": array.copy() for name, array in arrays_of(self.net).items()}
        arrays |= {f"optimizer.{name}": array for name, array in self.optimizer.state().items()}
        arrays["loop.order"] = self.order.astype(np.int64)
        arrays |= {f"best.{name}": array for name, array in self.best.items()}
        values = {
            "step": self.step,
            "sums": self.sums.state(),
            "best_loss": self.best_loss if math.isfinite(self.best_loss) else None,
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "owed": self.owed._asdict() if self.owed else None,
            "rng": [randomness.get_state(rng) for rng in self._generators()],
        }
        return arrays, values

    def load_state(self, arrays: dict[str, Array], values: dict[str, Any]) -> None:
        """Put back what `state` gave; the training then goes on to the same weights as if it had not stopped.

        InputError where the state is that of another net, optimizer or data set; KeyError, TypeError or ValueError
        where it is none at all. After an error the training is not to be used.
        """
        if arrays["loop.order"].shape != self.order.shape or len(values["rng"]) != len(self._generators()):
            raise InputError("train.other_training", got=arrays["loop.order"].size, rows=self.order.size)
        put_arrays(self.net, _part(arrays, "net."))
        self.optimizer.load_state(_part(arrays, "optimizer."))
        self.order = arrays["loop.order"].copy()
        self.best = _part(arrays, "best.")
        self.step, self.stopped = int(values["step"]), bool(values["stopped"])
        self.best_loss = math.inf if values["best_loss"] is None else float(values["best_loss"])
        self.best_epoch = int(values["best_epoch"])
        self.sums = _Sums(**values["sums"])
        self.owed = EpochRecord(**values["owed"]) if values["owed"] else None
        for rng, state in zip(self._generators(), values["rng"], strict=True):
            randomness.set_state(rng, state)

    def _generators(self) -> list[Any]:
        """Each random number generator that the rest of the training draws from, once."""
        return list({id(rng): rng for rng in (self.rng, *generators_of(self.net))}.values())

    def _rate(self, step: int) -> float | None:
        if self.schedule is None or self.base_lr is None:
            return None
        return self.base_lr * self.schedule(step)

    def _validate(self, epoch: int) -> tuple[float | None, float | None]:
        if not is_finite(self.net):
            self._diverged(self.step, self.samples, self.order)
        if self.validation is None:
            return None, None
        images, labels = self.validation.images, self.validation.labels
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            loss, accuracy = self.measure(images, labels, self.val_weights)
        if not math.isfinite(loss):
            self._diverged(self.step, self.validation, np.arange(len(images)))
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            if self.patience:
                self.best = {name: array.copy() for name, array in arrays_of(self.net).items()}
        elif self.patience:
            self.stopped = epoch - self.best_epoch >= self.patience
            if self.stopped or epoch == self.epochs:
                for name, array in arrays_of(self.net).items():
                    array[...] = self.best[name]
        return loss, accuracy

    def measure(self, images: Array, labels: Array, weights: Array | None) -> tuple[float, float | None]:
        """(mean loss, accuracy or None) of the net on some rows, in evaluation mode."""
        return measure(self.net, images, labels, self.criterion, weights)

    def _diverged(self, step: int, samples: Samples, rows: Array) -> None:
        """Say why the loss is not finite: samples that are not, or else the largest gradient that there was."""
        bad = samples.not_finite(rows)
        if bad:
            raise InputError("train.not_finite", step=step, where=bad[0], value=bad[1])
        fast = hasattr(self.engine, "largest_gradient")  # the compiled engine keeps no gradients
        name, size = self.engine.largest_gradient() if fast else largest_gradient(self.net)
        if name == "-" or size == 0:
            raise DivergedError("train.never_finite", step=step)
        raise DivergedError("train.diverged", step=step, layer=name, gradient=f"{size:.3g}")

    def _check(self, accumulate: int, clip_norm: float | None) -> None:
        if self.schedule is not None:
            checks.need_schedule(self.schedule, self.optimizer)
        if self.shuffle not in SHUFFLES:
            raise InputError("core.choice", what="shuffle", got=self.shuffle, choices=", ".join(SHUFFLES))
        positive_int(accumulate, "accumulate", self.batch_size)
        if clip_norm is not None:
            in_range(clip_norm, "clip_norm", 1e-30, 1e30)
        if self.weights is not None:
            checks.need_weighing(self.criterion)
        if self.patience is not None:
            positive_int(self.patience, "patience", 1_000_000)
            if self.validation is None:
                raise InputError("train.patience")
        checks.need_optimizer_of(self.net, self.optimizer)
        checks.need_one_softmax(self.net, self.criterion)
        checks.need_batches_for_norm(
            self.net, len(self.images), self.batch_size, accumulate=accumulate, drop_last=self.drop_last
        )

    def __repr__(self) -> str:
        total = self.steps_per_epoch * self.epochs
        state = say("train.standing", step=self.step, total=total) if self.step else say("train.not_started")
        return (
            f"Training({type(self.net).__name__}, images={len(self.images)}, epochs={self.epochs}, "
            f"batch_size={self.batch_size}: {state})"
        )


class _Sums:
    """Running sums of one epoch."""

    def __init__(self, loss: float = 0.0, correct: int | None = 0, samples: int = 0, seconds: float = 0.0) -> None:
        self.loss, self.correct, self.samples, self.seconds = loss, correct, samples, seconds

    def add(self, loss: float, correct: int | None, samples: int, seconds: float) -> None:
        self.loss += loss * samples
        self.samples += samples
        self.correct = None if correct is None or self.correct is None else self.correct + correct
        self.seconds = seconds

    @property
    def accuracy(self) -> float | None:
        return None if self.correct is None else self.correct / self.samples

    def state(self) -> dict[str, Any]:
        return dict(vars(self))


def measure(
    net: Any, images: Array, labels: Array, criterion: Any, weights: Array | None = None
) -> tuple[float, float | None]:
    """(mean loss, accuracy or None) of a net in evaluation mode, a thousand rows at a time; its mode is restored."""
    predict = net if callable(net) else net.forward
    loss, total, correct, start = 0.0, 0.0, 0, 0
    has_classes = True
    with evaluating(net):
        for x in in_parts(images, dtype=getattr(net, "dtype", np.float64)):
            y = labels[start : start + len(x)]
            prediction = predict(x)
            w = () if weights is None else (weights[start : start + len(x)],)
            size = float(w[0].sum()) if w else len(x)
            loss += float(criterion(prediction, y, *w)) * size
            total += size
            right = count_right(prediction, y)
            has_classes = has_classes and right is not None
            correct += right or 0
            start += len(x)
    return loss / total, correct / start if has_classes else None


def _part(arrays: dict[str, Array], prefix: str) -> dict[str, Array]:
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
