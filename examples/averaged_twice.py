"""A network as people write it by hand. It runs, the loss falls a little, and something is wrong with it: audit it.

handgrad audit examples/averaged_twice.py --prove
"""

import numpy as np


class Linear:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * np.sqrt(2 / n_in)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        batch_size = self.x.shape[0]
        self.dW = self.x.T @ dout / batch_size
        self.db = dout.sum(axis=0) / batch_size
        return dout @ self.W.T


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class SoftmaxCrossEntropy:
    def forward(self, scores, labels):
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        self.labels = labels
        return -np.log(self.p[np.arange(len(labels)), labels] + 1e-7).mean()

    def backward(self):
        dscores = self.p.copy()
        dscores[np.arange(len(self.labels)), self.labels] -= 1
        return dscores / len(self.labels)


class Net:
    def __init__(self):
        self.layers = [Linear(784, 128), ReLU(), Linear(128, 10)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)

    def update(self, lr):
        for layer in self.layers:
            if isinstance(layer, Linear):
                layer.W -= lr * layer.dW
                layer.b -= lr * layer.db


def train(net, criterion, images, labels, epochs=10, batch_size=64, lr=0.1):
    for epoch in range(epochs):
        order = np.random.permutation(len(images))
        for start in range(0, len(images), batch_size):
            batch = order[start : start + batch_size]
            loss = criterion.forward(net.forward(images[batch]), labels[batch])
            net.backward(criterion.backward())
            net.update(lr)
        print(f"epoch {epoch + 1}: loss {loss:.4f}")


if __name__ == "__main__":
    from handgrad.data import load_data

    digits = load_data("mnist").train
    train(Net(), SoftmaxCrossEntropy(), digits.images.reshape(-1, 784) / 255, digits.labels)
