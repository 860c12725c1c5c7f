"""Gradients: which arrays are the gradients of which parameters, by where they are kept and what they are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from handgrad.audit.dialects.calling import BACKWARD, plain, roles
from handgrad.audit.objects import Slot, slots
from handgrad.core.arrays import Array

Captured: TypeAlias = "list[Array] | None"  # one for each parameter, in order

_FRONT = re.compile(r"^(?:d_?l?_?d?_?|grad(?:ient)?s?_?(?:of_)?|g_?|nabla_?|delta_?|der_?)(?=.)")
_BACK = re.compile(r"(?<=.)_?(?:grad(?:ient)?s?|d|derivative|delta|_g)$")
_SEVERAL = re.compile(r"(?<=.)_(?:list|lst|all|arr|array|s)$")
_BARE = {"grad", "gradient", "g", "d", "grads"}
_VALUES = {"data", "value", "val", "w", "array", "param", "weight", "weights"}
_STATE = re.compile(r"vel|moment|cache|^v_|^m_|^s_|accum|running|prev|mean|var", re.IGNORECASE)


def _stems(key: str) -> set[str]:
    """What a gradient's name says it is the gradient of: dW1, grad_W1, W1_grad and dW1_list say w1, and d_s says s."""
    names = {key.lower(), _SEVERAL.sub("", key.lower())}
    return {plain(pattern.sub("", name)) for name in names for pattern in (_FRONT, _BACK)} - set(map(plain, names))


def likely_weights(found: list[Slot]) -> list[Array]:
    """The matrices that may be weights, by name: no gradients, no optimizer's memory, no batch kept for later."""
    keys = {plain(_last(slot)) for slot in found}
    return [
        slot.get()
        for slot in found
        if slot.get().ndim == 2
        and min(slot.get().shape) > 1
        and not (_stems(_last(slot)) & keys or _stems(_container(slot)) & {plain(_container(s)) for s in found})
        and not _STATE.search(_last(slot))
        and (not set(roles(_last(slot))) & {"x", "y", "pred"} or _beside_its_gradient(slot))
        and plain(_last(slot)) not in _BARE
    ]


def _beside_its_gradient(slot: Slot) -> bool:
    """Whether it is the value of an object that holds a gradient as well: p.data beside p.grad."""
    return plain(_last(slot)) in _VALUES and any(hasattr(slot.owner, name) for name in ("grad", "gradient", "g"))


def _last(slot: Slot) -> str:
    return slot.key if isinstance(slot.key, str) else str(slot.name.rpartition(".")[2])


def _container(slot: Slot) -> str:
    """The name of the list or dict that holds the array, without its index."""
    return re.sub(r"\[[^\]]*\]$", "", slot.name).rpartition(".")[2]


def _score(parameter: Slot, other: Slot) -> int:
    """How likely one array is another's gradient."""
    if _STATE.search(other.name.rpartition(".")[2]) or other.get().shape != parameter.get().shape:
        return 0
    near = 2 if other.owner is parameter.owner else 1
    key, theirs = _last(parameter), _last(other)
    if isinstance(parameter.owner, (list, dict)) and parameter.owner is not other.owner:
        said = _container(other).lower()
        if parameter.key == other.key and ("grad" in said or plain(_container(parameter)) in _stems(said)):
            return 6 + _beside(parameter, other)
    if plain(key) in _stems(theirs) or plain(key).rstrip("s") in _stems(theirs):
        return 4 + near + _beside(parameter, other)
    if other.owner is parameter.owner and plain(theirs) in _BARE and plain(key) in _VALUES:
        return 5
    return 0


def _beside(parameter: Slot, other: Slot) -> int:
    """Length of what their full names share at the front: of like-named layers, the gradient in the same one counts."""
    shared = 0
    for a, b in zip(parameter.name, other.name, strict=False):
        if a != b:
            break
        shared += 1
    return min(shared, 60)


def capture(found: list[Slot], parameters: list[Slot]) -> Captured:
    """A copy of each parameter's gradient among the slots; None unless all have one."""
    mine = {id(slot.get()) for slot in parameters}
    others = [slot for slot in found if id(slot.get()) not in mine]
    listed = _listed(others, [slot.get().shape for slot in parameters])
    if listed is not None:
        return listed
    gradients = []
    for parameter in parameters:
        ranked = [(score, i) for i, other in enumerate(others) if (score := _score(parameter, other))]
        if not ranked:
            return None
        gradients.append(np.array(others[max(ranked, key=lambda pair: (pair[0], -pair[1]))[1]].get()))
    return gradients


def _listed(others: list[Slot], wanted: list[tuple[int, ...]]) -> Captured:
    """The arrays of a list called grads, where they have the parameters' shapes in their order."""
    lists: dict[str, list[Slot]] = {}
    for slot in others:
        if isinstance(slot.owner, list) and "grad" in _container(slot).lower():
            lists.setdefault(slot.name.rpartition("[")[0], []).append(slot)
    fitting = (held for held in lists.values() if [slot.get().shape for slot in held] == wanted)
    return next(([np.array(slot.get()) for slot in held] for held in fitting), None)


def returned_gradients(returned: Mapping[str, Any], parameters: list[Slot]) -> Captured:
    """The gradients that a backward function returned: by name in a dict, or in the order of the parameters."""
    names = {plain(name) for name in BACKWARD}
    for name, value in returned.items():
        if plain(name) not in names or not isinstance(value, (dict, list, tuple)):
            continue
        found = list(slots(value, "grads"))
        shapes = [slot.get().shape for slot in found]
        wanted = [slot.get().shape for slot in parameters]
        if shapes == wanted and not isinstance(value, dict):
            return [np.array(slot.get()) for slot in found]
        by_key = []
        for parameter in parameters:
            key = plain(_last(parameter))
            hits = [s for s in found if plain(_last(s)) == key or key in _stems(_last(s))]
            hits = [s for s in hits if s.get().shape == parameter.get().shape]
            by_key += hits[:1]
        if len(by_key) == len(parameters):
            return [np.array(slot.get()) for slot in by_key]
    return None
