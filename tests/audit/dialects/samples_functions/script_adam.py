# ruff: noqa
import numpy as np

rng = np.random.default_rng(42)
X = rng.normal(size=(500, 9))
labels = rng.integers(0, 4, 500)
Y = np.zeros((500, 4))
Y[np.arange(500), labels] = 1

params = {
    "W1": rng.normal(0, np.sqrt(2 / 9), (9, 12)),
    "b1": np.zeros((1, 12)),
    "W2": rng.normal(0, np.sqrt(2 / 12), (12, 4)),
    "b2": np.zeros((1, 4)),
}
m = {k: np.zeros_like(v) for k, v in params.items()}
v = {k: np.zeros_like(v) for k, v in params.items()}
alpha, beta1, beta2, eps = 0.001, 0.9, 0.999, 1e-8


def leaky(z):
    return np.where(z > 0, z, 0.01 * z)


t = 0
for epoch in range(300):
    for k in range(0, len(X), 50):
        x, y = X[k : k + 50], Y[k : k + 50]
        z1 = x @ params["W1"] + params["b1"]
        a1 = leaky(z1)
        z2 = a1 @ params["W2"] + params["b2"]
        z2 -= z2.max(axis=1, keepdims=True)
        p = np.exp(z2) / np.exp(z2).sum(axis=1, keepdims=True)
        cost = -(y * np.log(p)).sum(axis=1).mean()

        grads = {}
        dz2 = (p - y) / len(x)
        grads["W2"] = a1.T @ dz2
        grads["b2"] = dz2.sum(axis=0, keepdims=True)
        dz1 = (dz2 @ params["W2"].T) * np.where(z1 > 0, 1, 0.01)
        grads["W1"] = x.T @ dz1
        grads["b1"] = dz1.sum(axis=0, keepdims=True)

        t += 1
        for key in params:
            m[key] = beta1 * m[key] + (1 - beta1) * grads[key]
            v[key] = beta2 * v[key] + (1 - beta2) * grads[key] ** 2
            m_hat = m[key] / (1 - beta1**t)
            v_hat = v[key] / (1 - beta2**t)
            params[key] -= alpha * m_hat / (np.sqrt(v_hat) + eps)
    if epoch % 50 == 0:
        print(epoch, cost)
