"""Functions around a dictionary of weights, whose learning rate lies in a dictionary, too."""

import numpy as np

Xapp, Yapp = np.random.default_rng(1).random((70, 12)), np.arange(70) % 10
inputs = Xapp.shape[1]
settings = {"lr": 1e-4, "turns": 100, "hidden": 14}


def build():
    rng = np.random.default_rng(0)
    hidden = settings["hidden"]
    W1, b1 = rng.standard_normal((inputs, hidden)) / np.sqrt(inputs), np.zeros((1, hidden))
    W2, b2 = rng.standard_normal((hidden, 10)) / np.sqrt(hidden), np.zeros((1, 10))
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def forward(model, x):
    a1 = np.tanh(x.dot(model["W1"]) + model["b1"])
    z2 = a1.dot(model["W2"]) + model["b2"]
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    return a1, e / e.sum(axis=1, keepdims=True)


def backward(model, x, y, a1, p):
    d2 = p
    d2[range(len(y)), y] -= 1
    d1 = d2.dot(model["W2"].T) * (1 - a1**2)
    return a1.T.dot(d2), d2.sum(axis=0, keepdims=True), x.T.dot(d1), d1.sum(axis=0)


def loss_of(model, x, y):
    _, p = forward(model, x)
    return -np.sum(np.log(p[range(len(y)), y])) / len(y)


def train(model, X_train, Y_train, show=True):
    W1, b1, W2, b2 = model["W1"], model["b1"], model["W2"], model["b2"]
    for i in range(settings["turns"]):
        a1, p = forward(model, X_train)
        dW2, db2, dW1, db1 = backward(model, X_train, Y_train, a1, p)
        W1 += -settings["lr"] * dW1
        b1 += -settings["lr"] * db1
        W2 += -settings["lr"] * dW2
        b2 += -settings["lr"] * db2
        model = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
        if show and i % 50 == 0:
            print(i, loss_of(model, X_train, Y_train))
    return model


model = build()
model = train(model, Xapp, Yapp)
