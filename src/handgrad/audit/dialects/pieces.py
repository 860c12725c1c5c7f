"""Pieces: one step put together from a model's forward, a loss, its derivative, backward and what updates.

It is what most people write in their loop, and stands in for a loop that cannot be run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import (
    BACKWARD,
    FORWARD,
    RESET,
    STRENGTHS,
    UPDATE,
    call,
    fill,
    fill_by_place,
    method,
    methods,
    needed,
    plain,
    roles,
    updates,
)
from handgrad.audit.dialects.cast import Beside, Loss, Play
from handgrad.audit.dialects.chain import DOWN, Chain, attribute
from handgrad.audit.objects import parts

PLAIN = "theta -= lr * gradient"
_NO_UPDATES = {"train", "learn", "call", "__call__"}
# What an update may be given: it is tried whether a call can be filled before one can be made.
_GIVEN = dict.fromkeys(("lr", "model", "layers", "params", "gradients", "rows", "x", "y", "zero", *STRENGTHS), 0)

Known = dict[str, Any]


def assembled(play: Play, beside: Beside, *, sloped: bool) -> Iterator[Step]:
    """Each way to put the pieces together; none where the model has no way back, or nothing tells its error.

    Where some loss of the file brings its derivative, `sloped`, none is made up for another one.
    """
    forward, back = method(play.model, FORWARD), method(play.model, BACKWARD)
    if (
        forward is None
        or (beside.loss is None and not _gives_loss(forward) and not _finds_error_itself(back))
        or (back is None and play.dialect != "closures")
        or (sloped and beside.loss is not None and beside.loss.slope is None and not _finds_error_itself(back))
    ):
        return
    yield Step(play, beside.loss, beside.optimizer, ("pred", "y"))
    if beside.loss is not None and fill(beside.loss.value, {"pred": 0, "y": 0}) is None:
        yield Step(play, beside.loss, beside.optimizer, ("y", "pred"))


class Step:
    """One step. `places`: the order in which a loss takes prediction and labels if the names do not tell."""

    def __init__(self, play: Play, loss: Loss | None, optimizer: Any, places: tuple[str, ...]) -> None:
        self.loss, self.places = loss, places
        self.forward, self.back = method(play.model, FORWARD), method(play.model, BACKWARD)
        self.update, self.told = _update(play, optimizer, self.back)
        owners = [one for one in (optimizer, play.model) if one is not None]
        self.resets = [reset for one in owners if (reset := method(one, RESET)) is not None]

    def __call__(self, known: Known) -> Any:
        """Take the step; gives the loss."""
        for reset in self.resets:
            call(reset, fill(reset, known) or {})
        output, back = _call(self.forward, known, ("x",), [("x",)]), self.back
        if isinstance(output, tuple) and len(output) == 2 and callable(output[1]):
            output, back = output
        known = {role: one for role, one in known.items() if role not in ("criterion", "slope")}
        known["pred"] = _prediction(output)
        value = self._value(output, known)
        if isinstance(value, tuple):  # the loss together with its derivative
            known["error"] = next((one for one in value if np.ndim(one) == 2), None)
            value = next(one for one in value if np.ndim(one) == 0)
        if "error" not in known and not _finds_error_itself(back):
            known["error"] = self._error(known)
        result = _call(back, known, ("error",), [("error",), ("error", "lr"), ()])
        if self.update is not None:
            self.update(known if result is None else known | {"gradients": result})
        return {"loss": value} if np.ndim(value) == 0 else value

    def _value(self, output: Any, known: Known) -> Any:
        """The loss, which some models give themselves, and some not at all."""
        if self.loss is None and np.ndim(known["pred"]) > 0:
            return math.nan
        if self.loss is None or np.ndim(known["pred"]) == 0:
            return output
        return _call(self.loss.value, known, ("pred", "y"), [self.places, ("x", "y")])

    def _error(self, known: Known) -> Any:
        """What is handed to backward: the derivative of the loss where the file has one, else prediction - labels."""
        if self.loss is None or self.loss.slope is None:
            return known["pred"] - known["y"]
        found = _call(self.loss.slope, known, ("pred", "y"), [self.places, ()])
        return attribute(self.loss.thing, DOWN) if found is None else found


def _gives_loss(forward: Callable[..., Any]) -> bool:
    """Whether forward is given the labels, so that it can give the loss."""
    return "y" in {role for name in needed(forward) or [] for role in roles(name)[:1]}


def is_update(function: Callable[..., Any]) -> bool:
    """Whether a method of such a name does update: `train` and `learn` do more."""
    return plain(getattr(function, "__name__", "")) not in _NO_UPDATES


def _call(function: Any, known: Known, prefer: tuple[str, ...], places: list[tuple[str, ...]]) -> Any:
    """Call with what is known: by name, or else by one of the orders of places."""
    found = fill(function, known, prefer)
    for place in places:
        if found is None and all(role in known for role in place):
            found = fill_by_place(function, [known[role] for role in place])
    if found is None:
        raise TypeError(function)
    return call(function, found)


def _finds_error_itself(back: Any) -> bool:
    """Whether backward is given the labels, or nothing, and works out the error by itself."""
    names = needed(back) or []
    return not names or "y" in {roles(name)[0] for name in names if roles(name)}


def _prediction(output: Any) -> Any:
    """Of several things that forward returns the last array; of a dict its last."""
    if isinstance(output, (tuple, list)):
        return next((one for one in reversed(output) if isinstance(one, np.ndarray)), output)
    return list(output.values())[-1] if isinstance(output, dict) else output


def _update(play: Play, optimizer: Any, back: Any) -> tuple[Callable[[Known], Any] | None, str]:
    """(what updates the parameters, how it is called); None where nothing in the file does."""
    found = list(methods(optimizer, UPDATE)) if optimizer is not None else []
    if not isinstance(play.model, Chain):
        found += [function for function in updates(play.model) if is_update(function)]
    layers = play.known().get("layers") or [one for root in play.roots for one in parts(root)]
    for function in found:
        asked = needed(function)
        if asked is not None and [name.lower() for name in asked] == ["layer"]:
            return _each([(function, one) for one in layers if _has_weights(one)]), label(function)
        if fill(function, _GIVEN, ("gradients",)) is not None:
            return _whole(function), label(function)
    own = [update for one in layers if one is not play.model and (update := _layer_update(one)) is not None]
    if own:
        return lambda known: [call(update, fill(update, known) or {}) for update in own], label(own[0])
    backs = [method(one, BACKWARD) for one in play.model.layers] if isinstance(play.model, Chain) else [back]
    if any("lr" in {role for name in (needed(one) or []) for role in roles(name)} for one in backs if one is not None):
        return lambda known: None, f"{label(back)} itself"
    return None, PLAIN


def _each(pairs: list[tuple[Callable[..., Any], Any]]) -> Callable[[Known], Any]:
    return lambda known: [function(layer) for function, layer in pairs]


def _whole(function: Callable[..., Any]) -> Callable[[Known], Any]:
    return lambda known: call(function, fill(function, known, ("gradients", "params", "lr")) or {})


def _layer_update(layer: Any) -> Callable[..., Any] | None:
    given = dict.fromkeys(("lr", "rows", "zero", *STRENGTHS), 0)
    return next((f for f in methods(layer, UPDATE) if is_update(f) and fill(f, given) is not None), None)


def _has_weights(layer: Any) -> bool:
    return any(isinstance(value, np.ndarray) and "w" in key.lower() for key, value in vars(layer).items())


def label(function: Any) -> str:
    """How a function is called in the file: Net.backward."""
    return str(getattr(function, "__qualname__", function)).replace("<locals>.", "")
