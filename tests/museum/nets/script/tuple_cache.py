import numpy as np
from keras.datasets import mnist


def softmax(z):
    z = z - np.max(z, axis=-1, keepdims=True)
    e = np.exp(z)
    return e / np.sum(e, axis=-1, keepdims=True)


def leaky_relu(z, a=0.1):
    return np.where(z > 0, z, a * z)


def forward(X, W1, b1, W2, b2, training=True):
    Z1 = X @ W1 + b1
    A1 = leaky_relu(Z1)
    if training:
        M = np.random.randint(0, 2, size=A1.shape)
        A1 = A1 * M * 2
    else:
        M = None
    Z2 = A1 @ W2 + b2
    return softmax(Z2), (X, Z1, A1, M)


def backward(Y_hat, Y, cache, W2):
    X, Z1, A1, M = cache
    n = len(Y)
    dZ2 = (Y_hat - Y) / n
    dW2 = A1.T @ dZ2
    db2 = np.sum(dZ2, axis=0)
    dA1 = dZ2 @ W2.T * M * 2
    dZ1 = dA1 * np.where(Z1 > 0, 1, 0.1)
    dW1 = X.T @ dZ1
    db1 = np.sum(dZ1, axis=0)
    return dW1, db1, dW2, db2


def update(params, grads, lr):
    W1, b1, W2, b2 = params
    dW1, db1, dW2, db2 = grads
    W1 = W1 - lr * dW1
    b1 = b1 - lr * db1
    W2 = W2 - lr * dW2
    b2 = b2 - lr * db2
    return W1, b1, W2, b2


(X_train, y_train), (X_test, y_test) = mnist.load_data()
X_train = X_train.reshape(-1, 784) / 255
X_test = X_test.reshape(-1, 784) / 255
Y_train = np.eye(10)[y_train]

np.random.seed(5)
W1 = np.random.randn(784, 128) * np.sqrt(2 / 784)
b1 = np.zeros(128)
W2 = np.random.randn(128, 10) * np.sqrt(2 / 128)
b2 = np.zeros(10)

for epoch in range(8):
    p = np.random.permutation(len(X_train))
    X_train, Y_train = X_train[p], Y_train[p]
    for i in range(0, len(X_train), 50):
        X, Y = X_train[i:i + 50], Y_train[i:i + 50]
        Y_hat, cache = forward(X, W1, b1, W2, b2)
        loss = -np.mean(np.sum(Y * np.log(Y_hat + 1e-9), axis=1))
        grads = backward(Y_hat, Y, cache, W2)
        W1, b1, W2, b2 = update((W1, b1, W2, b2), grads, 0.2)
    Y_hat, _ = forward(X_test, W1, b1, W2, b2, training=False)
    print(f"epoch {epoch + 1}: loss={loss:.3f} acc={np.mean(np.argmax(Y_hat, axis=1) == y_test):.3f}")
