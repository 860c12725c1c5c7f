"""Data for all ranks of one host: read once, mapped by each of them, so that memory does not grow with the ranks.

A data set that lies in files that can be mapped as they are is mapped there, whatever its size; any other is written
once, unpacked, into the cache.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from handgrad.data import Dataset, Split, load_data
from handgrad.data.download import cache_root
from handgrad.data.mapped import PickedRows, is_mapped, load_npy_folder, store_npy_folder
from handgrad.errors import HandgradError
from handgrad.parallel.world import MPIWorld
from handgrad.train.samples import rows_apart


def load_shared(name_or_path: str, here: MPIWorld) -> Dataset:
    """The data set of that name or path, its images mapped. `here` are the ranks of this host; each of them calls it.

    Raises: DataError, on every rank, as `load_data` and where the cache cannot be written.
    """
    if here.size == 1:
        return load_data(name_or_path)
    folder, error = "", None
    if here.rank == 0:
        try:
            folder = _unpacked(load_data(name_or_path))
        except HandgradError as found:
            error = found
    folder, name = json.loads(here.share(json.dumps([folder, name_or_path])))
    if error is not None:
        raise error
    # No folder: the files are mapped as they are, or rank 0 has failed, and this rank finds out for itself how. Another
    # name: the ranks disagree, which is found out when their data are compared.
    return load_npy_folder(Path(folder), name) if folder and name == name_or_path else load_data(name_or_path)


def split_mapped(data: Dataset, share: float, seed: int) -> tuple[Split, Split | None]:
    """(training, validation) as `train.samples.split_off` divides them; of mapped images, which are not copied."""
    kept, apart = rows_apart(len(data.train), share, seed)
    if not len(apart):
        return data.train, None
    images, labels = data.train
    train, watched = (Split(PickedRows(images, rows), labels[rows]) for rows in (kept, apart))  # type: ignore[arg-type]
    return train, watched


def _unpacked(data: Dataset) -> str:
    """The folder in the cache that has these data, made where it is not there; "" where they are mapped already."""
    if is_mapped(data.train.images):
        return ""
    key = hashlib.sha256(json.dumps([data.name, data.classes, data.sums()]).encode()).hexdigest()[:16]
    folder = cache_root() / "mapped" / key
    store_npy_folder(data, folder)
    return str(folder)
