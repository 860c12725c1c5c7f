import os
import numpy as np


class Net:
    """Begins with the weights that it saved, saves new ones where there are none, and keeps a log."""

    def __init__(self):
        try:
            with np.load("net.npz", allow_pickle=True) as kept:
                self.W1, self.W2 = kept["W1"], kept["W2"]
        except FileNotFoundError:
            self.W1, self.W2 = np.random.randn(9, 14) * 0.1, np.random.randn(14, 3) * 0.1
            np.savez("net.npz", layers=[self.W1, self.W2])

    def forward(self, x):
        self.h = np.tanh(x @ self.W1)
        return self.h @ self.W2

    def backward(self, x, error, lr):
        dh = (error @ self.W2.T) * (1 - self.h ** 2)
        self.W2 -= lr * self.h.T @ error
        self.W1 -= lr * x.T @ dh

    def train(self, instances, targets, epochs=10, lr=0.1, validation_data=None):
        os.makedirs("logs", exist_ok=True)
        for epoch in range(epochs):
            out = self.forward(instances)
            loss = 0.5 * np.sum((out - targets) ** 2) / len(out)
            self.backward(instances, (out - targets) / len(out), lr)
            with open("logs/loss.csv", "a") as log:
                log.write("%d,%f\n" % (epoch, loss))
            if validation_data is not None:
                print(self.score(*validation_data))

    def score(self, x, t):
        return 0.5 * np.sum((self.forward(x) - t) ** 2) / len(x)
