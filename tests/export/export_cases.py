"""Nets for every layer that ships, their running statistics no longer those of a new layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from core_cases import LAYER_CASES, NET_CASES, LayerCase

from handgrad import Sequential

CASES: dict[str, LayerCase] = LAYER_CASES | NET_CASES


def net_of(name: str, dtype: Any = np.float32) -> Sequential:
    """The net of a case, or its layer as a net, in eval mode."""
    layer = CASES[name].layer(dtype)
    net = layer if isinstance(layer, Sequential) else Sequential(layer)
    rng = np.random.default_rng(11)
    for array in net.buffers().values():
        array[...] = rng.uniform(0.5, 2, array.shape)
    return net.eval()
