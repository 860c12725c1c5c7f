"""Function-composition network: every layer is model(X, is_train) -> (Y, backprop)."""
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Param:
    def __init__(self, value):
        self.value = value
        self.grad = np.zeros_like(value)


def Affine(nO, nI, params):
    W = Param(np.random.normal(0, np.sqrt(2 / nI), (nO, nI)))
    b = Param(np.zeros(nO))
    params += [W, b]

    def forward(X, is_train):
        def backprop(dY):
            W.grad += dY.T @ X
            b.grad += dY.sum(axis=0)
            return dY @ W.value

        return X @ W.value.T + b.value, backprop

    return forward


def Relu():
    def forward(X, is_train):
        mask = X >= 0
        return X * mask, lambda dY: dY * mask

    return forward


def Dropout(rate):
    def forward(X, is_train):
        if not is_train:
            return X, lambda dY: dY
        mask = (np.random.uniform(0, 1, X.shape) >= rate) / (1.0 - rate)

        def backprop(dY):
            return dY * mask

        return X * mask, backprop

    return forward


def chain(*layers):
    def forward(X, is_train):
        callbacks = []
        for layer in layers:
            X, cb = layer(X, is_train)
            callbacks.append(cb)

        def backprop(dY):
            for cb in reversed(callbacks):
                dY = cb(dY)
            return dY

        return X, backprop

    return forward


def softmax_loss(scores, labels):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs = e / e.sum(axis=1, keepdims=True)
    n = len(labels)
    d = probs.copy()
    d[np.arange(n), labels] -= 1.0
    return -np.log(probs[np.arange(n), labels]).mean(), d / n


def adam(params, lr=0.002, b1=0.9, b2=0.999, eps=1e-8):
    m = [np.zeros_like(p.value) for p in params]
    v = [np.zeros_like(p.value) for p in params]
    state = {"t": 0}

    def finish_update():
        state["t"] += 1
        for i, p in enumerate(params):
            m[i] = b1 * m[i] + (1 - b1) * p.grad
            v[i] = b2 * v[i] + (1 - b2) * p.grad**2
            mhat = m[i] / (1 - b1 ** state["t"])
            vhat = v[i] / (1 - b2 ** state["t"])
            p.value -= lr * mhat / (np.sqrt(vhat) + eps)
            p.grad[:] = 0

    return finish_update


def main():
    np.random.seed(1)
    X, y = load_digits(return_X_y=True)
    X_tr, X_te, y_tr, y_te = train_test_split(X / 16.0, y, test_size=0.2, random_state=1)
    params = []
    model = chain(Affine(64, 64, params), Relu(), Dropout(0.2), Affine(32, 64, params), Relu(), Affine(10, 32, params))
    optimizer = adam(params)
    for epoch in range(20):
        order = np.random.permutation(len(X_tr))
        for i in range(0, len(order), 32):
            batch = order[i : i + 32]
            scores, backprop = model(X_tr[batch], True)
            loss, d_scores = softmax_loss(scores, y_tr[batch])
            backprop(d_scores)
            optimizer()
        guesses, _ = model(X_te, False)
        print(epoch, loss, "accuracy", (guesses.argmax(axis=1) == y_te).mean())


if __name__ == "__main__":
    main()
