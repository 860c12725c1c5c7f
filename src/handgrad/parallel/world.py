"""The world: all ranks of one training, and the few things that they do together.

Everything that goes from rank to rank is a buffer of numbers or bytes; nothing is pickled. With one rank, started
without a launcher, every line runs the same.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

import numpy as np

from handgrad.core.arrays import Array
from handgrad.errors import InputError, StateError
from handgrad.parallel.pulse import LAST_WORDS, Pulse

DIGEST = 32  # bytes of a SHA-256
ALONE_AFTER = 3.0  # seconds that a failing rank waits for the others to fail as well
# How launchers tell a process its rank and the number of ranks, before MPI is there to ask.
_RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID")
_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


class World(Protocol):
    """What a parallel training asks of the ranks that it runs on.

    Attributes:
        rank: of this process, from 0.
        size: how many there are.
        seconds: wall time spent in communication so far, waiting for others included.
    """

    rank: int
    size: int
    seconds: float

    def add(self, array: Array) -> None:
        """Replace a contiguous array of floats by its sum over all ranks, in place; every rank calls it."""

    def collect(self, digest: bytes) -> list[bytes]:
        """The digests (32 bytes each) of all ranks, in their order."""

    def share(self, text: str) -> str:
        """Rank 0's text, on every rank."""


class MPIWorld:
    """The ranks of an MPI communicator.

    Args:
        comm: an `mpi4py.MPI.Intracomm`.
        pulse: what the process beside this one is told, so that it can see a rank that hangs.
    """

    def __init__(self, comm: Any, pulse: Pulse | None = None) -> None:
        self.comm, self.pulse = comm, pulse or Pulse()
        self.rank, self.size = int(comm.rank), int(comm.size)
        self.seconds = 0.0
        self._errors = comm.Dup()  # what is awaited after an error must not meet what others are in the middle of

    def add(self, array: Array) -> None:
        """array = sum of all ranks' arrays, in place."""
        from mpi4py import MPI

        with self._waiting():
            self.comm.Allreduce(MPI.IN_PLACE, array)

    def collect(self, digest: bytes) -> list[bytes]:
        """All ranks' digests."""
        everyone = np.zeros((self.size, DIGEST), np.uint8)
        with self._waiting():
            self.comm.Allgather(np.frombuffer(digest, np.uint8), everyone)
        return [row.tobytes() for row in everyone]

    def share(self, text: str) -> str:
        """Rank 0's text."""
        content = np.frombuffer(text.encode(errors="surrogateescape"), np.uint8).copy()
        length = np.array([len(content)])
        with self._waiting():
            self.comm.Bcast(length)
            content = content if self.rank == 0 else np.zeros(int(length[0]), np.uint8)
            self.comm.Bcast(content)
        return content.tobytes().decode(errors="surrogateescape")

    def on_this_host(self) -> MPIWorld:
        """The ranks that share this host's memory, with ranks of their own from 0."""
        from mpi4py import MPI

        return MPIWorld(self.comm.Split_type(MPI.COMM_TYPE_SHARED), self.pulse)

    def all_failed(self) -> bool:
        """Whether every other rank comes to this line as well, within three seconds."""
        from mpi4py import MPI

        until = time.monotonic() + ALONE_AFTER
        try:
            request = self._errors.Ibarrier()
            while not request.Test():
                if time.monotonic() > until:
                    return False
                time.sleep(0.01)
        except MPI.Exception:  # the others cannot be reached
            return False
        return True

    def abort(self, status: int) -> NoReturn:
        """End all ranks at once. What MPI itself would print is kept away: the reason has been said."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        time.sleep(LAST_WORDS)  # at Abort the launcher ends itself, with what it has not yet read of the reason
        self.comm.Abort(status)
        os._exit(status)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        from mpi4py import MPI

        began = time.perf_counter()
        try:
            with self.pulse.waiting():
                yield
        except MPI.Exception as error:
            raise StateError("parallel.broken", reason=str(error).splitlines()[0]) from error
        self.seconds += time.perf_counter() - began


def open_world(pulse: Pulse | None = None) -> MPIWorld:
    """All ranks of this job; one rank where no launcher started it.

    Raises: InputError where mpi4py or an MPI library is missing, or where the launcher belongs to another MPI, so that
        each process would take itself for the only one and train alone.
    """
    try:
        from mpi4py import MPI
    except ModuleNotFoundError:
        raise InputError("parallel.no_mpi4py") from None
    except (ImportError, RuntimeError) as error:  # it found no MPI library
        raise InputError("parallel.no_library", reason=str(error).splitlines()[0]) from None
    world = MPIWorld(MPI.COMM_WORLD, pulse)
    launched = launched_size()
    if world.size == 1 and launched > 1:
        library = MPI.Get_library_version().splitlines()[0].strip("\0 ")
        raise InputError("parallel.other_launcher", launched=launched, library=library)
    return world


def launched_rank() -> int:
    """The rank that a launcher gave to this process, known before MPI is; 0 without a launcher."""
    return _from_environment(_RANKS) or 0


def launched_size() -> int:
    """How many processes a launcher started, known before MPI is; 1 without a launcher."""
    return _from_environment(_SIZES) or 1


def host() -> str:
    """What this computer is called."""
    return socket.gethostname()


def _from_environment(names: tuple[str, ...]) -> int | None:
    for name in names:
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return None
