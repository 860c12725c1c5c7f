"""Weights & Biases: records as the history of a run."""

from __future__ import annotations

from typing import Any

from handgrad.watch.numbers import Records, Watched, numbers, package


def wandb(records: Records, project: str = "handgrad", **settings: Any) -> Watched:
    """Yield the records on, and log their numbers in a run of a project.

    Args:
        records: what a training yields.
        project: in which the run is.
        settings: of `wandb.init`, such as name, config, dir, mode="offline".

    Raises:
        MissingError: at the call, without the package wandb.
    """
    return _log(records, package("wandb", "wandb").init(project=project, **settings))


def _log(records: Records, run: Any) -> Watched:
    failed = 1
    try:
        for record in records:
            run.log(numbers(record), step=record.step)
            yield record
        failed = 0
    except GeneratorExit:  # the reader had seen enough
        failed = 0
        raise
    finally:
        run.finish(exit_code=failed)
