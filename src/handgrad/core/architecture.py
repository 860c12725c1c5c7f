"""Architecture: a net as plain JSON values and back, and as a table for people."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from handgrad.core.layers import LAYERS
from handgrad.core.layers.base import Layer, named_parameters_of
from handgrad.errors import InputError


def config_of(net: Any) -> dict[str, Any]:
    """The dtype and the layers of a Sequential, each with its name, kind and arguments."""
    return {
        "dtype": str(net.dtype),
        "layers": [
            {"name": name, "kind": _kind(layer)} | layer.config()
            for name, layer in zip(net.names, net.layers, strict=True)
        ],
    }


def layers_from(config: dict[str, Any], sequential: Callable[..., Layer]) -> list[Layer]:
    """The layers that `config_of` described, with all weights 0; nets inside are built by `sequential`."""
    layers: list[Layer] = []
    for entry in config["layers"]:
        settings = dict(entry)
        name, kind = settings.pop("name"), settings.pop("kind")
        if kind == "Sequential":
            layer = sequential(*layers_from(settings, sequential))
        elif kind in LAYERS:
            if kind in ("Linear", "BatchNorm", "LayerNorm"):
                settings["dtype"] = np.dtype(config["dtype"])
            if kind == "Linear":
                settings["init"] = "zeros"
            layer = LAYERS[kind](**settings)
        else:
            raise InputError("core.unknown_layer", layer=kind, known=", ".join(LAYERS))
        layer.name = name
        layers.append(layer)
    return layers


def summary(net: Any) -> list[tuple[str, str, int]]:
    """(name, layer, learned numbers) for each layer."""
    return [
        (name, _shown(layer), sum(p.size for _, p in named_parameters_of(layer))) for name, layer in net.named_layers()
    ]


def as_text(net: Any) -> str:
    """A line for the net, a line for each layer."""
    rows = [(name, layer, f"{count:,}" if count else "") for name, layer, count in summary(net)]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    lines = [f"  {n:<{widths[0]}}  {layer:<{widths[1]}}  {c:>{widths[2]}}".rstrip() for n, layer, c in rows]
    return "\n".join([_headline(net), *lines])


def as_html(net: Any) -> str:
    """The same as a table, for a notebook."""
    left = "style='text-align:left'"
    cells = "".join(
        f"<tr><td {left}>{escape(name)}</td><td {left}><code>{escape(layer)}</code></td><td>{count:,}</td></tr>"
        for name, layer, count in summary(net)
    )
    return f"{_headline(net)}<table><tbody>{cells}</tbody></table>"


def _headline(net: Any) -> str:
    total = sum(p.size for p in net.parameters())
    return f"{type(net).__name__}: {total:,} parameters, {net.dtype}"


def _shown(layer: Any) -> str:
    """A layer as it shows itself; somebody else's, where it has nothing better than an address, by its class."""
    text = repr(layer)
    return type(layer).__name__ if " object at 0x" in text else text


def _kind(layer: Any) -> str:
    """The kind under which a layer is saved: its own, or the one that it says it computes the same as."""
    is_net = hasattr(layer, "named_layers") and isinstance(layer, Layer)
    kind = "Sequential" if is_net else getattr(layer, "saved_as", type(layer).__name__)
    if not isinstance(layer, Layer) or kind not in {*LAYERS, "Sequential"}:
        raise InputError("core.foreign_layer", layer=type(layer).__name__)
    return str(kind)
