"""Checkpoints: whole or not there at all, whatever happens while one is written; no other file is taken for one."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save as encode

from handgrad.core.layers import Linear, ReLU
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.errors import DataError, InputError
from handgrad.train.checkpoint import load, load_net, read_net, remove_parts, save, save_net, write_whole

ARRAYS = {
    "a": np.arange(12, dtype=np.float32).reshape(3, 4),
    "b": np.array(2.5),
    "c": np.zeros((0, 3)),
    "d": np.array([True, False]),
    "e": np.arange(6).reshape(2, 3).T,
    "f": np.arange(3, dtype=np.int64),
}


def test_arrays_and_values_come_back(tmp_path: Path) -> None:
    values = {"step": 3, "none": None, "list": [1.5, "글"], "infinite": float("inf")}
    save(tmp_path / "x", ARRAYS, values)
    arrays, back = load(tmp_path / "x")
    assert back == values
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        assert arrays[name].flags.writeable
    assert os.listdir(tmp_path) == ["x"]


def test_a_file_has_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "x", b"1")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


# -- killed while saving

SAVER = """
import sys
import numpy as np
from pathlib import Path
from handgrad.train.checkpoint import save
path = Path(sys.argv[1])
n = int(sys.argv[2])
print("ready", flush=True)
while True:
    n += 1
    save(path, {"a": np.full(200_000, n, np.float32), "b": np.full(7, n)}, {"n": n})
"""


def test_a_process_killed_while_saving_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    path, rng, n = tmp_path / "checkpoint.safetensors", random.Random(0), 0
    for _ in range(12):
        saver = subprocess.Popen([sys.executable, "-c", SAVER, str(path), str(n)], stdout=subprocess.PIPE)
        assert saver.stdout is not None
        assert saver.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 20
        while not (path.exists() and load(path)[1]["n"] > n) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.03))
        saver.send_signal(signal.SIGKILL)
        saver.wait()
        saver.stdout.close()
        arrays, values = load(path)
        assert values["n"] > n  # the last whole one, never an older one
        n = values["n"]
        np.testing.assert_array_equal(arrays["a"], np.full(200_000, n, np.float32))
        np.testing.assert_array_equal(arrays["b"], np.full(7, n))
    save(path, {"a": np.zeros(3)}, {})  # what the killed ones left behind is in nobody's way
    assert load(path)[1] == {}
    remove_parts(tmp_path)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("function", ["fsync", "replace", "chmod", "fdopen"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, code: int
) -> None:
    path = tmp_path / "x"
    save(path, {"a": np.ones(3)}, {"n": 1})
    old = path.read_bytes()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(f"os.{function}", fail)
    with pytest.raises(DataError, match="cannot be written") as caught:
        save(path, {"a": np.zeros(3)}, {"n": 2})
    monkeypatch.undo()
    assert os.strerror(code) in str(caught.value)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_write_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes really go to a device without room: the error comes out of write or flush, not out of a stand-in."""
    (tmp_path / "x").write_bytes(b"old")
    monkeypatch.setattr("tempfile.mkstemp", lambda **_: (os.open("/dev/full", os.O_WRONLY), "/nowhere/y"))
    with pytest.raises(DataError, match="No space left"):
        write_whole(tmp_path / "x", b"new" * 100_000)
    assert (tmp_path / "x").read_bytes() == b"old"


def test_an_interrupt_while_saving_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "x", b"old")

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize("place", ["missing/x", "file/x", "folder"])
def test_places_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("here")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        save(tmp_path / place, {}, {})
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


# -- files that are none of ours


def reads_as_corrupt(path: Path) -> None:
    before = path.read_bytes()
    for read in (load, load_net):
        with pytest.raises(DataError, match="is damaged or not a file of handgrad's") as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"PK\x03\x04", b"\xff" * 100, b"hello, this is text", (8).to_bytes(8, "little") + b"{}      ",
     (2**62).to_bytes(8, "little") + b"{}", encode({"a": np.zeros(3)}), encode({"a": np.zeros(3)}, {"format": "pt"}),
     encode({}, {"format": "handgrad 1", "values": "{", "sum": ""}),
     encode({}, {"format": "handgrad 1", "values": "[]", "sum": ""}),
     encode({}, {"format": "handgrad 1", "values": "{}"}),
     encode({}, {"format": "handgrad 9", "values": "{}", "sum": ""})],
    ids=map(str, range(13)),
)  # fmt: skip
def test_foreign_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    reads_as_corrupt(tmp_path / "x")


def test_a_truncated_file_at_any_length(tmp_path: Path) -> None:
    save_net(tmp_path / "x", MLP(4, 3, 2, rng=0))
    whole = (tmp_path / "x").read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "x").write_bytes(whole[:length])
        reads_as_corrupt(tmp_path / "x")


def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path) -> None:
    path, rng = tmp_path / "x", random.Random(1)
    save_net(path, MLP(4, 3, 2, rng=0), {"classes": ["a", "b"]})
    whole = path.read_bytes()
    weights = len(whole) - 4 * (4 * 3 + 3 + 3 * 2 + 2)
    for place in [*rng.sample(range(8, weights), 60), *rng.sample(range(weights, len(whole)), 40)]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(DataError):
            load(path)


def test_a_missing_file_or_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, tmp_path / "none" / "below"):
        with pytest.raises(DataError, match="There is no checkpoint at"):
            load(path)


# -- nets


def test_a_net_comes_back_with_its_architecture(tmp_path: Path) -> None:
    net = MLP(6, 5, 4, 3, activation="tanh", batch_norm=True, dropout=0.2, rng=0, dtype=np.float64)
    net(np.random.default_rng(0).random((9, 6)))  # moves the running statistics
    save_net(tmp_path / "x", net, {"classes": ["a", "b", "c"]})
    back, values = read_net(tmp_path / "x")
    assert values["classes"] == ["a", "b", "c"]
    assert not back.training
    x = np.random.default_rng(1).random((4, 6))
    np.testing.assert_array_equal(back(x), net.eval()(x))
    assert repr(back).splitlines()[1:] == repr(net).splitlines()[1:]


def test_a_checkpoint_without_an_architecture_is_no_net(tmp_path: Path) -> None:
    save(tmp_path / "x", {"net.fc1.weight": np.zeros((2, 2))}, {"loop": {}})
    with pytest.raises(DataError, match="holds weights but no architecture"):
        load_net(tmp_path / "x")


def test_weights_of_another_net(tmp_path: Path) -> None:
    one, two = MLP(4, 3, 2, rng=0), MLP(4, 5, 2, rng=0)
    save(tmp_path / "x", one.state(), {"architecture": two.config()})
    with pytest.raises(InputError, match=r"belong to another net: 'fc1\.bias' has shape \(3,\)"):
        load_net(tmp_path / "x")


@pytest.mark.parametrize(
    "architecture",
    [None, [], "x", {}, {"dtype": "float32"}, {"dtype": "float32", "layers": 3}, {"dtype": "float32", "layers": [3]},
     {"dtype": "float32", "layers": [{"kind": "Linear"}]}, {"dtype": "nonsense", "layers": []},
     {"dtype": "float32", "layers": []},
     {"dtype": "float32", "layers": [{"name": "a", "kind": "Linear", "inputs": 0, "outputs": 2}]},
     {"dtype": "float32", "layers": [{"name": "a", "kind": "Linear", "inputs": 2, "outputs": 2, "colour": 1}]},
     {"dtype": "float32", "layers": [{"name": "a", "kind": "Convolution"}]}],
)  # fmt: skip
def test_an_architecture_that_is_none(tmp_path: Path, architecture: Any) -> None:
    save(tmp_path / "x", {}, {"architecture": architecture})
    with pytest.raises((DataError, InputError)) as caught:
        load_net(tmp_path / "x")
    assert "\n" not in str(caught.value)


def test_a_saved_net_is_a_plain_safetensors_file(tmp_path: Path) -> None:
    """Other programs read the weights under the names that they have here."""
    from safetensors.numpy import load_file

    net = Sequential(Linear(3, 2, rng=0), ReLU())
    save_net(tmp_path / "x.safetensors", net)
    arrays = load_file(tmp_path / "x.safetensors")
    assert sorted(arrays) == ["fc1.bias", "fc1.weight"]
    np.testing.assert_array_equal(arrays["fc1.weight"], net.layers[0].W)
    header = (tmp_path / "x.safetensors").read_bytes()
    metadata = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]
    assert json.loads(metadata["values"])["architecture"]["layers"][0]["inputs"] == 3
