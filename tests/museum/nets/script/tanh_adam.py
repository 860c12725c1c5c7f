import numpy as np
from tqdm import tqdm

train = np.loadtxt("mnist_train.csv", delimiter=",")
test = np.loadtxt("mnist_test.csv", delimiter=",")
X_train, y_train = train[:, 1:] / 255.0, train[:, 0].astype(int)
X_test, y_test = test[:, 1:] / 255.0, test[:, 0].astype(int)
T_train = np.zeros((len(y_train), 10))
T_train[np.arange(len(y_train)), y_train] = 1

rng = np.random.default_rng(8)
W1 = rng.standard_normal((784, 64)) / np.sqrt(784)
b1 = np.zeros((1, 64))
W2 = rng.standard_normal((64, 10)) / np.sqrt(64)
b2 = np.zeros((1, 10))

params = [W1, b1, W2, b2]
m = [np.zeros_like(p) for p in params]
v = [np.zeros_like(p) for p in params]
beta1, beta2, eps = 0.9, 0.999, 1e-8
lr, reg = 0.002, 1e-4
t = 0

for epoch in tqdm(range(6)):
    order = rng.permutation(len(X_train))
    for k in range(0, len(order), 40):
        X = X_train[order[k:k + 40]]
        T = T_train[order[k:k + 40]]

        Z1 = X @ W1 + b1
        H = np.tanh(Z1)
        Z2 = H @ W2 + b2
        E = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
        P = E / E.sum(axis=1, keepdims=True)
        loss = -np.sum(T * np.log(P + 1e-12)) / len(X) + 0.5 * reg * (np.sum(W1 ** 2) + np.sum(W2 ** 2))

        dZ2 = (P - T) / len(X)
        dW2 = H.T @ dZ2 + reg * W2
        db2 = dZ2.sum(axis=0, keepdims=True)
        dH = dZ2 @ W2.T
        dZ1 = dH * (1 - H ** 2)
        dW1 = X.T @ dZ1 + reg * W1
        db1 = dZ1.sum(axis=0, keepdims=True)

        t += 1
        grads = [dW1, db1, dW2, db2]
        for i in range(4):
            m[i] = beta1 * m[i] + (1 - beta1) * grads[i]
            v[i] = beta2 * v[i] + (1 - beta2) * grads[i] ** 2
            m_hat = m[i] / (1 - beta1 ** t)
            v_hat = v[i] / (1 - beta2 ** t)
            params[i] -= lr * m_hat / (np.sqrt(v_hat) + eps)

P_test = np.tanh(X_test @ W1 + b1) @ W2 + b2
print("Accuracy on the test set:", np.mean(P_test.argmax(1) == y_test))
