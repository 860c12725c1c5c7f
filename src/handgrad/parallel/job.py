"""A job: one training command on all ranks. It opens the world, and sees to it that one voice speaks.

An error that all ranks meet is told once, by rank 0; one that a single rank meets ends the others too, and names it.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from handgrad.errors import HandgradError, InputError
from handgrad.parallel.pulse import Pulse
from handgrad.parallel.run import ParallelRun
from handgrad.parallel.world import MPIWorld, host, open_world
from handgrad.words import say

TIMEOUT = 60.0  # seconds without a sign of work after which a rank is taken to hang


@contextmanager
def job(timeout: float = TIMEOUT) -> Iterator[MPIWorld]:
    """The world of this command, for the body; whatever goes wrong in the body is said once, and ends all ranks.

    Raises: InputError where there is no MPI, or for a timeout below a second. SystemExit on the ranks that leave it to
        rank 0 to say what all of them met.
    """
    if not timeout >= 1:
        raise InputError("parallel.timeout", got=timeout)
    pulse = Pulse()
    pulse.start()
    world = open_world(pulse)
    if world.rank:
        silence()
    pulse.tell(rank=world.rank, ranks=world.size, host=host(), timeout=timeout)
    try:
        yield world
    except HandgradError as error:
        pulse.mark("free")
        if world.all_failed():
            if world.rank == 0:
                raise
            raise SystemExit(error.exit_status) from None
        sentence = say("parallel.rank_failed", rank=world.rank, ranks=world.size, host=host(), reason=str(error))
        os.write(2, f"handgrad: {' '.join(sentence.split())}\n".encode(errors="backslashreplace"))
        world.abort(error.exit_status)
    except Exception:  # a mistake of ours; the others would wait for this rank for ever
        os.write(2, traceback.format_exc().encode(errors="backslashreplace"))
        world.abort(1)


def run_class(world: MPIWorld) -> type[ParallelRun]:
    """`ParallelRun` for the ranks of this world."""
    return type("ParallelRun", (ParallelRun,), {"world": world})


def silence() -> None:
    """Nothing that is printed from now on is seen: rank 0 says it. What one rank alone has to say goes around this."""
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the process ends
