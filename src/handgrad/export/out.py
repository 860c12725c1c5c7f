"""Out: a net as a file for other programs, the format chosen by the ending, loaded again before it is kept.

Nothing is written until what was encoded has been read back and has given the net's own outputs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers.shape import Flatten
from handgrad.core.net import Sequential
from handgrad.data import Dataset
from handgrad.data.batches import to_input
from handgrad.errors import DataError, InputError
from handgrad.export.plain import check_dtype, features, plain
from handgrad.train.checkpoint import encode_net, load_net, write_whole

ENDINGS = (".safetensors", ".onnx", ".pt", ".py", ".html")
RANDOM_ROWS = 256  # for the check, where there are no data
PART = 1000  # rows at a time
BESIDE = "_weights.npz"  # what the file with a program's weights is called after it
# By what a file that `export` wrote is known, of the two kinds that people write themselves.
_MARKS = {".py": b"Written by handgrad", ".html": b'name="generator" content="handgrad'}
MOST_OFF = 1e-4  # of the largest output: far above rounding, far below any operator that is not the same


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote, and what came out when it was loaded again.

    Attributes:
        files: the file, and the weights beside it where it has any.
        reader: what loaded and ran it: onnx.reference, torch, Python or handgrad.
        rows: samples in the check; those of the test set where there are data, else random numbers.
        from_test_set: which of the two.
        largest_difference: between an output of the net and of what was loaded, in absolute numbers.
    """

    files: tuple[Path, ...]
    reader: str
    rows: int
    from_test_set: bool
    largest_difference: float


@dataclass(frozen=True, slots=True)
class Encoded:
    """A format's bytes, the main file first, and how to run them: samples in, outputs out."""

    contents: tuple[tuple[str, bytes], ...]  # (what the file's name ends in, bytes)
    reader: str
    run: Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class About:
    """What a format may tell beside the weights.

    Attributes:
        input_shape: of one sample as the file takes it; None for any.
        classes: their names; empty where there are no data.
        picture_shape: (height, width); None for rows of a table.
        raw_pixels: the file takes whole numbers from 0 to 255.
        images, labels: some samples to show, as the data have them; no rows where there are no data.
    """

    input_shape: tuple[int, ...] | None
    classes: tuple[str, ...]
    picture_shape: tuple[int, int] | None
    raw_pixels: bool
    images: Array
    labels: Array


def export(
    net: Sequential,
    path: Path | str,
    *,
    data: Dataset | None = None,
    input_shape: tuple[int, ...] | None = None,
    with_preprocessing: bool = False,
) -> Exported:
    """Write a net as the path's ending says: .safetensors, .onnx, .pt, .py (with an .npz beside it) or .html.

    A file of that name is replaced, and only by one that was loaded again and gave the same outputs.

    Args:
        net: of the layers that ship; it stays as it is.
        path: of the file.
        data: what it was trained on: class names, and the test set to check on. None: random numbers.
        input_shape: of one sample, where the net takes more than one axis and there are no data.
        with_preprocessing: for .onnx: the graph takes uint8 images and scales them itself.

    Raises:
        InputError: for another ending, a net that the format cannot hold, weights that are no finite numbers, or a
            package that is missing; nothing is written then.
        DataError: where the file cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError("export.ending", path=path, endings=", ".join(ENDINGS))
    if with_preprocessing and ending != ".onnx":
        raise InputError("export.preprocessing", ending=ending)
    if not path.absolute().parent.is_dir() or path.is_dir():
        raise DataError("export.no_folder", path=path)
    _check_replaceable(path, ending)
    copy = plain(net)
    check_dtype(copy, ending)
    about = _about(copy, data, input_shape, with_preprocessing)
    encoded = _encoder(ending)(copy, about, path)
    samples = _samples(copy, data, about)
    off = _largest_difference(copy, encoded.run, samples, about, path)
    files = tuple(path.with_name(path.stem + end) if i else path for i, (end, _) in enumerate(encoded.contents))
    for file, (_, content) in reversed(list(zip(files, encoded.contents, strict=True))):
        write_whole(file, content)
    return Exported(files, encoded.reader, len(samples), data is not None, off)


def _encoder(ending: str) -> Callable[[Sequential, About, Path], Encoded]:
    """What turns a net into bytes; each imports what it needs when it runs."""
    return {".safetensors": _safetensors, ".onnx": _onnx, ".pt": _torch, ".py": _script, ".html": _page}[ending]


def _safetensors(net: Sequential, about: About, path: Path) -> Encoded:
    content = encode_net(net, shown(about))
    return Encoded(((".safetensors", content),), "handgrad", net_of(content))


def _onnx(net: Sequential, about: About, path: Path) -> Encoded:
    from handgrad.export import onnx_out

    content = onnx_out.encode(net, input_shape=about.input_shape, classes=about.classes, raw_pixels=about.raw_pixels)
    return Encoded(((".onnx", content),), "onnx.reference", onnx_out.runner(content))


def _torch(net: Sequential, about: About, path: Path) -> Encoded:
    from handgrad.export import torch_out

    content = torch_out.encode(net)
    return Encoded(((".pt", content),), "torch", torch_out.runner(content))


def _script(net: Sequential, about: About, path: Path) -> Encoded:
    from handgrad.export import script

    beside = path.stem + BESIDE
    text, weights = script.encode(net, about, beside)
    return Encoded(((".py", text), (BESIDE, weights)), "Python", script.runner(text, weights, beside))


def _page(net: Sequential, about: About, path: Path) -> Encoded:
    from handgrad.export import page

    content = page.encode(net, about, shown(about))
    return Encoded(((".html", content),), "handgrad", net_of(page.weights_in(content)))


def shown(about: About) -> dict[str, Any]:
    """What stands beside the weights in a file of handgrad's own format, as a run's `model.safetensors` has it."""
    return {"classes": list(about.classes), "picture_shape": about.picture_shape} if about.classes else {}


def net_of(content: bytes) -> Sequential:
    """The net in the bytes of a safetensors file, read as any such file is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.safetensors"
        path.write_bytes(content)
        return load_net(path)


def _check_replaceable(path: Path, ending: str) -> None:
    """InputError where a program or page of somebody's own, or arrays beside it, would be written over."""
    mark = _MARKS.get(ending)
    if mark is None:
        return
    ours = path.is_file() and mark in path.read_bytes()[:2000]
    beside = path.with_name(path.stem + BESIDE)
    for taken in (path, beside) if ending == ".py" else (path,):
        if taken.exists() and not ours:
            raise InputError("export.taken", path=taken)


def _about(net: Sequential, data: Dataset | None, input_shape: tuple[int, ...] | None, raw_pixels: bool) -> About:
    size = features(net)
    if data is not None and size not in (None, data.features):
        raise InputError("export.other_data", data=data.name, got=data.features, needs=size)
    pictures = data.picture_shape if data is not None else None
    if input_shape is None and pictures is not None and (raw_pixels or isinstance(net.layers[0], Flatten)):
        input_shape = pictures
    if input_shape is None and (size or data is not None):
        input_shape = (size or data.features,) if data is not None else (size or 0,)
    if raw_pixels and (input_shape is None or (data is not None and data.test.images.dtype != np.uint8)):
        raise InputError("export.no_pixels")
    none = np.zeros((0, 0))
    return About(
        input_shape=input_shape,
        classes=data.classes if data is not None else (),
        picture_shape=pictures,
        raw_pixels=raw_pixels,
        images=data.test.images if data is not None else none,
        labels=data.test.labels if data is not None else none[0:0, 0:0],
    )


def _samples(net: Sequential, data: Dataset | None, about: About) -> Array:
    """What the check runs on: the test set, or random numbers of the shape and kind that the file takes."""
    shape = about.input_shape or (8,)
    if data is not None:
        return data.test.images.reshape(-1, *shape)
    rng = np.random.default_rng(0)
    if about.raw_pixels:
        return rng.integers(0, 256, (RANDOM_ROWS, *shape), dtype=np.uint8)
    return rng.standard_normal((RANDOM_ROWS, *shape)).astype(net.dtype)


def _largest_difference(
    net: Sequential, run: Callable[[Array], Array], samples: Array, about: About, path: Path
) -> float:
    """Between the outputs of the net and of what was loaded. DataError where it is more than rounding."""
    off = largest = 0.0
    for start in range(0, len(samples), PART):
        part = samples[start : start + PART]
        rows = to_input(part, net.dtype)
        shaped = rows if about.raw_pixels or part.ndim == 2 else rows.reshape(part.shape)  # 2: rows already
        with np.errstate(over="ignore", invalid="ignore"):  # looked for below
            ours, theirs = net(shaped), np.asarray(run(part if about.raw_pixels else shaped))
        if ours.shape != theirs.shape or not np.isfinite(theirs).all():
            raise DataError("export.not_equal", path=path, off="inf")
        off = max(off, float(np.abs(ours - theirs).max(initial=0)))
        largest = max(largest, float(np.abs(ours).max(initial=0)))
    if off > MOST_OFF * max(1.0, largest):
        raise DataError("export.not_equal", path=path, off=f"{off:.2g}")
    return off


def as_values(exported: Exported) -> dict[str, Any]:
    """Plain values, for `--json`."""
    return {
        "files": [str(path) for path in exported.files],
        "check": {
            "reader": exported.reader,
            "rows": exported.rows,
            "from_test_set": exported.from_test_set,
            "largest_difference": exported.largest_difference,
        },
    }
