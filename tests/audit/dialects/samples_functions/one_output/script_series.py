# ruff: noqa
import numpy as np

X = np.array([[0.0], [1.0], [2.0], [3.0]])
y_true = np.array([[1.0], [3.0], [5.0], [7.0]])

W1 = np.random.randn(1, 4)
b1 = np.zeros((1, 4))
W2 = np.random.randn(4, 1)
b2 = np.zeros((1, 1))
learning_rate = 0.01


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


for epoch in range(1000):
    hidden = sigmoid(np.dot(X, W1) + b1)
    y_pred = np.dot(hidden, W2) + b2
    loss = np.mean((y_pred - y_true) ** 2)

    dpred = 2 * (y_pred - y_true)
    dW2 = np.dot(hidden.T, dpred)
    db2 = np.sum(dpred, axis=0)
    dhidden = np.dot(dpred, W2.T) * hidden * (1 - hidden)
    dW1 = np.dot(X.T, dhidden)
    db1 = np.sum(dhidden, axis=0)

    W1 -= learning_rate * dW1
    b1 -= learning_rate * db1
    W2 -= learning_rate * dW2
    b2 -= learning_rate * db2
    if epoch % 100 == 0:
        print(f"{epoch}: {loss:.4f}")
