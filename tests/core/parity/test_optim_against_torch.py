"""Each optimizer against PyTorch's: twelve steps in float64 on the same net, rates changing on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from core_cases import OPTIMIZER_CASES  # noqa: E402

from handgrad import MLP, SoftmaxCrossEntropy, clip_by_norm, cosine, one_cycle, step_decay, warm_up  # noqa: E402

torch.set_num_threads(1)
nn = torch.nn


def nets() -> tuple[MLP, Any]:
    """(ours, PyTorch's with the same weights)."""
    ours = MLP(6, 8, 3, activation="tanh", rng=0, dtype=np.float64)
    theirs = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    with torch.no_grad():
        for (value, _), parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
            parameter.copy_(torch.from_numpy(value.T.copy()))
    return ours, theirs


def backward(ours: MLP, theirs: Any, step: int) -> None:
    """Gradients of one batch, the same on both sides."""
    rng = np.random.default_rng(step)
    x, y = rng.standard_normal((5, 6)), rng.integers(0, 3, 5)
    loss = SoftmaxCrossEntropy()
    loss(ours(x), y)
    ours.backward(loss.backward())
    theirs.zero_grad()
    nn.functional.cross_entropy(theirs(torch.from_numpy(x)), torch.from_numpy(y)).backward()


def same(ours: MLP, theirs: Any) -> None:
    for (value, _), parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(value, parameter.detach().numpy().T, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("decay", ["all", "weights"])
@pytest.mark.parametrize(("kind", "options"), OPTIMIZER_CASES.values(), ids=OPTIMIZER_CASES)
def test_twelve_steps(kind: Any, options: dict[str, Any], decay: str) -> None:
    ours, theirs = nets()
    groups = [
        {"params": [p for p in theirs.parameters() if p.ndim > 1]},
        {"params": [p for p in theirs.parameters() if p.ndim == 1]},
    ]
    if decay == "weights":
        groups[1]["weight_decay"] = 0.0  # type: ignore[assignment]
    optimizer = kind(ours.parameters(), lr=0.05, decay=decay, **options)
    oracle = getattr(torch.optim, kind.__name__)(
        groups, lr=0.05, **({"weight_decay": 0.01} if kind.__name__ == "AdamW" else {}) | options
    )
    for step in range(12):
        backward(ours, theirs, step)
        if step == 6:
            optimizer.lr = 0.01
            for group in oracle.param_groups:
                group["lr"] = 0.01
        optimizer.step()
        oracle.step()
        same(ours, theirs)


@pytest.mark.parametrize("max_norm", [0.05, 100.0])
def test_clip_by_norm(max_norm: float) -> None:
    ours, theirs = nets()
    backward(ours, theirs, 0)
    norm = clip_by_norm(ours.parameters(), max_norm)
    assert norm == pytest.approx(nn.utils.clip_grad_norm_(theirs.parameters(), max_norm).item(), rel=1e-12)
    for (_, grad), parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(grad, parameter.grad.numpy().T, rtol=1e-4)  # theirs divides by norm + 1e-6


def rates(make: Any, steps: int) -> list[float]:
    """The rates of a PyTorch schedule for an optimizer of rate 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = make(optimizer)
    found = []
    for step in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < steps - 1:
            schedule.step()
    return found


S = torch.optim.lr_scheduler


@pytest.mark.parametrize(
    ("ours", "theirs", "steps"),
    [
        (one_cycle(50), lambda o: S.OneCycleLR(o, max_lr=1.0, total_steps=50, cycle_momentum=False), 50),
        (one_cycle(7), lambda o: S.OneCycleLR(o, max_lr=1.0, total_steps=7, cycle_momentum=False), 7),
        (
            one_cycle(40, rise=0.5, start=0.1, end=0.001),
            lambda o: S.OneCycleLR(o, 1.0, total_steps=40, pct_start=0.5, div_factor=10, final_div_factor=100,
                                   cycle_momentum=False),
            40,
        ),
        (cosine(30), lambda o: S.CosineAnnealingLR(o, T_max=30), 31),
        (cosine(30, 0.2), lambda o: S.CosineAnnealingLR(o, T_max=30, eta_min=0.2), 31),
        (step_decay(7, 0.3), lambda o: S.StepLR(o, step_size=7, gamma=0.3), 30),
        (warm_up(8), lambda o: S.LinearLR(o, start_factor=1 / 8, total_iters=7), 20),
        (
            warm_up(8, cosine(20)),
            lambda o: S.SequentialLR(
                o, [S.LinearLR(o, start_factor=1 / 8, total_iters=7), S.CosineAnnealingLR(o, T_max=20)], milestones=[8]
            ),
            28,
        ),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")  # PyTorch's SequentialLR warns about itself
def test_schedules(ours: Any, theirs: Any, steps: int) -> None:
    np.testing.assert_allclose([ours(step) for step in range(steps)], rates(theirs, steps), rtol=1e-12, atol=1e-14)


def test_defaults_are_torchs() -> None:
    """Somebody who comes from PyTorch and gives no settings gets what they are used to."""
    for name in ("RMSprop", "Adam", "AdamW"):
        kind = next(k for k, _ in OPTIMIZER_CASES.values() if k.__name__ == name)
        ours, theirs = kind(nets()[0].parameters()), getattr(torch.optim, name)([torch.zeros(1)]).defaults
        for key in ("lr", "alpha", "eps", "weight_decay"):
            if hasattr(ours, key):
                assert getattr(ours, key) == theirs[key], (name, key)
        assert getattr(ours, "betas", None) == theirs.get("betas")
