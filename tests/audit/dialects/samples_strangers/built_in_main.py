"""A network that is built in main() only, out of data that is not there; the rate is a number in the call."""

import numpy as np


class Net:
    def __init__(self, n_in, n_mid, n_out):
        self.W1 = np.random.randn(n_in, n_mid) * 0.1
        self.b1 = np.zeros((1, n_mid))
        self.W2 = np.random.randn(n_mid, n_out) * 0.1
        self.b2 = np.zeros((1, n_out))

    def forward(self, X):
        self.A1 = np.tanh(X @ self.W1 + self.b1)
        scores = self.A1 @ self.W2 + self.b2
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.P = scores / scores.sum(axis=1, keepdims=True)
        return self.P

    def compute_loss(self, Y):
        return -np.mean(np.sum(Y * np.log(self.P), axis=1))

    def backward(self, X, Y, learning_rate):
        dZ2 = (self.P - Y) / len(X)
        dZ1 = (dZ2 @ self.W2.T) * (1 - self.A1**2)
        self.W2 -= learning_rate * (self.A1.T @ dZ2)
        self.b2 -= learning_rate * dZ2.sum(axis=0, keepdims=True)
        self.W1 -= learning_rate * (X.T @ dZ1)
        self.b1 -= learning_rate * dZ1.sum(axis=0, keepdims=True)


def main():
    data = np.loadtxt("measured.csv", delimiter=",")
    X_train, y_train = data[:, 1:], np.eye(5)[data[:, 0].astype(int)]
    net = Net(X_train.shape[1], 16, 5)
    for epoch in range(200):
        net.forward(X_train)
        loss = net.compute_loss(y_train)
        net.backward(X_train, y_train, 0.05)
        print(epoch, loss)


if __name__ == "__main__":
    main()
