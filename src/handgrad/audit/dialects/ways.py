"""Ways: every way in which a model of somebody's can be made to take one step, the author's own training first.

A training function or loop shows what is fed to backward and what is reset; only without one are the pieces put together
here, as most people do: forward, loss, the loss's derivative, backward, update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import (
    BACKWARD,
    FORWARD,
    RESET,
    TRAIN,
    UPDATE,
    call,
    fill,
    fill_by_place,
    method,
    methods,
    needed,
    plain,
    roles,
)
from handgrad.audit.dialects.cast import Loss, losses, optimizers
from handgrad.audit.dialects.chain import Chain
from handgrad.audit.dialects.loops import loops, once
from handgrad.audit.dialects.objects import own_classes, own_functions, own_instances, parts, to_float64
from handgrad.audit.dialects.probing import Way
from handgrad.audit.dialects.stage import Action, Stage

_TRAINS = {plain(name) for name in TRAIN}
_NO_UPDATES = {"train", "learn", "call", "__call__"}


@dataclass
class Play:
    """A model with those who play beside it.

    Attributes:
        dialect: for the readings.
        namespace: the file's names.
        model: the network, or a `Chain` of its layers.
        fresh: whether it was made by us, so that nothing else in the file knows it.
        facts: what is known already.
    """

    dialect: str
    namespace: dict[str, Any]
    model: Any
    fresh: bool
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def roots(self) -> list[Any]:
        """What holds the parameters."""
        return (
            [dict(zip(self.model.names, self.model.layers, strict=True))]
            if isinstance(self.model, Chain)
            else [self.model]
        )

    def known(self) -> dict[str, Any]:
        """What calls may be given besides the batch."""
        found: dict[str, Any] = {"model": self.model.layers if isinstance(self.model, Chain) else self.model}
        layers = getattr(self.model, "layers", None)
        if isinstance(layers, (list, tuple)):
            found["layers"] = list(layers)
        for name in ("parameters", "params", "get_params", "get_parameters", "param"):
            value = getattr(self.model, name, None)
            try:
                found["params"] = value() if callable(value) else value
            except Exception:  # it wants something that we do not know
                continue
            if isinstance(found["params"], Iterator):
                found["params"] = list(found["params"])
            if found["params"] is not None:
                break
        return {role: value for role, value in found.items() if value is not None}

    def classes(self) -> dict[str, Any]:
        """Every class that takes part, by name."""
        return {type(one).__name__: type(one) for root in self.roots for one in parts(root)}


def ways(play: Play) -> Iterator[Way]:
    """The author's own trainings, then his loops, then the pieces."""
    to_float64(*play.roots, *([] if play.fresh else own_instances(play.namespace).values()))
    yield from _own_trainings(play)
    if not play.fresh:
        yield from _own_loops(play)
    yield from _pieces(play)


def _own_trainings(play: Play) -> Iterator[Way]:
    """Methods of the model, and functions or methods beside it, that train."""
    found = list(_losses_and_optimizers(play))
    for function in methods(play.model, TRAIN):
        if not isinstance(play.model, Chain):
            yield from _trainings(play, function, found)
    for name, function in own_functions(play.namespace).items():
        if plain(name) in _TRAINS or "train" in name.lower() or name.lower().startswith("fit"):
            yield from _trainings(play, function, found)
    for kind in own_classes(play.namespace).values():
        if "train" in kind.__name__.lower():
            for loss, optimizer in found:
                trainer = _instance(kind, play.known() | _parts(loss, optimizer))
                for function in methods(trainer, TRAIN) if trainer is not None else ():
                    yield _training(play, function, {}, loss, optimizer, (trainer,))


def _instance(kind: type, known: dict[str, Any]) -> Any:
    arguments = fill(kind, known | {"lr": 0.125, "epochs": 1, "rows": 8})
    try:
        return None if arguments is None else kind(**arguments)
    except Exception:
        return None


def _losses_and_optimizers(play: Play) -> list[tuple[Loss | None, Any]]:
    known = play.known() | {"lr": 0.125}
    found_losses: list[Loss | None] = list(islice(losses(play.namespace, play.model), 4))
    found_losses = found_losses or [None]
    found_optimizers = [*optimizers(play.namespace, play.model, known, fresh=play.fresh)][:2] or [None]
    return list(product(found_losses, found_optimizers))


def _parts(loss: Loss | None, optimizer: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if loss is not None:
        found["criterion"] = loss.thing if loss.thing is not None else loss.value
        if loss.slope is not None:
            found["slope"] = loss.slope
    return found | ({"optimizer": optimizer} if optimizer is not None else {})


def _trainings(play: Play, function: Callable[..., Any], found: list[tuple[Loss | None, Any]]) -> Iterator[Way]:
    """One training function with every loss and optimizer that it may be given."""
    asked = {role for name in needed(function) or [] for role in roles(name)}
    seen: set[tuple[int, int]] = set()
    for loss, optimizer in found:
        key = (id(loss) if asked & {"criterion", "slope"} else 0, id(optimizer) if "optimizer" in asked else 0)
        if key not in seen:
            seen.add(key)
            yield _training(play, function, {}, loss, optimizer, ())
            if "loader" in asked and "y" not in asked:
                yield _training(play, function, {"loader": "pair"}, loss, optimizer, ())
                yield _training(play, function, {"loader": "samples"}, loss, optimizer, ())


def _training(
    play: Play,
    function: Callable[..., Any],
    form: dict[str, str],
    loss: Loss | None,
    optimizer: Any,
    more: tuple[Any, ...],
) -> Way:
    original, function = function, once(function, play.namespace)
    names = [role for name in needed(function) or [] for role in roles(name)]
    prefer = ("loader",) if "loader" in names and "y" not in names else ("criterion",)

    def action(known: dict[str, Any]) -> Any:
        if form.get("loader") == "pair":
            known = known | {"loader": (known["x"], known["y"])}
        elif form.get("loader") == "samples":
            known = known | {"loader": list(zip(known["x"], known["y"], strict=True))}
        arguments = fill(function, known, prefer) or fill_by_place(function, [known["x"], known["y"]])
        if arguments is None:
            raise TypeError(function)
        return call(function, arguments)

    beside = [one for one in (loss.thing if loss else None, optimizer, *more) if one is not None]
    stage = Stage(play.namespace, [*play.roots, *beside], play.known() | _parts(loss, optimizer), _globals(function))
    return _way(play, stage, action, {"update": _label(function)}, {"train": original}, loss, optimizer)


def _globals(function: Callable[..., Any]) -> frozenset[str]:
    """Global names that a function reads, so that data among them can be given."""
    code = getattr(function, "__code__", None)
    return frozenset(code.co_names) if code is not None else frozenset()


def _own_loops(play: Play) -> Iterator[Way]:
    """The loops at the top of the file."""
    for loop in loops(play.namespace)[:6]:

        def action(known: dict[str, Any], loop: Any = loop) -> Any:
            return loop(play.namespace)

        roots = [*play.roots, *own_instances(play.namespace).values()]
        stage = Stage(play.namespace, roots, play.known(), loop.names)
        yield _way(play, stage, action, {"update": f"the loop in line {loop.line}"}, {}, None, None)


def _pieces(play: Play) -> Iterator[Way]:
    """Forward, loss, its derivative, backward and update put together."""
    forward, back = method(play.model, FORWARD), method(play.model, BACKWARD)
    if forward is None or (back is None and play.dialect != "closures" and not hasattr(play.model, "layers")):
        return
    for loss, optimizer in _losses_and_optimizers(play)[:6]:
        if loss is None:
            continue
        stage = Stage(play.namespace, [*play.roots, *(o for o in (loss.thing, optimizer) if o is not None)],
                      play.known() | _parts(loss, optimizer))  # fmt: skip
        for places in (("pred", "y"), ("y", "pred")):
            step = _Assembled(play, forward, back, loss, optimizer, places)
            yield _way(play, stage, step, {"update": step.told}, {}, loss, optimizer, plain_descent=step.update is None)
            if fill(loss.value, {"pred": 0, "y": 0}):
                break


class _Assembled:
    """The pieces of a model, as one step."""

    def __init__(
        self, play: Play, forward: Callable[..., Any], back: Any, loss: Loss, optimizer: Any, places: tuple[str, ...]
    ) -> None:
        self.play, self.forward, self.back, self.loss, self.places = play, forward, back, loss, places
        self.update, self.told = _update(play, optimizer, back)
        self.resets = [
            r for one in (optimizer, play.model) for r in ([method(one, RESET)] if one is not None else []) if r
        ]

    def __call__(self, known: dict[str, Any]) -> Any:
        for reset in self.resets:
            call(reset, fill(reset, known) or {})
        output, back = call(self.forward, _arguments(self.forward, known, ("x",), [("x",)])), self.back
        if isinstance(output, tuple) and len(output) == 2 and callable(output[1]):
            output, back = output
        known = {k: v for k, v in known.items() if k not in ("criterion", "slope")} | {"pred": _prediction(output)}
        value = call(self.loss.value, _arguments(self.loss.value, known, ("pred", "y"), [self.places, ("x", "y")]))
        if isinstance(value, tuple):  # the loss together with its derivative
            known["error"] = next((one for one in value if np.ndim(one) == 2), None)
            value = next(one for one in value if np.ndim(one) == 0)
        if not _needs_no_error(back):
            known.setdefault("error", self._error(known))
        result = call(back, _arguments(back, known, ("error",), [("error",), ("error", "lr"), ()]))
        if self.update is not None:
            self.update(known | ({"gradients": result} if result is not None else {}))
        return {"loss": value} if np.ndim(value) == 0 else value

    def _error(self, known: dict[str, Any]) -> Any:
        """What is handed to backward: the derivative of the loss where the file has one, else prediction - labels."""
        slope = self.loss.slope
        if slope is not None:
            arguments = fill(slope, known, ("pred", "y"))
            arguments = fill_by_place(slope, [known[role] for role in self.places]) if arguments is None else arguments
            found = call(slope, {} if arguments is None else arguments)
            if found is None:
                found = next(
                    (
                        getattr(self.loss.thing, n, None)
                        for n in ("dinputs", "dx", "grad")
                        if hasattr(self.loss.thing, n)
                    ),
                    None,
                )
            return found
        return known["pred"] - known["y"]


def _needs_no_error(back: Callable[..., Any]) -> bool:
    """Whether backward is given the labels, and works out the error by itself."""
    names = needed(back) or []
    found = {roles(name)[0] for name in names if roles(name)}
    return not names or "y" in found


def _arguments(
    function: Callable[..., Any], known: dict[str, Any], prefer: tuple[str, ...], places: list[tuple[str, ...]]
) -> dict[str, Any]:
    found = fill(function, known, prefer)
    for place in places:
        if found is None and all(role in known for role in place):
            found = fill_by_place(function, [known[role] for role in place])
    if found is None:
        raise TypeError(function)
    return found


def _prediction(output: Any) -> Any:
    """Of several things that forward returns the last array; of a dict its last."""
    if isinstance(output, (tuple, list)):
        return next((one for one in reversed(output) if isinstance(one, np.ndarray)), output)
    return list(output.values())[-1] if isinstance(output, dict) else output


def _update(play: Play, optimizer: Any, back: Any) -> tuple[Callable[[dict[str, Any]], Any] | None, str]:
    """(what updates the parameters, how it is called); None where nothing in the file does."""
    updates = (
        [m for m in methods(play.model, UPDATE) if plain(m.__name__) not in _NO_UPDATES]
        if not isinstance(play.model, Chain)
        else []
    )
    for function in [*(methods(optimizer, UPDATE) if optimizer is not None else ()), *updates]:
        asked = needed(function)
        if asked is not None and len(asked) == 1 and asked[0].lower().rstrip("s") == "layer":
            layers = play.known().get("layers", list(parts(play.roots)))
            return lambda known, f=function: [f(one) for one in layers if _has_arrays(one)], _label(function)
        dummy = {"lr": 0.1, "model": 0, "layers": 0, "params": 0, "gradients": 0, "rows": 1, "x": 0, "y": 0, "zero": 0}
        if fill(function, dummy, ("gradients",)) is not None:
            return lambda known, f=function: call(f, fill(f, known, ("gradients", "params", "lr")) or {}), _label(
                function
            )
    layers = [one for root in play.roots for one in parts(root) if one is not play.model and _layer_update(one)]
    if layers:

        def each(known: dict[str, Any]) -> None:
            for one in layers:
                call(_layer_update(one), fill(_layer_update(one), known) or {})  # type: ignore[arg-type]

        return each, _label(_layer_update(layers[0]))
    if back is not None and "lr" in {role for name in (needed(back) or []) for role in roles(name)}:
        return (lambda known: None), f"{_label(back)} itself"
    return None, "theta -= lr * gradient"


def _layer_update(layer: Any) -> Callable[..., Any] | None:
    for function in methods(layer, UPDATE):
        if (
            plain(function.__name__) not in _NO_UPDATES
            and fill(function, {"lr": 0.1, "rows": 1, "zero": 0}) is not None
        ):
            return function
    return None


def _has_arrays(layer: Any) -> bool:
    return any(isinstance(value, np.ndarray) for key, value in vars(layer).items() if "w" in key.lower())


def _label(function: Any) -> str:
    return str(getattr(function, "__qualname__", function)).replace("<locals>.", "")


def _way(
    play: Play, stage: Stage, action: Action, facts: dict[str, str], functions: dict[str, Any], loss: Loss | None,
    optimizer: Any, *, plain_descent: bool = False,
) -> Way:  # fmt: skip
    """A way with all that is to be known of it: what was taken for what, and the functions by role."""
    found: dict[str, Any] = dict(play.classes())
    for role, one in (("forward", FORWARD), ("backward", BACKWARD)):
        function = method(play.model, one)
        if function is not None:
            found[role] = getattr(function, "__func__", function)
            facts = {role: _label(function), **facts}
    for owner in (optimizer, play.model):
        updates = (
            [f for f in methods(owner, UPDATE) if plain(f.__name__) not in _NO_UPDATES] if owner is not None else []
        )
        if updates:
            found.setdefault("update", getattr(updates[0], "__func__", updates[0]))
    if loss is not None:
        found["loss"] = getattr(loss.value, "__func__", loss.value)
        facts = {"loss": loss.name, **facts} if not functions.get("train") else facts
    found |= {role: getattr(f, "__func__", f) for role, f in functions.items()}
    if "train" in found:
        found.setdefault("step", found["train"])
        found.setdefault("update", found["train"])
    found.setdefault("backward", found.get("train") or found.get("update"))
    return Way(
        play.dialect,
        stage,
        action,
        {**facts, **play.facts},
        {k: f for k, f in found.items() if f is not None},
        plain_descent,
    )
