"""Which step of a run is explained: the run's net at some point of its training, and the images that it is shown.

Without a step, that is the trained net, and the step that would come next; with one, the run is trained again up to it.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.checks import positive_int
from handgrad.core.layers import BatchNorm
from handgrad.data import Dataset, to_mnist
from handgrad.data.batches import next_order, to_input
from handgrad.errors import DataError, InputError
from handgrad.explain.trace import Trace, trace_step
from handgrad.train import Run, checkpoint, threads
from handgrad.train.loop import Training
from handgrad.train.run import CHECKPOINT, MODEL
from handgrad.train.samples import rows_apart

_MOST_TARGETS = 10


@dataclass(frozen=True, eq=False)
class Moment:
    """A traced step, and what a reader has to know of it.

    Attributes:
        trace: what the net did.
        images: the batch as pictures or rows, floats from 0 to 1, (B, ...).
        labels: of each, whole numbers (B,).
        names: what each is called: "test:7", "train:4711", "mine.png".
        classes: the name of each class.
        picture_shape: (height, width); None where the data are no pictures.
        row: the image that is followed.
        step: the number of the step; None: the one after the training.
        own_label: whether the label of the image was given, and not taken from the net's own answer.
    """

    trace: Trace
    images: Array
    labels: Array
    names: tuple[str, ...]
    classes: tuple[str, ...]
    picture_shape: tuple[int, int] | None
    row: int
    step: int | None
    own_label: bool = True

    def label_name(self, row: int) -> str:
        """The right answer for one image, as a person says it: its class, or the numbers that are asked for."""
        label = self.labels[row]
        if self.labels.ndim == 1 and self.labels.dtype.kind in "iu":
            return self.classes[label] if label < len(self.classes) else str(label)
        return ", ".join(f"{value:.4g}" for value in np.atleast_1d(label).reshape(-1)[:_MOST_TARGETS])


def moment_of(
    run: Run,
    *,
    image: str | None = None,
    label: int | None = None,
    at_step: int | None = None,
    batch: int | None = None,
) -> Moment:
    """Bring the run to the step, show it the images, and trace what it does.

    Args:
        run: with a checkpoint, or with `at_step` any run.
        image: "test:7", "train:5" or a picture's path; None: the batch that training would take, its first image.
        label: the class that a picture of one's own is meant to be; None: what the net takes it for.
        at_step: from 1; None: the step after the last.
        batch: how many images: the image and what training would take next. None: the image alone, or the batch.

    Raises:
        InputError, DataError: no such image, label or step; nothing to go on from.
    """
    if batch is not None:
        positive_int(batch, "batch")
    data = run.data()
    shown = None if image is None else one_image(image, data)
    training = run.training()
    net, optimizer = training.net, training.optimizer
    with threads.limited_to(run.manifest.get("threads", 1)):
        if at_step is None and not (run.path / CHECKPOINT).is_file() and (run.path / MODEL).is_file():
            net = run.net()  # one that was not trained here: it goes on with an optimizer that remembers nothing
            optimizer, rows = run.recipe.make_optimizer(net), _next_rows(training)
        else:
            rows = _bring_to(run, training, at_step)
        if batch is not None and batch > len(rows):
            raise InputError("explain.batch_size", got=batch, most=len(rows))
        kept, _ = rows_apart(len(data.train), run.recipe.validation, run.recipe.seed)
        names = [f"train:{kept[row]}" for row in rows]
        images, labels = training.images[rows], training.labels[rows]
        own = True
        if shown is not None:
            picture, known, name = shown
            size = batch or (2 if _needs_a_batch(net) else 1)
            own = known is not None or label is not None
            target = known if label is None else _need_label(label, data)
            if target is None:
                target = int(np.argmax(_evaluated(net, picture[None])))
            images = np.concatenate([picture[None].reshape(1, *images.shape[1:]), images[: size - 1]])
            labels = np.concatenate([np.array([target], labels.dtype), labels[: size - 1]])
            names = [name, *names[: size - 1]]
        elif batch is not None:
            images, labels, names = images[:batch], labels[:batch], names[:batch]
        if training.schedule is not None and at_step is not None and training.base_lr is not None:
            training.optimizer.lr = training.base_lr * training.schedule(at_step - 1)
        net.train()
        x = to_input(images, net.dtype)
        trace = trace_step(net, training.criterion, optimizer, x, labels, clip_norm=run.recipe.clip_norm)
    return Moment(
        trace, x.reshape(len(x), *(data.picture_shape or (-1,))), labels, tuple(names), data.classes,
        data.picture_shape, 0, at_step, own,
    )  # fmt: skip


def moment_of_net(
    net: Any,
    criterion: Any,
    optimizer: Any,
    images: Any,
    labels: Any,
    *,
    row: int = 0,
    classes: tuple[str, ...] = (),
    picture_shape: tuple[int, int] | None = None,
    clip_norm: float | None = None,
    weights: Any = None,
) -> Moment:
    """Trace one step of a net that is at hand. The step is real: the optimizer, if there is one, changes the weights.

    Args:
        net: see `trace_step`.
        criterion: see `trace_step`.
        optimizer: see `trace_step`; None: no update.
        images: the batch, (B, ...): uint8 pixels, which are divided by 255 and flattened, or floats as the net takes
            them.
        labels: what the criterion takes, one row an image.
        row: the image that is followed.
        classes: their names.
        picture_shape: (height, width) of an image; None: that of the images, if they have one.
        clip_norm: the largest norm of the whole gradient.
        weights: how much each row counts, (B,); None: all the same.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    x = to_input(images, getattr(net, "dtype", np.float64)) if images.dtype.kind in "iu" else images
    if not 0 <= row < len(images):
        raise InputError("explain.no_row", got=row, last=len(images) - 1)
    if picture_shape is None and images.ndim == 3:
        picture_shape = (images.shape[1], images.shape[2])
    trace = trace_step(net, criterion, optimizer, x, labels, clip_norm=clip_norm, weights=weights)
    shown = np.array(x).reshape(len(x), *(picture_shape or (-1,)))
    names = tuple(f"[{i}]" for i in range(len(x)))
    return Moment(trace, shown, labels, names, classes, picture_shape, row, None)


def one_image(name: str, data: Dataset) -> tuple[Array, int | None, str]:
    """(the image, its label or None, its name), of "test:7", "train:5" or a picture's path."""
    found = re.fullmatch(r"(test|train):(\d+)", name)
    if found:
        split = data.test if found[1] == "test" else data.train
        index = int(found[2])
        if index >= len(split):
            raise InputError("explain.no_image", image=name, part=found[1], last=len(split) - 1)
        return split.images[index], int(split.labels[index]), name
    if re.fullmatch(r"(test|train|validation)?:.*", name) or not Path(name).exists():
        raise InputError("explain.bad_image", image=name)
    if data.picture_shape != (28, 28):
        raise InputError("explain.not_mnist", image=name)
    return to_mnist(Path(name)), None, Path(name).name


def _bring_to(run: Run, training: Training, at_step: int | None) -> Array:
    """Train up to the step, or go to where the checkpoint stands; returns the rows of the batch that comes next."""
    if at_step is None:
        arrays, values = checkpoint.load(run.path / CHECKPOINT)
        try:
            training.load_state(arrays, values["loop"])
        except (KeyError, TypeError, AttributeError) as error:
            raise checkpoint.corrupt(run.path / CHECKPOINT, error) from error
    else:
        total = training.steps_per_epoch * training.epochs
        if not 1 <= at_step <= total:
            raise InputError("explain.no_step", got=at_step, last=f"{total:,}")
        if run.manifest["data"]["sums"] != run.data().sums():
            raise DataError("train.other_data", data=run.data().name)
        records = cast(Generator[Any], training.records())
        while training.step < at_step - 1:
            if next(records, None) is None:
                raise InputError("explain.stopped_before", got=at_step, last=training.step)
        records.close()
    return _next_rows(training)


def _next_rows(training: Training) -> Array:
    """The rows of the batch that comes next; at the start of an epoch that draws the epoch's order."""
    start = training.step % training.steps_per_epoch * training.batch_size
    order = training.order if start else next_order(training.order, training.shuffle, training.rng)
    return order[start : start + training.batch_size]


def _needs_a_batch(net: Any) -> bool:
    return any(isinstance(layer, BatchNorm) for _, layer in net.named_layers())


def _evaluated(net: Any, images: Array) -> Array:
    net.eval()
    result: Array = net(to_input(images, net.dtype))
    return result


def _need_label(label: int, data: Dataset) -> int:
    if not 0 <= label < len(data.classes):
        raise InputError("explain.no_label", got=label, last=len(data.classes) - 1)
    return label
