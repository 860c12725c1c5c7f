"""Naming: which arrays are the gradients of which parameters, by their names: dW1 or grads['W1'] for W1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from handgrad.audit.dialects.roles import own
from handgrad.core.arrays import Array


def matched(result: Any, known: Mapping[str, Any], owner: Any, wanted: Mapping[str, Array]) -> dict[str, Array] | None:
    """Gradients for all parameters out of what a function returned or left behind, None where they are not there."""
    offers: list[Mapping[str, Any]] = []
    several = list(result) if isinstance(result, tuple) else [result]
    offers += [one for one in several if isinstance(one, dict)]
    offers += [one for name, one in known.items() if isinstance(one, dict) and "grad" in name.lower()]
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
            if key is None or np.shape(offer[names[key]]) != value.shape:
                break
            found[name] = np.array(offer[names[key]], np.float64)
        else:
            return found
    flat = [np.asarray(one) for one in several if isinstance(one, np.ndarray)]
    if len(flat) == len(wanted) and all(a.shape == b.shape for a, b in zip(flat, wanted.values(), strict=True)):
        return dict(zip(wanted, flat, strict=True))
    return None
