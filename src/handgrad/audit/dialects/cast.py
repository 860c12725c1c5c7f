"""Cast: who plays which part in somebody's file. Models, losses with their derivatives, and optimizers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, product, starmap
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import (
    BACKWARD,
    FORWARD,
    LOSS,
    UPDATE,
    call,
    fill,
    fill_by_place,
    method,
    needed,
    plain,
    roles,
)
from handgrad.audit.dialects.chain import Chain
from handgrad.audit.dialects.gradients import likely_weights
from handgrad.audit.dialects.making import CLASSES, FEATURES, HIDDEN, keeps_data, made, made_layer, plain_made
from handgrad.audit.dialects.witness import quietly, says_loss
from handgrad.audit.objects import is_own, matrices, own_classes, own_functions, own_instances, parts, slots

_SLOPES = ("prime", "grad", "deriv", "backward", "delta", "dloss", "dmse", "dce", "d_")
_LOSS_WORDS = ("loss", "cost", "entropy", "mse", "criterion", "nll", "squarederror", "crossent", "objective", "xent")
_OPTIMIZER_WORDS = ("sgd", "optim", "adam", "momentum", "rmsprop", "adagrad", "descent", "nesterov")


_PARAMETERS = ("parameters", "params", "get_params", "get_parameters", "param")
_MOST = 4


@dataclass(frozen=True)
class Loss:
    """One loss: how its value is had, and how its derivative, which may be no part of it."""

    name: str
    value: Callable[..., Any]
    slope: Callable[..., Any] | None
    thing: Any = None


@dataclass(frozen=True)
class Beside:
    """Who plays beside a model: a loss and an optimizer, where there are any."""

    loss: Loss | None = None
    optimizer: Any = None

    def known(self) -> dict[str, Any]:
        """They by role, for calls."""
        found: dict[str, Any] = {}
        if self.loss is not None:
            found["criterion"] = self.loss.value if self.loss.thing is None else self.loss.thing
            found |= {} if self.loss.slope is None else {"slope": self.loss.slope}
        return found | ({} if self.optimizer is None else {"optimizer": self.optimizer})

    def things(self) -> list[Any]:
        """The objects among them."""
        found = [None if self.loss is None else self.loss.thing, self.optimizer]
        return [one for one in found if one is not None]


@dataclass
class Play:
    """A model in its file.

    Attributes:
        dialect: for the readings.
        namespace: the file's names.
        model: the network, or a `Chain` of its layers.
        fresh: whether it was made by us, so that nothing else in the file knows it.
        facts: what is known already.
        invented: put together by the audit from layers of the file.
    """

    dialect: str
    namespace: dict[str, Any]
    model: Any
    fresh: bool
    facts: dict[str, str] = field(default_factory=dict)
    invented: bool = False

    @property
    def roots(self) -> list[Any]:
        """What holds the parameters."""
        if isinstance(self.model, Chain):
            return [dict(zip(self.model.names, self.model.layers, strict=True))]
        return [self.model]

    def known(self) -> dict[str, Any]:
        """What calls may be given besides the batch."""
        found: dict[str, Any] = {"model": self.model.layers if isinstance(self.model, Chain) else self.model}
        layers = getattr(self.model, "layers", None)
        if isinstance(layers, (list, tuple)):
            found["layers"] = list(layers)
        for name in _PARAMETERS:
            value = getattr(self.model, name, None)
            try:
                value = value() if callable(value) else value
            except Exception:  # it wants something that we do not know
                continue
            if value is not None:
                found["params"] = list(value) if isinstance(value, Iterator) else value
                break
        return found

    def weighty(self) -> Any:
        """Of a chain's layers the first that has weights."""
        return next((one for one in self.model.layers if likely_weights(list(slots(one)))), self.model.layers[0])

    def classes(self) -> dict[str, Any]:
        """Every class that takes part, by name."""
        return {type(one).__name__: type(one) for root in self.roots for one in parts(root)}


def besides(play: Play) -> Iterator[Beside]:
    """Every loss of the file with every optimizer, the likelier first; one with none where there is none."""
    known = play.known() | {"lr": 0.125}
    found_losses: list[Loss | None] = list(islice(losses(play.namespace, play.model), _MOST))
    found_optimizers = list(islice(optimizers(play.namespace, play.model, known, fresh=play.fresh), 2))
    yield from starmap(Beside, product(found_losses or [None], found_optimizers or [None]))


def _says(name: str, words: tuple[str, ...]) -> bool:
    return any(word in plain(name) for word in words)


def models(namespace: Mapping[str, Any]) -> Iterator[Any]:
    """Instances that run forward and hold weights, those that hold most first; then such as can be made."""
    weighty = []
    for name, thing in own_instances(namespace).items():
        if not list(slots(thing)):
            _built_by_a_batch(thing)
        count = len(likely_weights(list(slots(thing))))
        if count and method(thing, FORWARD) and not _says(name + type(thing).__name__, _OPTIMIZER_WORDS):
            weighty.append((count, thing))
    within = {(id(one), count) for count, thing in weighty for one in parts(thing)}
    unique: dict[int, Any] = {}
    for count, thing in sorted(weighty, key=lambda pair: -pair[0]):
        if not any(key == id(thing) and more > count for key, more in within):  # a layer of a network is none
            unique.setdefault(id(thing), thing)
    yield from list(unique.values())[:3]
    yield from new_models(namespace)


def _built_by_a_batch(thing: Any) -> None:
    """Run a model of layers forward once, for some make their weights only when they see how wide their input is."""
    forward = method(thing, FORWARD)
    if forward is None or not any(method(one, FORWARD) for one in parts(thing) if one is not thing):
        return
    x = np.full((3, FEATURES), 0.5)
    try:
        arguments = fill(forward, {"x": x, "true": True}, ("x",)) or fill_by_place(forward, [x])
        quietly(lambda: call(forward, arguments or {}))
    except Exception:  # it takes another width, or none
        return


def new_models(namespace: Mapping[str, Any]) -> Iterator[Any]:
    """Instances of the file's classes with more than one matrix, made by us; the last class first.

    One is enough where the constructor takes the data: no layer does, and the second may be that of a single output.
    """
    for kind in reversed(own_classes(namespace).values()):
        for thing in made(kind):
            if method(thing, FORWARD) and len(likely_weights(list(slots(thing)))) > (not keeps_data(thing)):
                yield thing
                break


def layer_lists(namespace: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Lists of layers at top level, but for those that pick some out of another list or of a model, as the layers with
    weights are picked for an update: run alone, they are another network.
    """
    lists = [list(value) for value in namespace.values() if _is_network(value)]
    wholes = [_layers_in(*one) for one in lists]
    holders = [_layers_in(*parts(thing)) - {id(thing)} for thing in own_instances(namespace).values()]
    for layers, whole in zip(lists, wholes, strict=True):
        if not any(whole < other for other in (*wholes, *holders)):
            yield layers


def _is_network(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) < 2:
        return False
    return all(is_own(one) and method(one, FORWARD) for one in value)


def _layers_in(*things: Any) -> set[int]:
    """The identities of the layers within things; criteria, which have a forward and a backward too, are none."""
    return {id(one) for thing in things for one in parts(thing) if _is_layer(type(one)) and not _takes_labels(one)}


def new_layers(namespace: Mapping[str, Any]) -> Iterator[tuple[list[Any], type]]:
    """Two layers with weights and one without between them, of the file's classes, and the class with weights."""
    classes = {name: kind for name, kind in own_classes(namespace).items() if _is_layer(kind)}
    bent = [
        kind
        for name, kind in classes.items()
        if _weightless(kind) and not _says(name, (*_LOSS_WORDS, "softmax", "dropout"))
    ]
    for kind in classes.values():
        first, last = made_layer(kind, FEATURES, HIDDEN), made_layer(kind, HIDDEN, CLASSES)
        if first is None or last is None:
            continue
        for between in bent[:3]:
            end = [one for name, one in classes.items() if "softmax" in name.lower() and not _says(name, _LOSS_WORDS)]
            for top in [*(plain_made(one, {}) for one in end[:1]), None]:
                yield [first, plain_made(between, {}), last, *([top] if top is not None else [])], kind


def _is_layer(kind: type) -> bool:
    return any(hasattr(kind, name) for name in FORWARD) and any(hasattr(kind, name) for name in BACKWARD)


def _weightless(kind: type) -> bool:
    thing = plain_made(kind, {})
    return thing is not None and not list(slots(thing))


def losses(namespace: Mapping[str, Any], model: Any) -> Iterator[Loss]:
    """The file's losses: instances, classes, functions, methods of the model."""
    found: dict[str, Any] = {**own_instances(namespace), **(vars(model) if hasattr(model, "__dict__") else {})}
    things = {name: thing for name, thing in found.items() if _is_criterion(name, thing) and thing is not model}
    kinds = {type(thing) for thing in things.values()}
    for name, kind in own_classes(namespace).items():
        if _says(name, _LOSS_WORDS) and kind not in kinds:
            thing = plain_made(kind, {})
            if thing is not None and _is_criterion(name, thing):
                things[name] = thing
    for name, thing in things.items():
        value = method(thing, _criterion_values(thing))
        if value is not None:
            yield Loss(name, value, _slope_method(thing), thing)
    functions: dict[str, Any] = dict(own_functions(namespace))
    for name in dir(model):
        if not name.startswith("__") and callable(own := getattr(model, name, None)):
            functions[name] = own
    for name, function in functions.items():
        if (says_loss(name) or plain(name) in _NAMES) and not _says(name, _SLOPES) and not isinstance(function, type):
            yield Loss(name, function, _slope_of(name, functions))


def _slope_method(thing: Any) -> Callable[..., Any] | None:
    """The method of a criterion that gives its derivative, by one of the usual names or by a part of its name."""
    usual = method(thing, [*BACKWARD, "prime", "derivative", "grad", "gradient", "d"])
    said = (name for name in dir(thing) if not name.startswith("__") and _says(name, _SLOPES))
    return usual or next((found for name in said if callable(found := getattr(thing, name))), None)


_NAMES = {plain(name) for name in LOSS} - {"forward", "__call__", "call", "compute", "value", "calc"}


def _is_criterion(name: str, thing: Any) -> bool:
    if not is_own(thing) or matrices(list(slots(thing))):
        return False
    return (_says(name + type(thing).__name__, _LOSS_WORDS) or _takes_labels(thing)) and method(thing, LOSS) is not None


def _criterion_values(thing: Any) -> list[str]:
    """Of a criterion's methods first those whose call needs two things, then one for which its forward has run."""
    two = ["calculate", "forward", "__call__", "loss", "compute_loss", "compute", "calc", "value", "cost", *LOSS]
    fitting = [name for name in two if (found := method(thing, [name])) and len(needed(found) or []) == 2]
    after = [
        name for name in LOSS if says_loss(name) and (found := method(thing, [name])) and _takes_only_labels(found)
    ]
    return fitting or after or two


def _takes_only_labels(function: Callable[..., Any]) -> bool:
    asked = needed(function) or []
    return len(asked) == 1 and "y" in roles(asked[0])[:1]


def _slope_of(name: str, functions: Mapping[str, Any]) -> Callable[..., Any] | None:
    """The derivative that goes with a loss function: of its name to the letter, or of its words."""
    stem = plain(name).replace("loss", "").replace("compute", "").replace("calculate", "")
    slopes = {k: f for k, f in functions.items() if _says(k, _SLOPES) and _says(k, (*_LOSS_WORDS, stem or "loss"))}
    named = [k for k in slopes if stem and stem in plain(k)]
    named.sort(key=lambda k: len(k) if name in k else sys.maxsize)  # `Mse` and `mse` may be two losses
    return slopes[named[0]] if named else None


def optimizers(namespace: Mapping[str, Any], model: Any, known: Mapping[str, Any], *, fresh: bool) -> Iterator[Any]:
    """The file's optimizers, plain descent first; where the model is ours, made anew for it."""
    if not fresh:
        for name, thing in own_instances(namespace).items():
            if thing is not model and _says(name + type(thing).__name__, _OPTIMIZER_WORDS) and method(thing, UPDATE):
                yield thing
    kinds = {name: kind for name, kind in own_classes(namespace).items() if _says(name, _OPTIMIZER_WORDS)}
    for kind in sorted(kinds.values(), key=lambda kind: "sgd" not in kind.__name__.lower()):
        thing = plain_made(kind, known)
        if thing is not None and method(thing, UPDATE):
            yield thing


def _takes_labels(thing: Any) -> bool:
    """Whether forward takes a prediction and labels, in either order, whatever the class is called."""
    forward = method(thing, ["forward", "__call__"])
    asked = (needed(forward) or []) if forward is not None else []
    if len(asked) != 2:
        return False
    return "y" in roles(asked[1])[:1] or ("y" in roles(asked[0])[:1] and "pred" in roles(asked[1])[:1])
