"""float32, gradients that add up, AdamW, and a Trainer that holds model, loss and optimizer."""
# ruff: noqa - written as strangers write

import numpy as np


class Module:
    def __call__(self, *a):
        return self.forward(*a)

    def params(self):
        return []


class Linear(Module):
    def __init__(self, nin, nout, rng):
        self.w = rng.standard_normal((nin, nout)).astype(np.float32) * (2 / nin) ** 0.5
        self.b = np.zeros(nout, dtype=np.float32)
        self.gw = np.zeros_like(self.w)
        self.gb = np.zeros_like(self.b)

    def forward(self, x):
        self.inp = x
        return x @ self.w + self.b

    def backward(self, g):
        self.gw += self.inp.T @ g
        self.gb += g.sum(0)
        return g @ self.w.T

    def params(self):
        return [(self.w, self.gw), (self.b, self.gb)]


class GELUish(Module):
    def forward(self, x):
        self.s = 1 / (1 + np.exp(-x))
        self.x = x
        return x * self.s

    def backward(self, g):
        return g * (self.s + self.x * self.s * (1 - self.s))


class MLP(Module):
    def __init__(self, dims, seed=0):
        rng = np.random.default_rng(seed)
        self.layers = []
        for i, (a, b) in enumerate(zip(dims, dims[1:])):
            self.layers.append(Linear(a, b, rng))
            if i < len(dims) - 2:
                self.layers.append(GELUish())

    def forward(self, x):
        for l in self.layers:
            x = l(x)
        return x

    def backward(self, g):
        for l in reversed(self.layers):
            g = l.backward(g)

    def params(self):
        return sum((l.params() for l in self.layers), [])


class SoftmaxXent:
    def __call__(self, z, y):
        z = z - z.max(1, keepdims=True)
        logp = z - np.log(np.exp(z).sum(1, keepdims=True))
        self.p, self.y = np.exp(logp), y
        return -logp[np.arange(len(y)), y].mean()

    def grad(self):
        g = self.p.copy()
        g[np.arange(len(self.y)), self.y] -= 1
        return g / len(self.y)


class AdamW:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        self.params, self.lr, self.betas, self.eps, self.wd = params, lr, betas, eps, weight_decay
        self.m = [np.zeros_like(p) for p, _ in params]
        self.v = [np.zeros_like(p) for p, _ in params]
        self.t = 0

    def zero_grad(self):
        for _, g in self.params:
            g[...] = 0

    def step(self):
        self.t += 1
        for i, (p, g) in enumerate(self.params):
            self.m[i] = self.betas[0] * self.m[i] + (1 - self.betas[0]) * g
            self.v[i] = self.betas[1] * self.v[i] + (1 - self.betas[1]) * g * g
            mh = self.m[i] / (1 - self.betas[0] ** self.t)
            vh = self.v[i] / (1 - self.betas[1] ** self.t)
            p -= self.lr * (mh / (np.sqrt(vh) + self.eps) + self.wd * p)


class Trainer:
    def __init__(self, model, loss_fn, optimizer):
        self.model, self.loss_fn, self.opt = model, loss_fn, optimizer
        self.history = []

    def train_epoch(self, X, y, batch_size):
        tot = 0
        idx = np.random.permutation(len(X))
        for s in range(0, len(X), batch_size):
            b = idx[s : s + batch_size]
            loss = self.loss_fn(self.model(X[b]), y[b])
            self.opt.zero_grad()
            self.model.backward(self.loss_fn.grad())
            self.opt.step()
            tot += loss * len(b)
        return tot / len(X)


def main():
    X = np.random.rand(100, 20)
    y = np.random.randint(0, 3, 100)
    m = MLP([20, 16, 3])
    t = Trainer(m, SoftmaxXent(), AdamW(m.params()))
    for e in range(10):
        print(t.train_epoch(X, y, 10))


if __name__ == "__main__":
    main()
