"""Watching one call: what each variable of a function held, one value after the other, while the function ran.

So what a layer or a loss works out on its way, and does not keep, can be shown without working it out again.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import numpy as np

from handgrad.audit.reading.traced import traced
from handgrad.core.arrays import Array

Inside = dict[str, list[Any]]


def watched(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, Inside]:
    """(what the call returned, what its own variables and those of its file's functions held, first to last).

    Arrays are copied; a variable of a function that the call calls in turn is found under both names: "_adam.step".
    What the call does is not touched: Python's trace hook looks at each line that has run.
    """
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if not isinstance(code, CodeType):
        return function(*args, **kwargs), {}
    inside: Inside = {}
    package = "/handgrad/"

    def enter(frame: FrameType, event: str, arg: Any) -> Any:
        own = frame.f_code
        if own is not code and package not in own.co_filename.replace("\\", "/"):
            return None
        prefix = "" if own is code else f"{own.co_name}."

        def look(frame: FrameType, event: str, arg: Any) -> Any:
            for name, value in frame.f_locals.items():
                if isinstance(value, (np.ndarray, np.floating, float)):
                    _note(inside.setdefault(prefix + name, []), value)
            return look

        return look

    with traced(enter):
        result = function(*args, **kwargs)
    return result, inside


def _note(seen: list[Any], value: Any) -> None:
    """Add a value to those that a variable held, if it is another than the last."""
    if seen and np.shape(seen[-1]) == np.shape(value) and _same(seen[-1], value):
        return
    seen.append(value.copy() if isinstance(value, np.ndarray) else value)


def _same(a: Array, b: Array) -> bool:
    return bool(np.array_equal(a, b)) or bool(np.array_equal(a, b, equal_nan=True))
