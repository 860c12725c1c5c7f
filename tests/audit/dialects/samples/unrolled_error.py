"""Named layers, backward takes an error; every layer is followed by a sigmoid and has its own update."""
# ruff: noqa - written as strangers write

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Layer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.3
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.y = sigmoid(x @ self.W + self.b)
        return self.y

    def backward(self, error):
        delta = error * self.y * (1 - self.y)
        self.grad_W = self.x.T @ delta
        self.grad_b = delta.sum(axis=0)
        return delta @ self.W.T

    def update(self, lr):
        self.W -= lr * self.grad_W
        self.b -= lr * self.grad_b


class NeuralNetwork:
    def __init__(self):
        self.layer1 = Layer(784, 64)
        self.layer2 = Layer(64, 64)
        self.layer3 = Layer(64, 10)

    def predict(self, x):
        x = self.layer1.forward(x)
        x = self.layer2.forward(x)
        return self.layer3.forward(x)

    def backward(self, error):
        error = self.layer3.backward(error)
        error = self.layer2.backward(error)
        error = self.layer1.backward(error)

    def update(self, lr):
        self.layer1.update(lr)
        self.layer2.update(lr)
        self.layer3.update(lr)

    def loss(self, y, t):
        return 0.5 * np.sum((y - t) ** 2)

    def train(self, x_train, t_train, lr=0.1, epochs=2, batch_size=125):
        for epoch in range(epochs):
            index = np.random.permutation(x_train.shape[0])
            for start in range(0, x_train.shape[0], batch_size):
                picked = index[start : start + batch_size]
                x, t = x_train[picked], t_train[picked]
                y = self.predict(x)
                loss = self.loss(y, t)
                self.backward(y - t)
                self.update(lr)
            print("Epoch", epoch + 1, "Loss:", loss)


if __name__ == "__main__":
    nn = NeuralNetwork()
    x_train = np.random.rand(1000, 784)
    t_train = np.eye(10)[np.random.randint(0, 10, 1000)]
    nn.train(x_train, t_train)
