# ruff: noqa
import numpy as np


def squash(v, slope=False):
    return v * (1 - v) if slope else 1 / (1 + np.exp(-v))


inputs = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
targets = np.array([[0, 1, 1, 0]]).T
syn0 = 2 * np.random.random((3, 4)) - 1
syn1 = 2 * np.random.random((4, 1)) - 1

for step in range(60000):
    layer0 = inputs
    layer1 = squash(layer0.dot(syn0))
    layer2 = squash(layer1.dot(syn1))
    layer2_error = targets - layer2
    if step % 10000 == 0:
        print("error", np.mean(np.abs(layer2_error)))
    layer2_delta = layer2_error * squash(layer2, slope=True)
    layer1_delta = layer2_delta.dot(syn1.T) * squash(layer1, slope=True)
    syn1 += layer1.T.dot(layer2_delta)
    syn0 += layer0.T.dot(layer1_delta)
