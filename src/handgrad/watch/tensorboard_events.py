"""TensorBoard: records as scalars in an event file, which `tensorboard --logdir FOLDER` shows."""

from __future__ import annotations

import os
import time

from handgrad.watch.numbers import Records, Watched, numbers, package


def tensorboard(records: Records, folder: str | os.PathLike[str]) -> Watched:
    """Yield the records on, and write their numbers into an event file in `folder`, which is made where it is missing.

    MissingError, at the call, without the package tensorboard.
    """
    writing = package("tensorboard.summary.writer.event_file_writer", "tensorboard")
    messages = package("tensorboard.compat.proto.event_pb2", "tensorboard")
    return _write(records, writing.EventFileWriter(os.fspath(folder)), messages.Event)


def _write(records: Records, writer: object, event: object) -> Watched:
    try:
        for record in records:
            made = event(wall_time=time.time(), step=record.step)  # type: ignore[operator]
            for name, value in numbers(record).items():
                made.summary.value.add(tag=name, simple_value=value)
            writer.add_event(made)  # type: ignore[attr-defined]
            yield record
    finally:
        writer.close()  # type: ignore[attr-defined]
