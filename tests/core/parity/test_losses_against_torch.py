"""Each loss against PyTorch's in float64, value and gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from core_cases import LOSS_CASES  # noqa: E402

torch.set_num_threads(1)
F = torch.nn.functional


def probabilities(p: Any, t: Any) -> Any:
    """-sum t log p, a mean over the batch, in PyTorch's own arithmetic."""
    return F.nll_loss(p.log(), t) if t.ndim == 1 else -(t * p.log()).sum() / len(p)


COUNTERPARTS: dict[str, Any] = {
    "SoftmaxCrossEntropy": F.cross_entropy,
    "SoftmaxCrossEntropy one-hot": F.cross_entropy,
    "SoftmaxCrossEntropy soft rows": F.cross_entropy,
    "SoftmaxCrossEntropy rounded rows": F.cross_entropy,
    "SoftmaxCrossEntropy smoothed": lambda z, t: F.cross_entropy(z, t, label_smoothing=0.1),
    "SoftmaxCrossEntropy smoothed one-hot": lambda z, t: F.cross_entropy(z, t, label_smoothing=0.2),
    "CrossEntropy": probabilities,
    "CrossEntropy one-hot": probabilities,
    "CrossEntropy soft rows": probabilities,
    "BinaryCrossEntropy": F.binary_cross_entropy_with_logits,
    "BinaryCrossEntropy soft": F.binary_cross_entropy_with_logits,
    "MSE": F.mse_loss,
    "MSE of a vector": F.mse_loss,
    "Huber": F.huber_loss,
    "Huber 0.3": lambda y, t: F.huber_loss(y, t, delta=0.3),
}


def test_every_loss_is_compared() -> None:
    assert COUNTERPARTS.keys() == LOSS_CASES.keys()


@pytest.mark.parametrize("size", [1.0, 30.0, 1000.0])
@pytest.mark.parametrize("name", COUNTERPARTS)
def test_value_and_gradient(name: str, size: float) -> None:
    case = LOSS_CASES[name]
    prediction, target = case.data(seed=9)
    if not name.startswith("CrossEntropy"):
        prediction = prediction * size
    p = torch.from_numpy(prediction).requires_grad_()
    classes = prediction.ndim == 2 and target.ndim == 1
    t = torch.from_numpy(target).long() if classes else torch.from_numpy(target).double()
    expected = COUNTERPARTS[name](p, t)
    expected.backward()
    loss = case.make()
    assert loss(prediction, target) == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(loss.backward(), p.grad.numpy(), rtol=1e-11, atol=1e-15)
