"""Following somebody's code while it runs: a trace function for one block, and what was there before after it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def traced(event: Callable[[FrameType, str, Any], Any]) -> Iterator[None]:
    """In the body Python calls `event(frame, event, value)` as for `sys.settrace`, in this thread."""
    before = sys.gettrace()
    sys.settrace(event)
    try:
        yield
    finally:
        sys.settrace(before)
