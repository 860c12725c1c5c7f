"""Scripts in the style of a from-scratch notebook, run on handgrad with nothing changed but their imports.

Each is written against classes Linear, Sigmoid, ReLU, Softmax, MLP, SGD and a cross-entropy, and asks no more of them
than such a notebook does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import MLP, SGD, CrossEntropy, Linear, ReLU, Sequential, Sigmoid, Softmax, SoftmaxCrossEntropy


def digits(n: int, seed: int) -> tuple[Any, Any]:
    """Ten patterns of 64 pixels, each with noise: (images in [0, 1], labels)."""
    patterns = np.random.default_rng(0).random((10, 64)) > 0.5
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, n)
    return np.clip(patterns[labels] * 0.7 + 0.3 * rng.random((n, 64)), 0, 1), labels


class DataLoader:
    def __init__(self, x: Any, y: Any, batch_size: int) -> None:
        self.x, self.y, self.batch_size = x, y, batch_size

    def __iter__(self) -> Any:
        order = np.random.default_rng(1).permutation(len(self.x))
        for i in range(0, len(order) - self.batch_size + 1, self.batch_size):
            rows = order[i : i + self.batch_size]
            yield self.x[rows], self.y[rows]


class Trainer:
    def __init__(self, model: Any, criterion: Any, optimizer: Any) -> None:
        self.model, self.criterion, self.optimizer = model, criterion, optimizer
        self.losses: list[float] = []

    def train(self, loader: DataLoader, epochs: int) -> None:
        for _ in range(epochs):
            total, count = 0.0, 0
            for x, y in loader:
                pred = self.model(x)
                loss = self.criterion(pred, y)
                self.optimizer.zero_grad()
                dout = self.criterion.backward()
                self.model.backward(dout)
                self.optimizer.step()
                total += loss
                count += 1
            self.losses.append(total / count)

    def accuracy(self, x: Any, y: Any) -> float:
        return float(np.mean(np.argmax(self.model(x), axis=1) == y))


class NotebookSGD:
    """The optimizer as notebooks have it: pairs, a loop, a rate."""

    def __init__(self, parameters: Any, lr: float) -> None:
        self.parameters, self.lr = parameters, lr

    def step(self) -> None:
        for param, grad in self.parameters:
            param -= self.lr * grad

    def zero_grad(self) -> None:
        for _, grad in self.parameters:
            grad.fill(0)


class NotebookMLP:
    """The model as notebooks have it: attributes, a forward, a backward, and parameters put together with +."""

    def __init__(self, n_in: int, n_hidden: int, n_out: int, activation: str = "relu") -> None:
        self.fc1 = Linear(n_in, n_hidden)
        self.act = ReLU() if activation == "relu" else Sigmoid()
        self.fc2 = Linear(n_hidden, n_out)
        self.softmax = Softmax()

    def forward(self, x: Any) -> Any:
        out = self.fc1(x)
        out = self.act(out)
        out = self.fc2(out)
        return self.softmax(out)

    def __call__(self, x: Any) -> Any:
        return self.forward(x)

    def backward(self, dout: Any) -> Any:
        dout = self.softmax.backward(dout)
        dout = self.fc2.backward(dout)
        dout = self.act.backward(dout)
        return self.fc1.backward(dout)

    def parameters(self) -> Any:
        return self.fc1.parameters() + self.fc2.parameters()


class NotebookList(NotebookMLP):
    """The same with a list of layers."""

    def __init__(self, *sizes: int) -> None:
        self.layers: list[Any] = []
        for i in range(len(sizes) - 1):
            self.layers += [Linear(sizes[i], sizes[i + 1]), Sigmoid()]
        self.layers[-1] = Softmax()

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout: Any) -> Any:
        for layer in self.layers[::-1]:
            dout = layer.backward(dout)
        return dout

    def parameters(self) -> Any:
        params: list[Any] = []
        for layer in self.layers:
            if hasattr(layer, "parameters"):
                params.extend(layer.parameters())
        return params


class NotebookDense:
    """A layer of the notebook's own, gradients re-bound at each backward."""

    def __init__(self, n_in: int, n_out: int) -> None:
        self.weights = np.random.default_rng(2).standard_normal((n_in, n_out)) * np.sqrt(2 / n_in)
        self.bias = np.zeros(n_out)
        self.dweights, self.dbias = np.zeros_like(self.weights), np.zeros_like(self.bias)

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.dot(x, self.weights) + self.bias

    def backward(self, dout: Any) -> Any:
        self.dweights = np.dot(self.x.T, dout)
        self.dbias = np.sum(dout, axis=0)
        return np.dot(dout, self.weights.T)

    def parameters(self) -> Any:
        return [(self.weights, self.dweights), (self.bias, self.dbias)]


class NotebookCrossEntropy:
    """The loss of the notebook's own, on one-hot labels, with its epsilon."""

    def __call__(self, pred: Any, y: Any) -> Any:
        self.pred, self.y = pred, np.eye(10)[y]
        return -np.sum(self.y * np.log(pred + 1e-7)) / len(pred)

    def backward(self) -> Any:
        return -self.y / (self.pred + 1e-7) / len(self.pred)


class FusedCrossEntropy:
    """Softmax and cross-entropy in one, from logits."""

    def __call__(self, pred: Any, y: Any) -> Any:
        e = np.exp(pred - pred.max(axis=1, keepdims=True))
        self.p, self.y = e / e.sum(axis=1, keepdims=True), y
        return -np.mean(np.log(self.p[np.arange(len(y)), y] + 1e-7))

    def backward(self) -> Any:
        d = self.p.copy()
        d[np.arange(len(d)), self.y] -= 1
        return d / len(d)


def own_loop(model: Any, criterion: Any, lr: float) -> Any:
    """No optimizer at all: the update stands in the loop."""

    class InTheLoop:
        def zero_grad(self) -> None: ...

        def step(self) -> None:
            for w, dw in model.parameters():
                w -= lr * dw

    return InTheLoop()


SCRIPTS: dict[str, tuple[Any, Any, Any]] = {
    "library all through": (lambda: MLP(64, 32, 10, output="softmax"), CrossEntropy, SGD),
    "logits": (lambda: MLP(64, 32, 10), SoftmaxCrossEntropy, SGD),
    "sigmoid": (lambda: MLP(64, 32, 10, activation="sigmoid", output="softmax"), CrossEntropy, SGD),
    "Sequential": (lambda: Sequential(Linear(64, 32), ReLU(), Linear(32, 10), Softmax()), CrossEntropy, SGD),
    "own model": (lambda: NotebookMLP(64, 32, 10), CrossEntropy, SGD),
    "own model, sigmoid": (lambda: NotebookMLP(64, 32, 10, "sigmoid"), CrossEntropy, SGD),
    "own list of layers": (lambda: NotebookList(64, 32, 10), CrossEntropy, SGD),
    "own optimizer": (lambda: MLP(64, 32, 10, output="softmax"), CrossEntropy, NotebookSGD),
    "own model and optimizer": (lambda: NotebookMLP(64, 32, 10), CrossEntropy, NotebookSGD),
    "own layer": (
        lambda: Sequential(NotebookDense(64, 32), ReLU(), Linear(32, 10), Softmax()), CrossEntropy, SGD,
    ),
    "own layer and optimizer": (
        lambda: Sequential(Linear(64, 32), Sigmoid(), NotebookDense(32, 10), Softmax()), CrossEntropy, NotebookSGD,
    ),
    "own loss": (lambda: MLP(64, 32, 10, output="softmax"), NotebookCrossEntropy, SGD),
    "own fused loss": (lambda: MLP(64, 32, 10), FusedCrossEntropy, NotebookSGD),
    "own all but the layers": (lambda: NotebookMLP(64, 32, 10), NotebookCrossEntropy, NotebookSGD),
    "update in the loop": (lambda: MLP(64, 32, 10, output="softmax"), CrossEntropy, None),
    "own model, update in the loop": (lambda: NotebookMLP(64, 32, 10), CrossEntropy, None),
}  # fmt: skip


@pytest.mark.parametrize(("make", "loss", "optimizer"), SCRIPTS.values(), ids=SCRIPTS)
def test_the_script_runs_and_learns(make: Any, loss: Any, optimizer: Any) -> None:
    x_train, y_train = digits(600, seed=1)
    x_test, y_test = digits(200, seed=2)
    model, criterion = make(), loss()
    how = optimizer(model.parameters(), lr=0.5) if optimizer else own_loop(model, criterion, 0.5)
    trainer = Trainer(model, criterion, how)
    trainer.train(DataLoader(x_train, y_train, batch_size=20), epochs=6)
    assert trainer.losses[0] > 0.2
    assert trainer.losses[-1] < 0.5 * trainer.losses[0]
    assert trainer.accuracy(x_test, y_test) >= 0.95


def test_one_hot_labels_as_notebooks_make_them() -> None:
    x, y = digits(100, seed=3)
    model, criterion = MLP(64, 16, 10, output="softmax", rng=0), CrossEntropy()
    assert criterion(model(x), np.eye(10)[y]) == pytest.approx(criterion(model(x), y), rel=1e-6)


def test_the_ways_to_write_the_same_net_agree_to_the_last_digit() -> None:
    """Library net and library optimizer, notebook net and notebook optimizer: the same numbers after the same steps."""
    x, y = digits(60, seed=4)
    library, own = MLP(64, 8, 10, output="softmax", rng=0), NotebookMLP(64, 8, 10)
    for (w, _), (v, _) in zip(own.parameters(), library.parameters(), strict=True):
        w[...] = v
    x = x.astype(np.float32)
    trainers = [
        Trainer(library, CrossEntropy(), SGD(library.parameters(), lr=0.1)),
        Trainer(own, CrossEntropy(), NotebookSGD(own.parameters(), lr=0.1)),
    ]
    for trainer in trainers:
        trainer.train(DataLoader(x, y, 20), epochs=3)
    assert trainers[0].losses == trainers[1].losses
    for (w, _), (v, _) in zip(own.parameters(), library.parameters(), strict=True):
        np.testing.assert_array_equal(w, v)
