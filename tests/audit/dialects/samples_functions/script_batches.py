# ruff: noqa
import numpy as np
from sklearn.datasets import fetch_openml

X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
X = (X / 255).astype(np.float32)
y = y.astype(int)
X_train, X_test = X[:60000], X[60000:]
y_train, y_test = y[:60000], y[60000:]

n_inputs, n_hidden, n_outputs = 784, 24, 10
W1 = (np.random.randn(n_hidden, n_inputs) * np.sqrt(2 / n_inputs)).astype(np.float32)
b1 = np.zeros((n_hidden, 1), dtype=np.float32)
W2 = (np.random.randn(n_hidden, n_hidden) * np.sqrt(2 / n_hidden)).astype(np.float32)
b2 = np.zeros((n_hidden, 1), dtype=np.float32)
W3 = (np.random.randn(n_outputs, n_hidden) * np.sqrt(2 / n_hidden)).astype(np.float32)
b3 = np.zeros((n_outputs, 1), dtype=np.float32)

lr = 0.1
epochs = 5
batch_size = 64
losses = []

for epoch in range(epochs):
    perm = np.random.permutation(len(X_train))
    X_train, y_train = X_train[perm], y_train[perm]
    for i in range(0, len(X_train), batch_size):
        xb = X_train[i : i + batch_size].T
        yb = np.eye(n_outputs)[y_train[i : i + batch_size]].T
        m = xb.shape[1]

        z1 = W1 @ xb + b1
        a1 = np.maximum(z1, 0)
        z2 = W2 @ a1 + b2
        a2 = np.maximum(z2, 0)
        z3 = W3 @ a2 + b3
        e = np.exp(z3 - z3.max(axis=0, keepdims=True))
        probs = e / e.sum(axis=0, keepdims=True)

        losses.append(-np.sum(yb * np.log(probs + 1e-9)) / m)

        dz3 = (probs - yb) / m
        dW3 = dz3 @ a2.T
        db3 = dz3.sum(axis=1, keepdims=True)
        da2 = W3.T @ dz3
        dz2 = da2 * (z2 > 0)
        dW2 = dz2 @ a1.T
        db2 = dz2.sum(axis=1, keepdims=True)
        da1 = W2.T @ dz2
        dz1 = da1 * (z1 > 0)
        dW1 = dz1 @ xb.T
        db1 = dz1.sum(axis=1, keepdims=True)

        for p, g in zip((W1, b1, W2, b2, W3, b3), (dW1, db1, dW2, db2, dW3, db3)):
            p -= lr * g

    preds = np.argmax(W3 @ np.maximum(W2 @ np.maximum(W1 @ X_test.T + b1, 0) + b2, 0) + b3, axis=0)
    print("epoch", epoch, "test accuracy", np.mean(preds == y_test))
