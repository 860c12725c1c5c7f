import numpy as np
from sklearn.datasets import load_digits


def affine_forward(x, w, b):
    return x.dot(w) + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    return dout.dot(w.T), x.T.dot(dout), dout.sum(axis=0)


def elu_forward(x, alpha=1.0):
    out = np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))
    return out, (x, out, alpha)


def elu_backward(dout, cache):
    x, out, alpha = cache
    return dout * np.where(x > 0, 1.0, out + alpha)


def svm_loss(x, y):
    """multiclass hinge loss with margin 1"""
    N = x.shape[0]
    correct = x[np.arange(N), y]
    margins = np.maximum(0, x - correct[:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    loss = np.sum(margins) / N
    dx = np.zeros_like(x)
    dx[margins > 0] = 1
    dx[np.arange(N), y] -= np.sum(margins > 0, axis=1)
    return loss, dx / N


class TwoLayerNet:
    def __init__(self, D=64, H=40, C=10):
        self.params = {"W1": 0.1 * np.random.randn(D, H), "b1": np.zeros(H), "W2": 0.1 * np.random.randn(H, C), "b2": np.zeros(C)}

    def loss(self, X, y=None):
        p = self.params
        a, ca = affine_forward(X, p["W1"], p["b1"])
        h, ch = elu_forward(a)
        scores, cs = affine_forward(h, p["W2"], p["b2"])
        if y is None:
            return scores
        loss, dscores = svm_loss(scores, y)
        grads = {}
        dh, grads["W2"], grads["b2"] = affine_backward(dscores, cs)
        _, grads["W1"], grads["b1"] = affine_backward(elu_backward(dh, ch), ca)
        return loss, grads


np.random.seed(0)
model = TwoLayerNet()

if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / 16
    n = int(0.8 * len(X))
    for it in range(800):
        rows = np.random.choice(n, 30)
        loss, grads = model.loss(X[rows], y[rows])
        for k, v in model.params.items():
            v -= 0.1 * grads[k]
    print("accuracy %.3f" % np.mean(np.argmax(model.loss(X[n:]), axis=1) == y[n:]))
