"""Own output: a way back that is handed what the layer gave, beside the error by it: backpropagate(Y, DY)."""

from __future__ import annotations

from collections.abc import Sequence

from handgrad.audit.dialects.calling import plain


def asked_for(names: Sequence[str]) -> str:
    """The name whose gradient is another of these names, which no label has; "" where there is none."""
    flat = {plain(name): name for name in names}
    return next((name for low, name in flat.items() if {f"d{low}", f"grad{low}", f"{low}grad"} & flat.keys()), "")
