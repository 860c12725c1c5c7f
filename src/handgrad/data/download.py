"""Fetch the files of a data set: from the first mirror that has them, checked against their sums, kept for good.

pooch does the work. What does not match its checksum never gets its name, so a broken download leaves nothing behind.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handgrad.data.sources import Source
from handgrad.errors import DataError
from handgrad.words import say

_TIMEOUT = (10, 60)  # seconds, to connect and between two pieces
_CHUNK = 1 << 18


def cache_folder(source: Source) -> Path:
    """Where the downloaded files of a data set are kept. EMNIST's splits come in one archive and share a folder."""
    return cache_root() / ("emnist" if source.archive else source.name)


def cache_root() -> Path:
    """The folder that handgrad may keep files in, for this user."""
    import pooch  # type: ignore[import-untyped]  # slow to import, and MNIST needs no download

    return Path(pooch.os_cache("handgrad"))


def download(source: Source, folder: Path | None = None) -> Path:
    """The folder that has the data set's files, those that were missing downloaded (default: the cache).

    Raises: DataError that names every mirror that was tried, and says what to do without a network.
    """
    folder = folder or cache_folder(source)
    for file, known in (source.archive,) if source.archive else source.files:
        _retrieve(source, file, known, folder)
    return folder


def _retrieve(source: Source, file: str, known: str, folder: Path) -> None:
    import pooch

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError("data.unwritable", path=str(folder), reason=error.strerror or str(error)) from None
    tried = []
    for mirror in source.mirrors:
        fetch = pooch.HTTPDownloader(chunk_size=_CHUNK, timeout=_TIMEOUT)
        try:
            with _quiet(pooch.get_logger()):
                pooch.retrieve(mirror + file, known, fname=file, path=folder, downloader=fetch)
        except PermissionError as error:
            raise DataError("data.unwritable", path=str(folder), reason=error.strerror) from None
        except OSError as error:  # what requests raises, too
            tried.append((mirror, _reason(error)))
        except ValueError:  # pooch's word for a sum that does not match
            tried.append((mirror, say("data.reason_checksum")))
        else:
            return
    mirrors = "; ".join(f"{mirror} ({reason})" for mirror, reason in tried)
    every_sum_wrong = all(reason == say("data.reason_checksum") for _, reason in tried)
    raise DataError(
        "data.checksum" if every_sum_wrong else "data.download", file=file, mirrors=mirrors, name=source.name,
    )  # fmt: skip


def _reason(error: OSError) -> str:
    """A few words instead of the three nested exceptions that requests and urllib3 put into one."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    kind = type(error).__name__
    if "Timeout" in kind:
        return say("data.reason_timeout")
    if kind in ("ConnectionError", "ProxyError", "SSLError"):
        return say("data.reason_unreachable")
    return error.strerror or kind


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Silence pooch, which reports each file on standard error; the caller says what is being done."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
