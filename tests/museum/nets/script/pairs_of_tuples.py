import numpy as np
from sklearn.datasets import load_digits

rs = np.random.RandomState(0)
digits = load_digits()
X = digits.data / 16
Y = digits.target
order = rs.permutation(len(X))
X, Y = X[order], Y[order]
Xtr, Ytr = X[:1200], Y[:1200]
Xte, Yte = X[1200:], Y[1200:]


def affine(inp, wb):
    w, b = wb
    return np.dot(inp, w) + b


def elu(u):
    return np.where(u > 0, u, np.exp(np.minimum(u, 0)) - 1)


def d_elu(u):
    return np.where(u > 0, 1.0, np.exp(np.minimum(u, 0)))


def new_layer(i, o):
    return rs.normal(0, 1 / np.sqrt(i), (i, o)), np.zeros(o)


def fprop(net, inp):
    l1, l2, l3 = net
    u1 = affine(inp, l1)
    h1 = elu(u1)
    u2 = affine(h1, l2)
    h2 = elu(u2)
    s = affine(h2, l3)
    return u1, h1, u2, h2, s


def objective(s, t):
    s = s - s.max(1)[:, None]
    return np.mean(np.log(np.exp(s).sum(1)) - s[np.arange(len(t)), t])


def bprop(net, inp, t, tape):
    u1, h1, u2, h2, s = tape
    _, (w2, _), (w3, _) = net
    q = np.exp(s - s.max(1)[:, None])
    q = q / q.sum(1)[:, None]
    q[np.arange(len(t)), t] -= 1
    q = q / len(t)
    g3 = np.dot(h2.T, q), q.sum(0)
    e2 = np.dot(q, w3.T) * d_elu(u2)
    g2 = np.dot(h1.T, e2), e2.sum(0)
    e1 = np.dot(e2, w2.T) * d_elu(u1)
    g1 = np.dot(inp.T, e1), e1.sum(0)
    return g1, g2, g3


def descend(net, grad, rate):
    return tuple((w - rate * dw, b - rate * db) for (w, b), (dw, db) in zip(net, grad))


net = new_layer(64, 48), new_layer(48, 24), new_layer(24, 10)
for epoch in range(40):
    for k in range(0, len(Xtr), 30):
        xb, tb = Xtr[k:k + 30], Ytr[k:k + 30]
        tape = fprop(net, xb)
        err = objective(tape[-1], tb)
        net = descend(net, bprop(net, xb, tb, tape), 0.1)
    if epoch % 5 == 0:
        print(epoch, err)

print('accuracy:', (fprop(net, Xte)[-1].argmax(1) == Yte).mean())
