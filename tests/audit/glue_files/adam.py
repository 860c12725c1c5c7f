"""A small network with an Adam of its own, which is what is in question."""

import numpy as np

OPTIMIZER = "adam"
rng = np.random.default_rng(0)
W, b = rng.standard_normal((6, 3)), np.zeros(3)
moments = {"m": [0, 0], "v": [0, 0], "t": 0}


def parameters():
    return {"W": W, "b": b}


def probabilities(x):
    e = np.exp(x @ W + b)
    return e / e.sum(axis=1, keepdims=True)


def loss(x, y):
    return -np.log(probabilities(x)[np.arange(len(y)), y]).mean()


def optimizer_step(x, y):
    d = probabilities(x)
    d[np.arange(len(y)), y] -= 1
    d /= len(y)
    moments["t"] += 1
    for i, (value, g) in enumerate(((W, x.T @ d), (b, d.sum(axis=0)))):
        moments["m"][i] = 0.9 * moments["m"][i] + 0.1 * g
        moments["v"][i] = 0.999 * moments["v"][i] + 0.001 * g**2
        m = moments["m"][i] / (1 - 0.9 ** moments["t"])
        v = moments["v"][i] / (1 - 0.999 ** moments["t"])
        value -= 0.001 * m / (np.sqrt(v) + 1e-8)
