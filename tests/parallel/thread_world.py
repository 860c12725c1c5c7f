"""A stand-in for MPI: ranks that are threads of one process, and really add up what they bring."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.core.arrays import Array


class ThreadWorld:
    """One rank among threads; `meeting` is shared by all of them."""

    def __init__(self, rank: int, meeting: Meeting) -> None:
        self.rank, self.size, self.meeting = rank, meeting.size, meeting
        self.seconds = 0.0

    def add(self, array: Array) -> None:
        assert array.flags.c_contiguous
        array[...] = sum(self._all(array.copy()))  # in the order of the ranks: the same bits for everybody

    def collect(self, digest: bytes) -> list[bytes]:
        return self._all(digest)

    def share(self, text: str) -> str:
        return self._all(text)[0]

    def _all(self, thing: Any) -> list[Any]:
        self.meeting.brought[self.rank] = thing
        self.meeting.barrier.wait(20)
        everything = list(self.meeting.brought)
        self.meeting.barrier.wait(20)  # nobody brings the next thing before all have this one
        return everything


class Meeting:
    def __init__(self, size: int) -> None:
        self.size, self.barrier = size, threading.Barrier(size)
        self.brought: list[Any] = [None] * size


def on_ranks(size: int, work: Callable[[ThreadWorld], Any]) -> list[Any]:
    """work(world) on so many ranks at once; what each gave back, or the first error that one of them raised."""
    meeting = Meeting(size)
    results: list[Any] = [None] * size
    errors: list[BaseException] = []

    def run(rank: int) -> None:
        try:
            with np.errstate(all="raise", under="ignore"):
                results[rank] = work(ThreadWorld(rank, meeting))
        except threading.BrokenBarrierError:
            pass  # another rank has failed, and its error is the one to tell
        except BaseException as error:
            errors.append(error)
            meeting.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    return results
