"""A folder of pictures by class: root/train/<class>/*.png with root/test/<class>/*.png, or root/<class>/*.png.

The folders' names are the classes' names. All pictures have one size, and are read as grey.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from handgrad.core.arrays import Array
from handgrad.data.assemble import assemble
from handgrad.data.dataset import Dataset, size_text
from handgrad.data.picture import read_grey
from handgrad.errors import DataError

_ENDINGS = (".png", ".jpg", ".jpeg")
_PARTS = {"train": ("train", "training"), "test": ("test", "testing")}


def load_picture_folder(folder: Path, name: str) -> Dataset:
    """The data set in a folder of pictures by class.

    Raises: DataError where there are no such folders, a class has no pictures, the test part has a class that the
        training part has not, a file is no picture, or two pictures differ in size.
    """
    parts = {part: next((folder / n for n in names if (folder / n).is_dir()), None) for part, names in _PARTS.items()}
    train, test = parts["train"], parts["test"]
    if train is None and test is not None:
        raise DataError("data.folder_no_train", folder=str(folder))
    root = train or folder
    classes = _class_names(root)
    if not classes:
        raise DataError("data.folder_kind", folder=str(folder))
    if test is not None:
        for extra in sorted(set(_class_names(test)) - set(classes)):
            raise DataError("data.folder_extra_class", folder=str(test), extra=extra, known=", ".join(classes))
    first: list[tuple[Path, tuple[int, ...]]] = []
    known = _read_part(root, classes, first)
    return assemble(name, str(folder), known, _read_part(test, classes, first) if test else None, classes)


def _class_names(root: Path) -> list[str]:
    """The sub-folders, where any holds pictures: by number where all are numbers, else by letters."""
    names = [entry.name for entry in root.iterdir() if entry.is_dir() and entry.name[0] not in "._"]
    if not any(_files(root / name) for name in names):
        return []
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else sorted(names)


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix.lower() in _ENDINGS and not f.name.startswith("."))


def _read_part(root: Path, classes: list[str], first: list[tuple[Path, tuple[int, ...]]]) -> tuple[Array, Array]:
    """All pictures below `root` as (n, height, width) uint8, and their classes; `first` keeps the size to come."""
    pictures: list[Array] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        files = _files(root / name) if (root / name).is_dir() else []
        if not files:
            raise DataError("data.folder_empty_class", folder=str(root / name))
        for path in files:
            picture = np.rint(read_grey(path)).astype(np.uint8)
            if not first:
                first.append((path, picture.shape))
            if picture.shape != first[0][1]:
                raise DataError(
                    "data.picture_sizes", path=str(path), got=size_text(picture.shape[::-1]), first=str(first[0][0]),
                    needs=size_text(first[0][1][::-1]),
                )  # fmt: skip
            pictures.append(picture)
            labels.append(label)
    return np.stack(pictures), np.array(labels, np.uint8 if len(classes) <= 256 else np.int64)
