# model.begin_update(X) -> Y, finish_update(dY); weights hold their own gradient sum
import numpy as np
from sklearn.datasets import load_digits


class Affine:
    def __init__(self, nI, nO, seed):
        rng = np.random.RandomState(seed)
        self.W = rng.uniform(-1, 1, (nO, nI)) * np.sqrt(3 / nI)
        self.b = np.zeros(nO)
        self.d_W = np.zeros((nO, nI))
        self.d_b = np.zeros(nO)

    def begin_update(self, X):
        Y = X @ self.W.T + self.b

        def backprop(dY):
            self.d_W += dY.T @ X
            self.d_b += dY.sum(axis=0)
            return dY @ self.W

        return Y, backprop

    def finish_update(self, optimizer):
        optimizer(id(self), "W", self.W, self.d_W)
        optimizer(id(self), "b", self.b, self.d_b)


class Tanh:
    def begin_update(self, X):
        Y = np.tanh(X)

        def backprop(dY):
            return dY * (1 - Y * Y)

        return Y, backprop

    def finish_update(self, optimizer):
        pass


class Softmax:
    def begin_update(self, X):
        E = np.exp(X - X.max(axis=1, keepdims=True))
        P = E / E.sum(axis=1, keepdims=True)

        def backprop(dP):
            return P * (dP - (dP * P).sum(axis=1, keepdims=True))

        return P, backprop

    def finish_update(self, optimizer):
        pass


class Chain:
    def __init__(self, *layers):
        self.layers = layers

    def begin_update(self, X):
        backprops = []
        for layer in self.layers:
            X, backprop = layer.begin_update(X)
            backprops.append(backprop)

        def finish(dY):
            for backprop in backprops[::-1]:
                dY = backprop(dY)
            return dY

        return X, finish

    def finish_update(self, optimizer):
        for layer in self.layers:
            layer.finish_update(optimizer)

    def predict(self, X):
        return self.begin_update(X)[0]


class Adam:
    def __init__(self, lr=0.005, b1=0.9, b2=0.999, eps=1e-8):
        self.lr, self.b1, self.b2, self.eps = lr, b1, b2, eps
        self.mom1, self.mom2, self.nr = {}, {}, {}

    def __call__(self, owner, name, weights, gradient):
        key = (owner, name)
        if key not in self.mom1:
            self.mom1[key] = np.zeros_like(weights)
            self.mom2[key] = np.zeros_like(weights)
            self.nr[key] = 0
        self.nr[key] += 1
        m, v, t = self.mom1[key], self.mom2[key], self.nr[key]
        m *= self.b1
        m += (1 - self.b1) * gradient
        v *= self.b2
        v += (1 - self.b2) * gradient * gradient
        m_hat = m / (1 - self.b1 ** t)
        v_hat = v / (1 - self.b2 ** t)
        weights -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)
        gradient.fill(0.0)


def get_loss(P, T):
    return -np.sum(T * np.log(P + 1e-12)) / len(T)


def get_gradient(P, T):
    return -T / (P + 1e-12) / len(T)


def train_batch(model, optimizer, X, T):
    P, finish = model.begin_update(X)
    loss = get_loss(P, T)
    finish(get_gradient(P, T))
    model.finish_update(optimizer)
    return loss


model = Chain(Affine(64, 40, 0), Tanh(), Affine(40, 40, 1), Tanh(), Affine(40, 10, 2), Softmax())
optimizer = Adam()

if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    X = X / 16
    T = np.eye(10)[y]
    n = int(0.8 * len(X))
    for epoch in range(15):
        for i in range(0, n, 32):
            loss = train_batch(model, optimizer, X[i:min(i + 32, n)], T[i:min(i + 32, n)])
        print("epoch", epoch, "loss", loss)
    print("accuracy", (model.predict(X[n:]).argmax(axis=1) == y[n:]).mean())
