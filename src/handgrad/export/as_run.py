"""An imported net as a run, so that evaluate, predict, plot and export work on it as on one that was trained here.

Its manifest says that it was imported and from which file; it has no history, and nothing that `rerun` could repeat.
"""

from __future__ import annotations

import datetime
import hashlib
import platform
from pathlib import Path

import numpy as np

import handgrad
from handgrad.core.layers import ACTIVATIONS
from handgrad.core.net import Sequential
from handgrad.data import Dataset
from handgrad.errors import InputError
from handgrad.export.plain import features
from handgrad.train import Evaluation, Recipe, Run, evaluate, folder


def keep(net: Sequential, path: Path, dataset: Dataset, data: str, file: Path) -> tuple[Run, Evaluation]:
    """A new run of an imported net, and what it does on the data's test set.

    Args:
        net: in eval mode.
        path: of the run's folder, new or empty.
        dataset: what the net is for.
        data: the name or path that it was loaded by.
        file: where the net comes from.

    Raises: InputError for data that the net does not fit, or a folder that is taken; nothing is written then.
    """
    folder.need_free(path)
    outputs = net(np.zeros((1, features(net) or dataset.features), net.dtype)).shape[-1]
    if features(net) not in (None, dataset.features) or outputs != len(dataset.classes):
        raise InputError(
            "export_cli.other_shape", inputs=features(net), outputs=outputs, data=dataset.name,
            features=dataset.features, classes=len(dataset.classes),
        )  # fmt: skip
    result = evaluate(net, dataset.test.images, dataset.test.labels)
    source = Path(data).expanduser().absolute()
    is_path = dataset.source and Path(dataset.source).absolute() == source
    run = Run.adopt(path, net, dataset, recipe(net, str(source) if is_path else data), {
        "handgrad": handgrad.__version__,
        "status": "imported",
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "imported": {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()},
    })  # fmt: skip
    return run, result


def recipe(net: Sequential, data: str) -> Recipe:
    """What is known of how the net was made: its sizes and its data, and of its training nothing."""
    layers = [layer for _, layer in net.named_layers()]
    units = tuple(layer.outputs for layer in layers if hasattr(layer, "outputs"))
    kinds = {kind: name for name, kind in ACTIVATIONS.items()}
    names = [kinds[type(layer)] for layer in layers[:-1] if type(layer) in kinds]
    return Recipe(name="imported", data=data, hidden=units[:-1], activation=names[0] if names else "relu",
                  dtype=str(net.dtype), epochs=0)  # fmt: skip
