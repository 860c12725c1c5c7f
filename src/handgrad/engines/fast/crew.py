"""The crew: a step's phases, each cut into jobs that whoever is free takes.

The calling thread takes a phase's jobs from the front, its helpers from the back. It needs no helper: where they
sleep, or the machine runs something else, it does all jobs alone, and what comes out is the same to the bit. It waits
for those jobs alone that a helper has begun.
"""

from __future__ import annotations

import os
from typing import Any

from numba import types

from handgrad.engines.fast import jobs as work
from handgrad.engines.fast.compiling import compiled, kept, written_out
from handgrad.engines.fast.memory import count_up, look, put, swap

# Places in `sync`, each on a cache line of its own.
TICKET, DONE, STOP, HELPERS, NUMBER, SYNC = 0, 8, 16, 24, 32, 40
# A ticket is one integer: the phase's running number, the phase, and the jobs that are left, from one up to another.
NUMBER_AT, PHASE_AT, FIRST_AT, PART = 40, 32, 16, 0xFFFF
PATIENCE = 120_000  # looks, some 80 us, before a helper without work sleeps, and the caller lets others run
NAP = 50  # microseconds
SHARES = os.name == "posix"  # whether threads can wait politely here

if SHARES:
    _sched_yield = types.ExternalFunction("sched_yield", types.int32())
    _usleep = types.ExternalFunction("usleep", types.int32(types.uint32))

    @compiled
    def give_way() -> None:
        """Let another thread run, if one wants to."""
        _sched_yield()

    @compiled
    def nap() -> None:
        """Sleep a moment."""
        _usleep(types.uint32(NAP))

else:

    @compiled
    def give_way() -> None:
        """There is nobody to give way to."""

    @compiled
    def nap() -> None:
        """There is nobody to wait for."""


@kept
def run(first: int, last: int, rows_from: int, rows: int, sync: Any, plan: Any, arrays: Any) -> None:
    """The phases from first up to last, in order, on some rows of the epoch; none after a loss that is not finite.

    With a negative `first` it is the day of the helper of that number: take jobs until told to stop. (One function, so
    that all that both need is compiled once.)
    """
    looks, thread = 0, max(0, -first)  # never the number 0 itself: all that it is handed to would be compiled twice
    while first < 0 and look(sync, STOP) == 0:
        if look(sync, HELPERS) and take(sync, thread, plan, arrays):
            looks = 0
        else:
            looks += 1
            if looks > PATIENCE:
                nap()
    phases = plan[1]
    for phase in range(max(first, 0), last):
        if phase == first:
            work.begin(rows_from, rows, arrays)
        jobs = phases[phase, 1]
        sync[NUMBER] += 1
        put(sync, DONE, 0)
        put(sync, TICKET, ((sync[NUMBER] & 0x7FFFFF) << NUMBER_AT) | (phase << PHASE_AT) | jobs)
        while take(sync, thread, plan, arrays):
            pass
        looks = 0
        while look(sync, DONE) < jobs:
            looks += 1
            if looks > PATIENCE:
                give_way()
        if phases[phase, 2] and not work.gather_loss(phases[phase, 2], arrays):
            return


@written_out
def take(sync: Any, thread: int, plan: Any, arrays: Any) -> bool:
    """Do one job of the present phase, thread 0 from the front, others from the back; False if none is left."""
    front = thread == 0
    while True:
        ticket = look(sync, TICKET)
        first, last = (ticket >> FIRST_AT) & PART, ticket & PART
        if first >= last:
            return False
        if swap(sync, TICKET, ticket, ticket + (1 << FIRST_AT) if front else ticket - 1):
            break
    phase = (ticket >> PHASE_AT) & 0xFF
    work.do(plan[1][phase, 0] + (first if front else last - 1), thread, plan, arrays)
    count_up(sync, DONE)
    return True
