"""Tracing one step of training: every array that the layers, the loss and the optimizer took in and gave out.

The objects that train are wrapped while the step runs, not edited, and what is noted are copies of what passed by: the
step does to the weights, to the bit, what it would have done unwatched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers.base import is_layer, label_of, named_parameters_of
from handgrad.core.optim import clip_by_norm
from handgrad.errors import InputError
from handgrad.explain.watch import Inside, watched


@dataclass(eq=False)
class LayerNote:
    """What one layer did in one step.

    Attributes:
        name, layer: fc1, and the object itself, for its settings.
        x, y: what went in and came out, forward.
        dy, dx: what went in and came out, backward; dx is None where the layer gave none.
        parameters: each learned array as it was in this step, by its short name: weight, bias.
        gradients: what backward left for each, before anything else touched it.
        inside, inside_backward: what the variables of the two methods held, first to last.
    """

    name: str
    layer: Any
    x: Array | None = None
    y: Array | None = None
    dy: Array | None = None
    dx: Array | None = None
    parameters: dict[str, Array] = field(default_factory=dict)
    gradients: dict[str, Array] = field(default_factory=dict)
    inside: Inside = field(default_factory=dict)
    inside_backward: Inside = field(default_factory=dict)

    @property
    def kinds(self) -> list[str]:
        """The layer's class and those that it inherits from: what it computes is what the first known one says."""
        return [kind.__name__ for kind in type(self.layer).__mro__]


@dataclass(eq=False)
class LossNote:
    """What the loss did: the prediction and target that it was given, its value, and its gradient."""

    loss: Any
    prediction: Array
    target: Array
    value: float
    inside: Inside
    dprediction: Array | None = None


@dataclass(frozen=True, eq=False)
class Stretch:
    """One call of an optimizer's `update`, on weights that lie side by side in memory."""

    address: int
    before: Array
    grad: Array
    after: Array
    decay: float
    state_before: dict[str, Array]
    state_after: dict[str, Array]
    inside: Inside


@dataclass(frozen=True)
class WeightUpdate:
    """How one weight was updated.

    Attributes:
        before, after: its value.
        gradient: as the optimizer saw it.
        decay: the weight decay that it was given; None where the optimizer does not say.
        state: name -> (before, after), of what the optimizer remembers for this weight.
        inside: what the variables of `update` held for it, first to last.
    """

    before: Any
    after: Any
    gradient: Any
    decay: float | None = None
    state: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    inside: dict[str, list[Any]] = field(default_factory=dict)


@dataclass(eq=False)
class Trace:
    """One step: forward, loss, backward, update.

    Attributes:
        layers: in the order of the forward pass.
        loss: what the loss did.
        optimizer: the object, for its settings; None where no update was made.
        steps: how many updates the optimizer had made, this one included.
        lr: the learning rate of this step.
        gradient_norm, clip_norm: of the whole gradient before clipping, and the most it may have; None without.
        before, gradients, after: every parameter by its full name (fc1.weight), and the gradient that the optimizer
            saw.
        times: of code that takes its means elsewhere than we do: array ("fc1.dweight") -> how many times what its
            formula gives it is, 1/B for one in which the division by the batch is left to this place.
        update_teller: (board, parameter, index) -> the chapter of the update, where nobody's optimizer of ours made it.
    """

    layers: tuple[LayerNote, ...]
    loss: LossNote
    optimizer: Any = None
    steps: int = 0
    lr: float = 0.0
    gradient_norm: float | None = None
    clip_norm: float | None = None
    before: dict[str, Array] = field(default_factory=dict)
    gradients: dict[str, Array] = field(default_factory=dict)
    after: dict[str, Array] = field(default_factory=dict)
    addresses: dict[str, int] = field(default_factory=dict)
    stretches: tuple[Stretch, ...] = ()
    times: dict[str, float] = field(default_factory=dict)
    update_teller: Any = None

    def arrays(self) -> dict[str, Array]:
        """Everything that was noted, by the name that a number's `ref` has: "fc1.x", "fc1.weight", "fc1.dy"."""
        found: dict[str, Array] = {}
        for note in self.layers:
            parts = {"x": note.x, "y": note.y, "dy": note.dy, "dx": note.dx} | note.parameters
            parts |= {f"d{name}": gradient for name, gradient in note.gradients.items()}
            found |= {f"{note.name}.{key}": array for key, array in parts.items() if array is not None}
        found |= {"loss.prediction": self.loss.prediction, "loss.target": self.loss.target}
        if self.loss.dprediction is not None:
            found["loss.dprediction"] = self.loss.dprediction
        return found

    def update_of(self, name: str, index: tuple[int, ...]) -> WeightUpdate:
        """What the optimizer did to one weight, such as ("fc1.weight", (392, 17))."""
        whole = self.before[name]
        flat = int(np.ravel_multi_index(index, whole.shape)) if index else 0
        before, after, gradient = whole[index], self.after[name][index], self.gradients[name][index]
        address = self.addresses.get(name, 0) + flat * whole.itemsize
        for stretch in self.stretches:
            offset = (address - stretch.address) // whole.itemsize
            if 0 <= offset < stretch.before.size and address >= stretch.address:
                return WeightUpdate(
                    before, after, gradient, stretch.decay,
                    {key: (stretch.state_before[key].reshape(-1)[offset], array.reshape(-1)[offset])
                     for key, array in stretch.state_after.items()},
                    {key: [_one(value, offset, stretch.before.size) for value in values]
                     for key, values in stretch.inside.items()},
                )  # fmt: skip
        return WeightUpdate(before, after, gradient)


def trace_step(
    net: Any, criterion: Any, optimizer: Any, x: Array, y: Array, *, clip_norm: float | None = None,
    weights: Array | None = None,
) -> Trace:  # fmt: skip
    """Run one step of training, in full and for real, and note it.

    Args:
        net: a net of ours in training mode, or any object with forward, backward and parameters; `layers` of it, or
            the object alone, are traced.
        criterion: a loss of ours, or any object called with (prediction, target) that has `backward()`.
        optimizer: one of ours, or any object with `step()`; None: no update.
        x: the batch as the net takes it, floats.
        y: its labels.
        clip_norm: the largest norm of the whole gradient.
        weights: how much each row counts (B,); None: all the same.

    Raises:
        InputError: where a layer cannot be wrapped.
    """
    notes = [LayerNote(name, layer) for name, layer in layers_of(net)]
    with ExitStack() as stack:
        for note in notes:
            stack.enter_context(wrapped(note))
        prediction = net(x) if callable(net) else net.forward(x)
        loss = trace_loss(criterion, prediction, y, weights)
        loss.dprediction = np.array(criterion.backward())
        net.backward(loss.dprediction.copy())
    trace = Trace(tuple(note for note in notes if note.x is not None), loss)
    if optimizer is not None:
        _trace_update(trace, net, optimizer, clip_norm)
    return trace


def layers_of(net: Any) -> list[tuple[str, Any]]:
    """(name, layer) of a net of ours, nested nets opened up; of somebody else's, its `layers`, or the object itself."""
    if hasattr(net, "named_layers"):
        return list(net.named_layers())
    inner = getattr(net, "layers", None)
    if isinstance(inner, (list, tuple)) and inner and all(map(is_layer, inner)):
        return [(f"{type(layer).__name__.lower()}{i}", layer) for i, layer in enumerate(inner, 1)]
    return [(type(net).__name__.lower(), net)]


@contextmanager
def wrapped(note: LayerNote) -> Iterator[None]:
    """The layer's two methods note what passes by, for as long as the context lasts."""
    layer = note.layer
    forward, backward = layer.forward, layer.backward

    def noted_forward(x: Any, *args: Any, **kwargs: Any) -> Any:
        note.x = np.array(x)
        note.parameters = {name: np.array(parameter.value) for name, parameter in named_parameters_of(layer)}
        y, note.inside = watched(forward, x, *args, **kwargs)
        note.y = np.array(y)
        return y

    def noted_backward(dy: Any, *args: Any, **kwargs: Any) -> Any:
        note.dy = np.array(dy)
        dx, note.inside_backward = watched(backward, dy, *args, **kwargs)
        note.dx = None if dx is None else np.array(dx)
        note.gradients = {name: np.array(parameter.grad) for name, parameter in named_parameters_of(layer)}
        return dx

    with replaced(layer, "forward", noted_forward), replaced(layer, "backward", noted_backward):
        yield


@contextmanager
def replaced(thing: Any, method: str, function: Any) -> Iterator[None]:
    """An object with another method of that name, and afterwards as it was. InputError where it takes none."""
    own = getattr(thing, "__dict__", {})
    missing = object()
    before = own.get(method, missing)
    try:
        setattr(thing, method, function)
    except AttributeError:
        raise InputError("explain.cannot_wrap", layer=label_of(thing)) from None
    try:
        yield
    finally:
        if before is missing:
            delattr(thing, method)
        else:
            setattr(thing, method, before)


def trace_loss(criterion: Any, prediction: Array, y: Array, weights: Array | None = None) -> LossNote:
    """The value of a loss, and what its variables held on the way."""
    given = np.array(prediction), np.array(y)
    more = () if weights is None else (weights,)
    if hasattr(criterion, "forward"):
        inside: Inside = {}

        def noted(*args: Any) -> Any:
            value, seen = watched(forward, *args)
            inside.update(seen)
            return value

        forward = criterion.forward
        with replaced(criterion, "forward", noted):
            call = criterion if callable(criterion) else criterion.forward
            value = call(prediction, y, *more)
    else:
        value, inside = watched(type(criterion).__call__, criterion, prediction, y, *more)
    return LossNote(criterion, *given, float(value), inside)


def _trace_update(trace: Trace, net: Any, optimizer: Any, clip_norm: float | None) -> None:
    """Clip, step, and what that did to each weight."""
    if clip_norm is not None:
        trace.gradient_norm, trace.clip_norm = clip_by_norm(net, clip_norm), clip_norm
    named = named_parameters_of(net)
    trace.before = {name: np.array(p.value) for name, p in named}
    trace.gradients = {name: np.array(p.grad) for name, p in named}
    trace.addresses = {name: _address(p.value) for name, p in named}
    stretches: list[Stretch] = []
    if hasattr(optimizer, "update") and hasattr(optimizer, "state_names"):
        update, names = optimizer.update, optimizer.state_names

        def noted(theta: Array, grad: Array, decay: float, *state: Array) -> None:
            before = [array.copy() for array in (theta, grad, *state)]
            _, inside = watched(update, theta, grad, decay, *state)
            old, new = dict(zip(names, before[2:], strict=True)), dict(zip(names, map(np.array, state), strict=True))
            stretches.append(Stretch(_address(theta), before[0], before[1], theta.copy(), decay, old, new, inside))

        with replaced(optimizer, "update", noted):
            optimizer.step()
    else:
        optimizer.step()
    trace.optimizer, trace.steps = optimizer, int(getattr(optimizer, "steps", 0))
    trace.lr, trace.stretches = float(getattr(optimizer, "lr", 0.0)), tuple(stretches)
    trace.after = {name: np.array(p.value) for name, p in named_parameters_of(net)}


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def _one(value: Any, offset: int, size: int) -> Any:
    """The number at one weight, of a variable that holds one for each; else the variable as it is."""
    return value.reshape(-1)[offset] if isinstance(value, np.ndarray) and value.size == size else value
