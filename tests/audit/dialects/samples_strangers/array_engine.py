"""An autograd engine of arrays, and a network trained with it."""
import numpy as np


class Tensor:
    def __init__(self, data, parents=()):
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)
        self.parents, self._backward = parents, lambda: None

    def __add__(self, other):
        out = Tensor(self.data + other.data, (self, other))

        def _backward():
            self.grad += out.grad
            other.grad += out.grad.sum(axis=0)
        out._backward = _backward
        return out

    def __matmul__(self, other):
        out = Tensor(self.data @ other.data, (self, other))

        def _backward():
            self.grad += out.grad @ other.data.T
            other.grad += self.data.T @ out.grad
        out._backward = _backward
        return out

    def tanh(self):
        out = Tensor(np.tanh(self.data), (self,))

        def _backward():
            self.grad += out.grad * (1 - out.data ** 2)
        out._backward = _backward
        return out

    def cross_entropy(self, labels):
        e = np.exp(self.data - self.data.max(axis=1, keepdims=True))
        p, rows = e / e.sum(axis=1, keepdims=True), np.arange(len(labels))
        out = Tensor(-np.log(p[rows, labels]).mean(), (self,))

        def _backward():
            d = p.copy()
            d[rows, labels] -= 1
            self.grad += out.grad * d / len(labels)
        out._backward = _backward
        return out

    def backward(self):
        order, seen = [], set()

        def visit(t):
            if id(t) not in seen:
                seen.add(id(t))
                for parent in t.parents:
                    visit(parent)
                order.append(t)
        visit(self)
        self.grad = np.ones_like(self.data)
        for t in reversed(order):
            t._backward()


class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = params, lr

    def zero_grad(self):
        for p in self.params:
            p.grad = np.zeros_like(p.data)

    def step(self):
        for p in self.params:
            p.data -= self.lr * p.grad


class MLP:
    def __init__(self, n, h, c):
        self.w1, self.b1 = Tensor(np.random.randn(n, h) * 0.1), Tensor(np.zeros(h))
        self.w2, self.b2 = Tensor(np.random.randn(h, c) * 0.1), Tensor(np.zeros(c))

    def __call__(self, x):
        return (x @ self.w1 + self.b1).tanh() @ self.w2 + self.b2

    def parameters(self):
        return [self.w1, self.b1, self.w2, self.b2]


x_data, labels = np.random.rand(200, 8), np.random.randint(0, 3, 200)
model = MLP(8, 12, 3)
optimizer = SGD(model.parameters(), lr=0.1)
for step in range(500):
    rows = np.random.randint(0, len(x_data), 32)
    xb, yb = Tensor(x_data[rows]), labels[rows]
    optimizer.zero_grad()
    loss = model(xb).cross_entropy(yb)
    loss.backward()
    optimizer.step()
    print(step, loss.data)
