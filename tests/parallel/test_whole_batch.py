"""BatchNorm over the rows of all ranks, and random numbers for some rows of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from thread_world import ThreadWorld, on_ranks

from handgrad import BatchNorm
from handgrad.core.arrays import Array
from handgrad.errors import InputError
from handgrad.parallel import shard
from handgrad.parallel.whole_batch import JoinedBatchNorm, OwnRows, skip

RNG = np.random.default_rng(0)
X, DY = RNG.normal(1000, 0.5, (9, 4)), RNG.normal(0, 1, (9, 4))  # far from 0: where sums of squares lose all digits


@pytest.mark.parametrize("ranks", [1, 2, 4, 12])
def test_batch_norm_over_all_ranks(ranks: int) -> None:
    whole = BatchNorm(4, dtype=np.float64)
    y, dx = whole(X), whole.backward(DY)

    def part(world: ThreadWorld) -> tuple[Array, Array, BatchNorm]:
        norm = JoinedBatchNorm(4, dtype=np.float64)
        norm.world = world
        own = shard(9, world.rank, world.size)
        return norm(X[own]), norm.backward(DY[own]), norm

    parts = on_ranks(ranks, part)
    np.testing.assert_allclose(np.concatenate([p[0] for p in parts]), y, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(np.concatenate([p[1] for p in parts]), dx, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(sum(p[2].dscale for p in parts), whole.dscale, rtol=1e-7)
    np.testing.assert_allclose(sum(p[2].dshift for p in parts), whole.dshift, rtol=1e-12)
    for _, _, norm in parts:
        np.testing.assert_allclose(norm.running_mean, whole.running_mean, rtol=1e-12)
        np.testing.assert_allclose(norm.running_var, whole.running_var, rtol=1e-7)


def test_two_rows_on_two_ranks_are_a_batch_and_one_is_none() -> None:
    def part(world: ThreadWorld, rows: int) -> Any:
        norm = JoinedBatchNorm(4)
        norm.world = world
        return norm(X[shard(rows, world.rank, 2)])

    assert [len(y) for y in on_ranks(2, lambda world: part(world, 2))] == [1, 1]
    with pytest.raises(InputError, match=r"^BatchNorm: a batch of one"):
        on_ranks(2, lambda world: part(world, 1))


GENERATORS = {
    "PCG64": lambda: np.random.default_rng(3),
    "PCG64DXSM": lambda: np.random.Generator(np.random.PCG64DXSM(3)),
    "Philox": lambda: np.random.Generator(np.random.Philox(3)),
    "MT19937": lambda: np.random.Generator(np.random.MT19937(3)),
    "RandomState": lambda: np.random.RandomState(3),
}


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize("half_used", [False, True])
def test_skipping_is_drawing(kind: str, half_used: bool) -> None:
    one, two = GENERATORS[kind](), GENERATORS[kind]()
    for rng in (one, two):
        if half_used and hasattr(rng, "integers"):
            rng.integers(0, 10, dtype=np.uint32)  # leaves half of a 64-bit number for the next permutation
        rng.random(3)
    one.random(100_001)
    skip(two, 100_001)
    assert list(one.permutation(20)) == list(two.permutation(20))
    assert one.random() == two.random()


@pytest.mark.parametrize("kind", GENERATORS)
def test_each_rank_draws_what_one_process_draws_for_its_rows(kind: str) -> None:
    whole = GENERATORS[kind]().random((7, 5))
    for ranks in (1, 3, 9):
        for rank in range(ranks):
            rng = GENERATORS[kind]()
            own = shard(7, rank, ranks)
            drawn = OwnRows(rng, own.start, 7 - own.stop).random((own.stop - own.start, 5))
            np.testing.assert_array_equal(drawn, whole[own])
