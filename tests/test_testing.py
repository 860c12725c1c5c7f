"""`assert_backward`: right code passes, wrong code fails with the report in the message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad
from handgrad.testing import assert_backward

NETWORKS = Path(__file__).with_name("audit") / "memory/live_networks.py"


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_LANG", "en")


class Sigmoid:
    def forward(self, x: Any) -> Any:
        self.a = 1 / (1 + np.exp(-x))
        return self.a

    def backward(self, dout: Any) -> Any:
        return dout * self.a * (1 - self.a)


class FedInput(Sigmoid):
    def forward(self, x: Any) -> Any:
        self.x = x
        return super().forward(x)

    def backward(self, dout: Any) -> Any:
        return dout * self.x * (1 - self.x)


class Stale(Sigmoid):
    """Keeps what the first forward gave."""

    def forward(self, x: Any) -> Any:
        a = 1 / (1 + np.exp(-x))
        self.a = getattr(self, "a", a)
        return a

    def backward(self, dout: Any) -> Any:
        return dout * self.a * (1 - self.a) if dout.shape == self.a.shape else dout


class InPlace(Sigmoid):
    def backward(self, dout: Any) -> Any:
        dout *= self.a * (1 - self.a)
        return dout


class Softmax:
    def forward(self, x: Any) -> Any:
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, dout: Any) -> Any:
        return np.zeros_like(dout)  # right along (1, 1, ..., 1), and nowhere else


class Linear:
    def __init__(self) -> None:
        self.params = {"W": np.zeros((4, 3), np.float32), "b": np.zeros(3, np.float32)}
        self.grads: dict[str, Any] = {}

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout: Any) -> Any:
        self.grads["W"] = self.x.T @ dout
        self.grads["b"] = self.bias(dout)
        return dout @ self.params["W"].T

    def bias(self, dout: Any) -> Any:
        return dout.sum(axis=0)


class HalfBias(Linear):
    def bias(self, dout: Any) -> Any:
        return dout.sum(axis=0) / 2


class AveragedBias(Linear):
    def bias(self, dout: Any) -> Any:
        return dout.mean(axis=0)


class Misshapen(Linear):
    def bias(self, dout: Any) -> Any:
        return dout


class Dropout:
    kept = 0.5

    def forward(self, x: Any) -> Any:
        self.mask = np.random.rand(*x.shape) < 0.5
        return x * self.mask / 0.5

    def backward(self, dout: Any) -> Any:
        return dout * self.mask / self.kept


class Unscaled(Dropout):
    kept = 1.0


class Adding:
    """Adds to its gradients, which a training loop sets back."""

    def __init__(self) -> None:
        self.W, self.b = np.random.default_rng(1).standard_normal((4, 3)), np.zeros((1, 3))
        self._dW, self._db = np.zeros((4, 3)), np.zeros((1, 3))

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout: Any) -> Any:
        self._dW += self.x.T @ dout
        self._db += dout.sum(axis=0, keepdims=True)
        return dout @ self.W.T


class Gain:
    """Has its gain as one row, by which a single column of inputs would be made wider."""

    def __init__(self) -> None:
        self.g, self.dg = np.full((1, 4), 2.0), np.zeros((1, 4))

    def forward(self, x: Any) -> Any:
        self.x = x
        return x * self.g

    def backward(self, dout: Any) -> Any:
        self.dg = (dout * self.x).sum(axis=0, keepdims=True)
        return dout * self.g


_RNG = np.random.default_rng(0)


class Shared(Dropout):
    """Draws from a generator that no copy of it has for itself."""

    def forward(self, x: Any) -> Any:
        self.mask = _RNG.random(x.shape) < 0.5
        return x * self.mask / 0.5


OURS = [
    handgrad.Linear(4, 3), handgrad.ReLU(), handgrad.Softmax(), handgrad.BatchNorm(4), handgrad.LayerNorm(4),
    handgrad.GELU(), handgrad.Dropout(0.5), handgrad.Flatten(), handgrad.MLP(6, 5, 3),
]  # fmt: skip


@pytest.mark.parametrize(
    "layer", [*OURS, Sigmoid(), Linear(), Dropout(), Adding(), Gain()], ids=lambda layer: type(layer).__name__
)
def test_a_right_layer_passes(layer: Any) -> None:
    report = assert_backward(layer)
    assert report.ok
    assert report.findings == ()
    assert report.checks >= 4


@pytest.mark.parametrize(
    ("layer", "code", "where"),
    [
        (FedInput(), "layer_wrong", ("x",)),
        (Stale(), "layer_fresh", ("dx",)),
        (InPlace(), "layer_pure", ("dy",)),
        (Softmax(), "layer_scaled", ("x",)),
        (HalfBias(), "layer_scaled", ("b",)),
        (Misshapen(), "layer_shape", ("b",)),
        (Unscaled(), "layer_scaled", ("x",)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_wrong_layer_fails_with_the_report(layer: Any, code: str, where: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError, match=code) as failed:
        assert_backward(layer)
    text = str(failed.value)
    assert "test_testing.py:" in text
    assert "  > " in text
    report = handgrad.testing._report(layer, None, {"loss": None})
    assert [(one.code, one.where) for one in report.findings] == [(code, where)]


def test_random_layers_leave_random_numbers_alone() -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    assert_backward(Dropout())
    assert np.array_equal(np.random.get_state()[1], before)
    with pytest.raises(handgrad.InputError, match="another output each time"):
        assert_backward(Shared())


def test_an_average_in_a_layer_is_a_convention() -> None:
    report = assert_backward(AveragedBias())
    assert [(one.code, one.severity, one.where) for one in report.findings] == [("layer_averaged", "note", ("b",))]


def test_a_layer_stays_as_it_is_and_may_be_given_a_batch() -> None:
    layer = Linear()
    assert_backward(layer, x=np.ones((2, 4)))
    assert vars(layer).keys() == {"params", "grads"}
    assert layer.grads == {}
    assert not layer.params["W"].any()
    assert layer.params["W"].dtype == np.float32
    with pytest.raises(handgrad.InputError, match=r"Linear could not be run.*mismatch"):
        assert_backward(layer, x=np.ones((2, 5)))


@pytest.mark.slow
def test_networks_subjects_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(NETWORKS.parent))
    from live_networks import AveragedLinear, CrossEntropy, Net, Unrolled

    x, y = np.zeros((6, 20)), np.array([0, 1, 2, 3, 4, 0])
    assert_backward(Net(), CrossEntropy(), x, y)
    with pytest.raises(AssertionError, match="averaged-twice"):
        assert_backward(Net(AveragedLinear), CrossEntropy(), x, y)
    wrong = Unrolled(sign=-1.0)
    subject = handgrad.Subject(
        parameters=lambda: {"W1": wrong.W1, "b1": wrong.b1, "W2": wrong.W2, "b2": wrong.b2},
        loss=wrong.compute_loss,
        step=wrong.train_step,
    )
    with pytest.raises(AssertionError, match="sign-flipped"):
        assert_backward(subject)
    path = tmp_path / "net.py"
    text = NETWORKS.read_text()
    start, end = text.index("class AveragedLinear"), text.index("class ReLU")
    path.write_text(text[:start] + text[end : text.index("class Passing")] + text[text.index("class Net") :])
    text = (
        path.read_text()
        .partition("class Unrolled")[0]
        .replace("(self, linear: type = Linear, relu: type = ReLU)", "(self)")
    )
    text = text.replace("linear(", "Linear(").replace("relu()", "ReLU()")
    path.write_text(text)
    assert_backward(path)
    path.write_text(text.replace("dout.sum(axis=0)", "-dout.sum(axis=0)"))
    with pytest.raises(AssertionError, match=r"net\.py:\d+"):
        assert_backward(str(path))
    with pytest.raises(handgrad.DataError):
        assert_backward(tmp_path / "none.py")
