"""Networks of single numbers: the objects that hold them are gathered while a step runs, and found again by value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from handgrad.audit.place.observe import MADE, Noted
from handgrad.audit.reading.traced import traced
from handgrad.core.arrays import Array
from handgrad.explain.strangers.finding import Finder, Found


def gathered(call: Callable[[], object], filenames: set[str]) -> dict[str, Array]:
    """The numbers of all objects that these files work on while `call` runs: "Value.data" -> them, sorted."""
    objects: dict[int, Any] = {}

    def enter(frame: FrameType, event: str, value: Any) -> None:
        if frame.f_code.co_filename in filenames:
            for name in frame.f_code.co_varnames[: frame.f_code.co_argcount]:
                held = frame.f_locals.get(name)
                if type(held).__module__ != "builtins" and not isinstance(held, np.ndarray):
                    objects[id(held)] = held

    with traced(enter):
        call()
    found: dict[str, list[float]] = {}
    for one in objects.values():
        names = [*getattr(one, "__dict__", {}), *getattr(type(one), "__slots__", ())]
        for name in names:
            number = getattr(one, name, None)
            if isinstance(number, (float, np.floating)):
                found.setdefault(f"{type(one).__name__}.{name}", []).append(float(number))
    return {name: np.unique(values) for name, values in found.items()}


@dataclass(frozen=True)
class NumberFinder(Finder):
    """The numbers of such objects, to be searched.

    Attributes:
        numbers: by the attribute that holds them, sorted.
    """

    numbers: Mapping[str, Array] = field(default_factory=dict)

    def exactly(self, expected: Array, bound: Any, after: int = -1, *, given: bool = False) -> Found | None:
        """An array of objects' numbers, each of which is the expected one to rounding."""
        for name, held in self.numbers.items():
            right = np.clip(np.searchsorted(held, expected), 1, max(len(held) - 1, 1))
            if len(held) < 2:
                continue
            left_nearer = np.abs(held[right - 1] - expected) <= np.abs(held[right] - expected)
            nearest = held[right - left_nearer]
            if (np.abs(nearest - expected) <= bound * self.eps / 2).all():
                return Found(nearest, Noted(0, 0, "", name, nearest, MADE, 0, 0))
        return None
