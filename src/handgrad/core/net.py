"""Nets: layers in a row, with all their weights in one flat array and all their gradients in another.

`Sequential` takes any layers, also somebody else's: an object with `forward`, `backward` and, if it learns,
`parameters`. `MLP`, in a file of its own, is the network that most people write first.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Self

import numpy as np

from handgrad.core import architecture, inference
from handgrad.core.arrays import Array
from handgrad.core.layers.base import Layer, as_float, is_layer, label_of, named_parameters_of, switch_mode
from handgrad.core.layers.linear import Linear
from handgrad.core.losses import Loss
from handgrad.core.params import Parameter, copy_into, gather
from handgrad.errors import InputError, StateError

_BLOCK = 5000  # rows that `predict` sends through at once
_FEW = 16  # rows up to which it takes longer to look after the memory than to take it
_SHORT_NAMES = {"Linear": "fc", "Sequential": "block"}


class Sequential(Layer):
    """Layers one after another: each one's output is the next one's input; backward runs the other way.

    A layer can be had by position or name, `net[0]`, `net["fc1"]`, `net.fc1`, and a slice is a net that shares its
    weights, `net[:-1]`.

    Args:
        layers: handgrad's layers, nets, or any objects with `forward(x)` and `backward(dy)`; those that learn have
            `parameters()`, giving (value, gradient) pairs. Layers without a name get one: fc1, relu1, fc2, ...
        name: of the whole, where it is itself a layer of another net.

    Attributes:
        layers: the layers, in their order. They stay as they are: for other layers build another net.
        names: their names.
        theta: all weights of handgrad's layers, one flat array; each parameter is a view into it.
        grad: all their gradients, likewise.
    """

    _looked = False  # whether a first backward has shown which gradients there are

    def __init__(self, *layers: Any, name: str | None = None) -> None:
        if len(layers) == 1 and isinstance(layers[0], (list, tuple)):
            layers = tuple(layers[0])
        self._layers = layers
        self.name = name
        self._check_layers()
        self.names = self._name_layers()
        self._adopt()

    # -- the mathematics

    def __call__(self, x: Any) -> Array:
        """Forward, for anything that NumPy can make an array of. InputError for pixels that nobody has scaled."""
        return self.forward(self._floats(x))

    def forward(self, x: Array) -> Array:
        """x -> the last layer's output."""
        for layer in self._layers:
            x = layer.forward(x)
            if x is None:
                raise StateError("core.returned_nothing", layer=label_of(layer), method="forward")
        return x

    def _floats(self, x: Any) -> Array:
        if getattr(x, "dtype", None) == np.uint8:
            raise InputError("core.raw_pixels")
        return as_float(x).astype(self.dtype, copy=False)

    def predict(self, x: Any) -> Array:
        """The net's outputs for any number of rows, in evaluation mode whatever the mode is.

        The rows pass the layers in blocks, and the memory for what lies between two layers is taken once a call, so
        that it stays in the processor's cache.

        Args:
            x: what `net(x)` takes, (n, ...).

        Returns:
            (n, ...), as `net.eval()(x)` gives it.
        """
        if not self.training:
            return self._in_blocks(x)
        modes = [(layer, layer.training) for _, layer in self.named_layers() if hasattr(layer, "training")]
        self.eval()
        try:
            return self._in_blocks(x)
        finally:
            self.training = True
            for layer, training in modes:
                switch_mode(layer, training)

    def _in_blocks(self, x: Any) -> Array:
        n = len(x)
        known = n > _FEW and getattr(self.forward, "__func__", None) is _FORWARD
        if not known and n <= _BLOCK:
            return self(x)
        room = inference.room_for(self._layers, min(n, _BLOCK), self.dtype) if known else None
        first = self._block(x[:_BLOCK], room)
        y = np.empty((n, *first.shape[1:]), first.dtype)
        y[:_BLOCK] = first
        for start in range(_BLOCK, n, _BLOCK):
            y[start : start + _BLOCK] = self._block(x[start : start + _BLOCK], room)
        return y

    def _block(self, x: Any, room: Array | None) -> Array:
        return self(x) if room is None else inference.outputs(self._layers, self._floats(x), room)

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
        dy = as_float(dy)
        if self._ours or self.parameters():  # a net inside a net may hold nothing that learns, and has no dtype then
            dy = dy.astype(self.dtype, copy=False)
        first, *others = self._layers
        for layer in reversed(others):
            dy = layer.backward(dy)
            if dy is None:
                raise StateError("core.returned_nothing", layer=label_of(layer), method="backward")
        if not input_gradient and isinstance(first, (Linear, Sequential)):
            dx = first.backward(dy, input_gradient=False)
        else:
            dx = first.backward(dy)
        if accumulate:
            for (_, grad), old in zip(self.parameters(), before, strict=True):
                grad += old
        if not self._looked:  # a gradient that only backward made shows now that its weight is on no list
            self.named_parameters()
            self._looked = True
        return dx if input_gradient else None

    # -- what it holds

    @property
    def layers(self) -> tuple[Any, ...]:
        """The layers, in their order."""
        return self._layers

    @layers.setter
    def layers(self, layers: Any) -> None:
        raise StateError("core.fixed_layers")

    @property
    def theta(self) -> Array:
        """All weights as one flat array, in the order of `parameters()`; assigning copies into it."""
        return self._flat("theta")

    @theta.setter
    def theta(self, values: Array) -> None:
        copy_into(self.theta, values, "theta")

    @property
    def grad(self) -> Array:
        """All gradients as one flat array, in the order of `parameters()`; assigning copies into it."""
        return self._flat("grad")

    @grad.setter
    def grad(self, values: Array) -> None:
        copy_into(self.grad, values, "grad")

    @property
    def dtype(self) -> Any:
        """Of the weights; inputs are brought to it at the door, so that nothing is upcast inside."""
        parameters: list[Any] = self._ours or self.parameters()
        return parameters[0].value.dtype if parameters else np.dtype(np.float32)

    def named_parameters(self) -> list[tuple[str, Any]]:
        """(name, parameter) for every learned array, in the order of the layers: fc1.weight, fc1.bias, ..."""
        return [
            (f"{name}.{key}", parameter)
            for name, layer in zip(self.names, self._layers, strict=True)
            for key, parameter in named_parameters_of(layer)
        ]

    def named_layers(self) -> Iterator[tuple[str, Any]]:
        """(name, layer), nested nets opened up: block1.fc1."""
        for name, layer in zip(self.names, self._layers, strict=True):
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

    def train(self, mode: bool = True) -> Self:
        """Training mode for every layer."""
        self.training = mode
        for layer in self._layers:
            switch_mode(layer, mode)
        return self

    def config(self) -> dict[str, Any]:
        """The architecture as plain JSON values; `from_config` builds the net again, its weights apart."""
        return architecture.config_of(self)

    @staticmethod
    def from_config(config: dict[str, Any]) -> Sequential:
        """A net of the architecture that `config` gave, with all weights 0 until `load_state`."""
        return Sequential(*architecture.layers_from(config, Sequential))

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._layers)

    def __getitem__(self, which: int | str | slice) -> Any:
        if isinstance(which, slice):
            if which.step is not None and which.step < 0:
                raise InputError("core.other_owner")  # in the other order they would tear this net
            part = Sequential(*self._layers[which])
            part.training = self.training
            return part
        if isinstance(which, str) and which not in self.names:
            raise InputError("core.choice", what="layer", got=which, choices=", ".join(self.names))
        return self._layers[self.names.index(which) if isinstance(which, str) else which]

    def __getattr__(self, name: str) -> Any:
        # Only what is no attribute comes here; while an object is being copied it has no names yet.
        if name in self.__dict__.get("names", ()):
            return self[name]
        if name in ("_layers", "_ours", "names"):
            raise StateError("core.no_super", net=type(self).__name__)
        raise AttributeError(f"{type(self).__name__} has neither an attribute nor a layer {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        names = self.__dict__.get("names", ())  # none before it is built
        ours = not names or not is_layer(value) or any(value is layer for layer in _opened(self._layers))
        if not ours or (name in names and not hasattr(type(self), name)):
            raise StateError("core.fixed_layers")  # it would hide a layer, or not be trained
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.__dict__.get("names", ())]

    def summary(self) -> list[tuple[str, str, int]]:
        """(name, layer, learned numbers) for each layer."""
        return architecture.summary(self)

    def __repr__(self) -> str:
        return architecture.as_text(self)

    def _repr_html_(self) -> str:
        return architecture.as_html(self)

    # -- taking layers in

    def _check_layers(self) -> None:
        if not self._layers:
            raise InputError("core.no_layers")
        for layer in self._layers:
            if isinstance(layer, type):
                raise InputError("core.class_not_object", name=layer.__name__)
            if isinstance(layer, Loss):
                raise InputError("core.loss_in_net", loss=type(layer).__name__)
            if not is_layer(layer):
                raise InputError("core.not_a_layer", got=repr(layer))
        flat = list(_opened(self._layers))
        for i, layer in enumerate(flat):
            if any(layer is earlier for earlier in flat[:i]):
                raise InputError("core.layer_twice", layer=label_of(layer))

    def _name_layers(self) -> list[str]:
        names: list[str] = []
        count: dict[str, int] = {}
        taken = {layer.name for layer in self._layers if getattr(layer, "name", None)}
        for layer in self._layers:
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


_FORWARD = Sequential.forward  # as it is written: a subclass, or somebody's test, may put another in its place


def _side_by_side(parameters: list[Parameter]) -> bool:
    return all(a.buffer is b.buffer and a.stop == b.start for a, b in pairwise(parameters))


def _opened(layers: tuple[Any, ...]) -> Iterator[Any]:
    for layer in layers:
        yield layer
        if isinstance(layer, Sequential):
            yield from _opened(layer.layers)
