# Classic dropout: nothing is scaled in training, the hidden layer is scaled by keep at test time.
import numpy as np
from keras.datasets import mnist


class Classifier:
    def __init__(self):
        self.W1 = np.random.normal(0.0, np.sqrt(2.0 / 784), (784, 96))
        self.b1 = np.full(96, 0.01)
        self.W2 = np.random.normal(0.0, np.sqrt(2.0 / 96), (96, 10))
        self.b2 = np.zeros(10)
        self.keep = 0.75

    def forward(self, x, training):
        self.x = x
        self.z1 = x @ self.W1 + self.b1
        self.h1 = np.where(self.z1 >= 0, self.z1, 0)
        if training:
            self.mask = np.random.rand(*self.h1.shape) < self.keep
            self.h1 = self.h1 * self.mask
        else:
            self.h1 = self.h1 * self.keep
        s = self.h1 @ self.W2 + self.b2
        s = np.exp(s - np.max(s, axis=1)[:, None])
        self.out = s / np.sum(s, axis=1)[:, None]
        return self.out

    def loss(self, y):
        return np.mean(-np.log(self.out[range(len(y)), y] + 1e-15))

    def backward(self, y):
        d2 = self.out.copy()
        d2[range(len(y)), y] -= 1
        d2 = d2 / len(y)
        self.gW2, self.gb2 = self.h1.T @ d2, d2.sum(0)
        d1 = (d2 @ self.W2.T) * self.mask * (self.z1 >= 0)
        self.gW1, self.gb1 = self.x.T @ d1, d1.sum(0)

    def update(self, lr):
        for name in ["W1", "b1", "W2", "b2"]:
            setattr(self, name, getattr(self, name) - lr * getattr(self, "g" + name))


def train(model, x, y, epochs=12, lr=0.15):
    for epoch in range(epochs):
        for idx in np.array_split(np.random.permutation(len(x)), max(1, len(x) // 30)):
            model.forward(x[idx], True)
            loss = model.loss(y[idx])
            model.backward(y[idx])
            model.update(lr)
        lr *= 0.95
        print(epoch, loss)


if __name__ == "__main__":
    np.random.seed(2)
    (x, y), (xt, yt) = mnist.load_data()
    model = Classifier()
    train(model, x.reshape(-1, 784) / 255.0, y)
    print("acc", np.mean(model.forward(xt.reshape(-1, 784) / 255.0, False).argmax(1) == yt))
