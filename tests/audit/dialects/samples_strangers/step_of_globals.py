"""No class and no loop of statements: a function that changes global names, called in a comprehension."""
import numpy as np

rng = np.random.default_rng(3)
W1, b1 = 0.4 * rng.standard_normal((10, 8)), np.zeros((1, 8))
W2, b2 = 0.4 * rng.standard_normal((8, 4)), np.zeros((1, 4))


def one_turn(x, t, lr):
    global W1, b1, W2, b2
    h = 1 / (1 + np.exp(-(x @ W1 + b1)))
    z = h @ W2 + b2
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    top = (p - t) / len(x)
    below = (top @ W2.T) * h * (1 - h)
    W2 = W2 - lr * h.T @ top
    b2 = b2 - lr * top.sum(axis=0, keepdims=True)
    W1 = W1 - lr * x.T @ below
    b1 = b1 - lr * below.sum(axis=0, keepdims=True)
    return -np.sum(t * np.log(p)) / len(x)


if __name__ == "__main__":
    data, answers = np.load("data.npy"), np.load("answers.npy")
    losses = [one_turn(data, np.eye(4)[answers], 0.5) for _ in range(500)]
