"""Dropout, an L2 term in loss and gradient, momentum, and a function for one epoch with a generator."""
# ruff: noqa - written as strangers write

import numpy as np


class Dense:
    def __init__(self, in_dim, out_dim, l2=1e-4):
        limit = np.sqrt(6 / (in_dim + out_dim))
        self.params = {"W": np.random.uniform(-limit, limit, (in_dim, out_dim)), "b": np.zeros((1, out_dim))}
        self.grads = {"W": None, "b": None}
        self.l2 = l2

    def forward(self, x, training=True):
        self.x = x
        return x.dot(self.params["W"]) + self.params["b"]

    def backward(self, grad):
        self.grads["W"] = self.x.T.dot(grad) + self.l2 * self.params["W"]
        self.grads["b"] = grad.sum(axis=0, keepdims=True)
        return grad.dot(self.params["W"].T)


class ReLU:
    params = {}

    def forward(self, x, training=True):
        self.x = x
        return np.maximum(x, 0)

    def backward(self, grad):
        return grad * (self.x > 0)


class Dropout:
    params = {}

    def __init__(self, rate=0.5):
        self.rate = rate

    def forward(self, x, training=True):
        if not training:
            return x
        self.mask = (np.random.rand(*x.shape) >= self.rate) / (1 - self.rate)
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask


class Sequential:
    def __init__(self):
        self.layers = []

    def add(self, l):
        self.layers.append(l)
        return self

    def forward(self, x, training=True):
        for l in self.layers:
            x = l.forward(x, training)
        return x

    def backward(self, g):
        for l in reversed(self.layers):
            g = l.backward(g)


class SoftmaxCrossEntropy:
    def forward(self, logits, y, model=None):
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        self.y = y
        loss = -np.log(self.p[range(len(y)), y] + 1e-12).mean()
        if model is not None:
            for l in model.layers:
                if l.params:
                    loss += 0.5 * l.l2 * (l.params["W"] ** 2).sum()
        return loss

    def backward(self):
        d = self.p.copy()
        d[range(len(self.y)), self.y] -= 1
        return d / len(self.y)


class SGD:
    def __init__(self, lr=0.1, momentum=0.9):
        self.lr = lr
        self.momentum = momentum
        self.v = {}

    def step(self, model):
        for i, l in enumerate(model.layers):
            for k in l.params:
                v = self.v.get((i, k), 0) * self.momentum - self.lr * l.grads[k]
                self.v[(i, k)] = v
                l.params[k] += v


def train_one_epoch(model, criterion, optimizer, X, y, batch_size, rng):
    order = rng.permutation(X.shape[0])
    total_loss, correct, seen = 0.0, 0, 0
    for start in range(0, X.shape[0], batch_size):
        idx = order[start : start + batch_size]
        X_batch, y_batch = X[idx], y[idx]
        y_pred = model.forward(X_batch, training=True)
        loss = criterion.forward(y_pred, y_batch, model)
        model.backward(criterion.backward())
        optimizer.step(model)
        total_loss += loss * len(y_batch)
        seen += len(y_batch)
    return total_loss / seen


model = Sequential().add(Dense(30, 20)).add(ReLU()).add(Dropout(0.3)).add(Dense(20, 4))
