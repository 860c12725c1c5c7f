"""Layers, a criterion and an optimizer with pairs from parameters(), as in a small framework."""
# ruff: noqa - written as strangers write

import numpy as np


class Linear:
    def __init__(self, in_features, out_features):
        self.W = np.random.randn(in_features, out_features) * np.sqrt(2.0 / in_features)
        self.b = np.zeros(out_features)
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T

    def parameters(self):
        return [(self.W, self.dW), (self.b, self.db)]


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask

    def parameters(self):
        return []


class Sequential:
    def __init__(self, *layers):
        self.layers = list(layers)

    def __call__(self, x):
        return self.forward(x)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout

    def parameters(self):
        return [pair for layer in self.layers for pair in layer.parameters()]


class CrossEntropyLoss:
    def forward(self, logits, labels):
        z = logits - logits.max(axis=1, keepdims=True)
        exp = np.exp(z)
        self.probs = exp / exp.sum(axis=1, keepdims=True)
        self.labels = labels
        n = len(labels)
        return -np.mean(np.log(self.probs[np.arange(n), labels] + 1e-12))

    def backward(self):
        n = len(self.labels)
        grad = self.probs.copy()
        grad[np.arange(n), self.labels] -= 1
        return grad / n


class SGD:
    def __init__(self, model, lr=0.01):
        self.model = model
        self.lr = lr

    def step(self):
        for param, grad in self.model.parameters():
            param -= self.lr * grad


model = Sequential(Linear(784, 64), ReLU(), Linear(64, 10))
criterion = CrossEntropyLoss()
optimizer = SGD(model, lr=0.05)

if __name__ == "__main__":
    X = np.random.rand(1000, 784)
    y = np.random.randint(0, 10, 1000)
    for epoch in range(5):
        for start in range(0, len(X), 50):
            xb, yb = X[start : start + 50], y[start : start + 50]
            loss = criterion.forward(model(xb), yb)
            model.backward(criterion.backward())
            optimizer.step()
        print(epoch, loss)
