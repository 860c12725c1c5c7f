import numpy as np
from keras.datasets import mnist

# no classes in this one, closures only


def linear(W, b):
    def fwd(x):
        y = x @ W + b

        def bwd(dy):
            return dy @ W.T, x.T @ dy, dy.sum(0)

        return y, bwd

    return fwd


def tanh():
    def fwd(x):
        y = np.tanh(x)

        def bwd(dy):
            return dy * (1 - y * y)

        return y, bwd

    return fwd


def cross_entropy(t):
    def fwd(z):
        z = z - z.max(1, keepdims=True)
        logp = z - np.log(np.exp(z).sum(1, keepdims=True))
        loss = -(t * logp).sum() / len(t)

        def bwd():
            return (np.exp(logp) - t) / len(t)

        return loss, bwd

    return fwd


def init(sizes, seed=3):
    r = np.random.RandomState(seed)
    theta = []
    for i, o in zip(sizes[:-1], sizes[1:]):
        theta.append(r.randn(i, o) / np.sqrt(i))
        theta.append(np.zeros(o))
    return theta


def loss_and_grads(theta, x, t, weight_decay=1e-4):
    W1, b1, W2, b2 = theta
    h, back_l1 = linear(W1, b1)(x)
    a, back_act = tanh()(h)
    z, back_l2 = linear(W2, b2)(a)
    loss, back_loss = cross_entropy(t)(z)
    loss = loss + 0.5 * weight_decay * ((W1 ** 2).sum() + (W2 ** 2).sum())

    da, dW2, db2 = back_l2(back_loss())
    dh = back_act(da)
    _, dW1, db1 = back_l1(dh)
    return loss, (dW1 + weight_decay * W1, db1, dW2 + weight_decay * W2, db2)


def momentum(theta, lr, mu):
    velocity = [np.zeros_like(p) for p in theta]

    def step(grads):
        for p, v, g in zip(theta, velocity, grads):
            v *= mu
            v -= lr * g
            p += v

    return step


def predict(theta, x):
    W1, b1, W2, b2 = theta
    return (np.tanh(x @ W1 + b1) @ W2 + b2).argmax(1)


if __name__ == "__main__":
    (x, y), (xt, yt) = mnist.load_data()
    x, xt = x.reshape(-1, 784) / 255.0, xt.reshape(-1, 784) / 255.0
    t = np.eye(10)[y]
    theta = init([784, 64, 10])
    step = momentum(theta, 0.05, 0.9)
    for epoch in range(5):
        for i in range(0, len(x), 64):
            loss, grads = loss_and_grads(theta, x[i : i + 64], t[i : i + 64])
            step(grads)
        print(epoch, loss, "acc", np.mean(predict(theta, xt) == yt))
