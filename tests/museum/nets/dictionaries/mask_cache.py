# Dropout regularisation homework: masks live in the cache
import numpy as np
from sklearn.datasets import load_digits

data = load_digits()
X = data.data / 16.0
T = np.eye(10)[data.target]
X_train, X_test = X[:1200], X[1200:]
T_train, T_test = T[:1200], T[1200:]


def init_params(dims, rng):
    params = {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = rng.standard_normal((dims[l - 1], dims[l])) * np.sqrt(2.0 / dims[l - 1])
        params[f"b{l}"] = np.zeros(dims[l])
    return params


def forward(params, X, keep_prob=1.0, rng=None):
    L = len(params) // 2
    cache = {"A0": X}
    A = X
    for l in range(1, L):
        Z = A @ params[f"W{l}"] + params[f"b{l}"]
        A = np.maximum(0, Z)
        if keep_prob < 1.0:
            D = rng.binomial(1, keep_prob, size=A.shape)
            A = A * D / keep_prob
            cache[f"D{l}"] = D
        cache[f"Z{l}"], cache[f"A{l}"] = Z, A
    Z = A @ params[f"W{L}"] + params[f"b{L}"]
    Z = Z - Z.max(axis=1, keepdims=True)
    E = np.exp(Z)
    cache["P"] = E / E.sum(axis=1, keepdims=True)
    return cache["P"], cache


def cost(P, T):
    return -np.mean(np.sum(T * np.log(P + 1e-9), axis=1))


def backward(params, cache, T, keep_prob):
    L = len(params) // 2
    grads = {}
    dZ = (cache["P"] - T) / T.shape[0]
    for l in range(L, 0, -1):
        grads[f"W{l}"] = cache[f"A{l-1}"].T @ dZ
        grads[f"b{l}"] = dZ.sum(axis=0)
        if l > 1:
            dA = dZ @ params[f"W{l}"].T
            dA = dA * cache[f"D{l-1}"] / keep_prob
            dZ = dA * (cache[f"Z{l-1}"] > 0)
    return grads


def train(X, T, dims=(64, 50, 30, 10), lr=0.3, keep_prob=0.8, epochs=60, batch_size=35):
    rng = np.random.default_rng(0)
    params = init_params(dims, rng)
    for epoch in range(epochs):
        idx = rng.permutation(len(X))
        for s in range(0, len(X), batch_size):
            b = idx[s:s + batch_size]
            P, cache = forward(params, X[b], keep_prob, rng)
            c = cost(P, T[b])
            grads = backward(params, cache, T[b], keep_prob)
            for name in params:
                params[name] -= lr * grads[name]
        if epoch % 10 == 0:
            print(epoch, c)
    return params


params = train(X_train, T_train)
P_test, _ = forward(params, X_test)
print("test accuracy", (P_test.argmax(axis=1) == T_test.argmax(axis=1)).mean())
