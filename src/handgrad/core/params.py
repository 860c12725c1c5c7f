"""Parameters: each learned array with its gradient, and the flat buffers that they live in.

A net owns two flat arrays, `theta` and `grad`; a parameter such as `fc1.weight` is a view into both. So an
optimizer, a checkpoint or an all-reduce is one line over the flat arrays, and nobody has to collect anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from handgrad.core.arrays import Array
from handgrad.errors import InputError


class Buffer:
    """Two flat arrays of one length: `theta` holds values, `grad` holds gradients."""

    __slots__ = ("grad", "theta")

    def __init__(self, size: int, dtype: Any) -> None:
        self.theta: Array = np.zeros(size, dtype)
        self.grad: Array = np.zeros(size, dtype)


class Pair(Protocol):
    """What an optimizer needs: something that unpacks into (value, gradient), two arrays of one shape."""

    def __iter__(self) -> Iterator[Array]: ...


class Parameter:
    """One learned array `value` and its gradient `grad`: views of one shape into a buffer.

    It unpacks as people write it by hand: `for w, dw in net.parameters(): w -= lr * dw`. The object stays the
    same for life; when a net adopts its layer, the two views move into the net's buffer.
    """

    __slots__ = ("buffer", "grad", "name", "shape", "start", "value")

    def __init__(self, name: str, value: Array) -> None:
        self.name = name
        self.shape: tuple[int, ...] = value.shape
        self._view(Buffer(value.size, value.dtype), 0)
        self.value[...] = value

    def _view(self, buffer: Buffer, start: int) -> None:
        self.buffer, self.start = buffer, start
        self.value: Array = buffer.theta[start : self.stop].reshape(self.shape)
        self.grad: Array = buffer.grad[start : self.stop].reshape(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return int(np.prod(self.shape))

    @property
    def stop(self) -> int:
        """Where it ends in its buffer."""
        return self.start + self.size

    def move(self, buffer: Buffer, start: int) -> None:
        """Take value and gradient along into another buffer, from position `start` on."""
        value, grad = self.value, self.grad
        self._view(buffer, start)
        self.value[...], self.grad[...] = value, grad

    def __iter__(self) -> Iterator[Array]:
        yield self.value
        yield self.grad

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Array:
        return (self.value, self.grad)[index]

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, shape {self.shape}, {self.value.dtype})"

    # A copy or a pickle must not turn the views into arrays of their own.
    def __getstate__(self) -> tuple[Any, ...]:
        return self.name, self.shape, self.buffer, self.start

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.name, self.shape, buffer, start = state
        self._view(buffer, start)


class GuestParameter:
    """A parameter of somebody else's layer, looked up afresh each time: such a layer may re-bind its arrays."""

    __slots__ = ("index", "layer", "name")

    def __init__(self, name: str, layer: Any, index: int) -> None:
        self.name, self.layer, self.index = name, layer, index

    @property
    def value(self) -> Array:
        """The live array."""
        return self[0]

    @property
    def grad(self) -> Array:
        """The gradient that the layer's last backward left; zeros where it has None, before the first one."""
        return self[1]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the live array."""
        return tuple(self.value.shape)

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return int(self.value.size)

    def __iter__(self) -> Iterator[Array]:
        value, grad = list(self.layer.parameters())[self.index]
        yield value
        yield np.zeros_like(value) if grad is None else grad

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Array:
        return tuple(self)[index]

    def __repr__(self) -> str:
        return f"GuestParameter({self.name!r}, shape {self.shape}, {self.value.dtype})"


def learned(name: str) -> tuple[Any, Any]:
    """Two attributes of a layer for one parameter: `W, dW = learned("weight")` in the body of its class.

    Reading gives the live array. Assigning copies into it, so that a net's flat buffer never loses a weight that
    somebody re-binds; the first assignment, in the layer's `__init__`, makes the parameter.
    """

    def value(layer: Any) -> Array:
        return layer._parameters[name].value  # type: ignore[no-any-return]

    def grad(layer: Any) -> Array:
        return layer._parameters[name].grad  # type: ignore[no-any-return]

    def set_value(layer: Any, array: Array) -> None:
        if name not in layer._parameters:
            layer._parameters[name] = Parameter(name, array)
        else:
            _copy(array, layer._parameters[name].value, layer, name)

    def set_grad(layer: Any, array: Array) -> None:
        _copy(array, layer._parameters[name].grad, layer, name)

    return property(value, set_value), property(grad, set_grad)


def _copy(source: Array, into: Array, layer: Any, name: str) -> None:
    if source is into:
        return
    if np.shape(source) != into.shape:
        raise InputError("core.assign_shape", layer=layer.label, name=name, shape=into.shape, got=np.shape(source))
    into[...] = source


def gather(parameters: Sequence[Parameter]) -> Buffer:
    """Move parameters side by side, in their order, into one new buffer, and return it."""
    dtypes = {p.value.dtype for p in parameters}
    if len(dtypes) > 1:
        raise InputError("core.mixed_dtypes", dtypes=", ".join(sorted(map(str, dtypes))))
    buffer = Buffer(sum(p.size for p in parameters), dtypes.pop() if dtypes else np.float32)
    start = 0
    for parameter in parameters:
        parameter.move(buffer, start)
        start = parameter.stop
    return buffer


def as_pairs(source: Any) -> list[Pair]:
    """The parameters of a net or layer, or of any iterable of (value, gradient) pairs, as a list."""
    try:
        pairs: list[Any] = list(source.parameters() if hasattr(source, "parameters") else source)
        if hasattr(source, "parameters"):  # somebody else's model may re-bind its arrays: looked up afresh
            ours = (Parameter, GuestParameter)
            pairs = [p if isinstance(p, ours) else GuestParameter(str(i), source, i) for i, p in enumerate(pairs)]
        for value, grad in pairs:
            if np.shape(value) != np.shape(grad) or value.dtype.kind != "f" or isinstance(value, np.generic):
                raise TypeError
    except (TypeError, ValueError, AttributeError):
        raise InputError("core.no_pairs", got=type(source).__name__) from None
    if not pairs:
        raise InputError("core.no_parameters")
    return pairs


def runs(pairs: Iterable[Pair]) -> list[tuple[Array, Array]]:
    """(theta, grad) for each stretch of parameters that lie side by side: one flat pair for a whole net.

    Arrays of somebody else's layers come as they are, one pair each.
    """
    stretches: list[tuple[Buffer, int, int]] = []
    result: list[tuple[Array, Array]] = []
    for pair in pairs:
        if not isinstance(pair, Parameter):
            value, grad = pair
            result.append((value, grad))
        elif stretches and stretches[-1][0] is pair.buffer and stretches[-1][2] == pair.start:
            stretches[-1] = (pair.buffer, stretches[-1][1], pair.stop)
        else:
            stretches.append((pair.buffer, pair.start, pair.stop))
    return [(buffer.theta[a:b], buffer.grad[a:b]) for buffer, a, b in stretches] + result
