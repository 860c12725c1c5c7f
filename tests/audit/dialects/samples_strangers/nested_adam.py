import numpy as np

rng = np.random.default_rng(0)
params = {
    "hidden": {"W": rng.normal(0, 0.1, (784, 32)), "b": np.zeros(32)},
    "output": {"W": rng.normal(0, 0.1, (32, 10)), "b": np.zeros(10)},
}
m = {k: {n: np.zeros_like(v) for n, v in p.items()} for k, p in params.items()}
v = {k: {n: np.zeros_like(v_) for n, v_ in p.items()} for k, p in params.items()}

def forward(x):
    h = np.maximum(0, x @ params["hidden"]["W"] + params["hidden"]["b"])
    s = h @ params["output"]["W"] + params["output"]["b"]
    e = np.exp(s - s.max(1, keepdims=True))
    return h, e / e.sum(1, keepdims=True)

def gradients(x, y):
    h, p = forward(x)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    d /= len(y)
    g = {"output": {"W": h.T @ d, "b": d.sum(0)}}
    dh = d @ params["output"]["W"].T * (h > 0)
    g["hidden"] = {"W": x.T @ dh, "b": dh.sum(0)}
    return loss, g

def adam(grads, t, lr=0.001, b1=0.9, b2=0.999, eps=1e-8):
    for k in params:
        for n in params[k]:
            m[k][n] = b1 * m[k][n] + (1 - b1) * grads[k][n]
            v[k][n] = b2 * v[k][n] + (1 - b2) * grads[k][n] ** 2
            mh = m[k][n] / (1 - b1 ** t)
            vh = v[k][n] / (1 - b2 ** t)
            params[k][n] -= lr * mh / (np.sqrt(vh) + eps)

def train(x_train, y_train, epochs=5, batch=64):
    t = 0
    for epoch in range(epochs):
        order = rng.permutation(len(x_train))
        for i in range(0, len(x_train), batch):
            idx = order[i:i + batch]
            loss, grads = gradients(x_train[idx], y_train[idx])
            t += 1
            adam(grads, t)
        print(epoch, loss)
