"""A net, a loss and an optimizer as somebody else writes them: no state(), no dtype, no base class of ours."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class OwnNet:
    """Two linear layers with a ReLU between, written out; gradients are bound anew at each backward pass."""

    def __init__(self, inputs: int, hidden: int, outputs: int, *, callable_net: bool = False) -> None:
        rng = np.random.default_rng(4)
        self.w1, self.b1 = rng.standard_normal((inputs, hidden)) * 0.05, np.zeros(hidden)
        self.w2, self.b2 = rng.standard_normal((hidden, outputs)) * 0.3, np.zeros(outputs)
        self.grads: list[Array] = [np.zeros_like(w) for w in (self.w1, self.b1, self.w2, self.b2)]
        if callable_net:
            self.__class__ = _CallableNet

    def forward(self, x: Array) -> Array:
        self.x = x
        self.a = np.maximum(x @ self.w1 + self.b1, 0)
        return self.a @ self.w2 + self.b2

    def backward(self, dy: Array) -> None:
        da = (dy @ self.w2.T) * (self.a > 0)
        self.grads = [self.x.T @ da, da.sum(axis=0), self.a.T @ dy, dy.sum(axis=0)]

    def parameters(self) -> Any:
        return zip((self.w1, self.b1, self.w2, self.b2), self.grads, strict=True)

    def train(self, images: Array, labels: Array) -> None:
        """A method of that name which means something else."""
        raise AssertionError


class _CallableNet(OwnNet):
    def __call__(self, x: Array) -> Array:
        return self.forward(x)


class OwnLoss:
    """Softmax and cross-entropy; it gives a NumPy number, as most losses by hand do."""

    def __call__(self, prediction: Array, target: Array) -> Any:
        e = np.exp(prediction - prediction.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        rows = np.arange(len(target))
        self.d: Array = p.copy()
        self.d[rows, target] -= 1
        self.d /= len(target)
        return np.mean(-np.log(p[rows, target])).astype(np.float64)

    def backward(self) -> Array:
        return self.d


class OwnOptimizer:
    """Plain gradient descent with a `rate`, not an `lr`."""

    def __init__(self, net: Any, rate: float) -> None:
        self.net, self.rate = net, rate

    def step(self) -> None:
        for w, dw in self.net.parameters():
            w -= self.rate * dw


class Block:
    """Layers of handgrad's in a list, held by an object that knows no modes."""

    def __init__(self, *layers: Any) -> None:
        self.layers = list(layers)
        self.owner: Any = None

    def forward(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy: Array) -> Array:
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def parameters(self) -> list[Any]:
        return [pair for layer in self.layers for pair in layer.parameters()]


class ModelessNet(Block):
    """A net of one's own with a block inside, which knows its owner, and an output of its own."""

    def __init__(self, *layers: Any, out: Any) -> None:
        super().__init__(Block(*layers))
        self.out = out
        self.layers[0].owner = self

    def forward(self, x: Array) -> Array:
        return np.asarray(self.out.forward(super().forward(x)))

    def backward(self, dy: Array) -> Array:
        return super().backward(self.out.backward(dy))

    def parameters(self) -> list[Any]:
        return [*super().parameters(), *self.out.parameters()]
