"""Compiling: how the functions of this room become machine code, and where that is kept so that only a first run waits.

The code lies in a folder of its own for each state of this room's files: Numba alone would look at one file's date, and
two versions of a package may well share it. Where no folder can be written, each process compiles for itself.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator


def _ask_only_whether() -> None:
    """Load Numba's array functions without SciPy, which they would import only to see whether it is there.

    That took a third of the time until a first step. Numba still imports it for whoever compiles a product with it.
    """
    linalg: Any = import_module("numba.np.linalg")
    asked = linalg.ensure_blas

    def is_there() -> None:
        if find_spec("scipy") is None:
            raise ImportError

    linalg.ensure_blas = is_there
    try:
        arraymath: Any = import_module("numba.np.arraymath")
        arraymath.ensure_blas = asked
    finally:
        linalg.ensure_blas = asked


_ask_only_whether()
# A division by 0 is inf or nan, as in NumPy. Nothing is allocated, so nobody need count who holds which array: with
# that (Numba's nrt), passing the arrays on to a function took longer than the function.
SETTINGS = {"nogil": True, "error_model": "numpy", "_nrt": False}
# What only compiled code calls needs no ways in from Python and from C, which take a third of the time to compile.
INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


@cache
def folder() -> Path | None:
    """Where compiled code lies: HANDGRAD_CACHE, or the user's folder of caches; None where neither can be written."""
    usual = {"darwin": "~/Library/Caches", "win32": "~/AppData/Local"}.get(sys.platform, "~/.cache")
    base = os.environ.get("HANDGRAD_CACHE") or os.environ.get("XDG_CACHE_HOME") or usual
    place = Path(base).expanduser() / "handgrad" / "compiled" / _stamp()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return place
    except OSError:
        return None


@cache
def _stamp() -> str:
    """A sum over the files of this room: other files, other machine code."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


class _Locator(_CacheLocator):
    """Tells Numba the folder, and that what lies there is never out of date."""

    def __init__(self, function: Any, file: str) -> None:
        self._line = function.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        return str(folder())

    def get_source_stamp(self) -> str:
        return _stamp()

    def get_disambiguator(self) -> str:
        return str(self._line)

    @classmethod
    def from_function(cls, function: Any, file: str) -> Any:
        return cls(function, file)


def compiled(function: Callable[..., Any]) -> Any:
    """The function, to be compiled where another compiled one calls it."""
    return njit(**SETTINGS, **INNER)(function)


def written_out(function: Callable[..., Any]) -> Any:
    """The function, written out where it is called: a compiled one is optimized anew with each that calls it."""
    return njit(**SETTINGS, **INNER, inline="always")(function)


class _Storage(CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012 - Numba's own attribute


class _Kept(FunctionCache):
    _impl_class = _Storage


def kept(function: Callable[..., Any]) -> Any:
    """The function, compiled when it is first called with arrays of some kind, and kept for later processes."""
    dispatcher = njit(**SETTINGS)(function)
    if folder() is not None:
        dispatcher._cache = _Kept(function)
    return dispatcher
