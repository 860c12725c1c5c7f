import numpy as np
from keras.datasets import mnist

# forward returns (out, cache), backward takes (dout, cache)


def linear_forward(x, w, b):
    return np.dot(x, w) + b, (x, w)


def linear_backward(dout, cache):
    x, w = cache
    return np.dot(dout, w.T), np.dot(x.T, dout), dout.sum(axis=0)


def batchnorm_forward(x, gamma, beta, bn_param):
    mode = bn_param["mode"]
    eps, momentum = bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9)
    D = x.shape[1]
    running_mean = bn_param.get("running_mean", np.zeros(D))
    running_var = bn_param.get("running_var", np.zeros(D))
    if mode == "train":
        mu = np.mean(x, axis=0)
        var = np.var(x, axis=0)
        inv_std = 1.0 / np.sqrt(var + eps)
        x_norm = (x - mu) * inv_std
        bn_param["running_mean"] = momentum * running_mean + (1 - momentum) * mu
        bn_param["running_var"] = momentum * running_var + (1 - momentum) * var
        return gamma * x_norm + beta, (x_norm, inv_std, gamma)
    x_norm = (x - running_mean) / np.sqrt(running_var + eps)
    return gamma * x_norm + beta, None


def batchnorm_backward(dout, cache):
    x_norm, inv_std, gamma = cache
    N = dout.shape[0]
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * x_norm, axis=0)
    dx_norm = dout * gamma
    dx = inv_std / N * (N * dx_norm - np.sum(dx_norm, axis=0) - x_norm * np.sum(dx_norm * x_norm, axis=0))
    return dx, dgamma, dbeta


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, x):
    return np.where(x > 0, dout, 0)


def dropout_forward(x, p, mode):
    """p is the probability to keep a unit."""
    if mode == "test":
        return x, None
    mask = (np.random.rand(*x.shape) < p) / p
    return x * mask, mask


def dropout_backward(dout, mask):
    return dout * mask


def softmax_loss(scores, y):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs = e / e.sum(axis=1, keepdims=True)
    n = len(y)
    loss = -np.log(probs[range(n), y] + 1e-12).sum() / n
    dscores = probs
    dscores[range(n), y] -= 1
    return loss, dscores / n


def adam(w, dw, config):
    config["t"] += 1
    config["m"] = config["beta1"] * config["m"] + (1 - config["beta1"]) * dw
    config["v"] = config["beta2"] * config["v"] + (1 - config["beta2"]) * dw * dw
    mt = config["m"] / (1 - config["beta1"] ** config["t"])
    vt = config["v"] / (1 - config["beta2"] ** config["t"])
    w -= config["learning_rate"] * mt / (np.sqrt(vt) + config["epsilon"])
    return w, config


class Model:
    def __init__(self, n_in=784, n_hidden=80, n_out=10, keep=0.9):
        rng = np.random.RandomState(0)
        self.params = {
            "W1": rng.randn(n_in, n_hidden) * np.sqrt(2 / n_in), "b1": np.zeros(n_hidden),
            "gamma1": np.ones(n_hidden), "beta1": np.zeros(n_hidden),
            "W2": rng.randn(n_hidden, n_out) * np.sqrt(2 / n_hidden), "b2": np.zeros(n_out),
        }
        self.bn_param = {"mode": "train"}
        self.keep = keep

    def scores(self, X, mode):
        p = self.params
        self.bn_param["mode"] = mode
        a, self.c_lin1 = linear_forward(X, p["W1"], p["b1"])
        n, self.c_bn = batchnorm_forward(a, p["gamma1"], p["beta1"], self.bn_param)
        r, self.c_relu = relu_forward(n)
        d, self.c_drop = dropout_forward(r, self.keep, mode)
        s, self.c_lin2 = linear_forward(d, p["W2"], p["b2"])
        return s

    def loss(self, X, y):
        scores = self.scores(X, "train")
        loss, dscores = softmax_loss(scores, y)
        grads = {}
        dd, grads["W2"], grads["b2"] = linear_backward(dscores, self.c_lin2)
        dr = dropout_backward(dd, self.c_drop)
        dn = relu_backward(dr, self.c_relu)
        da, grads["gamma1"], grads["beta1"] = batchnorm_backward(dn, self.c_bn)
        _, grads["W1"], grads["b1"] = linear_backward(da, self.c_lin1)
        return loss, grads

    def predict(self, X):
        return np.argmax(self.scores(X, "test"), axis=1)


def adam_config(w, lr):
    return {"learning_rate": lr, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "t": 0,
            "m": np.zeros_like(w), "v": np.zeros_like(w)}


if __name__ == "__main__":
    (X, y), (X_test, y_test) = mnist.load_data()
    X, X_test = X.reshape(len(X), 784) / 255.0, X_test.reshape(len(X_test), 784) / 255.0
    model = Model()
    configs = {k: adam_config(w, 2e-3) for k, w in model.params.items()}
    for epoch in range(6):
        for rows in np.array_split(np.random.permutation(len(X)), max(1, len(X) // 50)):
            loss, grads = model.loss(X[rows], y[rows])
            for k in model.params:
                model.params[k], configs[k] = adam(model.params[k], grads[k], configs[k])
        print("epoch", epoch, "loss", loss, "accuracy", np.mean(model.predict(X_test) == y_test))
