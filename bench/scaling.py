"""How training on several ranks scales: what a step computes, what it communicates, and what a message costs.

Each figure is taken under an mpiexec of its own, with the ranks and nets below, on random images. Computation is the
processor's time of a step outside of MPI, on the one thread that a rank has; communication is the wall time inside of
MPI, waiting for the other rank included. Writes bench/scaling.json, from which scaling_plan.py plans.

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS=1 python bench/scaling.py
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from handgrad import MLP, Adam, SoftmaxCrossEntropy
from handgrad.parallel import MPIWorld, ParallelEngine, open_world

RESULT = Path(__file__).with_suffix(".json")
NETS = {"small": (256,), "medium": (1024, 1024), "large": (4096, 4096)}  # hidden units between 784 and 10
STEPS = {"small": 60, "medium": 20, "large": 5}  # that are timed, after two that are not
ROWS = (1, 4, 16, 64, 256, 1024)  # a rank and step, for what computation costs
ROWS_IN_ALL = 512  # of a batch, for how one and two ranks compare
MESSAGES = [2**k for k in range(3, 27, 2)]  # bytes, 8 B to 32 MB
TRANSPORTS: dict[str, dict[str, str]] = {
    "shared memory": {},
    "TCP on the loopback": {
        "MPIR_CVAR_NOLOCAL": "1",
        "MPIR_CVAR_CH4_NETMOD": "ofi",
        "FI_PROVIDER": "tcp",
        "FI_TCP_IFACE": "lo",
    },
}
SAMPLES = 4096


class TimedWorld(MPIWorld):
    """A world that also counts the processor's time inside of its all-reduces."""

    busy = 0.0

    def add(self, array: np.ndarray) -> None:
        """As any world's."""
        began = time.thread_time()
        super().add(array)
        self.busy += time.thread_time() - began


def steps(world: TimedWorld, name: str, batch: int) -> dict[str, Any]:
    """Of each timed step on this rank: seconds in all, processor's seconds of computation, seconds of communication."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (SAMPLES, 784), dtype=np.uint8)
    labels = rng.integers(0, 10, SAMPLES)
    net = MLP(784, *NETS[name], 10, rng=rng)
    engine = ParallelEngine(net, SoftmaxCrossEntropy(), Adam(net, lr=0.001), world=world)
    whole, computed, communicated = [], [], []
    for i in range(STEPS[name] + 2):
        rows = rng.integers(0, SAMPLES, batch)
        inside, busy = world.seconds, world.busy
        began, awake = time.perf_counter(), time.thread_time()
        engine.step(images, labels, rows)
        if i > 1:
            whole.append(time.perf_counter() - began)
            computed.append(time.thread_time() - awake - (world.busy - busy))
            communicated.append(world.seconds - inside)
    return {"net": name, "batch": batch, "ranks": world.size, "parameters": int(net.theta.size),
            "whole": whole, "computation": computed, "communication": communicated}  # fmt: skip


def messages(world: MPIWorld) -> list[tuple[int, list[float]]]:
    """(bytes, seconds of each all-reduce of so many) for each size."""
    found = []
    for size in MESSAGES:
        array = np.zeros(size // 4, np.float32)
        times = []
        for _ in range(12 if size > 1 << 20 else 60):
            world.comm.Barrier()
            began = time.perf_counter()
            world.add(array)
            times.append(time.perf_counter() - began)
        found.append((size, times[3:]))
    return found


def memory(world: MPIWorld, data: str) -> dict[str, int]:
    """Megabytes that this rank has for itself, and its share of what ranks have in common, with a data set loaded."""
    from handgrad.parallel.host_data import load_shared

    images = load_shared(data, world.on_this_host()).train.images
    _ = int(images.sum(dtype=np.int64))  # every page has been looked at
    world.comm.Barrier()
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    own = (sizes["Private_Clean"] + sizes["Private_Dirty"]) // 1024
    world.comm.Barrier()
    return {"ranks": world.size, "own": own, "share": sizes["Pss"] // 1024, "images": images.nbytes >> 20}


def as_rank(task: str, arguments: list[str]) -> None:
    """What a process does that mpiexec started: rank 0 prints the result as JSON."""
    world = TimedWorld(open_world().comm)
    result: Any
    if task == "steps":
        result = steps(world, arguments[0], int(arguments[1]))
    elif task == "messages":
        result = messages(world)
    else:
        result = memory(world, arguments[0])
    if world.rank == 0:
        print(json.dumps(result))


def launched(ranks: int, *task: Any, transport: str = "shared memory") -> Any:
    """The result of a task on so many ranks."""
    command = [str(Path(sys.executable).with_name("mpiexec")), "-n", str(ranks), sys.executable, __file__, "--rank"]
    done = subprocess.run(
        [*command, *map(str, task)], env=os.environ | TRANSPORTS[transport], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def joined(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The samples of the same net, batch and ranks in one list."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for result in results:
        first = found.setdefault((result["net"], result["batch"], result["ranks"]), result)
        if first is not result:
            for part in ("whole", "computation", "communication"):
                first[part] += result[part]
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rank", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=("computation", "scaling", "messages", "memory"), help="one part of it")
    chosen = parser.parse_args()
    if chosen.rank:
        as_rank(chosen.rank[0], chosen.rank[1:])
        return
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    found |= {"machine": platform.machine(), "python": platform.python_version(), "numpy": np.__version__}
    if chosen.only in (None, "messages"):
        found["messages"] = {name: launched(2, "messages", transport=name) for name in TRANSPORTS}
    if chosen.only in (None, "computation"):
        found["computation"] = [launched(1, "steps", net, rows) for net in NETS for rows in ROWS]
    if chosen.only in (None, "scaling"):
        runs = [(1, ROWS_IN_ALL), (2, ROWS_IN_ALL), (1, ROWS_IN_ALL // 2)]  # strong: the first two; weak: the last two
        # Round by round, so that a busy minute meets all of them alike.
        found["scaling"] = joined([launched(r, "steps", net, b) for _ in range(3) for net in NETS for r, b in runs])
    if chosen.only in (None, "memory"):
        found["memory"] = [launched(ranks, "memory", "mnist") for ranks in (1, 2, 3)]
    RESULT.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
