"""In: a file of another program, or of ours, as a net. What kind of file it is, its ending says.

Nothing in a file is run: arrays and architectures are read; pickles are not, unless the user says that a file is
trusted.
"""

from __future__ import annotations

import json
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.net import Sequential
from handgrad.errors import DataError, InputError
from handgrad.export.named_arrays import build
from handgrad.export.plain import check_finite, plain
from handgrad.train.checkpoint import load_net

PICKLES = (".pkl", ".pickle", ".joblib")
MOST_BYTES = 2**30  # of arrays in one .npz: what is packed tightly may otherwise fill any memory


def import_net(
    path: Path | str,
    *,
    activation: str | list[str] | None = None,
    layout: str | None = None,
    trusted: bool = False,
) -> Sequential:
    """The net in a file, in eval mode.

    Args:
        path: .safetensors (of ours, or a state dict), .npz (arrays W1, b1, W2, ..., or a state dict), .onnx, .pt or
            .pth (a torch.nn.Sequential or a state dict), .html (a page that `export` wrote), or, if trusted, a pickled
            scikit-learn MLP (.pkl, .joblib).
        activation: see `from_arrays`; for files that hold arrays and no architecture.
        layout: likewise.
        trusted: unpickle the file, which runs any code that it holds.

    Raises:
        InputError: another ending, arrays that make no row of layers, a layer that we do not have, weights that are not
            finite, a package that is missing.
        DataError: a file that is missing, broken, claims more than it holds, or would have to be trusted.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in _READERS:
        raise InputError("export.import_ending", path=path, endings=", ".join(_READERS))
    if not path.is_file():
        raise DataError("data.file_missing", path=path)
    if ending in PICKLES and not trusted:
        raise DataError("export.not_trusted", path=path)
    net = _READERS[ending](path, {"activation": activation, "layout": layout, "trusted": trusted})
    check_finite(net)
    return net


def _safetensors(path: Path, given: dict[str, Any]) -> Sequential:
    """Ours by its metadata; anybody else's as a state dict."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            ours = "format" in (file.metadata() or {}) and "sum" in file.metadata()
            arrays = {} if ours else {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise broken(path, error) from error
    return load_net(path) if ours else _state(arrays, given, "out-in")


def _state(arrays: dict[str, Array], given: dict[str, Any], usual: str) -> Sequential:
    return build(arrays, activation=given["activation"], layout=given["layout"], usual=usual)


def _npz(path: Path, given: dict[str, Any]) -> Sequential:
    """Arrays by name; with the architecture beside them, as the .npz of an exported program has it, they are all."""
    arrays = read_npz(path)
    if "architecture" not in arrays:
        return _state(arrays, given, "in-out")
    from handgrad.train.checkpoint import built

    try:
        architecture = json.loads(str(arrays.pop("architecture")))
    except (ValueError, RecursionError) as error:
        raise broken(path, error) from error
    state = {name: array for name, array in arrays.items() if name not in ("examples", "labels")}
    return built(architecture, state, path)


def read_npz(path: Path) -> dict[str, Array]:
    """All arrays of an .npz, none of them pickled, none larger than the file says it holds. DataError otherwise."""
    try:
        with zipfile.ZipFile(path) as archive:
            total = 0
            for member in archive.infolist():
                with archive.open(member) as file:
                    version = np.lib.format.read_magic(file)
                    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
                    shape, _, dtype = read[version](file)
                size = int(np.prod(shape, dtype=object)) * dtype.itemsize
                total += size
                if min(shape, default=0) < 0 or size > member.file_size or total > MOST_BYTES:
                    raise InputError("export.claims", name=member.filename, shape=shape)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except OSError as error:
        raise DataError("data.file_unreadable", path=path, reason=error.strerror or error) from error
    except InputError:
        raise
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        if "pickle" in str(error).lower() or "Object arrays" in str(error):
            raise DataError("export.npz_objects", path=path) from error
        raise broken(path, error) from error


def _onnx(path: Path, given: dict[str, Any]) -> Sequential:
    from handgrad.export.onnx_in import from_onnx

    return from_onnx(path)


def _torch(path: Path, given: dict[str, Any]) -> Sequential:
    from handgrad.export.torch_in import read

    return read(path, **given)


def _page(path: Path, given: dict[str, Any]) -> Sequential:
    """The net in a page that `export` wrote."""
    from handgrad.export.out import net_of
    from handgrad.export.page import weights_in

    try:
        weights = weights_in(path.read_bytes())
    except (ValueError, OSError) as error:
        raise broken(path, error) from error
    return net_of(weights)


def _pickle(path: Path, given: dict[str, Any]) -> Sequential:
    """A pickled estimator; only for a file that the user trusts."""
    from handgrad.export.sklearn_in import from_sklearn

    try:
        estimator = _unpickled(path)
    except Exception as error:  # whatever the code of a pickle raises
        raise broken(path, error) from error
    net = getattr(estimator, "net_", estimator)  # of handgrad's own estimators
    return plain(net) if isinstance(net, Sequential) else from_sklearn(estimator)


def _unpickled(path: Path) -> Any:
    """What a pickle holds; joblib, which scikit-learn brings along, also reads what it has written itself."""
    try:
        from joblib import load  # type: ignore[import-untyped]  # it ships no types
    except ImportError:
        with open(path, "rb") as file:
            return pickle.load(file)
    return load(path)


def broken(path: Path, error: Exception) -> DataError:
    """What to raise for a file that is not what its ending says."""
    return DataError("export.broken", path=path, reason=f"{type(error).__name__}: {error}"[:120])


_READERS: dict[str, Callable[[Path, dict[str, Any]], Sequential]] = {
    ".safetensors": _safetensors,
    ".npz": _npz,
    ".onnx": _onnx,
    ".pt": _torch,
    ".pth": _torch,
    ".html": _page,
    **dict.fromkeys(PICKLES, _pickle),
}
ENDINGS = tuple(_READERS)
