"""The IDX format: how MNIST and its relatives are stored, read and written here, plain or gzipped.

Two zero bytes, an element type, a number of dimensions, the sizes as big-endian 32-bit numbers, then the elements,
big-endian, the last axis fastest (as the format's authors describe it on the MNIST page).
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import struct
import zlib
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from handgrad.core.arrays import Array
from handgrad.errors import DataError

PathLike: TypeAlias = str | os.PathLike[str]

ELEMENT_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CODES = {np.dtype(spelling).newbyteorder("="): code for code, spelling in ELEMENT_TYPES.items()}
_GZIP_MAGIC = b"\x1f\x8b"
# Deflate cannot shrink further than this (zlib's documentation, "maximum compression factor"), so a header that
# promises more than its file can hold is found out before any memory is taken.
_DEFLATE_LIMIT = 1032
_PACKED, _PIECE = 1 << 20, 1 << 24  # bytes read at once from a zipped file, and of what it holds
_GZIP = 31  # zlib's number for gzip's header and checksum
MAP_FROM = 1 << 30  # bytes: a plain file of this size is mapped and not read, so that it may be larger than the memory
_MOST_DIMENSIONS, _MOST_ELEMENTS = 64, 2**59  # of a NumPy array, sizes of 0 not counted


def read_idx(source: PathLike | bytes) -> Array:
    """The array in an IDX file, or in the bytes of one; gzip is recognised by its first bytes, not by the name.

    Returns: an array of the file's shape and element type (u8, i8, i16, i32, f32 or f64), in native byte order.
    Raises: DataError where the file is missing, cut short, damaged, or holds more or less than its header says.
    """
    if isinstance(source, bytes):
        return read_idx_stream(io.BytesIO(source), f"{len(source)} bytes", len(source))
    name = os.fspath(source)
    try:
        with open(name, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            mapped = _map(file, name, size) if size >= MAP_FROM else None
            return read_idx_stream(file, name, size) if mapped is None else mapped
    except FileNotFoundError:
        raise DataError("data.file_missing", path=name) from None
    except (IsADirectoryError, PermissionError) as error:
        raise DataError("data.file_unreadable", path=name, reason=error.strerror) from None


def read_idx_stream(stream: io.BufferedIOBase, name: str, size: int) -> Array:
    """As `read_idx`, from an open binary file of `size` bytes; `name` is what an error calls it."""
    zipped = stream.read(2) == _GZIP_MAGIC
    stream.seek(0)
    if not zipped:
        return _read(stream, name, size, exact=True)
    try:
        return _read(io.BufferedReader(_Unzipped(stream)), name, size * _DEFLATE_LIMIT, exact=False)
    except EOFError:
        raise DataError("data.gz_truncated", path=name) from None
    except zlib.error:
        raise DataError("data.gz_damaged", path=name) from None


class _Unzipped(io.RawIOBase):
    """What a gzipped stream holds, in large pieces: other threads run while zlib works on one.

    Raises: EOFError where it is cut short, zlib.error where it is damaged.
    """

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self.stream, self.packed, self.member = stream, b"", zlib.decompressobj(_GZIP)

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        """Fill `room` from its start; how many bytes there were, 0 only at the end."""
        unpacked = b""
        while len(room) and not unpacked:
            if self.member.eof:  # one file may be packed in several members, and be filled up with zeros
                self.packed = (self.member.unused_data or self._more()).lstrip(b"\0")
                if not self.packed:
                    break
                self.member = zlib.decompressobj(_GZIP)
            elif not self.packed and not (more := self._more()):
                raise EOFError
            elif not self.packed:
                self.packed = more
            unpacked = self.member.decompress(self.packed, len(room))
            self.packed = self.member.unconsumed_tail
        room[: len(unpacked)] = unpacked
        return len(unpacked)

    def _more(self) -> bytes:
        return self.stream.read(_PACKED)


def _read(stream: io.BufferedIOBase, name: str, room: int, *, exact: bool) -> Array:
    """Header, check against `room` (bytes in the file, or the most that they can unpack to), elements, end."""
    dtype, shape, header = _header(stream, name)
    need = prod(shape) * dtype.itemsize
    if need > room - header and exact:
        raise DataError("data.idx_short", path=name, shape=_shape(shape), need=need, got=room - header)
    if need > room or prod(size or 1 for size in shape) > _MOST_ELEMENTS:
        raise DataError("data.idx_absurd", path=name, shape=_shape(shape), need=need)
    buffer, filled = bytearray(need), 0
    with memoryview(buffer) as view:
        while filled < need and (count := stream.readinto(view[filled : filled + _PIECE])):
            filled += count
    if filled < need:
        raise DataError("data.idx_short", path=name, shape=_shape(shape), need=need, got=filled)
    if stream.read(1):
        raise DataError("data.idx_long", path=name, shape=_shape(shape), need=need)
    array: Array = np.ndarray(shape, dtype, buffer)
    return array if dtype.isnative else array.byteswap(inplace=True).view(dtype.newbyteorder("="))


def _map(file: io.BufferedIOBase, name: str, size: int) -> Array | None:
    """The array of a plain file, whose elements the operating system reads when they are asked for.

    None where it has to be read: it is zipped, its bytes are in the other order, or something is wrong with it.
    """
    magic = file.read(2)
    file.seek(0)
    if magic == _GZIP_MAGIC:
        return None
    dtype, shape, header = _header(file, name)
    file.seek(0)
    fits = prod(shape) * dtype.itemsize == size - header and dtype.isnative
    return np.memmap(name, dtype, "r", header, shape) if fits else None


def _header(stream: io.BufferedIOBase, name: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Element type, shape, and the header's own length in bytes."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":  # the magic number is four bytes
        raise DataError("data.idx_magic", path=name, got=magic.hex(" ") or "-")
    if magic[2] not in ELEMENT_TYPES:
        known = ", ".join(f"{code:02x}" for code in ELEMENT_TYPES)
        raise DataError("data.idx_type", path=name, got=f"{magic[2]:02x}", known=known)
    dimensions = magic[3]
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError("data.idx_header", path=name, dimensions=dimensions)
    shape = struct.unpack(f">{dimensions}I", sizes)
    if dimensions > _MOST_DIMENSIONS:
        raise DataError("data.idx_dimensions", path=name, dimensions=dimensions, most=_MOST_DIMENSIONS)
    return np.dtype(ELEMENT_TYPES[magic[2]]), shape, 4 + len(sizes)


def write_idx(path: PathLike, array: Array) -> None:
    """Write an array as an IDX file, gzipped where the name ends in .gz (with no time in it: same array, same bytes).

    The file appears whole or not at all; one of the same name is replaced.
    Raises: DataError for an element type that the format does not have, or a folder that cannot be written.
    """
    array = np.asarray(array)
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        raise DataError("data.idx_no_type", dtype=str(array.dtype))
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    elements = np.ascontiguousarray(array, ELEMENT_TYPES[code]).reshape(-1)

    def write(file: IO[bytes]) -> None:
        if os.fspath(path).endswith(".gz"):
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed:
                packed.write(header)
                packed.write(elements.data)
        else:
            file.write(header)
            file.write(elements.data)

    write_whole(Path(path), write)


def write_whole(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Make a file by `write(file)`, aside at first; it gets its name when it is complete and on the disk."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(aside, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError as error:
        raise DataError("data.unwritable", path=str(path), reason=error.strerror or str(error)) from None
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "1"
