"""ParallelRun: a run on several ranks. Every rank trains; rank 0 alone keeps the folder.

Before anything is written the ranks make sure that they do the same, and at every checkpoint that they did.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self, TextIO

import numpy as np

import handgrad
from handgrad.data import Dataset, Split
from handgrad.errors import InputError
from handgrad.parallel import host_data
from handgrad.parallel.training import ParallelTraining
from handgrad.parallel.world import MPIWorld
from handgrad.records import Record
from handgrad.train import Run, Training


class ParallelRun(Run):
    """One training on all ranks of a world, in one folder. `runs_on` gives the class for a world.

    `path` is the same on every rank; what is written there, rank 0 writes.
    """

    world: ClassVar[MPIWorld]

    def __init__(self, path: Path, manifest: dict[str, Any], engine: str = "", thread_count: int | None = None) -> None:
        super().__init__(path, manifest, engine or "numpy", thread_count)  # a run of any engine can be gone on with
        self.checkpoints = 0

    @classmethod
    def resume(cls, path: Path | str) -> Self:
        """As `Run.resume`; the number of ranks may be another than before. Every rank must see the folder."""
        run = super().resume(path)
        run.world.pulse.tell(run=os.fspath(run.path))
        return run

    def data(self) -> Dataset:
        """The data set, its arrays mapped from files that all ranks of this host share."""
        if self._data is None:
            self._data = host_data.load_shared(self.recipe.data, self.world.on_this_host())
        return self._data

    def train(self) -> Iterator[Record]:
        """As `Run.train`, on every rank; from here on a rank that hangs is found out."""
        with self.world.pulse.watched():
            yield from super().train()

    @property
    def keeps(self) -> bool:
        """Whether this is rank 0."""
        return self.world.rank == 0

    def go_on(self) -> str:
        """The command that goes on with this run, on as many ranks."""
        return f"mpiexec -n {self.world.size} handgrad train --parallel mpi --resume {self.path}"

    def must_stop(self, wanted: bool) -> bool:
        """Whether any rank wants to stop: told to the others in the next step, so that all leave off after it."""
        engine = self.parallel().parallel
        engine.wants_stop = wanted
        return engine.stops

    def parallel(self) -> ParallelTraining:
        """`training()`, which is a parallel one."""
        training = self.training()
        assert isinstance(training, ParallelTraining)
        return training

    def _new_training(self, *parts: Any, **settings: Any) -> Training:
        return ParallelTraining(*parts, world=self.world, **settings)

    def _split(self, data: Dataset) -> tuple[Split, Split | None]:
        return host_data.split_mapped(data, self.recipe.validation, self.recipe.seed)

    def _fastest_threads(self) -> tuple[int, dict[int, float]]:
        """Ranks that share a processor's cores would take them from each other: one thread each."""
        return super()._fastest_threads() if self.world.size == 1 else (1, {})

    def _new_folder(self, path: Path | None) -> Path:
        self._need_agreement()
        made = os.fspath(super()._new_folder(path)) if self.keeps else ""
        made = self.world.share(made)
        self.world.pulse.tell(run=made)
        return Path(made)

    def _tidy_folder(self) -> None:
        self._need_agreement()
        if self.keeps:
            super()._tidy_folder()

    def _need_agreement(self) -> None:
        """InputError that names the first rank whose version, recipe, data or weights are not those of rank 0."""
        training = self.training()
        recipe = self.recipe.to_dict() | {"data": ""}  # a path may be another on another computer; its sums may not
        things = {
            "version": [handgrad.__version__, np.__version__],
            "recipe": recipe,
            "data": self.data().sums(),
            "weights": [training.step, hashlib.sha256(training.net.theta.tobytes()).hexdigest()],
        }
        for what, thing in things.items():
            digests = self.world.collect(hashlib.sha256(json.dumps(thing, sort_keys=True).encode()).digest())
            other = next((rank for rank, theirs in enumerate(digests) if theirs != digests[0]), None)
            if other is not None:
                raise InputError(f"parallel.other_{what}", rank=other)
        self.manifest["parallel"] = {"ranks": self.world.size, "checkpoints": 0, "sha256": ""}

    def _checkpoint(self) -> None:
        sha256 = self.parallel().need_equal_replicas()
        self.checkpoints += 1
        self.manifest["parallel"] |= {"checkpoints": self.checkpoints, "sha256": sha256}
        if self.keeps:
            super()._checkpoint()

    def _open_history(self) -> TextIO:
        return super()._open_history() if self.keeps else open(os.devnull, "w", encoding="utf-8")

    def _write_manifest(self) -> None:
        if self.keeps:
            super()._write_manifest()
