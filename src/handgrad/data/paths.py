"""Data by path: a folder of four IDX or four .npy files, an .npz, a CSV, or a folder of pictures by class.

Here is decided which of them a path is; IDX folders and .npz are read here, the others each in a file of its own.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from handgrad.core.arrays import Array
from handgrad.data.assemble import assemble
from handgrad.data.dataset import Dataset
from handgrad.data.idx import read_idx
from handgrad.data.mapped import is_npy_folder, load_npy_folder
from handgrad.errors import DataError

# The four files, as (part, what it holds): every usual spelling of the name, each with or without .gz.
IDX_FILES = {
    ("train", "images"): ("train-images-idx3-ubyte", "train-images.idx3-ubyte"),
    ("train", "labels"): ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte"),
    ("test", "images"): ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"),
    ("test", "labels"): ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"),
}
# How the arrays of an .npz are called, the first that fits: as Keras, as NumPy users and as scikit-learn users do.
_NPZ_PARTS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)
_NPZ_WHOLE = (("images", "labels"), ("X", "y"), ("x", "y"), ("data", "target"))
_IMAGE_AXES = 2  # at least: samples, and what each holds


def load_path(path: Path, name: str | None = None) -> Dataset:
    """The data set at a path; `name` overrides the one that the path gives it.

    Raises: DataError where nothing is there, where it is none of the five kinds, or where it is broken.
    """
    name = name or (path.resolve().name if path.is_dir() else path.stem)
    if path.is_dir():
        if idx_files(path):
            return load_idx_folder(path, name)
        if is_npy_folder(path):
            return load_npy_folder(path, name)
        from handgrad.data.pictures import load_picture_folder  # Pillow, only where it is needed

        return load_picture_folder(path, name)
    if not path.exists():
        raise DataError("data.path_missing", path=str(path))
    kind = path.suffix.lower()
    if kind == ".npz":
        return load_npz(path, name)
    if kind == ".csv":
        from handgrad.data.table import load_csv

        return load_csv(path, name)
    raise DataError("data.path_kind", path=str(path))


def idx_files(folder: Path) -> dict[tuple[str, str], Path]:
    """Which of the four IDX files a folder has. Plain goes before gzipped, since it reads faster."""
    found = {}
    for key, spellings in IDX_FILES.items():
        names = [spelling + ending for ending in ("", ".gz") for spelling in spellings]
        present = [folder / name for name in names if (folder / name).is_file()]
        if present:
            found[key] = present[0]
    return found


def load_idx_folder(folder: Path, name: str) -> Dataset:
    """The data set in a folder that has the four IDX files under their usual names, each with or without .gz."""
    parts = read_idx_folder(folder)
    return assemble(name, str(folder), parts["train"], parts["test"])


def read_idx_folder(folder: Path) -> dict[str, tuple[Array, Array]]:
    """The (images, labels) of "train" and "test" as stored. DataError where one of the four is missing or mistaken."""
    files = idx_files(folder)
    for key, spellings in IDX_FILES.items():
        if key not in files:
            raise DataError("data.idx_one_missing", folder=str(folder), file=spellings[0])
    return {part: read_idx_pair(files[part, "images"], files[part, "labels"]) for part in ("train", "test")}


def read_idx_pair(images_path: Path, labels_path: Path) -> tuple[Array, Array]:
    """Images and labels, with a look at whether the two were mistaken for each other."""
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim < _IMAGE_AXES:
        raise DataError("data.idx_not_images", path=str(images_path), shape=str(images.shape))
    if labels.ndim != 1:
        raise DataError("data.idx_not_labels", path=str(labels_path), shape=str(labels.shape))
    return images, labels


def load_npz(path: Path, name: str) -> Dataset:
    """The data set in an .npz: x_train, y_train, x_test, y_test as Keras has them, or one pair as images and labels.

    Pickled objects are not loaded: they can run any code.
    """
    try:
        with open(path, "rb") as file:  # np.load(path) leaves a damaged file open
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise DataError("data.npz_damaged", path=str(path))
            keys = archive.files
            for names in (*_NPZ_PARTS, *_NPZ_WHOLE):
                if all(key in keys for key in names):
                    arrays = [_member(archive, path, key) for key in names]
                    train, test = (arrays[0], arrays[1]), (arrays[2], arrays[3]) if len(arrays) > 2 else None
                    return assemble(name, str(path), train, test)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        if isinstance(error, DataError):  # which is a ValueError too
            raise
        raise DataError("data.npz_damaged", path=str(path)) from None
    raise DataError("data.npz_keys", path=str(path), keys=", ".join(keys) or "-")


def _member(archive: Any, path: Path, key: str) -> Array:
    try:
        array: Array = archive[key]
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise DataError("data.npz_objects", path=str(path), array=key) from None
        raise
    if array.ndim == 0:
        raise DataError("data.no_features", name=path.stem, shape="()")
    return array
