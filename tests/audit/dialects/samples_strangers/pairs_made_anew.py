"""No class and no name for any weight: a list of pairs, which each update makes anew; the data are scaled by name."""

import numpy as np


def init_mlp(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.normal(0, np.sqrt(2 / m), (m, n)), np.zeros(n)) for m, n in zip(sizes[:-1], sizes[1:], strict=True)]


def apply(params, x):
    acts = [x]
    for w, b in params[:-1]:
        acts.append(np.maximum(np.einsum("bi,ij->bj", acts[-1], w) + b, 0))
    w, b = params[-1]
    return acts[-1] @ w + b, acts


def loss_and_grads(params, x, y):
    logits, acts = apply(params, x)
    z = logits - logits.max(axis=-1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    n = len(x)
    loss = -logp[np.arange(n), y].mean()
    delta = np.exp(logp)
    delta[np.arange(n), y] -= 1
    delta /= n
    grads = []
    for (w, _), a in zip(reversed(params), reversed(acts), strict=True):
        grads.append((a.T @ delta, delta.sum(0)))
        delta = (delta @ w.T) * (a > 0)
    return loss, grads[::-1]


def sgd(params, grads, lr):
    return [(w - lr * dw, b - lr * db) for (w, b), (dw, db) in zip(params, grads, strict=True)]


def main():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = X / 16.0
    params = init_mlp([64, 32, 10])
    for epoch in range(20):
        order = np.random.permutation(len(X))
        for i in range(0, len(X), 32):
            rows = order[i : i + 32]
            loss, grads = loss_and_grads(params, X[rows], y[rows])
            params = sgd(params, grads, 0.1)
        print(epoch, loss)


if __name__ == "__main__":
    main()
