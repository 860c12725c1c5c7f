"""A call of the command line in this process, small data to call it on, and what a folder holds before and after."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from handgrad.cli import main
from handgrad.data import load_data, write_idx


@dataclass
class Said:
    """What a call left: its exit status and what stood on the two streams."""

    status: int
    out: str
    err: str


Call = Callable[..., Said]


def call(*arguments: object, lang: str = "en") -> Said:
    """`handgrad ARGUMENTS`, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {"HANDGRAD_LANG": lang}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as leaving,
    ):
        main(list(map(str, arguments)))
    assert isinstance(leaving.value.code, int)
    return Said(leaving.value.code, out.getvalue(), err.getvalue())


def write_digits(folder: Path, train: int = 500, test: int = 100) -> Path:
    whole = load_data("mnist")
    folder.mkdir(parents=True)
    for name, split, count in (("train", whole.train, train), ("t10k", whole.test, test)):
        write_idx(folder / f"{name}-images-idx3-ubyte", split.images[:count])
        write_idx(folder / f"{name}-labels-idx1-ubyte", split.labels[:count])
    return folder


def tree(folder: Path) -> dict[str, tuple[bytes, int] | None]:
    """Everything below a folder: content and time of change of each file."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
