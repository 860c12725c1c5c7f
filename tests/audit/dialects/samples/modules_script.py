"""A script that trains as it is run: a net of layers with W and dW, momentum, and a loop at top level."""
# ruff: noqa - written as strangers write

import numpy as np

np.random.seed(42)


class Affine:
    def __init__(self, d_in, d_out):
        self.w = np.random.randn(d_in, d_out) / np.sqrt(d_in)
        self.b = np.zeros(d_out)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, dy):
        self.dw = self.x.T @ dy
        self.db = dy.sum(0)
        return dy @ self.w.T


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y**2)


class Net:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in self.layers[::-1]:
            dy = layer.backward(dy)


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


class Momentum:
    def __init__(self, layers, learning_rate, mu=0.9):
        self.layers = [layer for layer in layers if hasattr(layer, "w")]
        self.learning_rate, self.mu = learning_rate, mu
        self.v = [(np.zeros_like(l.w), np.zeros_like(l.b)) for l in self.layers]

    def step(self):
        for layer, (vw, vb) in zip(self.layers, self.v):
            vw *= self.mu
            vw += layer.dw
            vb *= self.mu
            vb += layer.db
            layer.w -= self.learning_rate * vw
            layer.b -= self.learning_rate * vb


X_train = np.random.rand(2000, 100)
y_train = np.random.randint(0, 5, 2000)
Y_train = np.eye(5)[y_train]

net = Net([Affine(100, 30), Tanh(), Affine(30, 5)])
optimizer = Momentum(net.layers, learning_rate=0.05)
batch_size = 100
num_batches = len(X_train) // batch_size
losses = []

for epoch in range(50):
    for b in range(num_batches):
        xb = X_train[b * batch_size : (b + 1) * batch_size]
        tb = Y_train[b * batch_size : (b + 1) * batch_size]
        probs = softmax(net.forward(xb))
        loss = -np.sum(tb * np.log(probs + 1e-8)) / batch_size
        losses.append(loss)
        net.backward((probs - tb) / batch_size)
        optimizer.step()
    print("epoch", epoch, "loss", np.mean(losses[-num_batches:]))
