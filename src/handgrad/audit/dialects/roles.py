"""Roles of names in loops and plain functions: what gets the batch, what is a buffer, what a function is for.

Names only bring candidates into an order and fill arguments. Nothing is believed because of a name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from handgrad.audit.dialects import calling

_WEIGHT = frozenset(
    {"w", "b", "weight", "weights", "bias", "biases", "syn", "synapse", "synapses", "theta", "wih", "who", "wxh", "why"}
)
_BUFFER = re.compile(
    r"^(v|s|vel|velocity|velocities|momentum|mom|moment|m_|v_|cache|grads?|d|delta|nabla|acc|prev)s?_?d?[wb]?_?\d*$"
)
_KEPT = frozenset(
    {
        "vel",
        "velocity",
        "momentum",
        "mom",
        "prev",
        "grad",
        "grads",
        "gradient",
        "gradients",
        "nabla",
        "delta",
        "d",
        "v",
        "moment",
    }
)
_LOSS = re.compile(r"loss|cost|err(or)?s?(_|$|\d)|mse|bce|cross_?entropy|xent|objective|nll|^[jJlLE]$")
_ONE_HOT = re.compile(r"one_?hot|_oh$|_hot|enc|categorical")
_CACHE = re.compile(r"cache|memor|tape|store|intermediate|^act|^values$|^history$|^state$")
_FOREIGN = ("builtins", "numpy", "pandas", "typing", "collections", "abc", "types", "functools", "logging", "random")

# What people call the functions of a network, by what they do.
CALLED: dict[str, re.Pattern[str]] = {
    "update": re.compile(r"update|apply_grad|optimi[sz]e|^step$|descent|sgd|adjust"),
    "backward": re.compile(r"back_?prop|backward|^bprop|grad|^back$|delta"),
    "forward": re.compile(r"forward|^fprop|predict|inference|^output|^run$|^infer$|^net(work)?$|^model$"),
    "loss": re.compile(r"loss|cost|cross_?entropy|mse|objective|squared_error|^nll|^error$"),
    "start": re.compile(r"^(init|create|make|build|setup|new|random)|_init$"),
}
_NOT = re.compile(r"numeri|check|test|plot|show|print|deriv|prime|load|save|accuracy|confusion|relu|sigmoid|tanh")


def words(name: str) -> list[str]:
    """The words of a name, in lower case, without numbers: X_train -> x, train; yHat -> y, hat."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def role(name: str) -> str:
    """The role of a name as in `calling.NAMES`: "x", "y", "lr", ...; "weight" for one parameter, "" for none."""
    found = words(name)
    if len(found) == 2 and found[0] in ("x", "y") and found[1] == "b":  # a batch, no bias
        return found[0]
    if name in ("U", "V") or found[:1] in (["w"], ["b"]) or _WEIGHT & set(found):
        return "weight"
    if name in ("m", "n", "N"):
        return "rows"
    kinds = calling.roles(name)
    if is_buffer(name) and kinds[:1] != ["lr"]:
        return "buffer"
    if not kinds and _ONE_HOT.search(name.lower()):
        return "y"
    kind = kinds[0] if kinds else ""
    return {"held-out x": "x", "held-out y": "y"}.get(kind, kind)


def held_out(name: str) -> bool:
    """Whether a name is one for test or validation data."""
    return any(kind.startswith("held-out") for kind in calling.roles(name))


def is_buffer(name: str) -> bool:
    """Whether a name is one for gradients or for the memory of an optimizer: dW1, vW, m_b2, velocity."""
    found = words(name)
    if name in ("U", "V"):
        return False
    return bool(_BUFFER.match(name.lower())) or (len(found) > 1 and bool(_KEPT & {found[0], found[-1]}))


def is_loss(name: str) -> bool:
    """Whether a name may be that of a loss."""
    return bool(_LOSS.search(name))


def is_one_hot(name: str) -> bool:
    """Whether a name says that its labels are one-hot."""
    return bool(_ONE_HOT.search(name.lower()))


def fill(call: Callable[..., Any], exact: Mapping[str, Any], by_role: Mapping[str, Any]) -> dict[str, Any] | None:
    """Keyword arguments for a call: by the very name, else by its role, else its default; None where one is missing."""
    try:
        wanted = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return None
    found: dict[str, Any] = {}
    for one in wanted:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        if one.kind is one.POSITIONAL_ONLY:
            return None
        kinds = [kind for kind in _kinds(one.name) if kind in by_role]
        if one.name in exact:
            found[one.name] = exact[one.name]
        elif kinds and (one.default is one.empty or kinds[0] in ("x", "y", "lr", "zero", "penalty", "keep")):
            found[one.name] = by_role[kinds[0]]
        elif one.default is one.empty:
            return None
    return found


def _kinds(name: str) -> list[str]:
    return ["cache"] if _CACHE.search(name.lower()) else calling.roles(name)


def called(namespace: Mapping[str, Any], kind: str) -> list[tuple[str, Any]]:
    """(name, function) with a name of that kind, in their order."""
    return [
        (name, value)
        for name, value in namespace.items()
        if inspect.isroutine(value) and CALLED[kind].search(name.lower()) and not _NOT.search(name.lower())
    ]


def own(value: Any) -> bool:
    """Whether a value is an instance of a class that somebody wrote in Python."""
    kind = type(value)
    written = bool(kind.__flags__ & (1 << 9))  # a class made by a `class` statement
    return written and not isinstance(value, type) and kind.__module__.split(".")[0] not in _FOREIGN
