"""Any depth; parameters, caches and gradients in dictionaries keyed by layer number; momentum as a running mean."""
import numpy as np
from sklearn.datasets import load_digits


def init(dims, rng):
    return {l: {"W": rng.standard_normal((dims[l - 1], dims[l])) * np.sqrt(2 / dims[l - 1]), "b": np.zeros(dims[l])}
            for l in range(1, len(dims))}


def forward(model, X):
    cache = {0: X}
    L = len(model)
    for l in range(1, L + 1):
        Z = cache[l - 1] @ model[l]["W"] + model[l]["b"]
        cache[l] = np.maximum(Z, 0.01 * Z) if l < L else Z
    S = cache[L] - cache[L].max(axis=1, keepdims=True)
    P = np.exp(S) / np.exp(S).sum(axis=1, keepdims=True)
    return P, cache


def cost(P, y):
    return -np.mean(np.log(P[np.arange(len(y)), y] + 1e-12))


def backward(model, P, cache, y):
    grads = {}
    L = len(model)
    D = P.copy()
    D[np.arange(len(y)), y] -= 1
    D = D / len(y)
    for l in range(L, 0, -1):
        grads[l] = {"W": cache[l - 1].T @ D, "b": D.sum(axis=0)}
        if l > 1:
            D = (D @ model[l]["W"].T) * np.where(cache[l - 1] > 0, 1.0, 0.01)
    return grads


def update(model, grads, velocity, lr, beta=0.9):
    for l in model:
        for k in model[l]:
            velocity[l][k] = beta * velocity[l][k] + (1 - beta) * grads[l][k]
            model[l][k] -= lr * velocity[l][k]


rng = np.random.default_rng(1)
model = init([64, 40, 40, 40, 10], rng)
velocity = {l: {k: np.zeros_like(v) for k, v in layer.items()} for l, layer in model.items()}

if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    X = X / 16
    n = len(X) * 4 // 5
    for epoch in range(30):
        perm = rng.permutation(n)
        for i in range(0, n, 25):
            rows = perm[i:i + 25]
            P, cache = forward(model, X[rows])
            update(model, backward(model, P, cache, y[rows]), velocity, 0.1)
        print(epoch, cost(P, y[rows]))
    print("accuracy", np.mean(forward(model, X[n:])[0].argmax(axis=1) == y[n:]))
