import numpy as np


def create_net(sizes):
    params = []
    for n, m in zip(sizes[:-1], sizes[1:]):
        params += [np.random.uniform(-0.3, 0.3, (n, m)), np.zeros(m)]
    return params


def scores(x, params):
    seen = [x]
    for i in range(0, len(params), 2):
        z = seen[-1].dot(params[i]) + params[i + 1]
        seen.append(np.tanh(z) if i < len(params) - 2 else z)
    return seen


def loss_and_grads(x, y, params):
    """The loss of one sample, and [gW1, gb1, gW2, gb2, ...]."""
    seen = scores(x, params)
    e = np.exp(seen[-1] - seen[-1].max())
    p = e / e.sum()
    loss, grads = -np.log(p[y]), []
    d = p.copy()
    d[y] -= 1
    for i in range(len(params) - 2, -1, -2):
        h = seen[i // 2]
        grads = [np.outer(h, d), d] + grads
        d = params[i].dot(d) * (1 - h ** 2)
    return loss, grads


if __name__ == "__main__":
    params = create_net([20, 15, 4])
