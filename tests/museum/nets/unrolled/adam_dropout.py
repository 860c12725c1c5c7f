# -*- coding: utf-8 -*-
# MNIST 손글씨 분류: 은닉층 하나, ReLU, 드롭아웃, Adam
import numpy as np
import gzip


class MLP:
    def __init__(self, input_size=784, hidden_size=100, output_size=10, keep_prob=0.8, lr=0.001):
        self.W1 = np.random.randn(input_size, hidden_size) * np.sqrt(2 / input_size)
        self.b1 = np.zeros(hidden_size)
        self.W2 = np.random.randn(hidden_size, output_size) * np.sqrt(2 / hidden_size)
        self.b2 = np.zeros(output_size)
        self.keep_prob = keep_prob
        self.lr = lr
        # Adam에 필요한 값
        self.beta1, self.beta2, self.eps = 0.9, 0.999, 1e-8
        self.t = 0
        self.m = [np.zeros_like(p) for p in self.params()]
        self.v = [np.zeros_like(p) for p in self.params()]

    def params(self):
        return [self.W1, self.b1, self.W2, self.b2]

    def forward(self, x, train=True):
        self.x = x
        self.z1 = np.dot(x, self.W1) + self.b1
        self.a1 = np.maximum(0, self.z1)
        if train:
            self.mask = (np.random.rand(*self.a1.shape) < self.keep_prob) / self.keep_prob
            self.d1 = self.a1 * self.mask
        else:
            self.d1 = self.a1
        scores = np.dot(self.d1, self.W2) + self.b2
        scores -= scores.max(axis=1, keepdims=True)
        e = np.exp(scores)
        self.probs = e / e.sum(axis=1, keepdims=True)
        return self.probs

    def loss(self, y):
        return -np.mean(np.log(self.probs[np.arange(len(y)), y] + 1e-9))

    def backward(self, y):
        n = len(y)
        dscores = self.probs.copy()
        dscores[np.arange(n), y] -= 1
        dscores /= n
        dW2 = np.dot(self.d1.T, dscores)
        db2 = np.sum(dscores, axis=0)
        da1 = np.dot(dscores, self.W2.T) * self.mask
        dz1 = da1 * (self.z1 > 0)
        dW1 = np.dot(self.x.T, dz1)
        db1 = np.sum(dz1, axis=0)
        self.grads = [dW1, db1, dW2, db2]

    def update(self):
        self.t += 1
        for i, (p, g) in enumerate(zip(self.params(), self.grads)):
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * (g * g)
            m_hat = self.m[i] / (1 - self.beta1 ** self.t)
            v_hat = self.v[i] / (1 - self.beta2 ** self.t)
            p -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)

    def predict(self, x):
        return self.forward(x, train=False).argmax(axis=1)


def load_mnist(images, labels):
    with gzip.open(images) as f:
        x = np.frombuffer(f.read(), dtype=np.uint8, offset=16).reshape(-1, 784) / 255.0
    with gzip.open(labels) as f:
        y = np.frombuffer(f.read(), dtype=np.uint8, offset=8).astype(np.int64)
    return x, y


def train(model, x, y, epochs=6, batch_size=32):
    for epoch in range(epochs):
        idx = np.random.permutation(len(x))
        for i in range(0, len(x), batch_size):
            b = idx[i:i + batch_size]
            model.forward(x[b])
            loss = model.loss(y[b])
            model.backward(y[b])
            model.update()
        print(f"{epoch + 1}번째 에폭, 손실 {loss:.4f}")


if __name__ == "__main__":
    np.random.seed(42)
    x_train, y_train = load_mnist("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
    x_test, y_test = load_mnist("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
    model = MLP()
    train(model, x_train, y_train)
    print("정확도:", (model.predict(x_test) == y_test).mean())
