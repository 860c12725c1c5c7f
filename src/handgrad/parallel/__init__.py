"""Parallel: one training on many processes and computers, with MPI. Synchronous, and with a single process's result.

from handgrad.parallel import ParallelTraining, open_world

world = open_world()
for record in ParallelTraining(net, images, labels, criterion, optimizer, world=world, epochs=3, rng=0).records():
    if world.rank == 0:
        print(record)
"""

from __future__ import annotations

from handgrad.parallel.engine import ParallelEngine, shard
from handgrad.parallel.job import job, run_class
from handgrad.parallel.run import ParallelRun
from handgrad.parallel.training import ParallelTraining
from handgrad.parallel.world import MPIWorld, World, open_world

__all__ = ["MPIWorld", "ParallelEngine", "ParallelRun", "ParallelTraining", "World", "job", "open_world", "run_class",
           "shard"]  # fmt: skip
