"""A small network for pictures, which no reader knows, with the functions through which it is audited all the same."""

import numpy as np

OPTIMIZER = "adam"  # what optimizer_step says that it is
rng = np.random.default_rng(0)
K, b1 = 0.3 * rng.standard_normal((6, 3, 3)), np.zeros(6)
W, b2 = 0.1 * rng.standard_normal((6, 4)), np.zeros(4)
moments = {"t": 0, "K": (0, 0), "b1": (0, 0), "W": (0, 0), "b2": (0, 0)}


def data(n, seed):
    """n pictures and their labels, in the form that this code wants."""
    rng = np.random.default_rng(seed)
    return rng.random((n, 8, 8)), rng.integers(0, 4, n)


def parameters():
    """Name -> live array."""
    return {"K": K, "b1": b1, "W": W, "b2": b2}


def forward(x):
    """Six filters, ReLU, the mean of each, four classes."""
    patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    z = np.einsum("nijkl,fkl->nijf", patches, K) + b1
    pooled = np.maximum(0, z).mean(axis=(1, 2))
    e = np.exp(pooled @ W + b2)
    return patches, z, pooled, e / e.sum(axis=1, keepdims=True)


def loss(x, y):
    """Of a batch of `data`, at the present parameters."""
    return -np.log(forward(x)[-1][np.arange(len(y)), y]).mean()


def gradients(x, y):
    """Name -> array; or step(x, y, lr), which changes the parameters."""
    patches, z, pooled, p = forward(x)
    d = (p - np.eye(4)[y]) / len(y)
    dz = (d @ W.T)[:, None, None] * (z > 0) / (z.shape[1] * z.shape[2])
    dK = np.einsum("nijf,nijkl->fkl", dz, patches)
    return {"K": dK, "b1": dz.sum(axis=(0, 1, 2)), "W": pooled.T @ d, "b2": d.sum(axis=0)}


def optimizer_step(x, y):
    """One step with the code's own optimizer, its settings included."""
    moments["t"] += 1
    for name, g in gradients(x, y).items():
        m, v = moments[name]
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        moments[name] = m, v
        m, v = m / (1 - 0.9 ** moments["t"]), v / (1 - 0.999 ** moments["t"])
        parameters()[name][...] -= 0.001 * m / (np.sqrt(v) + 1e-8)
