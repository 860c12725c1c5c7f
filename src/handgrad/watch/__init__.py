"""Where runs are watched: TensorBoard, Weights & Biases and MLflow, each fed by the records that a training yields.

    for record in watch.tensorboard(fit(net, images, labels, criterion, optimizer), "logs"):
        ...

Each takes records and yields them on, so that nothing else in a loop changes.
"""

from __future__ import annotations

from handgrad.watch.mlflow_runs import mlflow
from handgrad.watch.numbers import WATCHERS, Watched, need
from handgrad.watch.tensorboard_events import tensorboard
from handgrad.watch.wandb_runs import wandb

__all__ = ["WATCHERS", "Watched", "mlflow", "need", "tensorboard", "wandb"]
