"""MLflow: records as the metrics of a run, sent in batches, an epoch or a thousand numbers at a time."""

from __future__ import annotations

import time
from typing import Any

from handgrad.records import EpochRecord
from handgrad.watch.numbers import Records, Watched, numbers, package

BATCH = 1000  # metrics, the most that MLflow takes at once


def mlflow(
    records: Records,
    store: str | None = None,
    *,
    experiment: str = "handgrad",
    name: str | None = None,
    params: dict[str, Any] | None = None,
) -> Watched:
    """Yield the records on, and log their numbers in a run of an experiment.

    Args:
        records: what a training yields.
        store: the tracking URI; None: MLflow's own choice, such as MLFLOW_TRACKING_URI.
        experiment: made where it is missing.
        name: of the run.
        params: what was trained, shown beside it.

    Raises:
        MissingError: at the call, without the package mlflow (or mlflow-skinny).
    """
    client = package("mlflow", "mlflow-skinny").MlflowClient(tracking_uri=store)
    found = client.get_experiment_by_name(experiment)
    run = client.create_run(found.experiment_id if found else client.create_experiment(experiment), run_name=name)
    for key, value in (params or {}).items():
        client.log_param(run.info.run_id, key, value)
    return _log(records, client, run.info.run_id)


def _log(records: Records, client: Any, run: str) -> Watched:
    metric = package("mlflow.entities", "mlflow-skinny").Metric
    waiting: list[Any] = []

    def send() -> None:
        for start in range(0, len(waiting), BATCH):
            client.log_batch(run, metrics=waiting[start : start + BATCH])
        waiting.clear()

    status = "FAILED"
    try:
        for record in records:
            now = int(1000 * time.time())
            waiting += [metric(name, value, now, record.step) for name, value in numbers(record).items()]
            if isinstance(record, EpochRecord) or len(waiting) >= BATCH:
                send()
            yield record
        status = "FINISHED"
    except GeneratorExit:  # the reader had seen enough
        status = "KILLED"
        raise
    finally:
        send()
        client.set_terminated(run, status)
