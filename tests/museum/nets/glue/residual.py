"""Two residual blocks and a softmax; not one of the usual forms, so it comes with glue."""
import numpy as np

rng = np.random.default_rng(31)
W_in = rng.normal(0, 0.15, (64, 24))
blocks = [rng.normal(0, 0.15, (24, 24)) for _ in range(2)]
W_out = rng.normal(0, 0.2, (24, 10))


def forward(x):
    h = [x @ W_in]
    acts = []
    for W in blocks:
        acts.append(np.tanh(h[-1] @ W))
        h.append(h[-1] + acts[-1])
    s = h[-1] @ W_out
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return h, acts, e / e.sum(axis=1, keepdims=True)


def parameters():
    return {"W_in": W_in, "block0": blocks[0], "block1": blocks[1], "W_out": W_out}


def loss(x, y):
    return -np.log(forward(x)[2][np.arange(len(y)), y] + 1e-12).mean()


def gradients(x, y):
    h, acts, p = forward(x)
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    d /= len(y)
    found = {"W_out": h[-1].T @ d}
    d = d @ W_out.T
    for i in (1, 0):
        inner = d * (1 - acts[i] ** 2)
        found[f"block{i}"] = h[i].T @ inner
        d = d + inner @ blocks[i].T
    found["W_in"] = x.T @ d
    return found


def step(x, y, lr):
    g = gradients(x, y)
    for name, value in parameters().items():
        value -= lr * g[name]


if __name__ == "__main__":
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    n = int(0.8 * len(X))
    for i in range(1200):
        rows = rng.integers(0, n, 20)
        step(X[rows] / 16, y[rows], 0.2)
    print("accuracy", np.mean(forward(X[n:] / 16)[2].argmax(axis=1) == y[n:]))
