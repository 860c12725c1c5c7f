"""Three weight matrices, gradients in a dict that backward returns, a separate update, a module-level train function."""
# ruff: noqa - written as strangers write

import numpy as np

LEARNING_RATE = 0.01
BATCH_SIZE = 64
EPOCHS = 10


class ThreeLayerNet:
    def __init__(self, n_in=784, n_h1=40, n_h2=40, n_out=10):
        self.w1 = np.random.randn(n_in, n_h1) * np.sqrt(2 / n_in)
        self.c1 = np.zeros(n_h1)
        self.w2 = np.random.randn(n_h1, n_h2) * np.sqrt(2 / n_h1)
        self.c2 = np.zeros(n_h2)
        self.w3 = np.random.randn(n_h2, n_out) * np.sqrt(2 / n_h2)
        self.c3 = np.zeros(n_out)

    def predict(self, x):
        self.x = x
        self.h1 = np.tanh(x @ self.w1 + self.c1)
        self.h2 = np.tanh(self.h1 @ self.w2 + self.c2)
        scores = self.h2 @ self.w3 + self.c3
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.p = scores / scores.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, labels):
        n = len(labels)
        d3 = self.p.copy()
        d3[np.arange(n), labels] -= 1
        d3 /= n
        d2 = (d3 @ self.w3.T) * (1 - self.h2**2)
        d1 = (d2 @ self.w2.T) * (1 - self.h1**2)
        return {
            "w3": self.h2.T @ d3, "c3": d3.sum(axis=0),
            "w2": self.h1.T @ d2, "c2": d2.sum(axis=0),
            "w1": self.x.T @ d1, "c1": d1.sum(axis=0),
        }  # fmt: skip

    def update(self, grads, lr):
        for name, grad in grads.items():
            setattr(self, name, getattr(self, name) - lr * grad)


def nll(p, labels):
    return float(np.mean(-np.log(p[np.arange(len(labels)), labels])))


def train(net, images, labels):
    for epoch in range(EPOCHS):
        order = np.random.permutation(len(images))
        running, count = 0.0, 0
        for i in range(0, len(images), BATCH_SIZE):
            x, y = images[order[i : i + BATCH_SIZE]], labels[order[i : i + BATCH_SIZE]]
            running += nll(net.predict(x), y)
            count += 1
            grads = net.backward(y)
            net.update(grads, LEARNING_RATE)
        print(f"{epoch}: {running / count:.3f}")


if __name__ == "__main__":
    net = ThreeLayerNet()
    train(net, np.random.rand(640, 784), np.random.randint(0, 10, 640))
