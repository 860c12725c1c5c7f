"""What every layer is: a forward, a backward, and the parameters in between.

Backward is written by hand in each layer, right below forward, with its derivation in the docstring. There is no
tape: forward keeps the arrays that backward will need, and only in training mode.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.params import GuestParameter, Parameter
from handgrad.errors import InputError, StateError


class Layer:
    """Base of the layers that ship. A subclass writes `forward` and `backward`; the rest is here.

    `y = layer(x)` runs forward, `dx = layer.backward(dy)` runs backward: `dy` is the gradient of the loss by `y`,
    the result the gradient by `x`. Backward assigns the gradients of the parameters; it does not add to them.
    """

    training = True
    name: str | None = None
    _parameters: dict[str, Parameter]
    _kept: tuple[tuple[int, ...], tuple[Any, ...]] | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """A layer with room for parameters, so that a subclass need not call `super().__init__()`."""
        layer = super().__new__(cls)
        layer._parameters = {}
        return layer

    def __init__(self) -> None:
        """Nothing to set. (Written out so that ReLU(0.1) is an error and not a ReLU.)"""

    def __call__(self, x: Any) -> Array:
        """Forward, for anything that NumPy can make an array of."""
        return self.forward(as_float(x))

    def forward(self, x: Array) -> Array:
        """The layer's output for a batch x, one sample a row."""
        raise StateError("core.not_written", layer=self.label, method="forward")

    def backward(self, dy: Array) -> Array:
        """The gradient by the input of the last forward, given the gradient dy by its output."""
        raise StateError("core.not_written", layer=self.label, method="backward")

    def parameters(self) -> list[Any]:
        """The learned arrays, each with its gradient: `for w, dw in layer.parameters()`."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_parameters(self) -> list[tuple[str, Any]]:
        """(name, parameter), named from here: weight, bias.

        A layer of your own that is built from other layers (`self.fc1 = Linear(...)`) has theirs too, in the order in
        which they were assigned: fc1.weight, fc1.bias.
        """
        if type(self).parameters is Layer.parameters:
            _refuse_unlisted(self)
        found: list[tuple[str, Any]] = list(self._parameters.items())
        for attribute, layer in self._inner():
            found += [(f"{attribute}.{name}", parameter) for name, parameter in named_parameters_of(layer)]
        return found

    def _inner(self) -> list[tuple[str, Any]]:
        """(name, layer) for the layers among this object's attributes, in lists and dictionaries too, each once."""
        found: dict[int, tuple[str, Any]] = {}
        for attribute, value in vars(self).items():
            items: list[tuple[str, Any]] = [(attribute, value)]
            if isinstance(value, (list, tuple)):
                items = [(f"{attribute}{i}", item) for i, item in enumerate(value)]
            elif isinstance(value, dict):
                items = [(f"{attribute}.{key}", item) for key, item in value.items()]
            for name, item in items:
                if is_layer(item):  # often both an attribute and in a list: the first name counts
                    found.setdefault(id(item), (name, item))
        return list(found.values())

    def buffers(self) -> dict[str, Array]:
        """Arrays that belong to a trained layer and are not learned by gradient, such as running statistics."""
        return {
            f"{attribute}.{name}": array
            for attribute, layer in self._inner()
            for name, array in (layer.buffers().items() if hasattr(layer, "buffers") else ())
        }

    def state(self) -> dict[str, Array]:
        """All arrays of the trained layer or net by name, live: parameters, then running statistics."""
        return {name: parameter.value for name, parameter in named_parameters_of(self)} | self.buffers()

    def load_state(self, state: dict[str, Array]) -> None:
        """Copy in the arrays that `state` gave. InputError, and no change, where names or shapes differ."""
        own = self.state()
        for name in sorted(own.keys() | state.keys()):
            has = state[name].shape if name in state else None
            needs = own[name].shape if name in own else None
            if has != needs:
                raise InputError("core.other_net", name=name, got=has or "-", needs=needs or "-")
        for name, array in own.items():
            array[...] = state[name]

    def zero_grad(self) -> None:
        """Set all gradients to 0. Welcome, not needed: backward assigns gradients, it does not add to them."""
        for _, grad in self.parameters():
            grad[...] = 0

    def train(self, mode: bool = True) -> Self:
        """Training mode: keep what backward needs; Dropout drops, BatchNorm uses the batch's own statistics."""
        self.training = mode
        if not mode:
            self._kept = None
        for _, layer in self._inner():
            switch_mode(layer, mode)
        return self

    def eval(self) -> Self:
        """Evaluation mode: nothing is kept for backward, and nothing is random."""
        return self.train(False)

    def config(self) -> dict[str, Any]:
        """The arguments that build this layer again (its weights apart), as plain JSON values."""
        return {}

    def keep(self, y: Array, *arrays: Any) -> None:
        """Forward's last line: keep what backward will need, if there will be a backward."""
        self._kept = (y.shape, arrays) if self.training else None

    def kept(self, dy: Array) -> tuple[Any, ...]:
        """Backward's first line: what the last forward kept, if dy fits its output.

        Raises StateError where no forward in training mode came before, InputError for a dy of another shape.
        """
        if self._kept is None:
            raise StateError("core.backward_first" if self.training else "core.backward_in_eval", layer=self.label)
        shape, arrays = self._kept
        if getattr(dy, "shape", None) != shape:
            if isinstance(dy, (list, tuple)):
                raise InputError("core.dy_list", layer=self.label, kind=type(dy).__name__, shape=shape)
            key = "core.dy_shape" if np.shape(dy) else "core.dy_number"
            raise InputError(key, layer=self.label, got=np.shape(dy), kind=type(dy).__name__, shape=shape)
        return arrays

    @property
    def label(self) -> str:
        """Kind and name, for messages: Linear 'fc1'."""
        kind = type(self).__name__
        return f"{kind} {self.name!r}" if self.name else kind

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.config().items())})"


def is_layer(thing: Any) -> bool:
    """Whether it is a layer, ours or somebody else's: an object, not a class, with forward and backward."""
    methods = [getattr(thing, method, None) for method in ("forward", "backward")]
    return not isinstance(thing, type) and all(map(callable, methods))


def named_parameters_of(layer: Any) -> list[tuple[str, Any]]:
    """A layer's parameters: ours as they are, those that somebody else's `parameters()` gives behind a live look-up."""
    if isinstance(layer, Layer) and type(layer).parameters is Layer.parameters:
        return layer.named_parameters()
    if not hasattr(layer, "parameters"):
        _refuse_unlisted(layer)
        return []
    found = list(layer.parameters())
    return [
        (str(i), pair if isinstance(pair, Parameter) else GuestParameter(str(i), layer, i))
        for i, pair in enumerate(found)
    ]


def switch_mode(layer: Any, training: bool) -> None:
    """`train()` or `eval()`; somebody else's layer may have none, or an attribute of that name."""
    switch = getattr(layer, "train" if training else "eval", None)
    if callable(switch):
        switch()


def as_float(x: Any) -> Array:
    """x as an array of floats: float arrays as they are, lists and integers as float64. InputError for no numbers."""
    try:
        array = np.asarray(x)
        if x is None or array.dtype.kind == "c":
            raise TypeError
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError):
        got = f"ndarray[{x.dtype}]" if isinstance(x, np.ndarray) else type(x).__name__
        raise InputError("core.no_numbers", got=got) from None


def label_of(layer: Any) -> str:
    """A layer's kind and name, for messages; somebody else's has a kind only."""
    return str(getattr(layer, "label", type(layer).__name__))


def _refuse_unlisted(layer: Any) -> None:
    """InputError where a layer has a weight W with a gradient dW and nothing says so: it would never be trained."""
    attributes = getattr(layer, "__dict__", {})
    for name, value in attributes.items():
        gradient = attributes.get(f"d{name}", 0)  # None before the first backward
        if _is_float(value) and (gradient is None or _is_float(gradient)):
            raise InputError("core.unlisted", layer=label_of(layer), name=name)


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def need_columns(layer: Layer, x: Array, columns: int) -> None:
    """Raise InputError unless x is (batch, columns)."""
    if x.ndim != 2 or x.shape[1] != columns:
        if x.ndim > 2 and int(np.prod(x.shape[1:])) == columns:
            key = "core.needs_flatten"
        elif x.shape == (columns,):
            key = "core.needs_batch_axis"
        else:
            key = "core.x_shape"
        raise InputError(key, layer=layer.label, got=x.shape, columns=columns)
