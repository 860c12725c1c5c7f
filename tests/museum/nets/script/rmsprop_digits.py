# Digits with RMSprop, no classes, no autograd
import numpy as np
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
X = X / 16.0
n_train = int(0.8 * len(X))
X_train, y_train, X_val, y_val = X[:n_train], y[:n_train], X[n_train:], y[n_train:]

np.random.seed(10)
params = {
    "W1": np.random.randn(64, 48) * 0.15, "b1": np.zeros(48),
    "W2": np.random.randn(48, 10) * 0.15, "b2": np.zeros(10),
}
cache = {k: np.zeros_like(v) for k, v in params.items()}
learning_rate, decay, eps = 2e-3, 0.95, 1e-8


def forward(X):
    h = np.tanh(X @ params["W1"] + params["b1"])
    scores = h @ params["W2"] + params["b2"]
    scores -= scores.max(axis=1, keepdims=True)
    probs = np.exp(scores)
    probs /= probs.sum(axis=1, keepdims=True)
    return h, probs


def loss_and_gradients(X, y):
    N = len(X)
    h, probs = forward(X)
    loss = -np.log(probs[np.arange(N), y]).sum() / N
    d = probs.copy()
    d[np.arange(N), y] -= 1
    d /= N
    dh = (d @ params["W2"].T) * (1 - h * h)
    return loss, {"W2": h.T @ d, "b2": d.sum(0), "W1": X.T @ dh, "b1": dh.sum(0)}


for epoch in range(25):
    for i in range(0, n_train, 32):
        loss, grads = loss_and_gradients(X_train[i:i + 32], y_train[i:i + 32])
        for k in params:
            cache[k] = decay * cache[k] + (1 - decay) * grads[k] ** 2
            params[k] -= learning_rate * grads[k] / (np.sqrt(cache[k]) + eps)
    if epoch % 5 == 0:
        print("epoch", epoch, "loss", loss)

print("validation accuracy:", np.mean(forward(X_val)[1].argmax(axis=1) == y_val))
