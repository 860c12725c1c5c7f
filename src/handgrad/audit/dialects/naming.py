"""Naming: which arrays are the gradients of which parameters, by their names: dW1 or grads['W1'] for W1.

Where parameters lie in containers within containers, so do the gradients: grads[1]['dW'] for params[1]['W'].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from handgrad.audit.dialects.roles import own
from handgrad.core.arrays import Array

_DEEP = 3  # containers within one another
_HOLDER = re.compile(r"grad|^gs?$|^d_?p(arams)?$")  # what a dictionary of gradients is called
_GRADIENTS = re.compile(r"grad|nabla|^g_?[wb]|^d_?[wb]|_d[wb]")


def matched(result: Any, known: Mapping[str, Any], owner: Any, wanted: Mapping[str, Array]) -> dict[str, Array] | None:
    """Gradients for all parameters out of what a function returned or left behind, None where they are not there."""
    offers: list[Mapping[str, Any]] = []
    several = list(result) if isinstance(result, tuple) else [result]
    offers += [one for one in several if isinstance(one, dict)]
    offers += [one for name, one in known.items() if isinstance(one, dict) and _HOLDER.search(name.lower())]
    offers.append(known)
    if own(owner):
        left = vars(owner)
        offers += [v for n, v in left.items() if isinstance(v, dict) and "grad" in n.lower()]
        offers.append(left)
    for offer in offers:
        names = {str(n).lower(): n for n in offer}
        found = {}
        for name, value in wanted.items():
            low = name.lower().replace(".", "")
            keys = (f"d{low}", f"d_{low}", f"grad_{low}", f"{low}_grad", f"g{low}", f"grad{low}", low)
            key = next((k for k in keys if k in names and (k != low or offer is not known)), None)
            given = _as_large(offer[names[key]], value) if key is not None else None
            if given is None:
                break
            found[name] = given
        else:
            return found
    for offer in offers:
        if lists := _listed(offer, wanted) or _paired(offer, wanted):
            return lists
    holders = [one for one in several if isinstance(one, list | dict)]
    holders += [one for n, one in known.items() if isinstance(one, list | dict) and "grad" in n.lower()]
    for holder in holders:
        if deep := _deep(holder, wanted):
            return deep
    flat = [np.asarray(one) for one in several if isinstance(one, np.ndarray)]
    if len(flat) == len(wanted) and all(a.shape == b.shape for a, b in zip(flat, wanted.values(), strict=True)):
        return dict(zip(wanted, flat, strict=True))
    return None


def _as_large(given: Any, value: Array) -> Array | None:
    """A gradient in the shape of its parameter; that of a bias may be one number, the sum over all units."""
    thin = value.ndim < 2 or min(value.shape) == 1
    if np.shape(given) != value.shape and not (thin and isinstance(given, float | np.ndarray) and np.size(given) == 1):
        return None
    return np.array(np.broadcast_to(np.asarray(given, np.float64).reshape(np.shape(given) or 1), value.shape))


def _listed(offer: Mapping[str, Any], wanted: Mapping[str, Array]) -> dict[str, Array] | None:
    """Gradients out of lists beside the lists of parameters: of weights[i] in grads_w[i], whatever both are called.

    A list is for the parameters whose shapes it has, all of them; where two have these shapes, for none.
    """
    stems: dict[str, list[str]] = {}
    for name in wanted:
        stems.setdefault(name.partition("[")[0], []).append(name)
    lists = {n: one for n, one in offer.items() if isinstance(one, list) and _GRADIENTS.search(str(n).lower())}
    found: dict[str, Array] = {}
    for names in stems.values():
        shapes = [np.shape(wanted[name]) for name in names]
        fits = [one for one in lists.values() if [getattr(array, "shape", None) for array in one] == shapes]
        if len(fits) != 1 or any(f"[{i}]" not in name for i, name in enumerate(names)):
            return None
        found |= {name: np.array(array, np.float64) for name, array in zip(names, fits[0], strict=True)}
    return {name: found[name] for name in wanted}


def _paired(offer: Mapping[str, Any], wanted: Mapping[str, Array]) -> dict[str, Array] | None:
    """Gradients out of one list in the order of another that holds the parameters themselves: zip(params, grads)."""
    names = {id(value): name for name, value in wanted.items()}
    lists = [(str(n), list(one)) for n, one in offer.items() if isinstance(one, list | tuple)]
    orders = [[names.get(id(one), "") for one in held] for _, held in lists if len(held) == len(wanted)]
    given = [held for name, held in lists if _GRADIENTS.search(name.lower())]
    for order in orders:
        shapes = [np.shape(wanted[name]) for name in order if name]
        fits = [held for held in given if [getattr(one, "shape", None) for one in held] == shapes]
        if len(set(order)) == len(shapes) == len(wanted) and len(fits) == 1:
            found = {name: np.array(one, np.float64) for name, one in zip(order, fits[0], strict=True)}
            return {name: found[name] for name in wanted}
    return None


def _deep(holder: Any, wanted: Mapping[str, Array]) -> dict[str, Array] | None:
    """Gradients out of containers within a container, under the same keys as their parameters, or in their order."""
    leaves = list(_leaves(holder, ()))
    if not leaves:
        return None
    found = {}
    for name, value in wanted.items():
        steps = re.findall(r"[^.\[\]]+", name.lower())
        fits = (g for path, g in leaves if len(path) > 1 and g.shape == value.shape and _same(path, steps))
        gradient = next(fits, None)
        if gradient is None:
            break
        found[name] = np.array(gradient, np.float64)
    else:
        return found
    if [g.shape for _, g in leaves] == [value.shape for value in wanted.values()] and isinstance(holder, list):
        return {name: np.array(g, np.float64) for name, (_, g) in zip(wanted, leaves, strict=True)}
    return None


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Array]]:
    """Arrays below a container, with the keys that lead to them."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield path, value
    elif isinstance(value, dict | list | tuple) and len(path) < _DEEP:
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in inner:
            yield from _leaves(one, (*path, str(key).lower()))


def _same(path: tuple[str, ...], steps: list[str]) -> bool:
    """Whether the keys to a gradient are the last ones to a parameter, but for a d before one of them."""
    last = steps[-len(path) :]
    fits = (a in (b, f"d{b}", f"d_{b}", f"grad_{b}") for a, b in zip(path, last, strict=False))
    return len(last) == len(path) and all(fits)
