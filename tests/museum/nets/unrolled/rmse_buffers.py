"""Buffers are made once for a batch size and reused; no allocation in the training loop."""
import numpy as np
from keras.datasets import mnist


class BufferNet:
    def __init__(self, B, D=784, H=48, K=10, seed=0):
        r = np.random.RandomState(seed)
        self.W1, self.b1 = r.randn(D, H) * np.sqrt(2 / D), np.zeros(H)
        self.W2, self.b2 = r.randn(H, K) * np.sqrt(2 / H), np.zeros(K)
        self.dW1, self.db1 = np.empty_like(self.W1), np.empty_like(self.b1)
        self.dW2, self.db2 = np.empty_like(self.W2), np.empty_like(self.b2)
        self.resize(B)

    def resize(self, B):
        self.B = B
        self.h = np.empty((B, len(self.b1)))
        self.p = np.empty((B, len(self.b2)))
        self.dh = np.empty_like(self.h)

    def forward(self, x):
        if len(x) != self.B:
            self.resize(len(x))
        self.x = x
        np.matmul(x, self.W1, out=self.h)
        self.h += self.b1
        np.maximum(self.h, 0, out=self.h)
        np.matmul(self.h, self.W2, out=self.p)
        self.p += self.b2
        self.p -= self.p.max(axis=1, keepdims=True)
        np.exp(self.p, out=self.p)
        self.p /= self.p.sum(axis=1, keepdims=True)
        return self.p

    def loss(self, y):
        return -np.log(self.p[np.arange(self.B), y] + 1e-12).sum() / self.B

    def backward(self, y):
        d = self.p          # from here on the buffer holds the gradient
        d[np.arange(self.B), y] -= 1
        d /= self.B
        np.matmul(self.h.T, d, out=self.dW2)
        np.sum(d, axis=0, out=self.db2)
        np.matmul(d, self.W2.T, out=self.dh)
        self.dh *= self.h > 0
        np.matmul(self.x.T, self.dh, out=self.dW1)
        np.sum(self.dh, axis=0, out=self.db1)

    def update(self, lr):
        for p, g in ((self.W1, self.dW1), (self.b1, self.db1), (self.W2, self.dW2), (self.b2, self.db2)):
            g *= lr
            p -= g


def train(net, x, y, epochs, lr):
    for epoch in range(epochs):
        for i in range(0, len(x) - net.B + 1, net.B):
            net.forward(x[i:i + net.B])
            loss = net.loss(y[i:i + net.B])
            net.backward(y[i:i + net.B])
            net.update(lr)
        print(epoch, loss)


if __name__ == "__main__":
    (x, y), (xt, yt) = mnist.load_data()
    net = BufferNet(30)
    train(net, x.reshape(-1, 784) / 255, y, 12, 0.15)
    print("accuracy", np.mean(net.forward(xt.reshape(-1, 784) / 255).argmax(axis=1) == yt))
