"""Layers that look at a whole batch, while each rank holds a part of it: BatchNorm and Dropout.

For the time of one forward and backward they are given the eyes for it; outside of a step the net is as it always is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from handgrad.core.arrays import Array, RandomSource
from handgrad.core.layers import BatchNorm, Dropout
from handgrad.core.layers.base import need_columns
from handgrad.core.net import Sequential
from handgrad.errors import InputError
from handgrad.parallel.world import World

_AT_ONCE = 1 << 16  # numbers that are drawn and thrown away at a time


class JoinedBatchNorm(BatchNorm):
    """BatchNorm whose statistics are those of all ranks' rows; each rank gives the sums over its own."""

    saved_as = "BatchNorm"
    world: World

    def forward(self, x: Array) -> Array:
        """x (own rows, features) -> y of that shape.

        With d = x - pivot, the mean is pivot + sum d / n and the variance sum d^2 / n - (sum d / n)^2. The pivot, the
        running mean, is near the mean and the same on every rank, and the sums are taken in float64, so nothing is lost
        in the difference. One all-reduce of 2 features + 1 numbers.
        """
        if not self.training:
            return super().forward(x)
        need_columns(self, x, self.features)
        x = x.astype(self.scale.dtype, copy=False)
        d = x.astype(np.float64) - self.running_mean
        n, first, second = self._over_all_ranks(len(x), d.sum(axis=0), (d * d).sum(axis=0))
        if n < 2:
            raise InputError("core.batch_of_one", layer=self.label)
        mean = (self.running_mean + first).astype(x.dtype)  # (features,)
        var = np.maximum(second - first * first, 0).astype(x.dtype)
        self._remember(mean, var, n)
        inverse_std = 1 / np.sqrt(var + self.eps)
        xhat = (x - mean) * inverse_std
        y: Array = self.scale * xhat + self.shift
        self.keep(y, xhat, inverse_std)
        return y

    def backward(self, dy: Array) -> Array:
        """As BatchNorm, the two means in dx taken over all ranks' rows; dscale and dshift are those of the own rows.

        The engine adds those two up with all other gradients.
        """
        xhat, inverse_std = self.kept(dy)
        self.dscale = (dy * xhat).sum(axis=0)
        self.dshift = dy.sum(axis=0)
        dxhat = dy * self.scale
        sums = dxhat.sum(axis=0), (dxhat * xhat).sum(axis=0)
        _, mean_of_d, mean_of_dx = self._over_all_ranks(len(dy), *sums)
        dx: Array = inverse_std * (dxhat - mean_of_d.astype(dy.dtype) - xhat * mean_of_dx.astype(dy.dtype))
        return dx

    @property
    def label(self) -> str:
        """As that of the layer which it stands in for."""
        return super().label.removeprefix("Joined")

    def _over_all_ranks(self, rows: int, one: Array, two: Array) -> tuple[int, Array, Array]:
        """(rows, one / rows, two / rows), each summed over all ranks first."""
        sums = np.concatenate([[rows], one, two]).astype(np.float64)
        self.world.add(sums)
        n = int(sums[0])
        return n, sums[1 : 1 + self.features] / n, sums[1 + self.features :] / n


class OwnRows:
    """Random numbers for some rows of a batch, out of a generator that draws for all of them.

    So each rank gets for its rows what a single process would draw, and all generators stand at the same place then.
    """

    def __init__(self, rng: RandomSource, before: int, after: int) -> None:
        self.rng, self.before, self.after = rng, before, after

    def random(self, size: tuple[int, ...]) -> Array:
        """Uniform numbers (own rows, ...); those of the rows before and after are skipped."""
        a_row = math.prod(size[1:])
        skip(self.rng, self.before * a_row)
        drawn: Array = self.rng.random(size)
        skip(self.rng, self.after * a_row)
        return drawn


def skip(rng: Any, count: int) -> None:
    """Leave `rng` where it would be after drawing so many uniform numbers. NumPy's usual generator jumps there."""
    bits = getattr(rng, "bit_generator", None)
    if isinstance(bits, (np.random.PCG64, np.random.PCG64DXSM)):
        before = bits.state
        bits.advance(count)
        after = bits.state
        # A jump forgets the half of a number that is still to be used for a permutation; drawing would not.
        after["has_uint32"], after["uinteger"] = before["has_uint32"], before["uinteger"]
        bits.state = after
        return
    while count > 0:
        rng.random(min(count, _AT_ONCE))
        count -= _AT_ONCE


@contextmanager
def seen_whole(net: Sequential, world: World, own: slice, rows: int) -> Iterator[None]:
    """In the body, BatchNorm and Dropout work as on a batch of so many rows, of which this rank holds `own`."""
    norms: list[Any] = [layer for _, layer in net.named_layers() if type(layer) is BatchNorm]
    dropouts = [(layer, layer.rng) for _, layer in net.named_layers() if isinstance(layer, Dropout)]
    for norm in norms:
        norm.__class__ = JoinedBatchNorm
        norm.world = world
    for dropout, rng in dropouts:
        dropout.rng = OwnRows(rng, own.start, rows - own.stop)  # type: ignore[assignment]
    try:
        yield
    finally:
        for norm in norms:
            norm.__class__ = BatchNorm
            del norm.world
        for dropout, rng in dropouts:
            dropout.rng = rng
