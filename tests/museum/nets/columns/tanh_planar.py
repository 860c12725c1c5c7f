import numpy as np
import matplotlib.pyplot as plt
from sklearn.datasets import make_moons

# 은닉층 하나짜리 이진 분류. 표본 하나가 열 하나.


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def layer_sizes():
    return 2, 16, 1


n_x, n_h, n_y = layer_sizes()
np.random.seed(2)
W1 = np.random.randn(n_h, n_x) * 0.5
b1 = np.zeros((n_h, 1))
W2 = np.random.randn(n_y, n_h) * 0.5
b2 = np.zeros((n_y, 1))


def forward(X):
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = sigmoid(Z2)
    return Z1, A1, Z2, A2


def cost(A2, Y):
    m = Y.shape[1]
    logprobs = Y * np.log(A2) + (1 - Y) * np.log(1 - A2)
    return -np.sum(logprobs) / m


def backward(X, Y, A1, A2):
    m = X.shape[1]
    dZ2 = A2 - Y
    dW2 = (1 / m) * dZ2 @ A1.T
    db2 = (1 / m) * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = (W2.T @ dZ2) * (1 - np.power(A1, 2))
    dW1 = (1 / m) * dZ1 @ X.T
    db1 = (1 / m) * np.sum(dZ1, axis=1, keepdims=True)
    return dW1, db1, dW2, db2


def train_step(X, Y, learning_rate):
    global W1, b1, W2, b2
    Z1, A1, Z2, A2 = forward(X)
    dW1, db1, dW2, db2 = backward(X, Y, A1, A2)
    W1 = W1 - learning_rate * dW1
    b1 = b1 - learning_rate * db1
    W2 = W2 - learning_rate * dW2
    b2 = b2 - learning_rate * db2
    return cost(A2, Y)


if __name__ == "__main__":
    points, labels = make_moons(n_samples=400, noise=0.2, random_state=1)
    X, Y = points.T, labels.reshape(1, -1)
    costs = [train_step(X, Y, 1.2) for i in range(2000)]
    plt.plot(costs)
    plt.show()
    print("accuracy:", np.mean((forward(X)[3] > 0.5) == Y))
