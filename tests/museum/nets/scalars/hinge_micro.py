"""A tiny engine of scalars, with ReLU neurons, a max-margin loss and a penalty on all parameters."""
import random
import numpy as np
from sklearn.datasets import make_moons


class Scalar:
    __slots__ = ("data", "grad", "parents", "local")

    def __init__(self, data, parents=(), local=()):
        self.data = data
        self.grad = 0
        self.parents = parents
        self.local = local   # derivative by each parent

    def __add__(self, other):
        other = other if isinstance(other, Scalar) else Scalar(other)
        return Scalar(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other):
        other = other if isinstance(other, Scalar) else Scalar(other)
        return Scalar(self.data * other.data, (self, other), (other.data, self.data))

    def relu(self):
        return Scalar(max(self.data, 0), (self,), (float(self.data > 0),))

    def __neg__(self):
        return self * -1

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return (-self) + other

    def __truediv__(self, number):
        return self * (1 / number)

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if id(node) in seen:
                return
            seen.add(id(node))
            for parent in node.parents:
                visit(parent)
            order.append(node)

        visit(self)
        self.grad = 1
        for node in reversed(order):
            for parent, d in zip(node.parents, node.local):
                parent.grad += d * node.grad


class Neuron:
    def __init__(self, n, active=True):
        self.w = [Scalar(random.uniform(-1, 1)) for _ in range(n)]
        self.b = Scalar(0)
        self.active = active

    def __call__(self, x):
        z = self.b
        for w, v in zip(self.w, x):
            z = z + w * v
        return z.relu() if self.active else z

    def parameters(self):
        return self.w + [self.b]


class Net:
    def __init__(self, sizes):
        self.layers = [[Neuron(n, active=i < len(sizes) - 2) for _ in range(m)]
                       for i, (n, m) in enumerate(zip(sizes[:-1], sizes[1:]))]

    def __call__(self, x):
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        return x[0]

    def parameters(self):
        return [p for layer in self.layers for neuron in layer for p in neuron.parameters()]

    def zero_grad(self):
        for p in self.parameters():
            p.grad = 0


def total_loss(net, xs, ys, alpha=1e-4):
    losses = [(1 - y * net(x)).relu() for x, y in zip(xs, ys)]
    return sum(losses, Scalar(0)) / len(losses) + alpha * sum((p * p for p in net.parameters()), Scalar(0))


random.seed(5)
model = Net([2, 8, 1])

if __name__ == "__main__":
    points, labels = make_moons(n_samples=60, noise=0.1)
    xs, ys = points.tolist(), [1 if t else -1 for t in labels]
    for k in range(80):
        loss = total_loss(model, xs, ys)
        model.zero_grad()
        loss.backward()
        rate = 0.3 - 0.25 * k / 80
        for p in model.parameters():
            p.data -= rate * p.grad
    print("accuracy", np.mean([(model(x).data > 0) == (y > 0) for x, y in zip(xs, ys)]))
