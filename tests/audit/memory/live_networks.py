"""A network of layers as people write it, right; the tests plant one mistake at a time by a subclass."""

from __future__ import annotations

from typing import Any

import numpy as np


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class Linear:
    def __init__(self, inputs: int, outputs: int) -> None:
        self.W = 0.3 * np.random.default_rng(inputs).standard_normal((inputs, outputs))
        self.b = np.zeros(outputs)

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout: Any) -> Any:
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class AveragedLinear(Linear):
    def backward(self, dout: Any) -> Any:
        dx = super().backward(dout)
        self.dW, self.db = self.dW / len(dout), self.db / len(dout)
        return dx


class ReLU:
    def forward(self, x: Any) -> Any:
        self.mask = x > 0
        return x * self.mask

    def backward(self, dout: Any) -> Any:
        return dout * self.mask


class Passing(ReLU):
    def backward(self, dout: Any) -> Any:
        return dout


class Net:
    def __init__(self, linear: type = Linear, relu: type = ReLU) -> None:
        self.fc1, self.relu, self.fc2 = linear(20, 12), relu(), linear(12, 5)

    def forward(self, x: Any) -> Any:
        return self.fc2.forward(self.relu.forward(self.fc1.forward(x)))

    def backward(self, dout: Any) -> Any:
        return self.fc1.backward(self.relu.backward(self.fc2.backward(dout)))

    def parameters(self) -> list[Any]:
        return [pair for one in (self.fc1, self.fc2) for pair in ((one.W, one.dW), (one.b, one.db))]


class CrossEntropy:
    def forward(self, z: Any, y: Any) -> Any:
        self.p, self.y = softmax(z), y
        return -np.log(self.p[np.arange(len(y)), y]).mean()

    def backward(self) -> Any:
        return (self.p - np.eye(self.p.shape[1])[self.y]) / len(self.y)


class Unrolled:
    """One class that trains itself, and gives its loss."""

    def __init__(self, sign: float = 1.0) -> None:
        rng = np.random.default_rng(4)
        self.W1, self.b1 = 0.3 * rng.standard_normal((20, 12)), np.zeros(12)
        self.W2, self.b2 = 0.3 * rng.standard_normal((12, 5)), np.zeros(5)
        self.sign = sign

    def forward(self, x: Any) -> Any:
        self.h = np.tanh(x @ self.W1 + self.b1)
        self.p = softmax(self.h @ self.W2 + self.b2)
        return self.p

    def compute_loss(self, x: Any, y: Any) -> Any:
        return -np.log(self.forward(x)[np.arange(len(y)), y]).mean()

    def train_step(self, x: Any, y: Any, lr: float) -> Any:
        loss = self.compute_loss(x, y)
        d = (self.p - np.eye(5)[y]) / len(y) * self.sign
        dh = d @ self.W2.T * (1 - self.h**2)
        self.W2 -= lr * self.h.T @ d
        self.b2 -= lr * d.sum(axis=0)
        self.W1 -= lr * x.T @ dh
        self.b1 -= lr * dh.sum(axis=0)
        return loss
