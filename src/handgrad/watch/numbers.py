"""What a watcher is told of a record: its numbers, by a name that says of what they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any, TypeAlias

from handgrad.errors import MissingError
from handgrad.records import Record, StepRecord

Records: TypeAlias = Iterable[Record]
Watched: TypeAlias = Iterator[Record]
WATCHERS = ("tensorboard", "wandb", "mlflow")
INSTALL = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow-skinny"}
STEP, EPOCH = ("loss", "accuracy", "lr"), ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")


def numbers(record: Record) -> dict[str, float]:
    """{"step/loss": ..., ...} or {"epoch/loss": ..., "epoch/val_loss": ..., ...}; what is not finite is left out."""
    kind, names = ("step", STEP) if isinstance(record, StepRecord) else ("epoch", EPOCH)
    values = {f"{kind}/{name}": getattr(record, name) for name in names}
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


def package(name: str, install: str) -> Any:
    """A module of an optional package; MissingError where that is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingError("watch.missing", package=install) from error


def need(watcher: str) -> None:
    """MissingError where the package of a watcher is not installed."""
    package(watcher, INSTALL[watcher])
