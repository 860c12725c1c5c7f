"""Chain: layers of somebody's in a row, run forward and back as they are, however they hand on their results.

Some return them, some leave them in `output` and `dinputs`, some return the way back together with the output.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import BACKWARD, FORWARD, call, fill, fill_by_place, method

_OUTPUT = ("output", "outputs", "out", "a", "y", "result", "value")
_LAST = (*_OUTPUT, "output_layer", "final_output", "final_outputs", "y_hat", "y_pred", "yhat", "predicted_output", "a2",
         "A2", "layer2", "prediction")  # fmt: skip
DOWN = ("dinputs", "dinput", "dx", "dX", "DX", "grad_input", "input_gradient", "dvalues", "delta")


class Chain:
    """Layers in a row. `names`: what the file calls them."""

    def __init__(self, layers: list[Any], names: list[str] | None = None) -> None:
        self.layers = layers
        self.names = names or [f"layers[{i}]" for i in range(len(layers))]
        self._backs: list[Any] = []

    def forward(self, x: Any) -> Any:
        """The output of the last layer."""
        self._backs = []
        for layer in self.layers:
            x, back = _up(layer, x)
            self._backs.append(back)
        return x

    def backward(self, dy: Any, lr: float) -> Any:
        """Hand the error down; a layer that updates on the way gets the learning rate."""
        for back in reversed(self._backs):
            arguments = fill(back, {"error": dy, "lr": lr}, ("error",))
            arguments = arguments or fill_by_place(back, [dy]) or fill_by_place(back, [dy, lr]) or {}
            dy = _down(back, call(back, arguments))
        return dy


def _up(layer: Any, x: Any) -> tuple[Any, Any]:
    """(output, way back) of one layer."""
    forward = method(layer, FORWARD) or layer
    arguments = fill(forward, {"x": x, "true": True}, ("x",)) or fill_by_place(forward, [x]) or {}
    output = call(forward, arguments)
    if isinstance(output, tuple) and len(output) == 2 and callable(output[1]):
        return output
    if output is None:
        output = left_behind(layer)
    return output, method(layer, BACKWARD)


def _down(back: Any, dx: Any) -> Any:
    if isinstance(dx, tuple):
        return dx[0]
    return attribute(getattr(back, "__self__", None), DOWN) if dx is None else dx


def attribute(thing: Any, names: tuple[str, ...]) -> Any:
    """The first attribute of these names that is an array."""
    return next((value for name in names if isinstance(value := getattr(thing, name, None), np.ndarray)), None)


def left_behind(thing: Any) -> Any:
    """The output that a forward which returns nothing leaves in its object: an array, or the last of a list."""
    found = attribute(thing, _LAST)
    if found is None:
        kept = (getattr(thing, name, None) for name in ("activations", "a", "outputs", "layer_outputs"))
        found = next((v[-1] for v in kept if isinstance(v, list) and v and isinstance(v[-1], np.ndarray)), None)
    return found
