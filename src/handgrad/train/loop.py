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

from handgrad.core.arrays import Array, RandomSource, random_source
from handgrad.core.checks import in_range, positive_int
from handgrad.core.schedules import Schedule
from handgrad.data.batches import SHUFFLES, in_parts, next_order, steps_in
from handgrad.engines import NumpyEngine
from handgrad.engines.numpy_engine import count_right
from handgrad.errors import DivergedError, InputError
from handgrad.records import EpochRecord, Record, StepRecord
from handgrad.train import randomness


def fit(net: Any, images: Array, labels: Array, criterion: Any, optimizer: Any, **settings: Any) -> Iterator[Record]:
    """Train a net, yielding a record a step and a record an epoch. Nothing happens until they are asked for.

        for record in fit(net, images, labels, SoftmaxCrossEntropy(), SGD(net, lr=0.1), epochs=3, rng=0):
            print(record)

    It is this loop:

        for epoch in range(epochs):
            for rows in batches:
                loss = criterion(net(x[rows]), y[rows])
                net.backward(criterion.backward())
                optimizer.step()

    The arguments are those of `Training`.
    """
    yield from Training(net, images, labels, criterion, optimizer, **settings).records()


class Training:
    """A training that can stop at any record and go on later.

    Args:
        net: a net of ours, or any object with forward, backward and parameters.
        images: (n, ...), uint8 from 0 to 255 or floats; flattened, and uint8 divided by 255, a batch at a time.
        labels: whole numbers (n,), or what the criterion takes otherwise, one row a sample.
        criterion: a loss of ours, or any object called with (prediction, target) that has `backward()`.
        optimizer: one of ours, or any object with `step()`.
        epochs: passes over the data.
        batch_size: rows an update.
        schedule: factor of the optimizer's learning rate by step (see `handgrad.core.schedules`); None: constant.
        rng: numpy Generator or seed for the order of the rows.
        shuffle: "fresh" (a new order each epoch), "compose" (re-order the last order) or "none".
        drop_last: leave out a last batch that is not full.
        validation: (images, labels) to look at after each epoch.
        patience: stop after so many epochs without a better validation loss, and go back to the best weights.
        accumulate: work through each batch in so many parts, for batches that do not fit.
        clip_norm: the largest norm that the whole gradient may have.

    Raises:
        InputError: for settings that do not fit together.
        DivergedError: from `records`, when the loss stops being a finite number.
    """

    def __init__(  # noqa: PLR0913 - one argument for each thing a training loop is known to have
        self,
        net: Any,
        images: Array,
        labels: Array,
        criterion: Any,
        optimizer: Any,
        *,
        epochs: int = 1,
        batch_size: int = 64,
        schedule: Schedule | None = None,
        rng: RandomSource | int | None = None,
        shuffle: str = "fresh",
        drop_last: bool = False,
        validation: tuple[Array, Array] | None = None,
        patience: int | None = None,
        accumulate: int = 1,
        clip_norm: float | None = None,
    ) -> None:
        self.net, self.criterion, self.optimizer = net, criterion, optimizer
        self.images, self.labels, self.validation = images, labels, validation
        self.epochs = positive_int(epochs, "epochs", 1_000_000)
        self.batch_size = _batch_size(batch_size, len(images))
        self.schedule, self.shuffle, self.drop_last, self.patience = schedule, shuffle, drop_last, patience
        self.rng = random_source(rng)
        self._check(accumulate, clip_norm)
        self.engine = NumpyEngine(net, criterion, optimizer, accumulate=accumulate, clip_norm=clip_norm)
        self.steps_per_epoch = steps_in(len(images), self.batch_size, drop_last)
        self.base_lr: float | None = getattr(optimizer, "lr", None)
        # Where the training stands; `state` and `load_state` know all of it.
        self.step = 0
        self.order = np.arange(len(images))
        self.sums = _Sums()
        self.best_loss, self.best_epoch, self.stopped = math.inf, 0, False
        self.best: dict[str, Array] = {}

    @property
    def epoch(self) -> int:
        """Epochs that are wholly done."""
        return self.step // self.steps_per_epoch

    def records(self) -> Iterator[Record]:
        """Train from where it stands to the end, yielding a record a step and a record an epoch.

        When a record is seen, its step is done and `state` is that after it.
        """
        while self.epoch < self.epochs and not self.stopped:
            yield from self._one_epoch()

    def _one_epoch(self) -> Iterator[Record]:
        done = self.step % self.steps_per_epoch
        if not done:
            self.order = next_order(self.order, self.shuffle, self.rng)
            self.sums = _Sums()
        _mode(self.net, training=True)
        began = time.perf_counter() - self.sums.seconds
        epoch = self.epoch + 1
        rates = [self._rate(self.step + i) for i in range(self.steps_per_epoch - done)]
        rows = self.order[done * self.batch_size :]
        for result in self.engine.epoch(self.images, self.labels, rows, self.batch_size, rates):
            self._need_finite(result.loss)
            self.step += 1
            self.sums.add(result.loss, result.correct, result.samples, time.perf_counter() - began)
            accuracy = None if result.correct is None else result.correct / result.samples
            lr = rates[self.step - 1 - self.steps_per_epoch * (epoch - 1) - done]
            step = StepRecord(
                self.step, epoch, result.loss, accuracy, self.base_lr or 0.0 if lr is None else lr, result.samples
            )
            if self.step % self.steps_per_epoch:
                yield step
        # The epoch's last step and the epoch are one moment: what follows (validation, stopping) belongs to the state.
        val_loss, val_accuracy = self._validate(epoch)
        yield step
        sums = self.sums
        yield EpochRecord(
            epoch, self.step, sums.loss / sums.samples, step.loss, sums.accuracy, val_loss, val_accuracy, step.lr,
            sums.seconds,
        )  # fmt: skip

    def state(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """All that the rest of the training depends on: arrays by name, and plain JSON values."""
        arrays = {f"net.{name}": array for name, array in _arrays(self.net).items()}
        arrays |= {f"optimizer.{name}": array for name, array in self.optimizer.state().items()}
        arrays["loop.order"] = self.order.astype(np.int64)
        arrays |= {f"best.{name}": array for name, array in self.best.items()}
        values = {
            "step": self.step,
            "sums": self.sums.state(),
            "best_loss": self.best_loss if math.isfinite(self.best_loss) else None,
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "rng": [randomness.get_state(rng) for rng in self._generators()],
        }
        return arrays, values

    def load_state(self, arrays: dict[str, Array], values: dict[str, Any]) -> None:
        """Put back what `state` gave; the training then goes on to the same weights as if it had not stopped.

        InputError where the state is that of another net, optimizer or data set.
        """
        if arrays["loop.order"].shape != self.order.shape or len(values["rng"]) != len(self._generators()):
            raise InputError("train.other_training", got=arrays["loop.order"].size, rows=self.order.size)
        if hasattr(self.net, "load_state"):
            self.net.load_state(_part(arrays, "net."))
        else:
            for name, array in _arrays(self.net).items():
                array[...] = arrays[f"net.{name}"]
        self.optimizer.load_state(_part(arrays, "optimizer."))
        self.order = arrays["loop.order"]
        self.best = _part(arrays, "best.")
        self.step, self.stopped = values["step"], values["stopped"]
        self.best_loss = math.inf if values["best_loss"] is None else values["best_loss"]
        self.best_epoch = values["best_epoch"]
        self.sums = _Sums(**values["sums"])
        for rng, state in zip(self._generators(), values["rng"], strict=True):
            randomness.set_state(rng, state)

    def _generators(self) -> list[Any]:
        """Each random number generator that the rest of the training draws from, once."""
        layers = self.net.named_layers() if hasattr(self.net, "named_layers") else ()
        found = [self.rng, *(layer.rng for _, layer in layers if hasattr(layer, "rng"))]
        return list({id(rng): rng for rng in found}.values())

    def _rate(self, step: int) -> float | None:
        if self.schedule is None or self.base_lr is None:
            return None
        return self.base_lr * self.schedule(step)

    def _validate(self, epoch: int) -> tuple[float | None, float | None]:
        if not np.isfinite(self.sums.loss) or not _finite(self.net):
            self._diverged()
        if self.validation is None:
            return None, None
        loss, accuracy = measure(self.net, *self.validation, self.criterion)
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            if self.patience:
                self.best = {name: array.copy() for name, array in _arrays(self.net).items()}
        elif self.patience and epoch - self.best_epoch >= self.patience:
            self.stopped = True
            for name, array in _arrays(self.net).items():
                array[...] = self.best[name]
        return loss, accuracy

    def _need_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            self._diverged()

    def _diverged(self) -> None:
        named = getattr(self.net, "named_parameters", lambda: enumerate(self.net.parameters()))()
        largest = {str(name): float(np.abs(grad).max()) for name, (_, grad) in named}
        name = max(largest, key=lambda key: math.inf if math.isnan(largest[key]) else largest[key])
        raise DivergedError("train.diverged", step=self.step + 1, layer=name, gradient=f"{largest[name]:.3g}")

    def _check(self, accumulate: int, clip_norm: float | None) -> None:
        if len(self.labels) != len(self.images):
            raise InputError("train.counts", images=len(self.images), labels=len(self.labels))
        if self.shuffle not in SHUFFLES:
            raise InputError("core.choice", what="shuffle", got=self.shuffle, choices=", ".join(SHUFFLES))
        positive_int(accumulate, "accumulate", self.batch_size)
        if clip_norm is not None:
            in_range(clip_norm, "clip_norm", 1e-30, 1e30)
        if self.patience is not None:
            positive_int(self.patience, "patience", 1_000_000)
            if self.validation is None:
                raise InputError("train.patience")


class _Sums:
    """Running sums of one epoch."""

    def __init__(
        self, loss: float = 0.0, correct: int | None = 0, samples: int = 0, seconds: float = 0.0
    ) -> None:
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


def measure(net: Any, images: Array, labels: Array, criterion: Any) -> tuple[float, float | None]:
    """(mean loss, accuracy or None) of a net in evaluation mode, a thousand rows at a time; its mode is restored."""
    was_training = getattr(net, "training", False)
    _mode(net, training=False)
    loss, correct, start = 0.0, 0, 0
    has_classes = True
    for x in in_parts(images, dtype=getattr(net, "dtype", np.float64)):
        y = labels[start : start + len(x)]
        prediction = net(x)
        loss += criterion(prediction, y) * len(x)
        right = count_right(prediction, y)
        has_classes = right is not None
        correct += right or 0
        start += len(x)
    _mode(net, training=was_training)
    return loss / start, correct / start if has_classes else None


def _mode(net: Any, *, training: bool) -> None:
    if hasattr(net, "train"):
        net.train() if training else net.eval()


def _finite(net: Any) -> bool:
    return all(bool(np.isfinite(value).all()) for value, _ in net.parameters())


def _arrays(net: Any) -> dict[str, Array]:
    """All arrays of the trained net by name, live."""
    if hasattr(net, "state"):
        return net.state()  # type: ignore[no-any-return]
    return {str(i): value for i, (value, _) in enumerate(net.parameters())}


def _part(arrays: dict[str, Array], prefix: str) -> dict[str, Array]:
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def _batch_size(value: Any, samples: int) -> int:
    if samples == 0:
        raise InputError("train.empty")
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 1 <= value <= samples:
        raise InputError("train.batch_size", got=value, samples=samples)
    return int(value)
