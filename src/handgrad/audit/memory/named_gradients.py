"""Named gradients: the arrays that one layer of somebody's learns, each with its gradient, told by their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

# How a gradient is called beside its parameter.
_GRADIENTS = ("d{}", "d_{}", "_d{}", "_d_{}", "grad_{}", "{}_grad", "_grad_{}", "_{}_grad", "g{}", "grad{}", "{}grad",
              "delta_{}")  # fmt: skip


def gradients_by_name(layer: Any) -> Iterator[tuple[str, Any]]:
    """W with dW, params["W"] with grads["W"], and lists of the two."""
    left = dict(vars(layer))
    table = next((left[name] for name in ("params", "weights", "parameters") if name in left), None)
    slopes = next((left[name] for name in ("grads", "gradients", "dparams") if name in left), None)
    if isinstance(table, list) and isinstance(slopes, list):
        yield from ((str(i), pair) for i, pair in enumerate(zip(table, slopes, strict=False)))
    if isinstance(table, dict) and isinstance(slopes, dict):
        left = {**{f"d{name}": value for name, value in slopes.items()}, **slopes, **table}
    lower = {name.lower(): value for name, value in left.items()}
    for name, value in left.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            continue
        for spelt in _GRADIENTS:
            gradient = lower.get(spelt.format(name.lower()))
            if isinstance(gradient, np.ndarray):
                yield name, (value, gradient)
                break
