"""IDX: against bytes written out by hand, in a round trip of anything, and broken in every way that files break."""

from __future__ import annotations

import gzip
import hashlib
import struct
import tracemalloc
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from data_cases import error_of
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad.data.idx import read_idx, write_idx
from handgrad.data.load import SHIPPED
from handgrad.errors import DataError

DTYPES = ["uint8", "int8", "int16", "int32", "float32", "float64"]


@pytest.mark.parametrize(
    ("hexadecimal", "dtype", "values"),
    [
        ("00000801 00000003 00 7f ff", "uint8", [0, 127, 255]),
        ("00000901 00000003 00 7f ff", "int8", [0, 127, -1]),
        ("00000b01 00000002 0102 ffff", "int16", [258, -1]),
        ("00000c01 00000002 00010002 fffffffe", "int32", [65538, -2]),
        ("00000d01 00000002 3fc00000 c0000000", "float32", [1.5, -2.0]),
        ("00000e01 00000001 3ff8000000000000", "float64", [1.5]),
        ("00000802 00000002 00000003 01 02 03 04 05 06", "uint8", [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_each_element_type_is_read_and_written_as_the_format_says(
    hexadecimal: str, dtype: str, values: list[float], tmp_path: Path
) -> None:
    raw = bytes.fromhex(hexadecimal)
    for source in (raw, gzip.compress(raw, mtime=0)):
        array = read_idx(source)
        assert array.dtype == np.dtype(dtype)
        assert array.dtype.isnative
        np.testing.assert_array_equal(array, values)
    write_idx(tmp_path / "x", np.array(values, dtype))
    assert (tmp_path / "x").read_bytes() == raw
    write_idx(tmp_path / "x.gz", np.array(values, dtype))
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == raw


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_array_survives_the_round_trip(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES))).newbyteorder(data.draw(st.sampled_from("<>")))
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)))
    if data.draw(st.booleans()):
        array = array.T
    path = tmp_path_factory.mktemp("idx") / data.draw(st.sampled_from(["plain", "packed.gz"]))
    write_idx(path, array)
    again = read_idx(path)
    assert again.shape == array.shape
    assert again.dtype == array.dtype.newbyteorder("=")
    assert again.tobytes() == array.astype(again.dtype).tobytes()  # bytes, so that NaN is compared, too
    again[...] = 0  # it can be written to


def test_gzip_in_several_members_and_filled_up_with_zeros() -> None:
    raw = struct.pack(">BBBBI", 0, 0, 8, 1, 3) + bytes([5, 6, 7])
    packed = gzip.compress(raw[:6], mtime=0) + gzip.compress(b"", mtime=0) + gzip.compress(raw[6:], mtime=0)
    assert read_idx(packed).tolist() == [5, 6, 7]
    assert read_idx(packed + bytes(100)).tolist() == [5, 6, 7]
    with pytest.raises(DataError):
        read_idx(packed + b"something else")


def test_gzip_is_known_by_its_bytes_not_by_the_name(tmp_path: Path) -> None:
    raw = bytes.fromhex("00000801 00000001 05")
    (tmp_path / "plain.gz").write_bytes(raw)
    (tmp_path / "packed").write_bytes(gzip.compress(raw, mtime=0))
    assert read_idx(tmp_path / "plain.gz") == [5]
    assert read_idx(str(tmp_path / "packed")) == [5]


def test_the_same_array_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, np.arange(5, dtype=np.uint8))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


@pytest.mark.parametrize(
    ("name", "size", "md5", "shape"),
    [
        ("train-images-idx3-ubyte", 47_040_016, "6bbc9ace898e44ae57da46a324031adb", (60000, 28, 28)),
        ("train-labels-idx1-ubyte", 60_008, "a25bea736e30d166cdddb491f175f624", (60000,)),
        ("t10k-images-idx3-ubyte", 7_840_016, "2646ac647ad5339dbf082846283269ea", (10000, 28, 28)),
        ("t10k-labels-idx1-ubyte", 10_008, "27ae3e4e09519cfbb04c329615203637", (10000,)),
    ],
)
def test_the_shipped_files_are_mnist(name: str, size: int, md5: str, shape: tuple[int, ...]) -> None:
    packed = SHIPPED / f"{name}.gz"
    raw = gzip.decompress(packed.read_bytes())
    assert len(raw) == size
    assert hashlib.md5(raw, usedforsecurity=False).hexdigest() == md5
    assert md5 in (SHIPPED / "LICENSE.md").read_text()
    array = read_idx(packed)
    assert array.shape == shape
    assert array.tobytes() == raw[4 + 4 * len(shape) :]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    write_idx(path, np.zeros(3, np.uint8))
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("handgrad.data.idx.os.fsync", full)
    error = error_of(lambda: write_idx(path, np.ones(3, np.uint8)))
    assert error.key == "data.unwritable"
    assert "No space left" in str(error)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


PICTURES = struct.pack(">BBBBIII", 0, 0, 8, 3, 100, 8, 8) + bytes(range(64)) * 100


@pytest.mark.parametrize(
    ("contents", "key"),
    [
        (b"", "idx_magic"),
        (b"\0\0\x08", "idx_magic"),
        (b"\x89PNG\r\n\x1a\n", "idx_magic"),
        (b"\x01" + PICTURES[1:], "idx_magic"),
        (b"\0\0\x07\x03" + PICTURES[4:], "idx_type"),
        (b"\0\0\x08\x03\0\0", "idx_header"),
        (b"\0\0\x08\x41" + b"\0\0\0\1" * 65 + b"\0", "idx_dimensions"),
        (PICTURES[:-1], "idx_short"),
        (PICTURES + b"\0", "idx_long"),
        (gzip.compress(PICTURES, mtime=0)[:-9], "gz_truncated"),
        (gzip.compress(PICTURES, mtime=0)[:30], "gz_truncated"),
        (gzip.compress(PICTURES, mtime=0)[:-8] + b"\1\2\3\4" + gzip.compress(PICTURES, mtime=0)[-4:], "gz_damaged"),
        (gzip.compress(PICTURES, mtime=0)[:20] + b"\xff" * 40 + gzip.compress(PICTURES, mtime=0)[60:], "gz_damaged"),
        (gzip.compress(PICTURES[:-1], mtime=0), "idx_short"),
        (gzip.compress(PICTURES + b"\0", mtime=0), "idx_long"),
        (struct.pack(">BBBB4I", 0, 0, 0x0E, 4, *[2**32 - 1] * 4), "idx_short"),
        (struct.pack(">BBBB3I", 0, 0, 0x0E, 3, 2**32 - 1, 2**32 - 1, 0), "idx_absurd"),
        (gzip.compress(struct.pack(">BBBB4I", 0, 0, 0x0E, 4, *[2**32 - 1] * 4), mtime=0), "idx_absurd"),
    ],
)
def test_a_broken_file_is_told_in_one_sentence_that_names_it(contents: bytes, key: str, tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_bytes(contents)
    error = error_of(lambda: read_idx(path))
    assert error.key == f"data.{key}"
    assert str(path) in str(error)
    assert str(path) in error.text("ko")


def test_a_header_cannot_make_the_reader_take_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 2**31), mtime=0))
    tracemalloc.start()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        error_of(lambda: read_idx(path))
        assert tracemalloc.get_traced_memory()[1] - before < 4e6
    finally:
        tracemalloc.stop()


def test_what_unpacks_to_more_than_it_announces_is_not_unpacked_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "long.gz"
    path.write_bytes(
        gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 1000) + bytes(50_000_000), compresslevel=1, mtime=0)
    )
    tracemalloc.start()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        assert error_of(lambda: read_idx(path)).key == "data.idx_long"
        assert tracemalloc.get_traced_memory()[1] - before < 8e6
    finally:
        tracemalloc.stop()


def test_a_missing_file_a_folder_and_a_type_that_idx_lacks(tmp_path: Path) -> None:
    assert error_of(lambda: read_idx(tmp_path / "none")).key == "data.file_missing"
    assert error_of(lambda: read_idx(tmp_path)).key == "data.file_unreadable"
    assert error_of(lambda: write_idx(tmp_path / "x", np.zeros(3, np.int64))).key == "data.idx_no_type"
    assert error_of(lambda: write_idx(tmp_path / "no" / "x", np.zeros(3, np.uint8))).key == "data.unwritable"
    assert list(tmp_path.iterdir()) == []
