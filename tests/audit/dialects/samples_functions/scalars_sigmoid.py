# ruff: noqa
import math
from random import gauss


class Scalar:
    def __init__(self, data, parents=(), grads=()):
        self.data = float(data)
        self.parents = parents
        self.local = grads
        self.grad = 0.0

    def __add__(self, o):
        o = o if isinstance(o, Scalar) else Scalar(o)
        return Scalar(self.data + o.data, (self, o), (1.0, 1.0))

    __radd__ = __add__

    def __sub__(self, o):
        o = o if isinstance(o, Scalar) else Scalar(o)
        return Scalar(self.data - o.data, (self, o), (1.0, -1.0))

    def __mul__(self, o):
        o = o if isinstance(o, Scalar) else Scalar(o)
        return Scalar(self.data * o.data, (self, o), (o.data, self.data))

    __rmul__ = __mul__

    def sigmoid(self):
        s = 1 / (1 + math.exp(-self.data))
        return Scalar(s, (self,), (s * (1 - s),))

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if id(node) in seen:
                return
            seen.add(id(node))
            for p in node.parents:
                visit(p)
            order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for p, g in zip(node.parents, node.local):
                p.grad += g * node.grad


class Unit:
    def __init__(self, n_in):
        self.weights = [Scalar(gauss(0, 1)) for _ in range(n_in)]
        self.bias = Scalar(0.0)

    def __call__(self, xs):
        total = self.bias
        for w, x in zip(self.weights, xs):
            total = total + w * x
        return total.sigmoid()


class Net:
    def __init__(self, sizes):
        self.layers = [[Unit(a) for _ in range(b)] for a, b in zip(sizes, sizes[1:])]

    def __call__(self, xs):
        for layer in self.layers:
            xs = [unit(xs) for unit in layer]
        return xs

    def params(self):
        return [s for layer in self.layers for u in layer for s in u.weights + [u.bias]]
