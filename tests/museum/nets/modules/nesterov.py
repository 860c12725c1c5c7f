import numpy as np
from sklearn.datasets import load_digits


class Linear:
    def __init__(self, i, o):
        self.w, self.b = np.random.randn(i, o) * np.sqrt(2 / (i + o)), np.zeros(o)   # Xavier
        self.dw, self.db = np.zeros_like(self.w), np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return np.einsum("bi,io->bo", x, self.w) + self.b

    def backward(self, d):
        self.dw[...] = np.einsum("bi,bo->io", self.x, d)
        self.db[...] = np.einsum("bo->o", d)
        return np.einsum("bo,io->bi", d, self.w)


class Sigmoid:
    def forward(self, x):
        self.s = 1.0 / (1.0 + np.exp(-x))
        return self.s

    def backward(self, d):
        return d * self.s * (1 - self.s)


class BCE:
    """Ten yes-or-no questions; mean over batch and classes."""

    def forward(self, p, t):
        self.p, self.t = p, t
        return -np.mean(t * np.log(p + 1e-12) + (1 - t) * np.log(1 - p + 1e-12))

    def backward(self):
        return (self.p - self.t) / (self.p * (1 - self.p) + 1e-12) / self.p.size


class Nesterov:
    def __init__(self, layers, lr=1.0, momentum=0.9):
        self.pairs = [(p, g) for layer in layers if isinstance(layer, Linear)
                      for p, g in ((layer.w, layer.dw), (layer.b, layer.db))]
        self.v = [np.zeros_like(p) for p, _ in self.pairs]
        self.lr, self.momentum = lr, momentum

    def step(self):
        for v, (p, g) in zip(self.v, self.pairs):
            v *= self.momentum
            v -= self.lr * g
            p += self.momentum * v - self.lr * g


np.random.seed(6)
layers = [Linear(64, 40), Sigmoid(), Linear(40, 10), Sigmoid()]
criterion = BCE()
optimizer = Nesterov(layers)


def forward(x):
    for layer in layers:
        x = layer.forward(x)
    return x


def backward():
    d = criterion.backward()
    for layer in reversed(layers):
        d = layer.backward(d)


if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    X, T = X / 16, np.eye(10)[y]
    n = int(len(X) * 0.8)
    for epoch in range(25):
        order = np.random.permutation(n)
        for i in range(0, n, 30):
            loss = criterion.forward(forward(X[order[i:i + 30]]), T[order[i:i + 30]])
            backward()
            optimizer.step()
        print(epoch, loss)
    print("accuracy", (forward(X[n:]).argmax(axis=1) == y[n:]).mean())
