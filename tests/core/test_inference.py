"""`predict` is the layers' own forward in evaluation mode, to the bit, whatever lies between two layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import MLP
from handgrad.core.layers import BatchNorm, Dropout, Flatten, Linear, ReLU, Tanh
from handgrad.core.net import _BLOCK, _FEW, Sequential

NETS: dict[str, Any] = {
    "mlp": lambda: [Linear(12, 40, rng=0), ReLU(), Linear(40, 70, rng=1), ReLU(), Linear(70, 3, rng=2)],
    "ends in an activation": lambda: [Linear(12, 5, rng=0, bias=False), ReLU()],
    "what passes on its input": lambda: [Linear(12, 9, rng=0), Dropout(0.5, rng=1), ReLU(), Dropout(0.5), ReLU()],
    "others between": lambda: [
        Flatten(),
        ReLU(),
        Linear(12, 8, rng=0),
        BatchNorm(8),
        ReLU(),
        Tanh(),
        Linear(8, 2, rng=1),
    ],
    "nested": lambda: [Sequential(Linear(12, 6, rng=0), ReLU()), ReLU(), Linear(6, 4, rng=1)],
}


@pytest.mark.parametrize("rows", [0, 1, _FEW + 1, _BLOCK, _BLOCK + 5])
@pytest.mark.parametrize("name", NETS)
def test_it_is_forward_to_the_bit_and_leaves_its_input(name: str, rows: int) -> None:
    net = Sequential(*NETS[name]())
    x = np.random.default_rng(3).standard_normal((rows, 12)).astype(np.float32)
    before, y = x.copy(), net.predict(x)
    np.testing.assert_array_equal(x, before)
    blocks = [net.eval()(x[i : i + _BLOCK]) for i in range(0, max(rows, 1), _BLOCK)]
    np.testing.assert_array_equal(y, np.concatenate(blocks))


def test_two_predictions_share_no_memory() -> None:
    net, x = MLP(12, 40, 3, rng=0), np.ones((100, 12), np.float32)
    first = net.predict(x)
    kept = first.copy()
    net.predict(2 * x)
    np.testing.assert_array_equal(first, kept)


def test_a_forward_that_somebody_put_in_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = MLP(12, 40, 3, rng=0), np.ones((100, 12), np.float32)
    linear = net[-1]
    net.layers[-1].forward = lambda h: linear.__class__.forward(linear, h) + 1
    np.testing.assert_array_equal(net.predict(x), net.eval()(x))

    monkeypatch.setattr(Linear, "forward", lambda layer, h: np.ones((len(h), layer.outputs), np.float32))
    np.testing.assert_array_equal(MLP(12, 40, 3).predict(x), np.ones((100, 3)))


def test_a_net_that_goes_forward_its_own_way_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.ones((_BLOCK + 5, 12), np.float32)

    class Doubled(Sequential):
        def forward(self, x: Any) -> Any:
            return 2 * super().forward(x)

    whole = Doubled(Linear(12, 3, rng=0))
    np.testing.assert_allclose(whole.predict(x), whole.eval()(x), rtol=1e-6)
    monkeypatch.setattr(Sequential, "forward", lambda net, h: np.zeros((len(h), 3), np.float32))
    np.testing.assert_array_equal(MLP(12, 40, 3).predict(x), np.zeros((len(x), 3)))


def test_numbers_of_another_kind_come_out_as_the_net_has_them() -> None:
    net = MLP(12, 40, 3, rng=0)
    x = np.random.default_rng(0).random((50, 12))
    assert net.predict(x).dtype == np.float32
    np.testing.assert_array_equal(net.predict(x), net.eval()(x))
    np.testing.assert_array_equal(net.predict(x.tolist()), net.eval()(x.tolist()))
