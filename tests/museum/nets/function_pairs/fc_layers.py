"""Layers as pairs of functions, put together for a three-layer net on MNIST."""
import numpy as np
import gzip
import matplotlib.pyplot as plt


def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    out = np.maximum(0, x)
    cache = x
    return out, cache


def relu_backward(dout, cache):
    x = cache
    dx = dout * (x > 0)
    return dx


def softmax_loss(x, y):
    shifted = x - np.max(x, axis=1, keepdims=True)
    Z = np.sum(np.exp(shifted), axis=1, keepdims=True)
    log_probs = shifted - np.log(Z)
    probs = np.exp(log_probs)
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = probs.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


def sgd(w, dw, config=None):
    config = config or {}
    config.setdefault("learning_rate", 1e-1)
    w -= config["learning_rate"] * dw
    return w, config


class ThreeLayerNet(object):
    def __init__(self, input_dim=784, hidden_dim=48, num_classes=10, weight_scale=5e-2, reg=1e-3):
        self.params = {}
        self.reg = reg
        self.params["W1"] = weight_scale * np.random.randn(input_dim, hidden_dim)
        self.params["b1"] = np.zeros(hidden_dim)
        self.params["W2"] = weight_scale * np.random.randn(hidden_dim, hidden_dim)
        self.params["b2"] = np.zeros(hidden_dim)
        self.params["W3"] = weight_scale * np.random.randn(hidden_dim, num_classes)
        self.params["b3"] = np.zeros(num_classes)

    def loss(self, X, y=None):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        W3, b3 = self.params["W3"], self.params["b3"]
        h1, cache1 = affine_forward(X, W1, b1)
        r1, relu_cache1 = relu_forward(h1)
        h2, cache2 = affine_forward(r1, W2, b2)
        r2, relu_cache2 = relu_forward(h2)
        scores, cache3 = affine_forward(r2, W3, b3)

        # test mode
        if y is None:
            return scores

        grads = {}
        loss, dscores = softmax_loss(scores, y)
        loss += 0.5 * self.reg * (np.sum(W1 * W1) + np.sum(W2 * W2) + np.sum(W3 * W3))

        dr2, grads["W3"], grads["b3"] = affine_backward(dscores, cache3)
        dh2 = relu_backward(dr2, relu_cache2)
        dr1, grads["W2"], grads["b2"] = affine_backward(dh2, cache2)
        dh1 = relu_backward(dr1, relu_cache1)
        dx, grads["W1"], grads["b1"] = affine_backward(dh1, cache1)

        grads["W3"] += self.reg * W3
        grads["W2"] += self.reg * W2
        grads["W1"] += self.reg * W1
        return loss, grads


class Solver:
    def __init__(self, model, data, update_rule=sgd, num_epochs=12, batch_size=25, lr_decay=0.95):
        self.model, self.data = model, data
        self.update_rule = update_rule
        self.num_epochs, self.batch_size, self.lr_decay = num_epochs, batch_size, lr_decay
        self.configs = {p: {"learning_rate": 0.1} for p in model.params}
        self.loss_history = []

    def step(self):
        rows = np.random.choice(len(self.data["X_train"]), self.batch_size)
        loss, grads = self.model.loss(self.data["X_train"][rows], self.data["y_train"][rows])
        self.loss_history.append(loss)
        for p, w in self.model.params.items():
            self.model.params[p], self.configs[p] = self.update_rule(w, grads[p], self.configs[p])

    def check_accuracy(self, X, y):
        scores = self.model.loss(X)
        return np.mean(np.argmax(scores, axis=1) == y)

    def train(self):
        per_epoch = max(len(self.data["X_train"]) // self.batch_size, 1)
        for t in range(self.num_epochs * per_epoch):
            self.step()
            if (t + 1) % per_epoch == 0:
                for p in self.configs:
                    self.configs[p]["learning_rate"] *= self.lr_decay
                print("val acc: %f" % self.check_accuracy(self.data["X_val"], self.data["y_val"]))


def load(kind):
    with gzip.open("%s-labels-idx1-ubyte.gz" % kind) as f:
        y = np.frombuffer(f.read(), dtype=np.uint8, offset=8)
    with gzip.open("%s-images-idx3-ubyte.gz" % kind) as f:
        X = np.frombuffer(f.read(), dtype=np.uint8, offset=16).reshape(len(y), 784)
    return X / 255.0, y.astype(int)


np.random.seed(231)
model = ThreeLayerNet()

if __name__ == "__main__":
    X_train, y_train = load("train")
    X_val, y_val = load("t10k")
    solver = Solver(model, {"X_train": X_train, "y_train": y_train, "X_val": X_val, "y_val": y_val})
    solver.train()
    plt.plot(solver.loss_history, "o")
    plt.show()
