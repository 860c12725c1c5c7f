"""`handgrad train --watch NAME`: the records of a run go to TensorBoard, Weights & Biases or MLflow as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from handgrad import watch
from handgrad.records import Record
from handgrad.train import Run


def watched(run: Run, watchers: Sequence[str]) -> Iterator[Record]:
    """Train a run, telling each watcher; of several processes that train together, one tells them."""
    records = run.train()
    for name in watchers if run.keeps else ():
        if name == "tensorboard":
            records = watch.tensorboard(records, run.path / name)
        elif name == "wandb":
            records = watch.wandb(records, name=run.path.name, config=run.recipe.to_dict(), dir=run.path)
        else:
            records = watch.mlflow(records, name=run.path.name, params=run.recipe.to_dict())
    return records
