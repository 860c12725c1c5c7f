"""Functions over a dictionary of parameters, gradients in another that is called g, and Adam with its state in a third."""

import numpy as np


def start(d, h, c):
    r = np.random.default_rng(2)
    return dict(W1=r.normal(0, 0.3, (d, h)), b1=np.zeros(h), W2=r.normal(0, 0.3, (h, c)), b2=np.zeros(c))


def slopes(p, X, T):
    a = np.tanh(X @ p["W1"] + p["b1"])
    e = np.exp(a @ p["W2"] + p["b2"])
    y = e / e.sum(axis=1, keepdims=True)
    top = (y - T) / len(X)
    low = top @ p["W2"].T * (1 - a * a)
    loss = -np.sum(T * np.log(y)) / len(X)
    return loss, dict(W1=X.T @ low, b1=low.sum(axis=0), W2=a.T @ top, b2=top.sum(axis=0))


def adam(p, g, s, t, lr=1e-2, beta1=0.9, beta2=0.999):
    for k in p:
        m, v = s.setdefault(k, [np.zeros_like(p[k]), np.zeros_like(p[k])])
        m[:] = beta1 * m + (1 - beta1) * g[k]
        v[:] = beta2 * v + (1 - beta2) * g[k] ** 2
        p[k] -= lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + 1e-8)


if __name__ == "__main__":
    table = np.genfromtxt("flowers.csv", delimiter=",")
    X, T = table[:, :4], np.eye(3)[table[:, 4].astype(int)]
    p, s, t = start(4, 12, 3), {}, 0
    for epoch in range(200):
        for i in range(0, 150, 30):
            t += 1
            l, g = slopes(p, X[i : i + 30], T[i : i + 30])
            adam(p, g, s, t)
        print(epoch, l)
