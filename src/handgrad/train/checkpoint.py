"""Checkpoints: arrays and plain values in one safetensors file that is either wholly there or not at all.

A file is written under another name beside its place, forced to the disk, and then moved over the old one; a process
that is killed at any moment leaves the old file or the new one, never half of one.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.net import Sequential
from handgrad.errors import DataError, InputError

FORMAT = "handgrad 1"
HARMLESS = 10_000_000  # weights, which are made in a blink


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, whatever happens. DataError if it cannot."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise DataError("train.cannot_write", path=path, reason=error.strerror) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp keeps its files from everybody else
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise DataError("train.cannot_write", path=path, reason=error.strerror) from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def save(path: Path, arrays: dict[str, Array], values: dict[str, Any]) -> None:
    """Write arrays by name, and JSON values, as one safetensors file."""
    write_whole(path, encode(arrays, values))


def encode(arrays: dict[str, Array], values: dict[str, Any]) -> bytes:
    """That file's bytes."""
    from safetensors.numpy import save as encoded

    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    metadata = {"format": FORMAT, "values": json.dumps(values)}
    metadata["sum"] = _sum(whole, metadata["values"])
    return encoded(whole, metadata)


def load(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays and values of a file that `save` wrote. DataError where it is missing, broken, or another's."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise DataError("train.no_checkpoint", path=path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 - not a dict
        values = json.loads(metadata["values"])
        if metadata["format"] != FORMAT or not isinstance(values, dict):
            raise ValueError("format")
        if metadata["sum"] != _sum(arrays, metadata["values"]):
            raise ValueError("checksum")
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise corrupt(path, error) from error
    return arrays, values


def corrupt(path: Path, error: Exception) -> DataError:
    """What to raise where a file of ours holds what it should not."""
    return DataError("train.corrupt", path=path, reason=f"{type(error).__name__}: {error}"[:120])


def remove_parts(folder: Path) -> None:
    """Remove what a process left that was killed while it saved."""
    for part in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            part.unlink()


def save_net(path: Path | str, net: Sequential, values: dict[str, Any] | None = None) -> None:
    """Write a trained net, architecture included, so that `load_net` needs nothing else."""
    write_whole(Path(path), encode_net(net, values))


def encode_net(net: Sequential, values: dict[str, Any] | None = None) -> bytes:
    """The bytes of the file that `save_net` writes."""
    return encode(net.state(), {"architecture": net.config()} | (values or {}))


def load_net(path: Path | str) -> Sequential:
    """The net of a file that `save_net` wrote, in eval mode; `net.train()` makes it ready to learn on."""
    return read_net(path)[0]


def read_net(path: Path | str) -> tuple[Sequential, dict[str, Any]]:
    """The net of a file that `save_net` wrote, in eval mode, and the values stored with it."""
    path = Path(path)
    arrays, values = load(path)
    if "architecture" not in values:
        raise DataError("train.no_architecture", path=path)
    return built(values["architecture"], arrays, path), values


def built(architecture: Any, arrays: dict[str, Array], path: Path) -> Sequential:
    """The net of an architecture with its weights, in eval mode. DataError where a file's two do not make one."""
    try:
        if _claimed(architecture["layers"]) > HARMLESS + sum(array.size for array in arrays.values()):
            raise ValueError("far more weights than the file holds")  # they would be made before they are looked for
        if any(array.dtype.kind != "f" for array in arrays.values()):
            raise TypeError("weights that are no floats")
        net = Sequential.from_config(architecture)
    except InputError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise corrupt(path, error) from error
    net.load_state(arrays)
    return net.eval()


def _claimed(layers: list[dict[str, Any]]) -> int:
    """How many numbers the layers of an architecture hold at least."""
    total = 0
    for layer in layers:
        if "layers" in layer:
            total += _claimed(layer["layers"])
        total += int(layer.get("inputs", 0)) * int(layer.get("outputs", 0)) + int(layer.get("features", 0))
    return total


def _sum(arrays: dict[str, Array], values: str) -> str:
    """A checksum over everything that is stored: one flipped bit in a weight would go unnoticed otherwise."""
    result = zlib.crc32(values.encode())
    for name in sorted(arrays):
        array = arrays[name]
        result = zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), result)
        result = zlib.crc32(array.reshape(-1).view(np.uint8).data, result)
    return f"crc32 {result:08x}"


def _umask() -> int:
    """The permissions that new files of this process do not get. It can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
