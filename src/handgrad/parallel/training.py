"""ParallelTraining: the training loop on several ranks; every rank runs it, and sees the same records.

What it yields, where it stops and the state that it leaves are those of a single process.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from handgrad.core.arrays import Array
from handgrad.core.losses import Loss
from handgrad.engines import Choice
from handgrad.errors import InputError, StateError
from handgrad.parallel.engine import ParallelEngine
from handgrad.parallel.world import World
from handgrad.train.loop import Training
from handgrad.train.published import AveragingLinear, PublishedCrossEntropy


class ParallelTraining(Training):
    """A `Training` whose batches are shared out among the ranks of a world.

    Args:
        world: the ranks, from `open_world()`.
        engine: "auto" or "numpy": the layers are run as they are written.
        parts, settings: those of `Training`, the same on every rank.

    Raises:
        InputError: as `Training`; for a batch of fewer rows than ranks, and for what only one process can do.
    """

    def __init__(self, *parts: Any, world: World, engine: str = "auto", **settings: Any) -> None:
        if engine == "fast":
            raise InputError("parallel.engine")
        super().__init__(*parts, engine="numpy", **settings)
        if self.batch_size < world.size:
            raise InputError("parallel.batch", batch_size=self.batch_size, ranks=world.size)
        if world.size > 1:
            _need_means(self.net, self.criterion)
        self.world = world
        self.parallel = ParallelEngine(
            self.net,
            self.criterion,
            self.optimizer,
            world=world,
            accumulate=self.accumulate,
            clip_norm=self.clip_norm,
            weights=self.weights,
        )
        self.engine, self.engine_choice = self.parallel, Choice("numpy", "engines.ranks", {})

    def measure(self, images: Array, labels: Array, weights: Array | None) -> tuple[float, float | None]:
        """(mean loss, accuracy or None) of the net on some rows, shared out among the ranks."""
        return self.parallel.measure(images, labels, weights)

    def need_equal_replicas(self) -> str:
        """The SHA-256 of all that a checkpoint holds, if every rank has it to the bit. StateError if one has not."""
        arrays, values = self.state()
        digest = hashlib.sha256(json.dumps([values["step"], values["rng"]]).encode())
        for name in sorted(arrays):
            digest.update(name.encode())
            digest.update(arrays[name].tobytes())
        digests = self.world.collect(digest.digest())
        others = [str(rank) for rank, theirs in enumerate(digests) if theirs != digests[0]]
        if others:
            raise StateError("parallel.replicas", step=self.step, ranks=", ".join(others))
        return digest.hexdigest()


def _need_means(net: Any, criterion: Any) -> None:
    """Published mistakes that divide by the rows that they see, or by none, would do so by a rank's rows."""
    unaveraged = isinstance(criterion, PublishedCrossEntropy) and not criterion.average
    if not isinstance(criterion, Loss) or unaveraged or any(type(layer) is AveragingLinear for layer in net):
        raise InputError("parallel.no_mean")
