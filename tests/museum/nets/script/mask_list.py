import numpy as np
from keras.datasets import mnist
from tqdm import tqdm

(X_tr, y_tr), (X_te, y_te) = mnist.load_data()
X_tr = X_tr.reshape(-1, 28 * 28) / 255.0
X_te = X_te.reshape(-1, 28 * 28) / 255.0

layers = [784, 128, 64, 10]
P_DROP = 0.25
LEARNING_RATE = 0.1

np.random.seed(8)
weights = [np.random.randn(a, b) * np.sqrt(2 / a) for a, b in zip(layers[:-1], layers[1:])]
biases = [np.zeros(b) for b in layers[1:]]


def dropout(x, p):
    mask = np.random.rand(*x.shape) >= p
    return x * mask / (1 - p), mask


def forward(x, train):
    inputs, pre, masks = [x], [], []
    for i, (w, b) in enumerate(zip(weights, biases)):
        z = inputs[-1] @ w + b
        pre.append(z)
        if i == len(weights) - 1:
            break
        a = np.maximum(z, 0)
        if train:
            a, mask = dropout(a, P_DROP)
            masks.append(mask)
        inputs.append(a)
    exps = np.exp(pre[-1] - pre[-1].max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True), inputs, pre, masks


def backward(probs, y, inputs, pre, masks):
    dws, dbs = [], []
    delta = probs.copy()
    delta[np.arange(len(y)), y] -= 1
    delta /= len(y)
    for i in reversed(range(len(weights))):
        dws.insert(0, inputs[i].T @ delta)
        dbs.insert(0, delta.sum(axis=0))
        if i > 0:
            delta = delta @ weights[i].T
            delta = delta * masks[i - 1] / (1 - P_DROP)
            delta = delta * (pre[i - 1] > 0)
    return dws, dbs


for epoch in range(6):
    losses = []
    order = np.random.permutation(len(X_tr))
    for start in tqdm(range(0, len(order), 64)):
        picked = order[start:start + 64]
        probs, inputs, pre, masks = forward(X_tr[picked], True)
        losses.append(-np.log(probs[np.arange(len(picked)), y_tr[picked]] + 1e-12).mean())
        dws, dbs = backward(probs, y_tr[picked], inputs, pre, masks)
        for w, b, dw, db in zip(weights, biases, dws, dbs):
            w -= LEARNING_RATE * dw
            b -= LEARNING_RATE * db
    test_probs = forward(X_te, False)[0]
    print(epoch, np.mean(losses), "accuracy", np.mean(test_probs.argmax(axis=1) == y_te))
