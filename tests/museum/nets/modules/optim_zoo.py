"""Layers that know their parameters by name, and a handful of optimizers to compare."""
import numpy as np
import struct
import matplotlib.pyplot as plt


class FullyConnected:
    def __init__(self, inputs, outputs):
        self.W = np.random.normal(0, 1 / np.sqrt(inputs), (inputs, outputs))
        self.b = np.zeros(outputs)

    def forward(self, x):
        self.input = x
        return np.dot(x, self.W) + self.b

    def backward(self, grad_out):
        self.dW = np.dot(self.input.T, grad_out)
        self.db = np.sum(grad_out, axis=0)
        return np.dot(grad_out, self.W.T)


class Sigmoid:
    def forward(self, x):
        self.output = 1 / (1 + np.exp(-x))
        return self.output

    def backward(self, grad_out):
        return grad_out * self.output * (1 - self.output)


class MSE:
    def forward(self, prediction, target):
        self.diff = prediction - target
        return np.mean(np.sum(self.diff ** 2, axis=1))

    def backward(self):
        return 2 * self.diff / len(self.diff)


class SGD:
    def __init__(self, lr=0.5):
        self.lr = lr

    def update(self, layers):
        for layer in layers:
            if hasattr(layer, "W"):
                layer.W -= self.lr * layer.dW
                layer.b -= self.lr * layer.db


class RMSProp:
    def __init__(self, lr=0.002, rho=0.9, eps=1e-7):
        self.lr, self.rho, self.eps = lr, rho, eps
        self.cache = {}

    def update(self, layers):
        for k, layer in enumerate(layers):
            if not hasattr(layer, "W"):
                continue
            if k not in self.cache:
                self.cache[k] = [np.zeros_like(layer.W), np.zeros_like(layer.b)]
            for s, p, g in zip(self.cache[k], (layer.W, layer.b), (layer.dW, layer.db)):
                s *= self.rho
                s += (1 - self.rho) * g * g
                p -= self.lr * g / (np.sqrt(s) + self.eps)


class AdaGrad:
    def __init__(self, lr=0.05, eps=1e-7):
        self.lr, self.eps = lr, eps
        self.h = {}

    def update(self, layers):
        for k, layer in enumerate(layers):
            if not hasattr(layer, "W"):
                continue
            if k not in self.h:
                self.h[k] = [np.zeros_like(layer.W), np.zeros_like(layer.b)]
            for h, p, g in zip(self.h[k], (layer.W, layer.b), (layer.dW, layer.db)):
                h += g * g
                p -= self.lr * g / (np.sqrt(h) + self.eps)


class Net:
    def __init__(self, layers, loss):
        self.layers, self.loss = layers, loss

    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def gradient(self, x, t):
        value = self.loss.forward(self.predict(x), t)
        grad = self.loss.backward()
        for layer in self.layers[::-1]:
            grad = layer.backward(grad)
        return value


def read_idx(name):
    with open(name, "rb") as f:
        zero, kind, dims = struct.unpack(">HBB", f.read(4))
        shape = [struct.unpack(">I", f.read(4))[0] for _ in range(dims)]
        return np.frombuffer(f.read(), dtype=np.uint8).reshape(shape)


np.random.seed(3)
network = Net([FullyConnected(784, 50), Sigmoid(), FullyConnected(50, 10), Sigmoid()], MSE())
optimizer = RMSProp()

if __name__ == "__main__":
    X = read_idx("train-images-idx3-ubyte").reshape(-1, 784) / 255
    Y = np.eye(10)[read_idx("train-labels-idx1-ubyte")]
    X_test = read_idx("t10k-images-idx3-ubyte").reshape(-1, 784) / 255
    y_test = read_idx("t10k-labels-idx1-ubyte")
    losses = []
    for epoch in range(10):
        for start in range(0, len(X), 40):
            losses.append(network.gradient(X[start:start + 40], Y[start:start + 40]))
            optimizer.update(network.layers)
    plt.plot(losses)
    plt.savefig("losses.png")
    print("accuracy:", np.mean(network.predict(X_test).argmax(axis=1) == y_test))
