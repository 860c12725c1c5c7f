"""Ways: every way in which a model of somebody's can be made to take one step, the author's own training first.

A training function or loop shows what is fed to backward and what is reset; only without one are the pieces put
together here, as most people do: forward, loss, the loss's derivative, backward, update.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from handgrad.audit.dialects.calling import (
    BACKWARD,
    FORWARD,
    TRAIN,
    UPDATE,
    asked,
    call,
    fill,
    fill_by_place,
    method,
    methods,
    needed,
    plain,
    roles,
)
from handgrad.audit.dialects.cast import Beside, Play, besides
from handgrad.audit.dialects.chain import Chain
from handgrad.audit.dialects.loops import loops, once
from handgrad.audit.dialects.pieces import PLAIN, assembled, is_update, label
from handgrad.audit.dialects.settling import Way
from handgrad.audit.dialects.stage import Action, Stage
from handgrad.audit.objects import own_classes, own_functions, own_instances, to_float64

_TRAINS = {plain(name) for name in TRAIN}
_NO_TRAINING = re.compile(r"split|load|data|prepro|prepare|plot|show|get_|read|save|label|image|accuracy|config|args")
_MOST_LOOPS, _MOST_BESIDES = 6, 8


def ways(play: Play) -> Iterator[Way]:
    """The author's own trainings, then his loops, then the pieces."""
    to_float64(*play.roots, *([] if play.fresh else own_instances(play.namespace).values()))
    beside = list(besides(play))[:_MOST_BESIDES]
    yield from _own_trainings(play, beside)
    if not play.fresh:
        yield from _own_loops(play)
    sloped = any(one.loss is not None and one.loss.slope is not None for one in beside)
    for one in beside:
        for step in assembled(play, one, sloped=sloped):
            told = {"update": step.told, **({"loss": one.loss.name} if one.loss else {})}
            yield _way(play, one, step, told, {}, plain_descent=step.told == PLAIN)


def _own_trainings(play: Play, beside: list[Beside]) -> Iterator[Way]:
    """Methods of the model, functions, and trainers that train."""
    if not isinstance(play.model, Chain):
        for function in methods(play.model, TRAIN):
            yield from _trainings(play, function, beside)
    for name, function in own_functions(play.namespace).items():
        said = "train" in name.lower() or name.lower().startswith("fit")
        if plain(name) in _TRAINS or (said and not _NO_TRAINING.search(name.lower())):
            yield from _trainings(play, function, beside)
    for kind in own_classes(play.namespace).values():
        if "train" in kind.__name__.lower() and kind is not type(play.model):
            for one, trainer in _trainers(play, kind, beside):
                for function in methods(trainer, TRAIN) if trainer is not None else ():
                    yield _training(play, function, one, more=[trainer])


def _trainers(play: Play, kind: type, beside: list[Beside]) -> Iterator[tuple[Beside, Any]]:
    """The trainer that the file has made for this very model, with the loss that it chose; else those that we make."""
    made = [one for one in own_instances(play.namespace).values() if type(one) is kind]
    own = [one for one in made if any(value is play.model for value in vars(one).values())]
    yield from ((Beside(), one) for one in own)
    if not own:
        yield from ((one, _trainer(kind, play.known() | one.known())) for one in beside)


def _trainer(kind: type, known: dict[str, Any]) -> Any:
    try:
        arguments = fill(kind, known | {"lr": 0.125, "epochs": 1, "rows": 8})
        return None if arguments is None else kind(**arguments)
    except Exception:
        return None


def _trainings(play: Play, function: Callable[..., Any], beside: list[Beside]) -> Iterator[Way]:
    """One training function with every loss and optimizer that it may be given, and every form of data."""
    wanted = {role for name in needed(function) or [] for role in roles(name)}
    seen: set[tuple[int, int]] = set()
    for one in beside:
        key = (
            id(one.loss) if wanted & {"criterion", "slope"} else 0,
            id(one.optimizer) if "optimizer" in wanted else 0,
        )
        if key in seen:
            continue
        seen.add(key)
        if held := _held_out(function):
            yield _training(play, function, one, more_given=held)
        yield _training(play, function, one)
        if "loader" in wanted and "y" not in wanted:
            yield _training(play, function, one, data=lambda known: (known["x"], known["y"]))
            yield _training(play, function, one, data=lambda known: list(zip(known["x"], known["y"], strict=True)))


def _held_out(function: Callable[..., Any]) -> dict[str, float]:
    """The shares of data that a training holds out by default, as none: of a small batch they leave nothing."""
    try:
        parameters = asked(function)
    except (TypeError, ValueError):
        return {}
    shares = [p.name for p in parameters if isinstance(p.default, float) and 0 < p.default < 1]
    return {name: 0.0 for name in shares if re.search("val|test|split", name.lower())}


def _training(
    play: Play,
    function: Callable[..., Any],
    beside: Beside,
    *,
    data: Callable[[dict[str, Any]], Any] | None = None,
    more: list[Any] | None = None,
    more_given: Mapping[str, Any] | None = None,
) -> Way:
    """A call of a training function. `data`: how the batch is put where it is asked for as one thing. `more_given`:
    arguments by name.
    """
    short = once(function, play.namespace)
    names = [role for name in needed(function) or [] for role in roles(name)]
    prefer = ("loader", "held-out loader") if "loader" in names and "y" not in names else ("criterion",)

    def action(known: dict[str, Any]) -> Any:
        known = known if data is None else known | dict.fromkeys(("loader", "held-out loader"), data(known))
        arguments = fill(short, known, prefer, trains=True) or fill_by_place(short, [known["x"], known["y"]], known)
        if arguments is None:
            raise TypeError(function)
        return call(short, arguments | dict(more_given or {}))

    code = getattr(function, "__code__", None)
    read = frozenset(code.co_names) if code is not None else frozenset()  # data among global names can then be given
    way = _way(play, beside, action, {"update": label(function)}, {"train": function}, names=read, more=more)
    forward = None if isinstance(play.model, Chain) else method(play.model, FORWARD)
    if forward is not None and "x" in names:  # it goes forward by itself
        way.forward = lambda known: forward(known["x"])
    return way


def _own_loops(play: Play) -> Iterator[Way]:
    """The loops at the top of the file."""
    for loop in loops(play.namespace)[:_MOST_LOOPS]:

        def action(known: dict[str, Any], loop: Any = loop) -> Any:
            return loop(getattr(play.namespace, "real", play.namespace))

        everything = list(own_instances(play.namespace).values())
        told = {"update": f"the loop in line {loop.line}"}
        yield _way(play, Beside(), action, told, {}, names=loop.names, more=everything)


def _way(
    play: Play,
    beside: Beside,
    action: Action,
    told: dict[str, str],
    functions: dict[str, Any],
    *,
    names: frozenset[str] = frozenset(),
    more: list[Any] | None = None,
    plain_descent: bool = False,
) -> Way:
    """A way with all that is to be known of it: what was taken for what, and the functions by role."""
    stage = Stage(play.namespace, [*play.roots, *beside.things(), *(more or [])], play.known() | beside.known(), names)
    found: dict[str, Any] = dict(play.classes())
    facts: dict[str, str] = {}
    for role, kinds in (("forward", FORWARD), ("backward", BACKWARD)):
        function = method(play.weighty() if isinstance(play.model, Chain) else play.model, kinds)
        if function is not None:
            found[role], facts[role] = function, label(function)
    for owner in (beside.optimizer, play.model, *(more or [])):
        updates = [f for f in methods(owner, UPDATE) if is_update(f)] if owner is not None else []
        if updates:
            found.setdefault("update", updates[0])
    if beside.loss is not None:
        found["loss"] = beside.loss.value
    found |= functions
    if "train" in found:
        found["step"] = found["train"]
    for role in ("update", "backward"):
        found.setdefault(role, found.get("train"))
    found = {role: getattr(f, "__func__", f) for role, f in found.items() if f is not None}
    return Way(play.dialect, stage, action, facts | told | play.facts, found, plain_descent, play.invented)
