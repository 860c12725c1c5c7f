"""A net as every format wants it: a copy of its own, of the layers that ship alone, in eval mode, its weights finite.

What stands in the way of that is said here once, before a format has begun.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from handgrad.core.net import Sequential
from handgrad.errors import InputError


def plain(net: Any) -> Sequential:
    """A copy of the net in eval mode; the net itself stays as it is.

    Raises: InputError for what is no net of handgrad's, has layers of somebody else's, or a weight that is not finite.
    """
    if not isinstance(net, Sequential):
        raise InputError("export.not_a_net", got=type(net).__name__)
    copy = Sequential.from_config(net.config())
    copy.load_state(net.state())
    check_finite(copy)
    return copy.eval()


def check_finite(net: Sequential) -> None:
    """InputError where a weight, or a running statistic, is NaN or infinite."""
    for name, array in net.state().items():
        bad = int((~np.isfinite(array)).sum())
        if bad:
            raise InputError("export.not_finite", name=name, bad=f"{bad:,}", size=f"{array.size:,}")


def check_dtype(net: Sequential, ending: str) -> None:
    """InputError for a dtype in which the format's readers do not compute, or that it has no name for."""
    known = (np.float32, np.float64) if ending != ".safetensors" else (np.float16, np.float32, np.float64)
    if net.dtype not in known:
        raise InputError("export.dtype", dtype=net.dtype, ending=ending)


def features(net: Any) -> int | None:
    """Numbers a sample that the net takes; None where any number will do."""
    for _, layer in net.named_layers():
        size = getattr(layer, "inputs", getattr(layer, "features", None))
        if size is not None:
            return int(size)
    return None


def identifiers(names: list[str]) -> dict[str, str]:
    """A name of letters, digits and _ for each name, no two alike: block1.fc1 -> block1_fc1."""
    found: dict[str, str] = {}
    for name in names:
        short = re.sub(r"\W", "_", name, flags=re.ASCII)
        short = f"layer_{short}" if not short or not short[0].isalpha() else short
        while short in found.values():
            short += "_"
        found[name] = short
    return found
