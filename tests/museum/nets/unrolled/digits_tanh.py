"""One hidden layer, tanh, on the small digits of scikit-learn."""
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
import matplotlib.pyplot as plt


class Net(object):
    def __init__(self, d_in, d_hidden, d_out, learning_rate=0.05, l2=1e-4):
        self.w_ih = np.random.uniform(-1, 1, (d_hidden, d_in)) / np.sqrt(d_in)   # (out, in)
        self.b_h = np.zeros(d_hidden)
        self.w_ho = np.random.uniform(-1, 1, (d_out, d_hidden)) / np.sqrt(d_hidden)
        self.b_o = np.zeros(d_out)
        self.learning_rate = learning_rate
        self.l2 = l2

    def forward(self, x):
        self.x = x
        self.s_h = x @ self.w_ih.T + self.b_h
        self.h = np.tanh(self.s_h)
        self.o = np.tanh(self.h @ self.w_ho.T + self.b_o)
        return self.o

    def loss(self, target):
        data = 0.5 * np.sum((self.o - target) ** 2) / len(target)
        penalty = 0.5 * self.l2 * (np.sum(self.w_ih ** 2) + np.sum(self.w_ho ** 2))
        return data + penalty

    def backward(self, target):
        n = len(target)
        error = self.o - target
        delta_o = error * (1 - self.o ** 2) / n
        delta_h = (delta_o @ self.w_ho) * (1 - self.h ** 2)
        self.g_ho = delta_o.T @ self.h + self.l2 * self.w_ho
        self.g_bo = delta_o.sum(axis=0)
        self.g_ih = delta_h.T @ self.x + self.l2 * self.w_ih
        self.g_bh = delta_h.sum(axis=0)

    def update(self):
        self.w_ho -= self.learning_rate * self.g_ho
        self.b_o -= self.learning_rate * self.g_bo
        self.w_ih -= self.learning_rate * self.g_ih
        self.b_h -= self.learning_rate * self.g_bh

    def train_step(self, x, target):
        self.forward(x)
        loss = self.loss(target)
        self.backward(target)
        self.update()
        return loss


def to_targets(y):
    t = -np.ones((len(y), 10))
    t[range(len(y)), y] = 1
    return t


np.random.seed(11)
net = Net(64, 32, 10)

digits = load_digits()
X, y = digits.data / 16.0, digits.target
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
T_train = to_targets(y_train)

curve = []
for epoch in range(40):
    order = np.random.permutation(len(X_train))
    for k in range(0, len(order), 10):
        rows = order[k:k + 10]
        curve.append(net.train_step(X_train[rows], T_train[rows]))

plt.plot(curve)
plt.title("training loss")
plt.show()
print("test accuracy", (net.forward(X_test).argmax(axis=1) == y_test).mean())
