"""The rows have a name that says nothing but to whom they are handed, and the scores stand behind the shares."""

import numpy as np


class Net:
    def begin(self):
        self.w1, self.b1 = np.random.randn(8, 5) * 0.3, np.zeros((8, 1))
        self.w2, self.b2 = np.random.randn(3, 8) * 0.3, np.zeros((3, 1))

    def up(self, x):
        z1 = self.w1 @ x + self.b1
        a1 = np.maximum(0, z1)
        z2 = self.w2 @ a1 + self.b2
        e = np.exp(z2 - z2.max(axis=0))
        return a1, e / e.sum(axis=0), z1, z2

    def down(self, a1, a2, z1, y, x):
        d2 = (a2 - y) / x.shape[1]
        d1 = self.w2.T @ d2 * (z1 > 0)
        return d1 @ x.T, d1.sum(axis=1, keepdims=True), d2 @ a1.T, d2.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    pixels_0 = np.random.rand(5, 60)
    chosen = np.eye(3)[np.random.randint(0, 3, 60)].T
    net = Net()
    net.begin()
    for turn in range(300):
        a1, a2, z1, z2 = net.up(pixels_0)
        dw1, db1, dw2, db2 = net.down(a1, a2, z1, chosen, pixels_0)
        net.w1 -= 0.3 * dw1
        net.b1 -= 0.3 * db1
        net.w2 -= 0.3 * dw2
        net.b2 -= 0.3 * db2
