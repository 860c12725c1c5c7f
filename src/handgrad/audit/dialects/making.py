"""Making: instances of somebody's classes where the file makes none, with small sizes that no two axes share.

A size of 12 in, 9 between and 6 out is taken for as long as the class lets one choose.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import STRENGTHS, roles
from handgrad.audit.dialects.choices import choices, word_lists
from handgrad.audit.dialects.witness import quietly
from handgrad.audit.objects import matrices, slots
from handgrad.audit.reading.standins import StandIn
from handgrad.core.arrays import Array

FEATURES, HIDDEN, CLASSES = 12, 9, 6
_ROWS = 8

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_IN = {"in", "input", "inputs", "entrada", "entradas", "features", "feature", "inp", "i", "x", "nin",
        "fan", "indim", "previous", "prev", "from"}  # fmt: skip
_BETWEEN = {"hidden", "hid", "h", "mid", "middle", "hiddens", "inner", "width", "nh", "neuro", "oculta",
        "ocultas", "oculto", "ocultos", "escondida"}  # fmt: skip
_OUT = {"out", "output", "outputs", "salida", "salidas", "saida", "saidas", "classes", "class", "o", "y",
        "nout", "outdim", "labels", "targets", "to", "next"}  # fmt: skip
_ALL = {"layers", "sizes", "dims", "architecture", "arch", "structure", "topology", "units", "shape",
        "shapes", "nodes", "neurons", "dimensions", "layer", "config", "net", "capas", "camadas"}  # fmt: skip
_SIZE = {"size", "sizes", "dim", "dims", "n", "num", "units", "nodes", "neurons", "features", "d", "width",
        "shape", "len", "number", "count", "of", "layer", "layers", "dimension", "dimensions", "in", "out"}  # fmt: skip


def size_asked(name: str) -> str:
    """Which size a parameter's name asks for: "in", "between", "out", "all", "some" for a bare size, or ""."""
    words = {word.lower() for word in _WORD.findall(name)}
    joined = name.lower().replace("_", "")
    for kind, known in (("between", _BETWEEN), ("in", _IN), ("out", _OUT)):
        if words & known or re.match(
            rf"n?(?:{'|'.join(sorted(w for w in known if len(w) > 1))})\d*(?:size|dim|nodes|n)?$", joined
        ):
            return kind
    if words & _ALL:
        return "all"
    return "some" if words & _SIZE else ""


def sized(
    kind: type, features: int = FEATURES, hidden: int = HIDDEN, classes: int = CLASSES
) -> Iterator[dict[str, Any]]:
    """Arguments for a class's constructor, the likeliest first; last with something that does nothing for each setting
    of which the name tells nothing, such as a counter or a logger.
    """
    try:
        parameters = [
            p for p in inspect.signature(kind).parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        ]
    except (TypeError, ValueError):
        return
    asks = any(size_asked(p.name) in ("between", "all") for p in parameters)
    data = _data(parameters, features)
    told = [(given, listed, False) for given in ({}, data)[: 1 + bool(data)] for listed in (False, True)[: 1 + asks]]
    for given, listed, unknown in [*told, (data, False, True)]:
        filled: dict[str, Any] = dict(given)
        plain, strange = 0, False
        for p in (p for p in parameters if p.name not in given):
            value = _value(p, features, hidden, classes, listed=listed, plain=plain)
            if p.default is p.empty and not isinstance(value, int | float | list):
                value = next(iter((*word_lists(kind, p.name, 2), *choices(kind, p.name), value)))
            if value is None and p.default is p.empty:
                if not unknown:
                    break
                value, strange = StandIn(p.name), True
            if value is not None:
                plain += size_asked(p.name) == "some"
                filled[p.name] = value
        else:
            if strange or not unknown:
                yield filled


def _data(parameters: list[inspect.Parameter], features: int) -> dict[str, Any]:
    """Rows and a column of labels for a constructor that may ask for both, by the names of its parameters."""
    asked = {next(iter(roles(p.name)), ""): p.name for p in reversed(parameters) if p.default is p.empty}
    if not {"x", "y"} <= asked.keys():
        return {}
    return {asked["x"]: _rows(features), asked["y"]: np.arange(_ROWS).reshape(-1, 1) % 2.0}


def _rows(features: int) -> Array:
    return np.random.default_rng(0).random((_ROWS, features))


def keeps_data(thing: Any) -> bool:
    """Whether an instance that was made here was given rows and keeps them; one that asks for sizes is given none."""
    return any(np.array_equal(slot.get(), _rows(FEATURES)) for slot in slots(thing))


def _value(p: inspect.Parameter, features: int, hidden: int, classes: int, *, listed: bool, plain: int) -> Any:
    """What to give for one parameter; None for nothing."""
    kind, needed = size_asked(p.name), p.default is p.empty
    if not needed and not isinstance(p.default, (int, list, tuple)):
        return None
    if isinstance(p.default, bool):
        return None
    many = listed or isinstance(p.default, (list, tuple))
    match kind:
        case "in":
            return features
        case "between":
            return [hidden] if many else hidden
        case "out":
            return classes
        case "all" if needed or many:
            return [features, hidden, classes]
        case "some" if needed:
            return (features, classes)[min(plain, 1)]
    return _other(p.name) if needed else None


def _other(name: str) -> Any:
    """Settings that are no sizes."""
    known = {"lr": 0.125, "epochs": 1, "rows": 8, "zero": 0, "false": False, "true": True, "keep": 1.0, "one": 1}
    known |= dict.fromkeys(STRENGTHS, 0)
    role = next((role for role in roles(name) if role in known), None)
    if role:
        return known[role]
    return "relu" if "activ" in name.lower() else None


def made(kind: type, features: int = FEATURES, hidden: int = HIDDEN, classes: int = CLASSES) -> Iterator[Any]:
    """Instances of a class of the user's that hold matrices, made with each set of arguments that works."""
    for arguments in sized(kind, features, hidden, classes):
        try:
            thing = quietly(lambda arguments=arguments: kind(**arguments))  # type: ignore[misc]
        except Exception:  # other arguments are wanted
            continue
        if matrices(list(slots(thing))):
            yield thing


def asks_for_layers(kind: type) -> bool:
    """Whether a class is told the sizes of hidden layers, as whole networks are."""
    try:
        return any(size_asked(name) in ("between", "all") for name in inspect.signature(kind).parameters)
    except (TypeError, ValueError):
        return False


def broken(kind: type) -> str:
    """The error of a constructor that fails whatever it is given, for a name that is nowhere set; "" of any other."""
    for arguments in sized(kind):
        try:
            quietly(lambda arguments=arguments: kind(**arguments))  # type: ignore[misc]
        except (NameError, AttributeError) as error:
            if isinstance(error, NameError) or f"'{kind.__name__}' object" in str(error):
                return f"{type(error).__name__}: {error}"
        except Exception:  # other arguments are wanted
            continue
        else:
            return ""
    return ""


def made_layer(kind: type, inputs: int, outputs: int) -> Any:
    """A layer with one matrix of these sizes; None where the class makes none."""
    known = {"lr": 0.125, "zero": 0, "false": False, "true": True, "keep": 1.0, **dict.fromkeys(STRENGTHS, 0)}
    try:
        asked = [
            p
            for p in inspect.signature(kind).parameters.values()
            if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        ]
        sizes = [p for p in asked if not any(role in known for role in roles(p.name)) and "activ" not in p.name.lower()]
        if len(sizes) != 2:
            return None
        turned = size_asked(sizes[0].name) == "out" and size_asked(sizes[1].name) == "in"
        filled: dict[str, Any] = dict(
            zip([p.name for p in sizes], (outputs, inputs) if turned else (inputs, outputs), strict=True)
        )
        filled |= {p.name: _other(p.name) for p in asked if p not in sizes}
        thing = quietly(lambda: kind(**filled))
    except Exception:
        return None
    weights = matrices(list(slots(thing)))
    return thing if weights and all(sorted(w.shape) == sorted((inputs, outputs)) for w in weights) else None


def plain_made(kind: type, known: Mapping[str, Any]) -> Any:
    """An instance of a class that needs no sizes, such as a loss or an optimizer; None where it cannot be made."""
    try:
        parameters = inspect.signature(kind).parameters.values()
        filled: dict[str, Any] = {}
        for p in parameters:
            if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                continue
            role = next((role for role in roles(p.name) if role in known), None)
            if role and (p.default is p.empty or role == "lr"):
                filled[p.name] = known[role]
            elif p.default is p.empty:
                return None
        return quietly(lambda: kind(**filled))
    except Exception:
        return None


def made_with_halves(kind: type) -> Any:
    """An instance of a class that needs no sizes, but perhaps a number or two, such as the width of a Huber loss: these
    are 0.5, on either side of which errors lie; None where it cannot be made.
    """
    made = plain_made(kind, {})
    if made is not None:
        return made
    try:
        asked = [p for p in inspect.signature(kind).parameters.values() if p.default is p.empty]
        names = [p.name for p in asked if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        return quietly(lambda: kind(**dict.fromkeys(names, 0.5))) if 0 < len(names) <= 2 else None
    except Exception:
        return None
