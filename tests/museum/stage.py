"""A stage on which a stranger's training script really runs: MNIST in every place and form from which people load it.

Modules that are not installed, or that would draw, are played by small doubles. No part of the audit is used here.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import io
import json
import os
import struct
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import numpy as np

from handgrad.data.idx import read_idx

MNIST = Path(__file__).parents[2] / "src/handgrad/data/mnist"
FILES = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
         "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}  # fmt: skip


def source(path: Path) -> str:
    """The Python text of a net; of a notebook, its code cells one after the other."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    lines = "\n".join("".join(cell["source"]) for cell in cells).split("\n")
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))


def run(path: Path, rows: int, *, main: bool = True) -> tuple[dict[str, Any], str]:
    """(the names that a script leaves, what it printed), its data cut to that many training images."""
    namespace: dict[str, Any] = {"__name__": "__main__" if main else "net", "__file__": str(path)}
    printed = io.StringIO()
    with (
        _folder(rows), _modules(_doubles(rows)),
        contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed),
        np.errstate(all="ignore"), warnings.catch_warnings(),
    ):  # fmt: skip
        warnings.simplefilter("ignore")
        np.random.seed(0)
        exec(compile(source(path), str(path), "exec"), namespace)
    return namespace, printed.getvalue()


@functools.cache
def images(rows: int, part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """(images (rows, 28, 28), labels (rows,)), as whole numbers."""
    found = [read_idx(MNIST / f"{name}.gz")[:rows] for name in FILES[part]]
    return found[0], found[1]


def digits(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of 8 x 8 with grey values from 0 to 16, as scikit-learn has them."""
    x, y = images(rows)
    wide = np.pad(x.astype(float), ((0, 0), (2, 2), (2, 2)))
    small = wide.reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4)) / 255 * 16
    return small.reshape(-1, 64), y.astype(int)


def moons(n_samples: int = 100, noise: float = 0.0, random_state: int = 0, **_: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles that reach into each other."""
    rng = np.random.default_rng(random_state)
    y = rng.integers(0, 2, n_samples)
    angle = rng.random(n_samples) * np.pi
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x = np.where(y[:, None] == 0, upper, np.array([1, 0.5]) - upper)
    return x + noise * rng.standard_normal((n_samples, 2)), y


@contextlib.contextmanager
def _folder(rows: int) -> Iterator[None]:
    """A working folder with the files that people download."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, (pictures, labels) in FILES.items():
            x, y = images(rows, part)
            table = np.column_stack([y, x.reshape(len(x), -1)])
            np.savetxt(folder / f"mnist_{part}.csv", table, fmt="%d", delimiter=",")
            raw = struct.pack(">4B3I", 0, 0, 8, 3, *x.shape) + x.tobytes()
            for file, content in ((pictures, raw), (labels, struct.pack(">4BI", 0, 0, 8, 1, len(y)) + y.tobytes())):
                (folder / file).write_bytes(content)
                (folder / f"{file}.gz").write_bytes(gzip.compress(content, 1))
            np.savez(folder / f"mnist_{part}.npz", x=x, y=y)
        (folder / "data").symlink_to(folder, target_is_directory=True)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


@contextlib.contextmanager
def _modules(doubles: dict[str, Any]) -> Iterator[None]:
    before = {name: sys.modules.get(name) for name in doubles}
    sys.modules.update(doubles)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class Frame:
    """As much of a table as these scripts use."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.shape = values.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.values.astype(dtype) if dtype else self.values.copy()

    def head(self, _: int = 5) -> Frame:
        return self

    def to_numpy(self) -> np.ndarray:
        return self.values.copy()


def _doubles(rows: int) -> dict[str, Any]:
    train, test = images(rows), images(rows, "test")

    def module(name: str, **attributes: Any) -> ModuleType:
        made = ModuleType(name)
        vars(made).update(attributes)
        return made

    def load_mnist(normalize: bool = True, flatten: bool = True, one_hot_label: bool = False) -> Any:
        return tuple(
            (
                x.reshape(len(x), -1 if flatten else 1, *(() if flatten else (28, 28))) / (255.0 if normalize else 1.0),
                np.eye(10)[y] if one_hot_label else y.astype(int),
            )
            for x, y in (train, test)
        )

    def wrapped() -> Any:
        pairs = [[(a.reshape(784, 1) / 255.0, int(b)) for a, b in zip(*part, strict=True)] for part in (train, test)]
        vectors = [(a, np.eye(10)[b].reshape(10, 1)) for a, b in pairs[0]]
        return vectors, pairs[1], pairs[1]

    def split(*arrays: Any, test_size: float = 0.25, random_state: int | None = None, **_: Any) -> list[Any]:
        order = np.random.RandomState(random_state).permutation(len(arrays[0]))
        cut = len(order) - int(len(order) * test_size)
        return [part for a in arrays for part in (np.asarray(a)[order[:cut]], np.asarray(a)[order[cut:]])]

    def load_digits(return_X_y: bool = False, **_: Any) -> Any:
        x, y = digits(rows)
        return (x, y) if return_X_y else MagicMock(data=x, target=y, images=x.reshape(-1, 8, 8))

    def read_csv(name: str, **_: Any) -> Frame:
        x, y = test if "test" in str(name) else train
        return Frame(np.column_stack([y, x.reshape(len(x), -1)]).astype(int))

    def tqdm(over: Any = (), *_: Any, **__: Any) -> Any:
        return over

    mnist = module("mnist", load_data=lambda *_: (train, test))
    datasets = module("datasets", mnist=mnist)
    keras = module("keras", datasets=datasets)
    pyplot = MagicMock()
    pyplot.subplots.return_value = (MagicMock(), MagicMock())
    sets = module("sklearn.datasets", load_digits=load_digits, make_moons=moons)
    selection = module("sklearn.model_selection", train_test_split=split)
    loader = module("dataset.mnist", load_mnist=load_mnist)
    return {
        "keras": keras, "keras.datasets": datasets, "keras.datasets.mnist": mnist,
        "tensorflow": module("tensorflow", keras=keras), "tensorflow.keras": keras,
        "tensorflow.keras.datasets": datasets, "tensorflow.keras.datasets.mnist": mnist,
        "sklearn": module("sklearn", datasets=sets, model_selection=selection), "sklearn.datasets": sets,
        "sklearn.model_selection": selection,
        "dataset": module("dataset", mnist=loader), "dataset.mnist": loader,
        "mnist_loader": module("mnist_loader", load_data_wrapper=wrapped),
        "pandas": module("pandas", read_csv=read_csv), "matplotlib": module("matplotlib", pyplot=pyplot),
        "matplotlib.pyplot": pyplot, "tqdm": module("tqdm", tqdm=tqdm, trange=range),
    }  # fmt: skip
