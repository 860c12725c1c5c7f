"""load_data: a data set by name or by path, wherever it lies.

A name is looked for in the folder that HANDGRAD_DATA names, then in the package, then in the cache and on the net.
"""

from __future__ import annotations

import difflib
import io
import os
import zipfile
from pathlib import Path
from typing import cast

import numpy as np

from handgrad.core.arrays import Array
from handgrad.data.assemble import as_samples
from handgrad.data.dataset import Dataset, Split
from handgrad.data.download import download
from handgrad.data.idx import PathLike, read_idx, read_idx_stream
from handgrad.data.paths import idx_files, load_path, read_idx_folder
from handgrad.data.sources import DATASETS, MNIST, Source
from handgrad.errors import DataError

SHIPPED = Path(__file__).parent / "mnist"
_EXTENDED_LABELS = 2  # axes: QMNIST tells of each digit its class, and then writer and origin


def load_data(name_or_path: PathLike) -> Dataset:
    """The data set of that name, or at that path.

    Names are those of `DATASETS`, and whatever lies in the folder that HANDGRAD_DATA names (`NAME/`, `NAME.npz` or
    `NAME.csv`), which goes first. Paths are a folder with the four IDX files, an .npz, a CSV, or a folder of pictures
    by class. A name that is also a file here is reached as `./NAME`.
    Raises: DataError that says what is missing or broken, and where.
    """
    text = os.fspath(name_or_path)
    if _is_name(text):
        name = text.lower().replace("_", "-")
        if local := _in_data_folder(text) or _in_data_folder(name):
            return _load_local(local, DATASETS.get(name), name)
        if name in DATASETS:
            return load_source(DATASETS[name])
    path = Path(text).expanduser()
    if not text or (_is_name(text) and not path.exists() and not path.suffix):
        near = difflib.get_close_matches(text.lower(), DATASETS, n=3)
        known = ", ".join(DATASETS)
        if near:
            raise DataError("data.unknown_near", name=text, near=", ".join(near), known=known)
        raise DataError("data.unknown", name=text, known=known)
    return load_path(path)


def load_source(source: Source) -> Dataset:
    """The data set of a source: MNIST from the package, others from the cache, downloaded first where need be."""
    folder = SHIPPED if source is MNIST else download(source)
    parts = read_idx_folder(folder) if source is MNIST else _read_files(source, folder)
    return _dataset(source, parts, folder)


def _is_name(text: str) -> bool:
    """Whether a text can be a name: no path separator, and not . or .. or ~."""
    separators = {os.sep, os.altsep or os.sep, "/"}
    return bool(text) and not any(separator in text for separator in separators) and text[0] not in ".~"


def _in_data_folder(name: str) -> Path | None:
    """What the folder of HANDGRAD_DATA has under a name. The folder may also be the data set's own."""
    root = os.environ.get("HANDGRAD_DATA", "")
    if not root:
        return None
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataError("data.data_folder", folder=root)
    for path in (folder / name, folder / f"{name}.npz", folder / f"{name}.csv"):
        if path.exists():
            return path
    return folder if folder.name == name and idx_files(folder) else None


def _load_local(path: Path, source: Source | None, name: str) -> Dataset:
    """What lies in HANDGRAD_DATA: the source's own files under their own names, or anything that `load_path` reads."""
    if source is not None and path.is_dir():
        wanted = (source.archive,) if source.archive else source.files
        if wanted and all((path / file).is_file() for file, _ in wanted):
            return _dataset(source, _read_files(source, path), path)
        if idx_files(path):
            return _dataset(source, read_idx_folder(path), path, converted=True)
    return load_path(path, name)


def _read_files(source: Source, folder: Path) -> dict[str, tuple[Array, Array]]:
    """The four arrays as the source's own files hold them."""
    names = [file for file, _ in source.files]
    if source.archive:
        arrays = _read_zip(folder / source.archive[0], names)
    else:
        arrays = [read_idx(folder / name) for name in names]
    return {"train": (arrays[0], arrays[1]), "test": (arrays[2], arrays[3])}


def _read_zip(path: Path, names: list[str]) -> list[Array]:
    """IDX files out of a zip, wherever in it they lie, without unpacking it to the disk."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {Path(info.filename).name: info for info in archive.infolist()}
            arrays = []
            for name in names:
                if name not in members:
                    raise DataError("data.zip_member", path=str(path), member=name)
                with archive.open(members[name]) as file:
                    arrays.append(
                        read_idx_stream(cast("io.BufferedIOBase", file), f"{path}: {name}", members[name].file_size)
                    )
            return arrays
    except zipfile.BadZipFile:
        raise DataError("data.zip_damaged", path=str(path)) from None


def _dataset(
    source: Source, parts: dict[str, tuple[Array, Array]], folder: Path, *, converted: bool = False
) -> Dataset:
    """A Dataset with the source's classes, its peculiarities evened out, as they already are in `converted` files."""
    splits = {}
    for part, (images, labels) in parts.items():
        if source.transposed and not converted:
            images = np.ascontiguousarray(images.swapaxes(1, 2))  # (n, column, row) -> (n, row, column)
        if labels.ndim == _EXTENDED_LABELS:
            labels = labels[:, 0]  # (n, 8) -> (n,)
        if source.first_label and not converted:
            labels = labels.astype(np.int64) - source.first_label
        if labels.dtype != np.uint8 and labels.min(initial=0) >= 0 and labels.max(initial=0) < len(source.classes):
            labels = labels.astype(np.uint8)
        splits[part] = Split(as_samples(source.name, [images])[0], labels)
    return Dataset(source.name, splits["train"], splits["test"], source.classes, str(folder))
