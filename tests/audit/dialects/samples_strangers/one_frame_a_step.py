"""Each frame of an animation is a step: a function of the frame's number alone, over data and weights of the file."""

import numpy as np
import pandas as pd
from matplotlib.animation import FuncAnimation
from matplotlib import pyplot as plt

table = np.array(pd.read_csv("digits.csv"))
X_train, Y_train = table[:, 1:].T / 255, table[:, 0]
W1, b1 = np.random.rand(11, 784) - 0.5, np.zeros((11, 1))
W2, b2 = np.random.rand(10, 11) - 0.5, np.zeros((10, 1))
told = []
figure, axes = plt.subplots()
(curve,) = axes.plot([], [])


def animate(frame):
    global W1, b1, W2, b2
    m = X_train.shape[1]
    A1 = np.maximum(W1.dot(X_train) + b1, 0)
    e = np.exp(W2.dot(A1) + b2)
    A2 = e / e.sum(axis=0)
    hot = np.eye(10)[Y_train].T
    told.append(-np.sum(hot * np.log(A2 + 1e-8)) / m)
    d2 = (A2 - hot) / m
    d1 = W2.T.dot(d2) * (A1 > 0)
    W2 = W2 - 0.1 * d2.dot(A1.T)
    b2 = b2 - 0.1 * d2.sum(axis=1, keepdims=True)
    W1 = W1 - 0.1 * d1.dot(X_train.T)
    b1 = b1 - 0.1 * d1.sum(axis=1, keepdims=True)
    curve.set_data(range(len(told)), told)
    return (curve,)


shown = FuncAnimation(figure, animate, frames=500)
plt.show()
