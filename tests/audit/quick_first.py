"""Of many cases that are alike, those that show something new run always, and the rest with the slow tests."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import pytest


def quick_first(cases: Iterable[Any], *kinds: Callable[[Any], Hashable]) -> list[Any]:
    """The cases for `parametrize`: quick is the first of each kind, in any of the ways to tell kinds apart."""
    seen: set[tuple[int, Hashable]] = set()
    found = []
    for case in cases:
        marks = {(i, kind(case)) for i, kind in enumerate(kinds)}
        values = case if isinstance(case, tuple) else (case,)
        found.append(pytest.param(*values) if marks - seen else pytest.param(*values, marks=pytest.mark.slow))
        seen |= marks
    return found
