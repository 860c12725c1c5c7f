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

CACHE_LINE = 64  # bytes


class Buffer:
    """Two flat arrays of one length: `theta` holds values, `grad` holds gradients."""

    __slots__ = ("grad", "theta")

    def __init__(self, size: int, dtype: Any) -> None:
        self.theta: Array = aligned_zeros(size, dtype)
        self.grad: Array = aligned_zeros(size, dtype)


class Pair(Protocol):
    """What an optimizer needs: something that unpacks into (value, gradient), two arrays of one shape."""

    def __iter__(self) -> Iterator[Array]: ...


class Parameter:
    """One learned array `value` and its gradient `grad`: views of one shape into a buffer.

    It unpacks as people write it by hand: `for w, dw in net.parameters(): w -= lr * dw`. The object stays the
    same for life; when a net adopts its layer, the two views move into the net's buffer.
    """

    __slots__ = ("_grad", "_value", "buffer", "name", "shape", "start")

    def __init__(self, name: str, value: Any) -> None:
        value = np.asarray(value)
        if value.dtype.kind != "f":  # a list of whole numbers, written in a hurry, can still learn
            value = value.astype(np.float64)
        self.name = name
        self.shape: tuple[int, ...] = value.shape
        self._view(Buffer(value.size, value.dtype), 0)
        self._value[...] = value

    def _view(self, buffer: Buffer, start: int) -> None:
        self.buffer, self.start = buffer, start
        self._value: Array = buffer.theta[start : self.stop].reshape(self.shape)
        self._grad: Array = buffer.grad[start : self.stop].reshape(self.shape)

    @property
    def value(self) -> Array:
        """The live array; assigning copies into it."""
        return self._value

    @value.setter
    def value(self, array: Any) -> None:
        copy_into(self._value, array, self.name)

    @property
    def grad(self) -> Array:
        """The gradient of the last backward, live; assigning copies into it."""
        return self._grad

    @grad.setter
    def grad(self, array: Any) -> None:
        copy_into(self._grad, array, f"{self.name}.grad")

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return int(np.prod(self.shape))

    @property
    def stop(self) -> int:
        """Where it ends in its buffer."""
        return self.start + self.size

    def move(self, buffer: Buffer, start: int) -> None:
        """Take value and gradient along into another buffer, from position `start` on.

        The arrays that are left behind can no longer be written: whoever still holds one would change nothing.
        """
        value, grad = self._value, self._grad
        self._view(buffer, start)
        self._value[...], self._grad[...] = value, grad
        value.flags.writeable = grad.flags.writeable = False

    def __iter__(self) -> Iterator[Array]:
        yield self.value
        yield self.grad

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Array:
        return (self.value, self.grad)[index]

    def __setitem__(self, index: int, array: Any) -> None:
        setattr(self, ("value", "grad")[index], array)

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
        grad = np.zeros_like(value) if grad is None else grad
        if np.shape(grad) != np.shape(value):  # NumPy would spread one number over all weights without a word
            owner = type(self.layer).__name__
            raise InputError("core.guest_gradient", layer=owner, name=self.name, got=np.shape(grad), shape=value.shape)
        yield value
        yield grad

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
        return find(layer).value

    def grad(layer: Any) -> Array:
        return find(layer).grad

    def find(layer: Any) -> Parameter:
        try:
            return layer._parameters[name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"{layer.label} was made without a {name}: nothing was assigned to it") from None

    def set_value(layer: Any, array: Array) -> None:
        if name in layer._parameters:
            layer._parameters[name].value = array
        else:
            layer._parameters[name] = Parameter(name, array)

    def set_grad(layer: Any, array: Array) -> None:
        find(layer).grad = array

    return property(value, set_value), property(grad, set_grad)


def aligned_zeros(size: int, dtype: Any) -> Array:
    """Zeros that begin where a cache line does, so that a vector as wide as a line never lies across two of them."""
    itemsize = np.dtype(dtype).itemsize
    spare = np.zeros(size + CACHE_LINE // itemsize, dtype)
    start = -spare.__array_interface__["data"][0] % CACHE_LINE // itemsize
    return spare[start : start + size]


def copy_into(array: Array, source: Any, name: str) -> None:
    """array[...] = source, for a source of the very same shape; InputError for another, which NumPy might broadcast."""
    if source is array:
        return
    if np.shape(source) != array.shape:
        raise InputError("core.assign_shape", name=name, shape=array.shape, got=np.shape(source))
    array[...] = source


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
    except TypeError:
        raise InputError("core.no_pairs", got=type(source).__name__) from None
    if hasattr(source, "parameters"):  # somebody else's model may re-bind its arrays: looked up afresh
        ours = (Parameter, GuestParameter)
        pairs = [p if isinstance(p, ours) else GuestParameter(str(i), source, i) for i, p in enumerate(pairs)]
    if not pairs:
        raise InputError("core.no_parameters")
    seen: dict[int, Any] = {}  # with the arrays themselves: the id of one that is gone would be given again
    for i, pair in enumerate(pairs):
        try:
            value, grad = pair
            fits = isinstance(value, np.ndarray) and value.dtype.kind == "f" and np.shape(value) == np.shape(grad)
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise InputError("core.bad_pair", number=i + 1, got=_describe(pair))
        if id(value) in seen:
            raise InputError("core.pair_twice", number=i + 1)
        seen[id(value)] = value
    return pairs


def _describe(pair: Any) -> str:
    """What stands where a (value, gradient) pair should: its types, dtypes and shapes."""
    items = list(pair) if isinstance(pair, (tuple, list, GuestParameter)) else [pair]
    parts = [f"{i.dtype} {i.shape}" if isinstance(i, np.ndarray) else type(i).__name__ for i in items]
    return f"({', '.join(parts)})" if len(parts) > 1 else parts[0] if parts else "()"


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
