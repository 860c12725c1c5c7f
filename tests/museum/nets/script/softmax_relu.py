# %% MNIST with nothing but numpy
import numpy as np
import matplotlib.pyplot as plt
from keras.datasets import mnist

np.random.seed(1)

(x_train, y_train), (x_test, y_test) = mnist.load_data()
x_train = x_train.reshape(-1, 784) / 255
x_test = x_test.reshape(-1, 784) / 255

# %% hyperparameters
lr = 0.15
epochs = 12
batch_size = 32
hidden = 64

# %% parameters
W1 = np.random.randn(784, hidden) * np.sqrt(2 / 784)
b1 = np.zeros(hidden)
W2 = np.random.randn(hidden, hidden) * np.sqrt(2 / hidden)
b2 = np.zeros(hidden)
W3 = np.random.randn(hidden, 10) * np.sqrt(2 / hidden)
b3 = np.zeros(10)

# %% training
losses = []
for epoch in range(epochs):
    perm = np.random.permutation(len(x_train))
    x_train, y_train = x_train[perm], y_train[perm]
    for i in range(0, len(x_train), batch_size):
        x = x_train[i:i + batch_size]
        y = y_train[i:i + batch_size]
        n = len(x)

        # forward
        z1 = x @ W1 + b1
        h1 = np.maximum(z1, 0)
        z2 = h1 @ W2 + b2
        h2 = np.maximum(z2, 0)
        z3 = h2 @ W3 + b3
        z3 = z3 - z3.max(axis=1, keepdims=True)
        p = np.exp(z3) / np.exp(z3).sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(n), y] + 1e-12).mean()

        # backward
        dz3 = p.copy()
        dz3[np.arange(n), y] -= 1
        dz3 = dz3 / n
        dW3 = h2.T @ dz3
        db3 = dz3.sum(axis=0)
        dh2 = dz3 @ W3.T
        dz2 = dh2 * (z2 > 0)
        dW2 = h1.T @ dz2
        db2 = dz2.sum(axis=0)
        dh1 = dz2 @ W2.T
        dz1 = dh1 * (z1 > 0)
        dW1 = x.T @ dz1
        db1 = dz1.sum(axis=0)

        # update
        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2
        W3 -= lr * dW3
        b3 -= lr * db3
    losses.append(loss)
    print("epoch", epoch, "loss", round(float(loss), 4))

# %% evaluation
h1 = np.maximum(x_test @ W1 + b1, 0)
h2 = np.maximum(h1 @ W2 + b2, 0)
scores = h2 @ W3 + b3
accuracy = np.mean(np.argmax(scores, axis=1) == y_test)
print("test accuracy:", accuracy)
plt.plot(losses)
plt.show()
