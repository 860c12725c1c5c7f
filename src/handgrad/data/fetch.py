"""Put a data set into a folder, as the four gzipped IDX files under their usual names.

Other programs read these; so does `load_data(folder)`. A file that is there and differs is never overwritten.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handgrad.core.arrays import Array
from handgrad.data.dataset import Dataset
from handgrad.data.idx import read_idx, write_idx, write_whole
from handgrad.data.load import SHIPPED, load_data
from handgrad.data.paths import IDX_FILES
from handgrad.data.sources import DATASETS
from handgrad.errors import DataError


@dataclass(frozen=True)
class FetchedFile:
    """One of the four files: where it is, its size in bytes, and whether it was written or had been there already."""

    path: Path
    size: int
    written: bool


def fetch(name: str, folder: Path) -> list[FetchedFile]:
    """Write the four files of the data set `name` (one of DATASETS) into a folder, which is made where it is missing.

    Raises: DataError for an unknown name, a failed download, a folder that cannot be written, or a file of the same
        name with other contents; then nothing has been written.
    """
    key = name.lower().replace("_", "-")
    data = load_data(key if key in DATASETS else name)
    arrays = _arrays(data)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError("data.unwritable", path=str(folder), reason=error.strerror or str(error)) from None
    files = {folder / f"{IDX_FILES[which][0]}.gz": array for which, array in arrays.items()}
    there = {path for path, array in files.items() if path.exists() and _same(path, array)}
    for path, array in files.items():
        if path not in there:
            _write(path, array, Path(data.source))
    return [FetchedFile(path, path.stat().st_size, path not in there) for path in files]


def _arrays(data: Dataset) -> dict[tuple[str, str], Array]:
    return {
        ("train", "images"): data.train.images,
        ("train", "labels"): data.train.labels,
        ("test", "images"): data.test.images,
        ("test", "labels"): data.test.labels,
    }


def _same(path: Path, array: Array) -> bool:
    """True where the file holds just this array; DataError where it holds anything else."""
    try:
        same = np.array_equal(read_idx(path), array)
    except DataError:
        same = False
    if not same:
        raise DataError("data.would_overwrite", path=str(path))
    return True


def _write(path: Path, array: Array, source: Path) -> None:
    """The file, copied where the source has it just so (packing MNIST again would take seconds), else made anew."""
    original = source / path.name
    if source == SHIPPED and original.is_file():
        with open(original, "rb") as file:
            write_whole(path, lambda copy: shutil.copyfileobj(file, copy))
    else:
        write_idx(path, array)
