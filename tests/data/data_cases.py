"""Helpers of the data room's tests: a folder of IDX files, and an error looked at in both languages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handgrad.data import write_idx
from handgrad.data.paths import IDX_FILES
from handgrad.errors import DataError

Arrays = dict[tuple[str, str], Any]


def write_folder(folder: Path, arrays: Arrays, ending: str = ".gz", spelling: int = 0) -> Path:
    """The arrays as four IDX files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, array in arrays.items():
        write_idx(folder / (IDX_FILES[key][spelling] + ending), array)
    return folder


def error_of(call: Callable[[], object]) -> DataError:
    """The DataError that a call raises; both of its sentences can be told, and differ."""
    with pytest.raises(DataError) as caught:
        call()
    english, korean = caught.value.text("en"), caught.value.text("ko")
    assert "{" not in english
    assert english != korean
    assert any("가" <= letter <= "힣" for letter in korean)
    return caught.value
