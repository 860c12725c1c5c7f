"""Headroom: how much more memory a piece of code may take than is in use.

Arrays whose shapes do not belong together make one another large: (784, 1) and (784, 64) may become (784, 784, 64). To
fill such an array takes a second, and nobody wants it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

try:
    _STATUS = os.open("/proc/self/statm", os.O_RDONLY)  # here, for the fence lets nobody open it later
except OSError:
    _STATUS = -1


@contextmanager
def headroom(megabytes: int) -> Iterator[None]:
    """While this lasts, asking for more memory raises MemoryError; where a system cannot tell or limit it, nothing."""
    if resource is None or _STATUS < 0:
        yield
        return
    used = int(os.pread(_STATUS, 64, 0).split()[0]) * resource.getpagesize()  # of address space
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = used + (megabytes << 20)
    soft = most if before[0] == resource.RLIM_INFINITY else min(most, before[0])
    resource.setrlimit(resource.RLIMIT_AS, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
