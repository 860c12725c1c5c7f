"""A rate of another name, a loss that is a function of the model, and sizes that stand in the call only."""

import numpy as np

table = np.loadtxt("moons.txt")
X, y = table[:, :2], table[:, 2].astype(int)
num_examples = len(X)
epsilon = 0.01


def report(model):
    a = np.tanh(X.dot(model["W1"]) + model["b1"])
    p = np.exp(a.dot(model["W2"]) + model["b2"])
    p /= p.sum(axis=1, keepdims=True)
    return -np.log(p[range(num_examples), y]).mean()


def compute_loss(model):
    return report(model)


def build(nn_hdim, passes=20000, print_loss=False):
    W1, b1 = np.random.randn(2, nn_hdim), np.zeros((1, nn_hdim))
    W2, b2 = np.random.randn(nn_hdim, 2), np.zeros((1, 2))
    for i in range(passes):
        a1 = np.tanh(X.dot(W1) + b1)
        scores = np.exp(a1.dot(W2) + b2)
        delta3 = scores / scores.sum(axis=1, keepdims=True)
        delta3[range(num_examples), y] -= 1
        delta3 /= num_examples
        delta2 = delta3.dot(W2.T) * (1 - a1**2)
        W2 += -epsilon * a1.T.dot(delta3)
        b2 += -epsilon * delta3.sum(axis=0, keepdims=True)
        W1 += -epsilon * X.T.dot(delta2)
        b1 += -epsilon * delta2.sum(axis=0)
        model = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
        if print_loss and i % 1000 == 0:
            print(f"loss after {i}: {compute_loss(model):f}")
    return model


model = build(3, print_loss=True)
