"""MLP from scratch on MNIST. Only numpy.

    python mlp_gz.py
"""
import gzip

import matplotlib.pyplot as plt
import numpy as np

np.random.seed(0)

EPOCHS = 12
BATCH_SIZE = 32
LR = 0.1


class Linear:
    def __init__(self, n_in, n_out):
        # He initialisation
        self.W = np.random.randn(n_in, n_out) * np.sqrt(2.0 / n_in)
        self.b = np.zeros(n_out)
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW[...] = self.x.T @ dout
        self.db[...] = dout.sum(axis=0)
        return dout @ self.W.T

    def parameters(self):
        return [(self.W, self.dW), (self.b, self.db)]


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return np.maximum(x, 0)

    def backward(self, dout):
        return dout * self.mask

    def parameters(self):
        return []


class SoftmaxCrossEntropy:
    def forward(self, logits, labels):
        shifted = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        self.probs = e / e.sum(axis=1, keepdims=True)
        self.labels = labels
        n = logits.shape[0]
        return -np.log(self.probs[np.arange(n), labels] + 1e-12).mean()

    def backward(self):
        n = self.probs.shape[0]
        grad = self.probs.copy()
        grad[np.arange(n), self.labels] -= 1
        return grad / n


class MLP:
    def __init__(self, sizes):
        self.layers = []
        for i in range(len(sizes) - 1):
            self.layers.append(Linear(sizes[i], sizes[i + 1]))
            if i < len(sizes) - 2:
                self.layers.append(ReLU())

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

    def parameters(self):
        params = []
        for layer in self.layers:
            params += layer.parameters()
        return params


class SGD:
    def __init__(self, params, lr):
        self.params = params
        self.lr = lr

    def step(self):
        for p, g in self.params:
            p -= self.lr * g


def load_images(filename):
    with gzip.open(filename, "rb") as f:
        data = np.frombuffer(f.read(), np.uint8, offset=16)
    return data.reshape(-1, 28 * 28).astype(np.float64) / 255.0


def load_labels(filename):
    with gzip.open(filename, "rb") as f:
        return np.frombuffer(f.read(), np.uint8, offset=8).astype(int)


def accuracy(model, x, y):
    return np.mean(np.argmax(model.forward(x), axis=1) == y)


model = MLP([784, 64, 64, 10])
criterion = SoftmaxCrossEntropy()
optimizer = SGD(model.parameters(), lr=LR)


def train(x_train, y_train, x_test, y_test):
    history = []
    for epoch in range(EPOCHS):
        order = np.random.permutation(len(x_train))
        x_train, y_train = x_train[order], y_train[order]
        total = 0.0
        for i in range(0, len(x_train), BATCH_SIZE):
            xb = x_train[i:i + BATCH_SIZE]
            yb = y_train[i:i + BATCH_SIZE]
            loss = criterion.forward(model.forward(xb), yb)
            model.backward(criterion.backward())
            optimizer.step()
            total += loss
        history.append(total)
        print(f"epoch {epoch + 1}: loss {total:.3f}, accuracy {accuracy(model, x_test, y_test):.4f}")
    return history


if __name__ == "__main__":
    x_train = load_images("train-images-idx3-ubyte.gz")
    y_train = load_labels("train-labels-idx1-ubyte.gz")
    x_test = load_images("t10k-images-idx3-ubyte.gz")
    y_test = load_labels("t10k-labels-idx1-ubyte.gz")
    history = train(x_train, y_train, x_test, y_test)
    plt.plot(history)
    plt.xlabel("epoch")
    plt.show()
