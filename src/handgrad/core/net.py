"""Nets: layers in a row, with all their weights in one flat array and all their gradients in another.

`Sequential` takes any layers, also somebody else's: an object with `forward`, `backward` and, if it learns,
`parameters`. `MLP` is the network that most people write first.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Self

import numpy as np

from handgrad.core.arrays import Array, RandomSource, random_source
from handgrad.core.init import Init
from handgrad.core.layers import ACTIVATIONS, LAYERS
from handgrad.core.layers.base import Layer, as_float
from handgrad.core.layers.dropout import Dropout
from handgrad.core.layers.linear import Linear
from handgrad.core.layers.norm import BatchNorm
from handgrad.core.layers.softmax import Softmax
from handgrad.core.params import GuestParameter, Parameter, gather
from handgrad.errors import InputError, StateError

_SHORT_NAMES = {"Linear": "fc", "Sequential": "block"}


class Sequential(Layer):
    """Layers one after another: each one's output is the next one's input; backward runs the other way.

    Args:
        layers: handgrad's layers, nets, or any objects with `forward(x)` and `backward(dy)`; those that learn have
            `parameters()`, giving (value, gradient) pairs. Layers without a name get one: fc1, relu1, fc2, ...
        name: of the whole, where it is itself a layer of another net.

    Attributes:
        layers: the layers, in their order.
        theta: all weights of handgrad's layers, one flat array; each parameter is a view into it.
        grad: all their gradients, likewise.
    """

    def __init__(self, *layers: Any, name: str | None = None) -> None:
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
            layers = tuple(layers[0])
        self.layers: tuple[Any, ...] = layers
        self.name = name
        self._check_layers()
        self.names = self._name_layers()
        self._adopt()

    # -- the mathematics

    def __call__(self, x: Any) -> Array:
        """Forward, for anything that NumPy can make an array of."""
        return self.forward(as_float(x).astype(self.dtype, copy=False))

    def forward(self, x: Array) -> Array:
        """x -> the last layer's output."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(  # type: ignore[override]
        self, dy: Any, *, accumulate: bool = False, input_gradient: bool = True
    ) -> Array | None:
        """Given the gradient by the output, set the gradient of every parameter; returns the gradient by the input.

        Args:
            dy: of the shape of the last output.
            accumulate: add to the present gradients instead of replacing them, for a batch that comes in parts.
            input_gradient: False skips the gradient by the input (and returns None), a third of the work of an MLP.
        """
        before = [grad.copy() for _, grad in self.parameters()] if accumulate else []
        dy = np.asarray(dy, self.dtype)
        first, *others = self.layers
        for layer in reversed(others):
            dy = layer.backward(dy)
        if not input_gradient and isinstance(first, (Linear, Sequential)):
            dx = first.backward(dy, input_gradient=False)
        else:
            dx = first.backward(dy)
        if accumulate:
            for (_, grad), old in zip(self.parameters(), before, strict=True):
                grad += old
        return dx if input_gradient else None

    # -- what it holds

    @property
    def theta(self) -> Array:
        """All weights as one flat array, in the order of `parameters()`; assigning copies into it."""
        return self._flat("theta")

    @theta.setter
    def theta(self, values: Array) -> None:
        self._flat("theta")[...] = values

    @property
    def grad(self) -> Array:
        """All gradients as one flat array, in the order of `parameters()`."""
        return self._flat("grad")

    @grad.setter
    def grad(self, values: Array) -> None:
        self._flat("grad")[...] = values

    def zero_grad(self) -> None:
        """Set all gradients to 0. Welcome, not needed: backward assigns gradients, it does not add to them."""
        for _, grad in self.parameters():
            grad[...] = 0

    @property
    def dtype(self) -> Any:
        """Of the weights; inputs are brought to it at the door, so that nothing is upcast inside."""
        parameters: list[Any] = self._ours or self.parameters()
        return parameters[0].value.dtype if parameters else np.dtype(np.float32)

    def named_parameters(self) -> list[tuple[str, Any]]:
        """(name, parameter) for every learned array, in the order of the layers: fc1.weight, fc1.bias, ..."""
        return [
            (f"{name}.{key}", parameter)
            for name, layer in zip(self.names, self.layers, strict=True)
            for key, parameter in _named_parameters_of(layer)
        ]

    def named_layers(self) -> Iterator[tuple[str, Any]]:
        """(name, layer), nested nets opened up: block1.fc1."""
        for name, layer in zip(self.names, self.layers, strict=True):
            if isinstance(layer, Sequential):
                yield from ((f"{name}.{inner}", found) for inner, found in layer.named_layers())
            else:
                yield name, layer

    def buffers(self) -> dict[str, Array]:
        """Arrays that belong to the trained net and are not learned by gradient, by full name."""
        return {
            f"{name}.{key}": array
            for name, layer in self.named_layers()
            for key, array in (layer.buffers().items() if hasattr(layer, "buffers") else ())
        }

    def state(self) -> dict[str, Array]:
        """All arrays of the trained net by name, live: parameters, then running statistics."""
        return {name: parameter.value for name, parameter in self.named_parameters()} | self.buffers()

    def load_state(self, state: dict[str, Array]) -> None:
        """Copy arrays that `state` gave into this net. InputError, and no change, where names or shapes differ."""
        own = self.state()
        for name in sorted(own.keys() | state.keys()):
            has = state[name].shape if name in state else None
            needs = own[name].shape if name in own else None
            if has != needs:
                raise InputError("core.other_net", name=name, got=has or "-", needs=needs or "-")
        for name, array in own.items():
            array[...] = state[name]

    def train(self, mode: bool = True) -> Self:
        """Training mode for every layer."""
        self.training = mode
        for layer in self.layers:
            switch = getattr(layer, "train" if mode else "eval", None)
            if callable(switch):  # somebody else's layer may have none, or an attribute of that name
                switch()
        return self

    def config(self) -> dict[str, Any]:
        """The architecture as plain JSON values; `from_config` builds the net again, its weights apart."""
        return {
            "dtype": str(self.dtype),
            "layers": [
                {"name": name, "kind": _saved_as(layer)} | layer.config()
                for name, layer in zip(self.names, self.layers, strict=True)
            ],
        }

    @staticmethod
    def from_config(config: dict[str, Any]) -> Sequential:
        """A net of the architecture that `config` gave, with all weights 0 until `load_state`."""
        layers: list[Any] = []
        dtype = np.dtype(config["dtype"])
        for entry in config["layers"]:
            settings = dict(entry)
            name, kind = settings.pop("name"), settings.pop("kind")
            if kind == "Sequential":
                layer: Layer = Sequential.from_config(settings)
            elif kind in LAYERS:
                if kind in ("Linear", "BatchNorm", "LayerNorm"):
                    settings["dtype"] = dtype
                if kind == "Linear":
                    settings["init"] = "zeros"
                layer = LAYERS[kind](**settings)
            else:
                raise InputError("core.unknown_layer", layer=kind, known=", ".join(LAYERS))
            layer.name = name
            layers.append(layer)
        return Sequential(*layers)

    def summary(self) -> list[tuple[str, str, int]]:
        """(name, layer, learned numbers) for each layer."""
        return [
            (name, _shown(layer), sum(p.size for _, p in _named_parameters_of(layer)))
            for name, layer in self.named_layers()
        ]

    def __repr__(self) -> str:
        rows = [(*row[:2], f"{row[2]:,}" if row[2] else "") for row in self.summary()]
        widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
        lines = [f"  {n:<{widths[0]}}  {layer:<{widths[1]}}  {c:>{widths[2]}}".rstrip() for n, layer, c in rows]
        total = sum(p.size for p in self.parameters())
        return "\n".join([f"{type(self).__name__}: {total:,} parameters, {self.dtype}", *lines])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td style='text-align:left'>{n}</td><td style='text-align:left'><code>{layer}</code></td>"
            f"<td>{count:,}</td></tr>"
            for n, layer, count in self.summary()
        )
        total = sum(p.size for p in self.parameters())
        head = f"<b>{type(self).__name__}</b>: {total:,} parameters, {self.dtype}"
        return f"{head}<table><tbody>{cells}</tbody></table>"

    # -- taking layers in

    def _check_layers(self) -> None:
        if not self.layers:
            raise InputError("core.no_layers")
        for layer in self.layers:
            methods = [getattr(layer, method, None) for method in ("forward", "backward")]
            if isinstance(layer, type) or not all(map(callable, methods)):
                raise InputError("core.not_a_layer", got=repr(layer))
        flat = list(_opened(self.layers))
        for i, layer in enumerate(flat):
            if any(layer is earlier for earlier in flat[:i]):
                raise InputError("core.layer_twice", layer=getattr(layer, "label", type(layer).__name__))

    def _name_layers(self) -> list[str]:
        names: list[str] = []
        count: dict[str, int] = {}
        taken = {layer.name for layer in self.layers if getattr(layer, "name", None)}
        for layer in self.layers:
            kind = "Sequential" if isinstance(layer, Sequential) else type(layer).__name__
            short = _SHORT_NAMES.get(kind, kind.lower())
            name = getattr(layer, "name", None)
            while not name or name in names:
                count[short] = count.get(short, 0) + 1
                name = f"{short}{count[short]}"
                if name in taken:
                    name = None
            if isinstance(layer, Layer):
                layer.name = name
            names.append(name)
        return names

    def _adopt(self) -> None:
        """Name all parameters and bring handgrad's own side by side into one buffer.

        Layers that are part of another net already stay where they are if they lie side by side there: both nets then
        share the arrays. A net inside this one finds its arrays again through its parameters, which move along.
        """
        for name, parameter in self.named_parameters():
            if isinstance(parameter, Parameter):
                parameter.name = name
        self._ours = [p for p in self.parameters() if isinstance(p, Parameter)]
        if not _side_by_side(self._ours):
            for buffer in {id(p.buffer): p.buffer for p in self._ours}.values():
                if buffer.theta.size > sum(p.size for p in self._ours if p.buffer is buffer):
                    raise InputError("core.other_owner")  # the rest of that buffer belongs to a net that would be torn
            gather(self._ours)

    def _flat(self, which: str) -> Array:
        if not _side_by_side(self._ours):
            raise StateError("core.torn_net")
        if not self._ours:
            return np.zeros(0, self.dtype)
        first, last = self._ours[0], self._ours[-1]
        flat: Array = getattr(first.buffer, which)
        return flat[first.start : last.stop]


class MLP(Sequential):
    """A multi-layer perceptron: `MLP(784, 256, 10)` is Linear 784-256, ReLU, Linear 256-10. It ends in logits.

    Args:
        sizes: numbers a row at the input, in each hidden layer, at the output; at least two.
        activation: after each hidden layer: relu, sigmoid, tanh, leaky_relu, elu, gelu, silu, softplus.
        output: None (logits), "softmax", or an activation's name.
        batch_norm: True puts a BatchNorm before each hidden activation.
        dropout: the probability with which each hidden activation is dropped in training.
        init: see `Linear`; None takes He, or Xavier for sigmoid and tanh.
        rng: a numpy Generator, or a seed; it draws the weights layer by layer, then serves the dropout.
        dtype: float32 to train, float64 to check.
    """

    def __init__(
        self,
        *sizes: int,
        activation: str = "relu",
        output: str | None = None,
        batch_norm: bool = False,
        dropout: float = 0.0,
        init: str | Init | None = None,
        rng: RandomSource | int | None = None,
        dtype: Any = np.float32,
    ) -> None:
        if len(sizes) < 2:
            raise InputError("core.sizes", got=sizes)
        rng = random_source(rng)
        hidden = _activation(activation)
        start = init or ("xavier" if activation in ("sigmoid", "tanh") else "he")
        layers: list[Layer] = []
        for i, (inputs, outputs) in enumerate(pairwise(sizes)):
            layers.append(Linear(inputs, outputs, init=start, rng=rng, dtype=dtype))
            if i < len(sizes) - 2:
                layers += [BatchNorm(outputs, dtype=dtype)] if batch_norm else []
                layers.append(hidden())
                layers += [Dropout(dropout, rng=rng)] if dropout else []
        if output:
            layers.append(Softmax() if output == "softmax" else _activation(output)())
        super().__init__(*layers)


def _activation(name: str) -> type[Layer]:
    if name not in ACTIVATIONS:
        raise InputError("core.choice", what="activation", got=name, choices=", ".join(ACTIVATIONS))
    return ACTIVATIONS[name]


def _named_parameters_of(layer: Any) -> list[tuple[str, Any]]:
    """A layer's parameters: ours as they are, those of somebody else's layer each behind a live look-up."""
    if isinstance(layer, Layer):
        return layer.named_parameters()
    found = list(layer.parameters()) if hasattr(layer, "parameters") else []
    return [
        (str(i), pair if isinstance(pair, Parameter) else GuestParameter(str(i), layer, i))
        for i, pair in enumerate(found)
    ]


def _shown(layer: Any) -> str:
    """A layer as it shows itself; somebody else's, where it has nothing better than an address, by its class."""
    text = repr(layer)
    return type(layer).__name__ if " object at 0x" in text else text


def _saved_as(layer: Any) -> str:
    """The kind under which a layer is saved: its own, or the one that it says it computes the same as."""
    kind = "Sequential" if isinstance(layer, Sequential) else getattr(layer, "saved_as", type(layer).__name__)
    if not isinstance(layer, Layer) or kind not in {*LAYERS, "Sequential"}:
        raise InputError("core.foreign_layer", layer=type(layer).__name__)
    return kind


def _side_by_side(parameters: list[Parameter]) -> bool:
    return all(a.buffer is b.buffer and a.stop == b.start for a, b in pairwise(parameters))


def _opened(layers: tuple[Any, ...]) -> Iterator[Any]:
    for layer in layers:
        yield layer
        if isinstance(layer, Sequential):
            yield from _opened(layer.layers)
