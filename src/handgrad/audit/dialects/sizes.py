"""Sizes: how many features and classes a net of given arrays has, and small free sizes for one that is not made yet."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from handgrad.audit.dialects.choices import choices, word_lists
from handgrad.audit.dialects.roles import role, words

_VECTORS = 3  # of one layer: bias, gain and shift
FEATURES, HIDDEN, CLASSES = 6, 7, 4  # distinct, and none of them a number of rows that is tried
_PUT_ASIDE = re.compile(r"drop(out)?|^p_drop")
_PENALTY = re.compile(r"reg|lambda|lmbda|lambd|weight_?decay|^l[12]|^wd$|penalty")
_USUAL = {
    "momentum": 0.9,
    "mu": 0.9,
    "beta": 0.9,
    "beta1": 0.9,
    "beta2": 0.999,
    "rho": 0.9,
    "eps": 1e-8,
    "epsilon": 1e-8,
}
_TURNS = re.compile(r"epoch|iter|steps|rounds|generations")
_IN = re.compile(
    r"^n_?x$|^dim$|^n_?in|in(put)?_?(s|size|dim|dims|features|nodes|neurons|units|layer)*$|features?|inputs|^d(_in)?$|^nin$"
)
_OUT = re.compile(
    r"^n_?y$|^n_?out|out(put)?_?(s|size|dim|features|nodes|neurons|units|layer)*$|classes|(^|_)class$|outputs|^c$|^k$|^nouts?$|labels"
)
_HIDDEN = re.compile(r"hid|^n_?h\d*$|^h\d*$|units|neurons|mid")
_LIST = re.compile(r"^sizes$|layers?$|layers?_?(dims?|sizes?|list)|dims$|arch|structure|shape|topology|nodes$|^nouts$")


ALL_BUT_NONE = 1 - 2.0**-50  # a share that stays, of which code does not know that it is all
_KEPT: ContextVar[float] = ContextVar("kept", default=1.0)


_SEED: ContextVar[int] = ContextVar("seed", default=0)


@contextmanager
def dropping(keep: float, seed: int = 0) -> Iterator[None]:
    """While this lasts, networks that were read without their dropout run with it, and this share stays."""
    before = _KEPT.set(keep), _SEED.set(seed)
    try:
        yield
    finally:
        _KEPT.reset(before[0])
        _SEED.reset(before[1])


def seed_of_draws() -> int:
    """The seed from which a turn of a loop draws."""
    return _SEED.get()


def kept() -> float:
    """The share that dropout is to leave: all, but for a while."""
    return _KEPT.get()


def aside(name: str) -> float | None:
    """What a setting is given so that it takes no part: no dropout; None for any other name."""
    if re.search(r"keep", name.lower()):
        return kept()
    return 1.0 - kept() if _PUT_ASIDE.search(name.lower()) else None


def put_aside(values: Mapping[str, Any]) -> list[str]:
    """Names of the settings among these values that are set so that they take no part, and do not so by themselves."""
    return [n for n, v in values.items() if isinstance(v, float) and aside(n) is not None and v != aside(n)]


def setting(name: str, default: Any) -> Any:
    """A value for an argument that tells about sizes, learning rate or turns; None where the name does not say."""
    low = name.lower()
    if aside(name) is not None and "layer" not in low:
        return aside(name)
    if _PENALTY.search(low) and "layer" not in low:
        return default if isinstance(default, int | float) else 0.05
    if role(name) == "lr":
        return 0.125
    if _TURNS.search(low):
        return 1
    if isinstance(default, float | str | bool):
        return default
    several = isinstance(default, list | tuple) or low.endswith("s") or "list" in words(name)
    if _HIDDEN.search(low):
        return [HIDDEN] if several and not re.search("units|neurons|nodes", low) else HIDDEN
    if _LIST.search(low):
        return [FEATURES, HIDDEN, CLASSES]
    if _IN.search(low):
        return FEATURES
    if _OUT.search(low):
        return CLASSES
    return _USUAL.get(low.replace("_", "")) if default is None else default


def with_rate_of(kept: Mapping[Any, Any], lr: float) -> dict[Any, Any]:
    """A dict of settings with that learning rate, {"lr": 0.1, "epochs": 20}; empty for any other."""
    if not all(isinstance(value, int | float | str | None) for value in kept.values()):
        return {}
    rates = [name for name in kept if isinstance(name, str) and role(name) == "lr" and isinstance(kept[name], float)]
    return {**kept, **dict.fromkeys(rates, lr)} if rates else {}


def set_rates(held: Any, lr: float) -> None:
    """Set the learning rate in settings, of each parameter perhaps, among which an optimizer keeps its memory."""
    for name, value in list(held.items()) if isinstance(held, dict) else ():
        if isinstance(value, float) and role(str(name)) == "lr":
            held[name] = lr
        set_rates(value, lr)


def deep(value: Any, like: Sequence[Any]) -> Any:
    """A small list of sizes with as many entries as somebody's own, those between alike where theirs are."""
    if not isinstance(value, list) or len(like) < 2 or len(value) == len(like):
        return value
    if all(isinstance(one, str) for one in value):  # the words of the layers, of which there are more now
        return [*(value[:1] * (len(value) + len(like) - 4)), value[-1]]
    kinds: dict[Any, int] = {}
    inner = like if len(value) == 1 else like[1:-1]
    between = [kinds.setdefault(one, HIDDEN + 2 * len(kinds)) for one in inner]
    return between if len(value) == 1 else [value[0], *between, value[-1]]


def by_place(count: int, features: int, hidden: int, classes: int) -> list[tuple[Any, ...]]:
    """What so many settings may be whose names tell nothing, as people order them: the sizes one by one, or in a list
    with their number before it; at the end perhaps a learning rate.
    """
    listed, rate = [features, hidden, classes], 0.125
    ways: dict[int, list[tuple[Any, ...]]] = {
        1: [(features,), (listed,)],
        2: [(features, classes), (listed, rate), (2, listed)],
        3: [(features, hidden, classes), (2, listed, rate)],
        4: [(features, hidden, classes, rate)],
    }
    return ways.get(count, [])


def make(call: Callable[..., Any], known: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """What a class or function makes at small free sizes, each way that works; all the same where it takes no sizes.

    Where it takes a list of sizes, nets of three and four layers follow, for there may be code for no other depth.

    Args:
        call: the class or function.
        known: values by role, for one that wants data or the number of samples.
    """
    try:
        wanted = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):
        return
    plain = [one for one in wanted if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    given: dict[str, Any] = {}
    untold: list[str] = []
    for one in plain:
        default = None if one.default is one.empty else one.default
        value = setting(one.name, default)
        if value is None and known is not None and one.default is one.empty:
            value = known.get(role(one.name))
        if value is None and one.default is one.empty:
            value = next(iter((*word_lists(call, one.name, 2), *choices(call, one.name))), None)
        if value is None and one.default is one.empty:
            untold.append(one.name)
        elif value is not None:
            given[one.name] = value
    if untold and not (isinstance(call, type) and not any(role(one) for one in untold)):
        return
    placed = by_place(len(untold), FEATURES, HIDDEN, CLASSES)
    tries = [given | dict(zip(untold, values, strict=True)) for values in placed]
    for arguments in tries if untold else _of_other_depths(given):
        try:
            yield call(**arguments)
        except Exception:  # somebody else's code may raise anything
            continue


def _of_other_depths(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Arguments as they are, with a list for one size between or the other way round, and for deeper networks."""
    yield given
    if any(isinstance(value, list) for value in given.values()):
        yield {k: v[0] if isinstance(v, list) and len(v) == 1 else v for k, v in given.items()}
    else:
        yield {k: [v] if isinstance(v, int) and v == HIDDEN else v for k, v in given.items()}
    if any(isinstance(value, list) and len(value) > 2 for value in given.values()):
        yield from ({k: deep(v, like) for k, v in given.items()} for like in ("oaao", "oabo", "oaaao"))


def ends(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[int, int]]:
    """(features, classes) that arrays of these shapes, in their order, can lead between, the plainest first.

    A matrix lies either way round; one with a side of 1 may as well be a bias that is a row or a column. A layer may
    have a gain and a shift beside its bias, as a normalised one has. The weights of a single output may be a vector.
    """
    listed = list(shapes.values())
    return _ends(listed, vector=False) or _ends(listed, vector=True) or _vector(listed)


@lru_cache
def weight_vector(shapes: tuple[tuple[int, ...], ...]) -> int | None:
    """Which of the arrays is the vector that holds the weights of a single output; None where matrices lead there."""
    listed = list(shapes)
    if _ends(listed, vector=False) or not (_ends(listed, vector=True) or _vector(listed)):
        return None
    return max(i for i, shape in enumerate(listed) if len(shape) == 1 and shape[0] > 1)


def _ends(shapes: list[tuple[int, ...]], *, vector: bool) -> list[tuple[int, int]]:
    """The same, where the weights of the last layer are a vector, or are not."""
    found: list[tuple[int, int, int]] = []  # how many biases are missing, features, classes
    paths = list(_paths(shapes, None, vector=vector))
    for most in (1, _VECTORS):
        for features, outputs, biases in paths:
            if outputs and len(biases) <= most * len(outputs) and all(size in outputs for size in biases):
                found.append((abs(len(outputs) - len(biases)), features, outputs[-1]))
        if found:
            break
    return list(dict.fromkeys(one[1:] for one in sorted(found, key=lambda one: one[0])))


def _vector(shapes: list[tuple[int, ...]]) -> list[tuple[int, int]]:
    """The same for the weights of a single output as a vector, with a number for a bias perhaps."""
    long = [shape for shape in shapes if shape not in ((), (1,))]
    return [(long[0][0], 1)] if len(long) == 1 and len(long[0]) == 1 and len(shapes) < 3 else []


def _paths(
    shapes: list[tuple[int, ...]], size: int | None, *, vector: bool
) -> Iterator[tuple[int, list[int], list[int]]]:
    """(first input, outputs of the layers, sizes of the biases) for each way to read the shapes."""
    if not shapes:
        if not vector:
            yield 0, [], []
        return
    shape, rest = shapes[0], shapes[1:]
    if len(shape) == 2:
        for inputs, outputs in dict.fromkeys((shape, shape[::-1])):
            if size is None or inputs == size:
                for _, more, biases in _paths(rest, outputs, vector=vector):
                    yield inputs, [outputs, *more], biases
    if vector and size is not None and shape == (size,) != (1,) and all(other in ((), (1,)) for other in rest):
        yield size, [1], [1 for _ in rest]
    if len(shape) < 2 or min(shape) == 1:
        for features, outs, biases in _paths(rest, size, vector=vector):
            yield features, outs, [max(shape, default=1), *biases]
