"""A network whose layers are made by a method, after the data; its loss asks for the labels alone."""

import numpy as np


class Full:
    def __init__(self, wide, units):
        self.wide, self.units = wide, units

    def init_param(self):
        self.weight = np.random.normal(0, 0.1, (self.wide, self.units))
        self.bias = np.zeros([1, self.units])

    def forward(self, x):
        self.rows = x
        return x @ self.weight + self.bias

    def backward(self, top):
        self.d_weight, self.d_bias = self.rows.T @ top, top.sum(axis=0, keepdims=True)
        return top @ self.weight.T

    def update_param(self, lr):
        self.weight = self.weight - lr * self.d_weight
        self.bias = self.bias - lr * self.d_bias


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, top):
        return top * self.out * (1 - self.out)


class SoftmaxWithLoss:
    def forward(self, x):
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        self.prob = powers / powers.sum(axis=1, keepdims=True)
        return self.prob

    def get_loss(self, label):
        self.onehot = np.eye(self.prob.shape[1])[label.astype(int)]
        return -np.sum(np.log(self.prob) * self.onehot) / len(label)

    def backward(self):
        return (self.prob - self.onehot) / len(self.onehot)


class Digits:
    def __init__(self, batch_size=20, wide=16, hidden=12, classes=5, lr=0.1, epochs=10):
        self.batch_size, self.wide, self.hidden, self.classes = batch_size, wide, hidden, classes
        self.lr, self.epochs = lr, epochs

    def load_data(self):
        images, labels = np.load("images.npy"), np.load("labels.npy")
        self.train_data = np.append(images, labels.reshape(-1, 1), axis=1)

    def build_model(self):
        self.first, self.bend = Full(self.wide, self.hidden), Sigmoid()
        self.second, self.softmax = Full(self.hidden, self.classes), SoftmaxWithLoss()

    def init_model(self):
        for layer in (self.first, self.second):
            layer.init_param()

    def forward(self, x):
        return self.softmax.forward(self.second.forward(self.bend.forward(self.first.forward(x))))

    def backward(self):
        self.first.backward(self.bend.backward(self.second.backward(self.softmax.backward())))

    def update(self, lr):
        for layer in (self.first, self.second):
            layer.update_param(lr)

    def train(self):
        for _ in range(self.epochs):
            np.random.shuffle(self.train_data)
            for i in range(len(self.train_data) // self.batch_size):
                rows = self.train_data[i * self.batch_size : (i + 1) * self.batch_size]
                self.forward(rows[:, :-1])
                loss = self.softmax.get_loss(rows[:, -1])
                self.backward()
                self.update(self.lr)
            print(loss)


def build():
    hidden, epochs = 10, 30
    digits = Digits(hidden=hidden, epochs=epochs)
    digits.load_data()
    digits.build_model()
    digits.init_model()
    digits.train()


if __name__ == "__main__":
    build()
