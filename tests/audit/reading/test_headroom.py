"""How much memory a run may take beyond what is in use."""

import sys

import numpy as np
import pytest

from handgrad.audit.reading.headroom import headroom

needs_limits = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much address space is in use")


@needs_limits
def test_more_memory_is_refused_and_less_is_not() -> None:
    with headroom(64):
        assert np.ones(1 << 20).sum() == 1 << 20  # 8 MB
        with pytest.raises(MemoryError):
            np.ones((784, 784, 64))
    assert np.ones((784, 784, 64), np.int8).shape == (784, 784, 64)


@needs_limits
def test_what_was_allowed_before_is_allowed_again() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(KeyError), headroom(64):
        raise KeyError
    assert resource.getrlimit(resource.RLIMIT_AS) == before
