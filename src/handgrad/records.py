"""Records: everything that a training lets one see, as small named tuples, one JSON line each.

The loop yields them; the progress bar, the plots and the command line's --json read them.
"""

from __future__ import annotations

import json
from typing import NamedTuple, TypeAlias


class StepRecord(NamedTuple):
    """One update of the weights.

    Attributes:
        step: updates done so far, from 1.
        epoch: passes over the data, from 1: the one that this step belongs to.
        loss: of the step's batch, before the update, as the loss gave it.
        accuracy: share of the batch that was classified right, before the update; None where there are no classes.
        lr: the learning rate of this update.
        samples: rows in the batch.
    """

    step: int
    epoch: int
    loss: float
    accuracy: float | None
    lr: float
    samples: int

    @property
    def kind(self) -> str:
        """What a line of JSON calls it."""
        return "step"


class EpochRecord(NamedTuple):
    """One pass over the training data.

    Attributes:
        epoch: from 1.
        step: updates done so far.
        loss: mean over the epoch's samples, each taken before its batch's update.
        last_loss: of the epoch's last batch.
        accuracy: share of the epoch's samples that were classified right; None where there are no classes.
        val_loss: loss on the validation split after the epoch; None without one.
        val_accuracy: accuracy on the validation split after the epoch; None without one.
        lr: the learning rate of the last update.
        seconds: wall time of the epoch's training, validation not included.
    """

    epoch: int
    step: int
    loss: float
    last_loss: float
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    lr: float
    seconds: float

    @property
    def kind(self) -> str:
        """What a line of JSON calls it."""
        return "epoch"


Record: TypeAlias = StepRecord | EpochRecord
_KINDS: dict[str, type[Record]] = {"step": StepRecord, "epoch": EpochRecord}


def to_json(record: Record) -> str:
    """The record as one line of JSON, its kind first."""
    return json.dumps({"kind": record.kind} | record._asdict())


def from_json(line: str) -> Record:
    """The record that `to_json` wrote. ValueError, KeyError or TypeError where the line is none."""
    fields = json.loads(line)
    return _KINDS[fields.pop("kind")](**fields)
