"""Each layer against PyTorch's in float64, values and all gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from core_cases import LAYER_CASES, NET_CASES, LayerCase  # noqa: E402

from handgrad import MLP, BatchNorm, LayerNorm, Linear, Sequential  # noqa: E402

torch.set_num_threads(1)
nn = torch.nn
COUNTERPARTS: dict[str, Any] = {
    "Linear": lambda: nn.Linear(5, 3),
    "Linear without bias": lambda: nn.Linear(5, 3, bias=False),
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "LeakyReLU": nn.LeakyReLU,
    "LeakyReLU 0.3": lambda: nn.LeakyReLU(0.3),
    "ELU": nn.ELU,
    "ELU 0.7": lambda: nn.ELU(0.7),
    "GELU": nn.GELU,
    "GELU tanh": lambda: nn.GELU("tanh"),
    "SiLU": nn.SiLU,
    "Softplus": lambda: nn.Softplus(threshold=1e9),  # PyTorch's default cuts over to a line at 20, ours is exact
    "Softmax": lambda: nn.Softmax(dim=-1),
    "Flatten": nn.Flatten,
    "Dropout 0": lambda: nn.Dropout(0.0),
    "BatchNorm": lambda: nn.BatchNorm1d(5),
    "BatchNorm eps": lambda: nn.BatchNorm1d(5, eps=0.1, momentum=0.3),
    "LayerNorm": lambda: nn.LayerNorm(5),
    "LayerNorm eps": lambda: nn.LayerNorm(5, eps=0.1),
    "Sequential": lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3)),
    "nested": lambda: nn.Sequential(
        nn.Sequential(nn.Linear(5, 4), nn.SiLU()), nn.LayerNorm(4), nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1))
    ),
    "MLP": lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)),
    "MLP of one Linear": lambda: nn.Sequential(nn.Linear(5, 3)),
    "MLP sigmoid softmax": lambda: nn.Sequential(
        nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 3), nn.Softmax(-1)
    ),
    "MLP gelu tanh": lambda: nn.Sequential(nn.Linear(5, 4), nn.GELU(), nn.Linear(4, 3), nn.Tanh()),
    "MLP batch_norm": lambda: nn.Sequential(
        nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)
    ),
}
# Masks are drawn from different generators: these are compared by hand and with the mask held, not here.
NO_COUNTERPART = {"Dropout", "MLP dropout", "MLP both"}
CASES = LAYER_CASES | NET_CASES


def test_every_layer_is_compared() -> None:
    assert COUNTERPARTS.keys() | NO_COUNTERPART == CASES.keys()


def pair(name: str) -> tuple[Any, Any, LayerCase]:
    """(our layer, PyTorch's with the same weights, case)."""
    ours, theirs = CASES[name].layer(), COUNTERPARTS[name]().double()
    with torch.no_grad():
        for (value, _), parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
            parameter.copy_(torch.from_numpy(value.T.copy()))
    return ours, theirs, CASES[name]


def same(ours: Any, theirs: Any) -> None:
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-12 * max(1.0, np.abs(theirs).max())


@pytest.mark.parametrize("batch", [2, 7])
@pytest.mark.parametrize("name", COUNTERPARTS)
def test_forward_and_backward(name: str, batch: int) -> None:
    ours, theirs, case = pair(name)
    x = 2 * case.x(batch)
    for _ in range(2):  # the second round finds running statistics that have moved, and gradients to replace
        t = torch.from_numpy(x).requires_grad_()
        y, expected = ours.forward(x), theirs(t)
        same(y, expected)
        dy = np.random.default_rng(1).standard_normal(y.shape)
        theirs.zero_grad()
        expected.backward(torch.from_numpy(dy))
        same(ours.backward(dy), t.grad)
        for (_, grad), parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
            same(grad.T, parameter.grad)
        x = x[::-1].copy() + 0.5
    buffers = [value for key, value in theirs.named_buffers() if "running" in key]
    for array, buffer in zip(ours.buffers().values(), buffers, strict=True):
        same(array, buffer)
    ours.eval()
    theirs.eval()
    same(ours.forward(x), theirs(torch.from_numpy(x)))


@pytest.mark.parametrize("name", [n for n in COUNTERPARTS if n in LAYER_CASES and n != "Softplus"])
def test_at_kinks_and_far_out(name: str) -> None:
    """At 0, and where exponentials have long gone to 0 or would overflow."""
    ours, theirs, case = pair(name)
    n = int(np.prod(case.sample))
    x = np.resize(np.array([0.0, -0.0, 1e-20, 30, -30, 300, -300, 1, -1, 5e3, -5e3]), 11 * n).reshape(11, *case.sample)
    t = torch.from_numpy(x.copy()).requires_grad_()
    y, expected = ours.forward(x), theirs(t)
    same(y, expected)
    expected.backward(torch.ones_like(expected))
    same(ours.backward(np.ones_like(y)), t.grad)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_dropout_with_the_mask_held(batch_norm: bool) -> None:
    """The mask that our layer drew, multiplied in by hand on the other side."""
    net = MLP(5, 30, 3, activation="elu", batch_norm=batch_norm, dropout=0.3, rng=0, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((4, 5))
    y = net.forward(x)
    scale = next(layer for layer in net.layers if type(layer).__name__ == "Dropout")._kept[1][0]
    assert set(np.unique(scale)) == {0, 1 / 0.7}
    weights = [torch.from_numpy(value.copy()).requires_grad_() for value, _ in net.parameters()]
    t = torch.from_numpy(x).requires_grad_()
    w1, b1, *norm, w2, b2 = weights
    h = t @ w1 + b1
    if norm:
        h = nn.functional.batch_norm(h, None, None, norm[0], norm[1], training=True)
    expected = (nn.functional.elu(h) * torch.from_numpy(scale)) @ w2 + b2
    same(y, expected)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    expected.backward(torch.from_numpy(dy))
    same(net.backward(dy), t.grad)
    for (_, grad), weight in zip(net.parameters(), weights, strict=True):
        same(grad, weight.grad)


def test_norms_start_as_torch_starts_them() -> None:
    for ours, theirs in ((BatchNorm(5), nn.BatchNorm1d(5)), (LayerNorm(5), nn.LayerNorm(5))):
        for (value, _), parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_array_equal(value, parameter.detach().numpy())
        assert ours.eps == theirs.eps
    assert BatchNorm(5).momentum == nn.BatchNorm1d(5).momentum


def test_a_deep_net_in_single_precision_is_as_near_to_the_truth_as_torch() -> None:
    layers = [Linear(64, 64, rng=i, dtype=np.float32) for i in range(6)]
    net = Sequential(*layers, Linear(64, 10, rng=9))
    x = np.random.default_rng(0).standard_normal((32, 64)).astype(np.float32)
    dy = np.random.default_rng(1).standard_normal((32, 10)).astype(np.float32)
    net(x)
    dx = net.backward(dy)
    errors = []
    truth: Any = dy.astype(np.float64)
    single = torch.from_numpy(dy)
    for layer in reversed(net.layers):
        truth = truth @ layer.W.T.astype(np.float64)
        single = single @ torch.from_numpy(layer.W.copy()).T
    for found in (dx, single.numpy()):
        errors.append(float(np.linalg.norm(found - truth) / np.linalg.norm(truth)))
    assert errors[0] < max(3 * errors[1], 1e-6)
