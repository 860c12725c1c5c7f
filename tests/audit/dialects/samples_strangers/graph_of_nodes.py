"""A graph of nodes, each of which holds a value, trained for as many rounds as the data have batches."""

import numpy as np


class Node:
    def __init__(self, *sources):
        self.sources, self.targets, self.value, self.slopes = sources, [], None, {}
        for one in sources:
            one.targets.append(self)

    def forward(self):
        pass

    def backward(self):
        self.slopes = {self: sum(target.slopes[self] for target in self.targets)}

    def above(self):
        return sum(target.slopes[self] for target in self.targets)


class Affine(Node):
    def forward(self):
        x, w, b = (one.value for one in self.sources)
        self.value = x @ w + b

    def backward(self):
        x, w, b = self.sources
        d = self.above()
        self.slopes = {x: d @ w.value.T, w: x.value.T @ d, b: d.sum(axis=0)}


class Logistic(Node):
    def forward(self):
        self.value = 1 / (1 + np.exp(-self.sources[0].value))

    def backward(self):
        self.slopes = {self.sources[0]: self.above() * self.value * (1 - self.value)}


class SquaredError(Node):
    def forward(self):
        y, out = self.sources
        self.off = out.value - y.value.reshape(-1, 1)
        self.value = np.mean(self.off**2)

    def backward(self):
        y, out = self.sources
        self.slopes = {y: -2 / len(self.off) * self.off, out: 2 / len(self.off) * self.off}


def descend(learned, learning_rate=0.01):
    for one in learned:
        one.value -= learning_rate * one.slopes[one]


rng = np.random.default_rng(0)
X_data = rng.standard_normal((240, 9))
y_data = X_data @ rng.standard_normal(9)

X, y, W1, b1, W2, b2 = (Node() for _ in range(6))
W1.value, b1.value = rng.standard_normal((9, 7)), np.zeros(7)
W2.value, b2.value = rng.standard_normal((7, 1)), np.zeros(1)
hidden = Affine(X, W1, b1)
bent = Logistic(hidden)
out = Affine(bent, W2, b2)
cost = SquaredError(y, out)
graph = [X, y, W1, b1, W2, b2, hidden, bent, out, cost]

batch_size = 12
steps = len(X_data) // batch_size
for epoch in range(10):
    loss = 0
    for step in range(steps):
        rows = np.random.choice(len(X_data), batch_size)
        X.value, y.value = X_data[rows], y_data[rows]
        for node in graph:
            node.forward()
        for node in graph[::-1]:
            node.backward()
        descend([W1, b1, W2, b2])
        loss += graph[-1].value
    print(epoch, loss / steps)
