"""Data that stay on the disk: arrays mapped from files, which the operating system reads as they are asked for.

Processes that map the same file share one copy of it in memory, and a file may be larger than the memory.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.data.assemble import assemble
from handgrad.data.dataset import Dataset
from handgrad.errors import DataError

FILES = {(part, what): f"{part}_{what}.npy" for part in ("train", "test") for what in ("images", "labels")}
ABOUT = "about.json"  # name, classes, source and note, where handgrad wrote the folder


class PickedRows:
    """Some rows of an array (n, ...), in an order, without a copy of them: as much of an array as a training asks for.

    `take` gives rows as an array; a slice gives picked rows again.
    """

    def __init__(self, array: Array, rows: Array) -> None:
        self.array, self.rows = array, rows
        self.shape: tuple[int, ...] = (len(rows), *array.shape[1:])
        self.dtype, self.ndim, self.size = array.dtype, array.ndim, prod(self.shape)

    def take(self, rows: Array, axis: int = 0) -> Array:
        """The rows of these numbers, copied: (len(rows), ...)."""
        return self.array.take(self.rows.take(rows), axis=0)

    def __getitem__(self, rows: Any) -> PickedRows:
        return PickedRows(self.array, self.rows[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        whole = self.array.take(self.rows, axis=0)
        return whole if dtype is None else whole.astype(dtype)

    def __len__(self) -> int:
        return len(self.rows)


def is_mapped(array: Any) -> bool:
    """Whether an array lies in a mapped file, and not in this process's own memory."""
    while array is not None:
        if isinstance(array, np.memmap):
            return True
        array = getattr(array, "base", None)
    return False


def is_npy_folder(folder: Path) -> bool:
    """Whether a folder has at least one of the four files."""
    return any((folder / file).is_file() for file in FILES.values())


def load_npy_folder(folder: Path, name: str) -> Dataset:
    """The data set in a folder with train_images.npy, train_labels.npy, test_images.npy, test_labels.npy, all mapped.

    Images are uint8 or float32. Raises: DataError where a file is missing or broken, or as `assemble` does.
    """
    arrays = {}
    for key, file in FILES.items():
        try:
            arrays[key] = np.load(folder / file, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise DataError("data.npy_missing", folder=str(folder), file=file) from None
        except (OSError, ValueError, EOFError) as error:
            raise DataError("data.npy_damaged", path=str(folder / file), reason=str(error)[:120]) from None
    about = _about(folder)
    train, test = ((arrays[part, "images"], np.array(arrays[part, "labels"])) for part in ("train", "test"))
    return assemble(
        about.get("name", name), about.get("source", str(folder)), train, test, about.get("classes")
    )  # fmt: skip


def store_npy_folder(data: Dataset, folder: Path) -> None:
    """Write a data set as `load_npy_folder` reads it. The folder appears whole, or not at all; one that is there stays.

    Raises: DataError where it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            for (part, what), file in FILES.items():
                np.save(aside / file, getattr(getattr(data, part), what))
            about = {"name": data.name, "classes": list(data.classes), "source": data.source, "note": data.note}
            (aside / ABOUT).write_text(json.dumps(about), encoding="utf-8")
            os.chmod(aside, 0o755)
            if not folder.exists():
                os.rename(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        if not folder.exists():  # another process may have been faster
            raise DataError("data.unwritable", path=str(folder), reason=error.strerror or str(error)) from None


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return about if isinstance(about, dict) else {}
    except (OSError, ValueError):
        return {}
