"""The folder of a run: made for a new one, and its manifest checked for one that is there.

A folder is made at the last moment, after everything that could be wrong with a call has been looked at.
"""

from __future__ import annotations

import datetime
import itertools
from pathlib import Path
from typing import Any

from handgrad.errors import DataError, InputError
from handgrad.train import threads

# What a manifest must hold, and what of it: a damaged one is found out before anything is done with it.
NEEDED: dict[str, type] = {"status": str, "seed": int, "data": dict, "parameters": int, "threads": int,
                           "threads_measured": dict, "versions": dict}  # fmt: skip
NEEDED_DATA: dict[str, type] = {"name": str, "sums": dict}
NEEDED_RESULT: dict[str, type] = {"reported_loss": list, "train_accuracy": list, "test_loss": float,
                                  "test_accuracy": float, "train_seconds": float, "weights_sha256": str}  # fmt: skip


def check_manifest(manifest: dict[str, Any]) -> None:
    """KeyError, TypeError or ValueError for a manifest that `start` or `finish` cannot have written."""
    tables: list[tuple[dict[str, Any], dict[str, type]]] = [(manifest, NEEDED), (manifest["data"], NEEDED_DATA)]
    if "result" in manifest:
        tables.append((manifest["result"], NEEDED_RESULT))
    for table, kinds in tables:
        for key, kind in kinds.items():
            if not isinstance(table[key], kind):
                raise TypeError(key)
    if not 1 <= manifest["threads"] <= threads.MOST:
        raise ValueError("threads")


def need_free(path: Path) -> None:
    """InputError unless a new run may have that folder; DataError where that cannot be found out."""
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError("train.folder_taken", path=path)
    except OSError as error:
        raise DataError("train.cannot_write", path=path, reason=error.strerror) from error


def make(path: Path | None, name: str) -> Path:
    """The folder of a new run, made now; without a path one in runs/. Of two runs that start at once, one gets it."""
    base = Path("runs") / f"{name}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    is_there = path is not None and path.is_dir()
    if path is not None:
        need_free(path)  # once more: much may have happened since the call was looked at
    for n in itertools.count(1):
        folder = path or (base if n == 1 else base.with_name(f"{base.name}-{n}"))
        try:
            folder.mkdir(parents=True, exist_ok=is_there)
        except FileExistsError:
            if path:
                raise InputError("train.folder_taken", path=path) from None
        except OSError as error:
            raise DataError("train.cannot_write", path=folder, reason=error.strerror) from error
        else:
            break
    return folder
