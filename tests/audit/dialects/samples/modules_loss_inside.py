"""The model's forward gives the loss; the loop at top level updates the layers that have weights."""
# ruff: noqa - written as strangers write

import numpy as np
import matplotlib.pyplot as plt


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out) * self.out


class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        x = x - np.max(x, axis=-1, keepdims=True)
        self.y = np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)
        return -np.sum(self.t * np.log(self.y + 1e-7)) / self.y.shape[0]

    def backward(self, dout=1):
        return (self.y - self.t) / self.t.shape[0]


class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size):
        I, H, O = input_size, hidden_size, output_size
        W1 = 0.01 * np.random.randn(I, H)
        b1 = np.zeros(H)
        W2 = 0.01 * np.random.randn(H, O)
        b2 = np.zeros(O)
        self.layers = [Affine(W1, b1), Sigmoid(), Affine(W2, b2)]
        self.loss_layer = SoftmaxWithLoss()

    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def forward(self, x, t):
        score = self.predict(x)
        return self.loss_layer.forward(score, t)

    def backward(self, dout=1):
        dout = self.loss_layer.backward(dout)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


max_epoch = 300
batch_size = 30
hidden_size = 10
learning_rate = 1.0
model = TwoLayerNet(2, hidden_size, 3)
x = np.random.rand(300, 2)
t = np.eye(3)[np.random.randint(0, 3, 300)]
data_size = len(x)
max_iters = data_size // batch_size
total_loss = 0
loss_count = 0
loss_list = []
for epoch in range(max_epoch):
    idx = np.random.permutation(data_size)
    xs = x[idx]
    ts = t[idx]
    for iters in range(max_iters):
        batch_x = xs[iters * batch_size : (iters + 1) * batch_size]
        batch_t = ts[iters * batch_size : (iters + 1) * batch_size]
        loss = model.forward(batch_x, batch_t)
        model.backward()
        for layer in model.layers:
            if hasattr(layer, "W"):
                layer.W -= learning_rate * layer.dW
                layer.b -= learning_rate * layer.db
        total_loss += loss
        loss_count += 1
        if (iters + 1) % 10 == 0:
            print(total_loss / loss_count)
            total_loss, loss_count = 0, 0
plt.plot(loss_list)
