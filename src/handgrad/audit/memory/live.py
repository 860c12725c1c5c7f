"""Live objects: a model, a loss and an optimizer of the user's, set before the readers of files as the names of one.

Nets of handgrad's own and `Subject`s need no reading: their calls are known.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from handgrad.audit.dialects import READERS, Reading, glue
from handgrad.audit.dialects.calling import BACKWARD, FORWARD, LOSS, TRAIN, method
from handgrad.audit.dialects.gradients import likely_weights
from handgrad.audit.memory.direct import direct
from handgrad.audit.memory.restoring import copied
from handgrad.audit.memory.stepping import with_step
from handgrad.audit.objects import is_foreign, is_own, own_classes, own_functions, parts, slots, to_float64
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array
from handgrad.core.layers.base import Layer, named_parameters_of
from handgrad.core.net import Sequential
from handgrad.core.params import Buffer, Parameter
from handgrad.errors import HandgradError, InputError

Objects = dict[str, Any]


@dataclass(frozen=True)
class Live:
    """The objects of one audit. All but the model may be None; `lr` is the learning rate that `step` uses."""

    model: Any
    loss: Any = None
    optimizer: Any = None
    step: Any = None
    lr: float | None = None

    def check(self) -> None:
        """InputError where they are not what they should be."""
        model, loss = self.model, self.loss
        for thing in (model, loss):
            if isinstance(thing, type):
                raise InputError("audit.model_is_class", name=thing.__name__)
        if isinstance(model, Subject):
            return
        listed = isinstance(model, (list, tuple))
        if not all(method(one, FORWARD) or callable(one) for one in (model if listed else [model])) or model in (
            [],
            (),
        ):
            raise InputError("audit.not_a_model", got=type(model).__name__)
        pair = isinstance(loss, tuple) and len(loss) == 2 and all(map(callable, loss))
        if loss is not None and not (callable(loss) or pair or method(loss, LOSS)):
            raise InputError("audit.loss_not_callable", got=type(loss).__name__)

    @property
    def name(self) -> str:
        """What to call the network in a sentence."""
        return getattr(self.model, "__name__", type(self.model).__name__)

    @property
    def home(self) -> str:
        """The file, or the typed cell, that the user's code is in; "" where there is none."""
        calls = [self.model.step or self.model.gradients] if isinstance(self.model, Subject) else []
        for thing in (*calls, *parts(self.model), self.model, self.loss):
            for function in (thing, method(thing, BACKWARD), method(thing, FORWARD), method(thing, TRAIN)):
                if file_of(function):
                    return file_of(function)
        return ""

    def readings(self) -> Iterator[Reading]:
        """Every way to understand them, the likeliest first."""
        if isinstance(self.model, Subject):
            yield from _of_subject(self.model)
            return
        # A function reaches the objects that it was written for; copies would be others.
        given: Objects = {"model": self.model, "loss": self.loss, "optimizer": self.optimizer}
        given = copied(given) if self.step is None else given
        ours = _ours(given["model"])
        if ours is not None:
            yield from _of_net(ours, given["loss"])
            return
        names = _names(given)
        if self.step is None:
            yield from self._own(_read(names))
            yield from self._own(_read(names | self._module()))
            return
        known = {"model": self.model, "criterion": self.loss, "optimizer": self.optimizer}
        known = {name: thing for name, thing in known.items() if thing is not None}
        for reading in self._own(_read(names)):
            if "one" not in reading.facts["labels"].partition(",")[2]:  # the step is given whole batches
                stepped = with_step(reading, self.model, self.step, known, self.lr)
                yield from [stepped] if stepped is not None else []
        yield from self._own(_read({**names, "train_step": _function(self.step)}))

    def as_they_stand(self, x: Any, y: Any) -> Iterator[Reading]:
        """The objects called as they are on the user's own batch, for networks that no reader knows."""
        given = copied({"model": self.model, "loss": self.loss})
        if x is None or y is None or given["loss"] is None or isinstance(given["model"], (list, tuple, Subject)):
            return
        to_float64(given["model"])
        x = np.asarray(x)
        x = x.astype(np.float64) if x.dtype.kind == "f" else x  # whole numbers may be indices
        yield from direct(given["model"], *_value_and_slope(given["loss"]), x, y, type(self.loss).__name__)

    def _own(self, found: Iterator[Reading]) -> Iterator[Reading]:
        """The readings that are about the model; last those that know fewer matrices than it seems to have.

        Others are about a class that is only written beside it.
        """
        model = dict(enumerate(self.model)) if isinstance(self.model, (list, tuple)) else self.model
        count = len(likely_weights(list(slots(model))))
        kinds = {kind.__name__ for part in parts(self.model) for kind in type(part).__mro__[:-1]}
        less = []
        for reading in found:
            owners = {str(getattr(f, "__qualname__", "")).split(".")[0] for f in reading.functions.values()}
            if kinds and not owners & kinds:
                continue
            if sum(np.ndim(value) == 2 for value in reading.subject.parameters().values()) < count:
                less.append(reading)
            else:
                yield reading
        yield from less

    def failure(self, x: Any, y: Any) -> str:
        """What the user's own batch meets on its way, as Python says it; "" where nothing fails."""
        given = copied({"model": self.model, "loss": self.loss})
        forward, loss = method(given["model"], FORWARD), given["loss"]
        if forward is None:
            return ""
        try:
            prediction = forward(np.array(x))
            if loss is not None and y is not None:
                value, slope = _value_and_slope(loss)
                value(prediction, np.array(y))
                back = method(given["model"], BACKWARD)
                if back is not None:
                    back(slope(prediction, np.array(y)))
        except HandgradError:
            return ""  # what is missing is told elsewhere
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:200]
        return ""

    def _module(self) -> Objects:
        """Classes and functions that are written beside the model's class: a loss, an update, a training function."""
        inside = {type(part) for part in parts(self.model)}
        one = next(iter(parts(self.model)), self.model)
        beside = vars(sys.modules.get(getattr(one, "__module__", ""), object))
        classes = {name: kind for name, kind in own_classes(beside).items() if kind not in inside}
        return {**classes, **own_functions(beside)}


def file_of(function: Any) -> str:
    """The file of a function of the user's; "" of any other thing, handgrad's functions among them."""
    function = getattr(function, "__func__", function)
    function = getattr(function, "__wrapped__", function)
    code = getattr(function, "__code__", None)
    return code.co_filename if code is not None and not is_foreign(function.__module__ or "") else ""


def _read(names: Objects) -> Iterator[Reading]:
    for reader in READERS:
        try:
            yield from reader(dict(names), None)
        except Exception:  # a reader that makes nothing of them
            continue


def _names(given: Objects) -> Objects:
    """The objects under names that say what they are."""
    model, loss = given["model"], given["loss"]
    names: Objects = {"layers": list(model)} if isinstance(model, (list, tuple)) else {"model": model}
    if isinstance(loss, MethodType) and loss.__self__ is model:
        loss = None  # the readers find it among the model's methods
    if isinstance(loss, tuple):
        names |= {"criterion": _function(loss[0]), "criterion_grad": _function(loss[1])}
    elif is_own(loss):
        names["criterion"] = loss
    elif loss is not None:
        names["criterion"] = Criterion(loss) if hasattr(loss, "backward") else _function(loss)
    return names if given["optimizer"] is None else names | {"optimizer": given["optimizer"]}


class Criterion:
    """A loss of handgrad's, or of another package, in the shape of the user's own."""

    __module__ = "criterion"  # the readers pass over what is not the user's

    def __init__(self, loss: Any) -> None:
        self.loss = loss

    def forward(self, prediction: Array, target: Array) -> Any:
        """The value."""
        return self.loss(prediction, target)

    def backward(self) -> Any:
        """The derivative by the last prediction."""
        return self.loss.backward()


def _function(call: Callable[..., Any]) -> Callable[..., Any]:
    """Any call as a function of the user's: a method, a partial, another package's function."""
    if isinstance(call, FunctionType) and not is_foreign(call.__module__ or ""):
        return call

    def function(*places: Any, **names: Any) -> Any:
        return call(*places, **names)

    functools.update_wrapper(function, call)  # keeps its signature, which is how it is called
    function.__module__ = "criterion"
    return function


def _ours(model: Any) -> Layer | None:
    """A net of handgrad's, in float64; None for anything else. Changes it: give a copy."""
    if isinstance(model, (list, tuple)) and any(isinstance(one, Layer) for one in model):
        model = Sequential(*model)
    if not isinstance(model, Layer):
        return None
    for _, parameter in named_parameters_of(model):
        if isinstance(parameter, Parameter) and parameter.value.dtype != np.float64:
            parameter.move(Buffer(parameter.size, np.float64), 0)
    return model.train()


def _of_net(net: Layer, loss: Any) -> Iterator[Reading]:
    """A net of handgrad's with a loss that has a value and a derivative."""
    if loss is None:
        raise InputError("audit.loss_needed")
    value, slope = _value_and_slope(loss)

    def parameters() -> Mapping[str, Array]:
        return {name: parameter[0] for name, parameter in named_parameters_of(net)}

    def reported(x: Array, y: Array) -> float:
        return float(value(net.forward(x), y))

    def gradients(x: Array, y: Array) -> Mapping[str, Array]:
        prediction = net.forward(x)
        value(prediction, y)
        net.backward(np.asarray(slope(prediction, y)))
        return {name: parameter[1] for name, parameter in named_parameters_of(net)}

    found = glue.read({"parameters": parameters, "loss": reported, "gradients": gradients})
    functions = {"forward": type(net).forward, "backward": type(net).backward}
    for reading in found:
        facts = {"parameters": ", ".join(parameters()), "loss": type(loss).__name__, "labels": reading.facts["labels"]}
        yield Reading(reading.subject, "handgrad", facts, functions)


def _value_and_slope(loss: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    if isinstance(loss, tuple):
        return loss
    back = method(loss, BACKWARD)
    if back is None:
        raise InputError("audit.loss_needed")
    return (loss if callable(loss) else method(loss, LOSS) or loss.forward), lambda prediction, y: back()


def _of_subject(subject: Subject) -> Iterator[Reading]:
    """The user's own glue, with the batch that it wants: as it says, or else as its matrices allow."""
    calls = {part: getattr(subject, part) for part in ("parameters", "loss", "step", "gradients", "data")}
    for part, call in calls.items():
        if not callable(call) and (part in ("parameters", "loss") or call is not None):
            raise InputError("audit.subject_loss", part=part, got=type(call).__name__)
    if subject.step is None and subject.gradients is None:
        raise InputError("audit.no_step")
    calls = {part: call for part, call in calls.items() if call is not None}
    try:
        dict(calls["parameters"]())
    except HandgradError:
        raise
    except Exception as error:
        raise InputError("audit.subject_fails", part="parameters", reason=f"{type(error).__name__}: {error}") from None
    for reading in glue.read({part: _plain(call) for part, call in calls.items()}):
        found = reading.subject
        if subject.features in (0, found.features) and subject.classes in (0, found.classes):
            yield Reading(found, "glue", reading.facts, calls)


def _plain(call: Callable[..., Any]) -> Callable[..., Any]:
    """Any call as a plain function, which is what the reader of glue looks for."""

    def function(*arguments: Any) -> Any:
        return call(*arguments)

    return function
