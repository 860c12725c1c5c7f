"""Scalars with exp and log, three classes, softmax and cross-entropy; the loss is a sum."""
import math
import random
import numpy as np


class Var:
    def __init__(self, data, children=(), backward=None):
        self.data, self.grad = float(data), 0.0
        self.children, self._back = children, backward

    def __add__(self, o):
        o = o if isinstance(o, Var) else Var(o)
        out = Var(self.data + o.data, (self, o))

        def back():
            self.grad += out.grad
            o.grad += out.grad
        out._back = back
        return out

    def __mul__(self, o):
        o = o if isinstance(o, Var) else Var(o)
        out = Var(self.data * o.data, (self, o))

        def back():
            self.grad += o.data * out.grad
            o.grad += self.data * out.grad
        out._back = back
        return out

    def exp(self):
        out = Var(math.exp(self.data), (self,))

        def back():
            self.grad += out.data * out.grad
        out._back = back
        return out

    def log(self):
        out = Var(math.log(self.data), (self,))

        def back():
            self.grad += out.grad / self.data
        out._back = back
        return out

    def sigmoid(self):
        s = 1 / (1 + math.exp(-self.data))
        out = Var(s, (self,))

        def back():
            self.grad += s * (1 - s) * out.grad
        out._back = back
        return out

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1

    def __sub__(self, o):
        return self + (-o)

    def backward(self):
        order, seen = [], set()

        def build(v):
            if v not in seen:
                seen.add(v)
                for c in v.children:
                    build(c)
                order.append(v)
        build(self)
        self.grad = 1.0
        for v in reversed(order):
            if v._back:
                v._back()


class Layer:
    def __init__(self, n, m, squash):
        self.w = [[Var(random.gauss(0, 1 / math.sqrt(n))) for _ in range(n)] for _ in range(m)]
        self.b = [Var(0) for _ in range(m)]
        self.squash = squash

    def __call__(self, x):
        out = [sum((w * v for w, v in zip(row, x)), b) for row, b in zip(self.w, self.b)]
        return [o.sigmoid() for o in out] if self.squash else out

    def parameters(self):
        return [w for row in self.w for w in row] + self.b


class MLP:
    def __init__(self, n, hidden, classes):
        self.layers = [Layer(n, hidden, True), Layer(hidden, classes, False)]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]


def cross_entropy(model, xs, ys):
    total = Var(0)
    for x, y in zip(xs, ys):
        z = model(x)
        total = total + sum((v.exp() for v in z), Var(0)).log() - z[y]
    return total


random.seed(2)
model = MLP(2, 6, 3)

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    ys = rng.integers(0, 3, 60)
    centres = np.array([[0, 1.5], [-1.3, -0.8], [1.3, -0.8]])
    xs = (centres[ys] + 0.4 * rng.standard_normal((60, 2))).tolist()
    for step in range(60):
        for p in model.parameters():
            p.grad = 0.0
        loss = cross_entropy(model, xs, ys)
        loss.backward()
        for p in model.parameters():
            p.data -= 0.02 * p.grad
    print("accuracy", np.mean([np.argmax([v.data for v in model(x)]) == y for x, y in zip(xs, ys)]))
