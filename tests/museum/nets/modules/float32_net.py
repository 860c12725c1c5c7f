"""Everything in float32; the optimizer divides by the batch size."""
import numpy as np
from keras.datasets import mnist

F = np.float32


class Dense:
    def __init__(self, n, m):
        self.W = (np.random.randn(n, m) * np.sqrt(1.0 / n)).astype(F)   # LeCun
        self.b = np.zeros(m, dtype=F)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, g):
        self.gW = self.x.T @ g
        self.gb = g.sum(axis=0)
        return g @ self.W.T

    def params(self):
        return [(self.W, self.gW), (self.b, self.gb)]


class Softplus:
    def forward(self, x):
        self.x = x
        return np.logaddexp(0, x)

    def backward(self, g):
        return g / (1 + np.exp(-self.x))

    def params(self):
        return []


class Net:
    def __init__(self):
        self.layers = [Dense(784, 50), Softplus(), Dense(50, 10)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, g):
        for layer in self.layers[::-1]:
            g = layer.backward(g)


def cross_entropy(logits, y):
    z = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y] + F(1e-8)).mean()
    g = p.copy()
    g[np.arange(len(y)), y] -= 1   # not divided: see step()
    return loss, g


def step(net, lr, batch_size):
    for layer in net.layers:
        for p, g in layer.params():
            p -= lr / batch_size * g


def train_step(net, x, y, lr=0.2):
    loss, g = cross_entropy(net.forward(x), y)
    net.backward(g)
    step(net, lr, len(x))
    return loss


np.random.seed(4)
net = Net()

if __name__ == "__main__":
    (x, y), (xt, yt) = mnist.load_data()
    x, xt = (a.reshape(-1, 784).astype(F) / 255 for a in (x, xt))
    for epoch in range(15):
        idx = np.random.permutation(len(x))
        for i in range(0, len(x), 32):
            loss = train_step(net, x[idx[i:i + 32]], y[idx[i:i + 32]])
        print(epoch, loss)
    print("accuracy", (net.forward(xt).argmax(1) == yt).mean())
