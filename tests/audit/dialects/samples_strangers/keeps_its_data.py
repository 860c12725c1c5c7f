"""A network that is made of its data and keeps them, so that no call is given any."""

import numpy as np


class Kept:
    def __init__(self, x, y):
        self.input = x
        self.y = y
        self.w1 = np.random.rand(x.shape[1], 4)
        self.w2 = np.random.rand(4, 1)
        self.output = np.zeros(y.shape)

    def feedforward(self):
        self.layer1 = 1 / (1 + np.exp(-self.input @ self.w1))
        self.output = 1 / (1 + np.exp(-self.layer1 @ self.w2))

    def backprop(self):
        top = 2 * (self.y - self.output) * self.output * (1 - self.output)
        down = (top @ self.w2.T) * self.layer1 * (1 - self.layer1)
        self.w2 += self.layer1.T @ top
        self.w1 += self.input.T @ down


if __name__ == "__main__":
    x = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    y = np.array([[0], [1], [1], [0]])
    net = Kept(x, y)
    for _ in range(1500):
        net.feedforward()
        net.backprop()
    print(net.output)
