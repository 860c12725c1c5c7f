"""Two-layer net with sigmoid, and update rules that keep their state in a config."""
import numpy as np
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits


def fc_forward(X, W, b):
    out = X @ W + b
    return out, (X, W)


def fc_backward(dout, cache):
    X, W = cache
    dX = dout @ W.T
    dW = X.T @ dout
    db = dout.sum(axis=0)
    return dX, dW, db


def sigmoid_forward(X):
    out = 1.0 / (1.0 + np.exp(-X))
    return out, out


def sigmoid_backward(dout, cache):
    s = cache
    return dout * s * (1.0 - s)


def softmax_forward(X):
    e = np.exp(X - np.max(X, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return p, p


def softmax_backward(dout, cache):
    p = cache
    return p * (dout - np.sum(dout * p, axis=1, keepdims=True))


def cross_entropy(p, T):
    N = p.shape[0]
    loss = -np.sum(T * np.log(p)) / N
    dp = -T / p / N
    return loss, dp


def sgd_momentum(w, dw, config):
    v = config.get("velocity", np.zeros_like(w))
    v = config["momentum"] * v - config["learning_rate"] * dw
    w += v
    config["velocity"] = v
    return config


def rmsprop(w, dw, config):
    cache = config.get("cache", np.zeros_like(w))
    cache = config["decay_rate"] * cache + (1 - config["decay_rate"]) * dw ** 2
    w -= config["learning_rate"] * dw / (np.sqrt(cache) + config["epsilon"])
    config["cache"] = cache
    return config


def init(sizes, rng):
    params = {}
    for i, (n, m) in enumerate(zip(sizes[:-1], sizes[1:]), start=1):
        params[f"W{i}"] = rng.normal(0, 1 / np.sqrt(n), (n, m))
        params[f"b{i}"] = np.zeros(m)
    return params


def forward(params, X):
    h, fc1 = fc_forward(X, params["W1"], params["b1"])
    a, sig = sigmoid_forward(h)
    s, fc2 = fc_forward(a, params["W2"], params["b2"])
    p, soft = softmax_forward(s)
    return p, (fc1, sig, fc2, soft)


def loss_and_grads(params, X, T):
    p, (fc1, sig, fc2, soft) = forward(params, X)
    loss, dp = cross_entropy(p, T)
    grads = {}
    ds = softmax_backward(dp, soft)
    da, grads["W2"], grads["b2"] = fc_backward(ds, fc2)
    dh = sigmoid_backward(da, sig)
    _, grads["W1"], grads["b1"] = fc_backward(dh, fc1)
    return loss, grads


rng = np.random.default_rng(2)
params = init([64, 48, 10], rng)
update_rule = sgd_momentum
configs = {k: {"learning_rate": 0.1, "momentum": 0.9} for k in params}

if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    X = X / 16.0
    T = np.eye(10)[y]
    split = len(X) * 4 // 5
    losses = []
    for epoch in range(15):
        for rows in np.array_split(rng.permutation(split), max(1, split // 25)):
            loss, grads = loss_and_grads(params, X[rows], T[rows])
            for k in params:
                configs[k] = update_rule(params[k], grads[k], configs[k])
            losses.append(loss)
    plt.semilogy(losses)
    plt.show()
    guess = forward(params, X[split:])[0].argmax(axis=1)
    print("held out accuracy: %.3f" % np.mean(guess == y[split:]))
