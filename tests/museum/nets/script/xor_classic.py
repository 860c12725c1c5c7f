import numpy as np

# XOR, the smallest net that needs a hidden layer
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


np.random.seed(1)
hidden_w = np.random.uniform(-1, 1, (2, 4))
hidden_b = np.zeros((1, 4))
output_w = np.random.uniform(-1, 1, (4, 1))
output_b = np.zeros((1, 1))
lr = 1.0

for epoch in range(5000):
    hidden = sigmoid(X @ hidden_w + hidden_b)
    predicted = sigmoid(hidden @ output_w + output_b)

    error = y - predicted
    loss = 0.5 * np.sum(error ** 2)
    d_predicted = error * predicted * (1 - predicted)
    d_hidden = d_predicted @ output_w.T * hidden * (1 - hidden)

    output_w += lr * hidden.T @ d_predicted
    output_b += lr * np.sum(d_predicted, axis=0, keepdims=True)
    hidden_w += lr * X.T @ d_hidden
    hidden_b += lr * np.sum(d_hidden, axis=0, keepdims=True)

print("predictions", predicted.round(2).ravel())
print("accuracy", np.mean((predicted > 0.5) == y))
