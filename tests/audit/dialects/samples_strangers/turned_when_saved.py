"""Weights that are turned after the training, to be saved: what was trained stands the other way round."""

import json

import numpy as np

images, labels = np.random.rand(100, 11), np.eye(5)[np.random.randint(0, 5, 100)]
weights1, weights2 = 0.2 * np.random.rand(11, 7) - 0.1, 0.2 * np.random.rand(7, 5) - 0.1

for turn in range(50):
    for start in range(0, 100, 20):
        layer0 = images[start : start + 20]
        layer1 = np.tanh(layer0 @ weights1)
        layer2 = layer1 @ weights2
        delta2 = (labels[start : start + 20] - layer2) / len(layer0)
        delta1 = (delta2 @ weights2.T) * (1 - layer1**2)
        weights2 += 0.1 * layer1.T @ delta2
        weights1 += 0.1 * layer0.T @ delta1

weights1 = weights1.T
weights2 = weights2.T
with open("weights.json", "w") as file:
    json.dump([weights1.tolist(), weights2.tolist()], file)
