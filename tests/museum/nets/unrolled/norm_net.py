"""One class, everything spelled out: dense, batch norm, ReLU, dense, softmax. RMSprop."""
import numpy as np


class BatchNormNet:
    def __init__(self, n_in, n_hidden, n_out, seed=0):
        rng = np.random.default_rng(seed)
        self.w1 = rng.normal(0, np.sqrt(2 / n_in), (n_in, n_hidden))
        self.gamma = np.ones(n_hidden)
        self.beta = np.zeros(n_hidden)
        self.w2 = rng.normal(0, np.sqrt(2 / n_hidden), (n_hidden, n_out))
        self.b2 = np.zeros(n_out)
        self.mean_avg = np.zeros(n_hidden)
        self.var_avg = np.ones(n_hidden)
        self.sq = {}

    def forward(self, x, training=True):
        self.x = x
        self.z = x @ self.w1
        if training:
            mu, var = self.z.mean(axis=0), self.z.var(axis=0)
            self.mean_avg = 0.9 * self.mean_avg + 0.1 * mu
            self.var_avg = 0.9 * self.var_avg + 0.1 * var
        else:
            mu, var = self.mean_avg, self.var_avg
        self.sigma = np.sqrt(var + 1e-5)
        self.zn = (self.z - mu) / self.sigma
        self.a = self.gamma * self.zn + self.beta
        self.h = np.maximum(self.a, 0)
        s = self.h @ self.w2 + self.b2
        e = np.exp(s - s.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def loss(self, t):
        return -np.sum(t * np.log(self.p + 1e-12)) / len(t)

    def backward(self, t):
        ds = (self.p - t) / len(t)
        self.dw2 = self.h.T @ ds
        self.db2 = ds.sum(axis=0)
        da = (ds @ self.w2.T) * (self.a > 0)
        self.dgamma = (da * self.zn).sum(axis=0)
        self.dbeta = da.sum(axis=0)
        dzn = da * self.gamma
        dz = (dzn - dzn.mean(axis=0) - self.zn * (dzn * self.zn).mean(axis=0)) / self.sigma
        self.dw1 = self.x.T @ dz

    def update(self, lr):
        for name in ("w1", "gamma", "beta", "w2", "b2"):
            g = getattr(self, "d" + name)
            self.sq[name] = 0.9 * self.sq.get(name, 0) + 0.1 * g * g
            p = getattr(self, name)
            p -= lr * g / (np.sqrt(self.sq[name]) + 1e-8)

    def accuracy(self, x, y):
        return np.mean(self.forward(x, training=False).argmax(axis=1) == y)


def load(part):
    file = np.load(f"mnist_{part}.npz")
    return file["x"].reshape(len(file["x"]), -1) / 255.0, file["y"]


if __name__ == "__main__":
    x, y = load("train")
    x_test, y_test = load("test")
    t = np.eye(10)[y]
    net = BatchNormNet(784, 64, 10)
    for epoch in range(6):
        order = np.random.permutation(len(x))
        for i in range(0, len(x), 40):
            net.forward(x[order[i:i + 40]])
            net.backward(t[order[i:i + 40]])
            net.update(0.002)
        print(f"epoch {epoch}: accuracy {net.accuracy(x_test, y_test):.3f}")
