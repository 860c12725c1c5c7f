# layer(params) -> forward; forward(x) -> (y, back); back(dy) -> (dx, grads). Nothing is stored anywhere.
import numpy as np
from keras.datasets import mnist


def affine(p):
    def forward(x):
        y = x @ p["W"] + p["b"]

        def back(dy):
            return dy @ p["W"].T, {"W": x.T @ dy, "b": dy.sum(axis=0)}

        return y, back

    return forward


def sigmoid(_):
    def forward(x):
        s = 1 / (1 + np.exp(-x))
        return s, lambda ds: (ds * s * (1 - s), {})

    return forward


def softmax_loss(z, t):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.sum(t * np.log(p + 1e-12)) / len(t), lambda: (p - t) / len(t)


np.random.seed(21)
params = [
    {"W": np.random.randn(784, 50) / 28, "b": np.zeros(50)},
    {},
    {"W": np.random.randn(50, 10) / 7, "b": np.zeros(10)},
]
kinds = [affine, sigmoid, affine]


def run(x):
    backs = []
    for kind, p in zip(kinds, params):
        x, back = kind(p)(x)
        backs.append(back)
    return x, backs


def gradients(x, t):
    z, backs = run(x)
    loss, start = softmax_loss(z, t)
    d, grads = start(), []
    for back in backs[::-1]:
        d, g = back(d)
        grads.insert(0, g)
    return loss, grads


def train_step(x, t, lr):
    loss, grads = gradients(x, t)
    for p, g in zip(params, grads):
        for name in p:
            p[name] -= lr * g[name]
    return loss


if __name__ == "__main__":
    (x, y), (xt, yt) = mnist.load_data()
    x, t = x.reshape(-1, 784) / 255, np.eye(10)[y]
    for epoch in range(15):
        idx = np.random.permutation(len(x))
        for i in range(0, len(x), 25):
            loss = train_step(x[idx[i:i + 25]], t[idx[i:i + 25]], 0.5)
        print(epoch, loss)
    print("accuracy", (run(xt.reshape(-1, 784) / 255)[0].argmax(axis=1) == yt).mean())
