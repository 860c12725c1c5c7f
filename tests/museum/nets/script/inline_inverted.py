import numpy as np
import pandas as pd

# --- data -------------------------------------------------------
train = np.array(pd.read_csv('mnist_train.csv', header=None))
test = np.array(pd.read_csv('mnist_test.csv', header=None))
y_train = train[:, 0]
x_train = train[:, 1:] / 255.
y_test = test[:, 0]
x_test = test[:, 1:] / 255.

# --- hyperparameters --------------------------------------------
n_hidden = 100
keep = 0.8
lr = 0.1
batch = 50
epochs = 6

rng = np.random.default_rng(42)
W1 = rng.normal(0, np.sqrt(2 / 784), (784, n_hidden))
b1 = np.zeros(n_hidden)
W2 = rng.normal(0, np.sqrt(2 / n_hidden), (n_hidden, 10))
b2 = np.zeros(10)

for epoch in range(epochs):
    perm = rng.permutation(len(x_train))
    total = 0
    for start in range(0, len(x_train), batch):
        idx = perm[start:start + batch]
        xb = x_train[idx]
        yb = y_train[idx]
        m = len(xb)

        # forward
        z1 = xb @ W1 + b1
        a1 = np.maximum(z1, 0)
        mask = (rng.random(a1.shape) < keep) / keep
        a1 = a1 * mask
        z2 = a1 @ W2 + b2
        z2 -= z2.max(axis=1, keepdims=True)
        p = np.exp(z2)
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(m), yb] + 1e-12).mean()
        total += loss * m

        # backward
        dz2 = p.copy()
        dz2[np.arange(m), yb] -= 1
        dz2 /= m
        dW2 = a1.T @ dz2
        db2 = dz2.sum(axis=0)
        da1 = dz2 @ W2.T
        da1 *= mask
        dz1 = da1 * (z1 > 0)
        dW1 = xb.T @ dz1
        db1 = dz1.sum(axis=0)

        # sgd
        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2

    h = np.maximum(x_test @ W1 + b1, 0)
    acc = ((h @ W2 + b2).argmax(axis=1) == y_test).mean()
    print(f'epoch {epoch}: loss {total / len(x_train):.4f}  acc {acc:.4f}')
