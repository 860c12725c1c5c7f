"""GELU by its tanh form and AdamW, layers with a dict of parameters."""
import numpy as np
from keras.datasets import mnist

C = np.sqrt(2 / np.pi)


class Linear:
    def __init__(self, n_in, n_out, rng):
        self.params = {"w": rng.normal(0, 0.05, (n_in, n_out)), "b": np.zeros(n_out)}
        self.grads = {"w": 0, "b": 0}

    def __call__(self, x):
        self.x = x
        return x @ self.params["w"] + self.params["b"]

    def backward(self, dy):
        self.grads["w"] = self.x.T @ dy
        self.grads["b"] = dy.sum(0)
        return dy @ self.params["w"].T


class GELU:
    params, grads = {}, {}

    def __call__(self, x):
        self.x = x
        self.t = np.tanh(C * (x + 0.044715 * x ** 3))
        return 0.5 * x * (1 + self.t)

    def backward(self, dy):
        inner = C * (1 + 3 * 0.044715 * self.x ** 2)
        return dy * (0.5 * (1 + self.t) + 0.5 * self.x * (1 - self.t ** 2) * inner)


class Model:
    def __init__(self, *layers):
        self.layers = layers

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)


def softmax_xent(z, y):
    z = z - z.max(1, keepdims=True)
    lse = np.log(np.exp(z).sum(1))
    loss = np.mean(lse - z[np.arange(len(y)), y])
    dz = np.exp(z - lse[:, None])
    dz[np.arange(len(y)), y] -= 1
    return loss, dz / len(y)


class AdamW:
    def __init__(self, model, lr=2e-3, b1=0.9, b2=0.999, eps=1e-8, decay=1e-2):
        self.slots = [(layer, k, np.zeros_like(v), np.zeros_like(v)) for layer in model.layers for k, v in layer.params.items()]
        self.lr, self.b1, self.b2, self.eps, self.decay, self.t = lr, b1, b2, eps, decay, 0

    def step(self):
        self.t += 1
        for layer, k, m, v in self.slots:
            p, g = layer.params[k], layer.grads[k]
            m[:] = self.b1 * m + (1 - self.b1) * g
            v[:] = self.b2 * v + (1 - self.b2) * g * g
            p *= 1 - self.lr * self.decay
            p -= self.lr * (m / (1 - self.b1 ** self.t)) / (np.sqrt(v / (1 - self.b2 ** self.t)) + self.eps)


rng = np.random.default_rng(3)
model = Model(Linear(784, 64, rng), GELU(), Linear(64, 10, rng))
optimizer = AdamW(model)

if __name__ == "__main__":
    (x, y), (xt, yt) = mnist.load_data()
    x, xt = x.reshape(-1, 784) / 255, xt.reshape(-1, 784) / 255
    for epoch in range(8):
        for rows in np.array_split(rng.permutation(len(x)), max(len(x) // 40, 1)):
            loss, dz = softmax_xent(model(x[rows]), y[rows])
            model.backward(dz)
            optimizer.step()
        print("epoch", epoch, "loss", loss)
    print("accuracy", (model(xt).argmax(1) == yt).mean())
