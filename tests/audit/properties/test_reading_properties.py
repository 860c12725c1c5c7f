"""Properties that are read in the code's text: what parts rows from labels, batches that stand still, two scales."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest
from property_cases import text_only

from handgrad.audit.properties.batches import never_mixed, same_batch
from handgrad.audit.properties.feeding import fed_differently
from handgrad.audit.properties.pairing import partings

# text -> (line that parts them, rows apart)
APART = {
    """
    def train(X, y):
        for epoch in range(3):
            p = np.random.permutation(len(X))
            X = X[p]
            for i in range(0, n, B):
                xb = X[i : i + B]
                yb = y[i : i + B]
                step(xb, yb)
    """: (5, None),
    """
    def fit(self, x_train, t_train):
        p = np.random.permutation(len(x_train))
        x_train = x_train[p]
        for i in range(n):
            xb, tb = x_train[i * B : (i + 1) * B], t_train[i * B : (i + 1) * B]
            self.loss(xb, tb)
    """: (4, None),
    """
    def train(X, y):
        np.random.shuffle(X)
        for i in range(n):
            out = net.forward(X[i])
            loss = mse(y[i], out)
    """: (3, None),
    """
    np.random.shuffle(x_train)
    np.random.shuffle(y_train)
    net.fit(x_train, y_train)
    """: (2, None),
    """
    def train(net, X, Y):
        idx = np.random.permutation(n)
        for i in range(0, n, B):
            xb = X[idx[i : i + B]]
            yb = Y[i : i + B]
            net.backward(net.forward(xb) - yb)
    """: (5, None),
    """
    def minibatches(X, Y):
        p = list(np.random.permutation(m))
        Xs = X[:, p]
        Ys = Y.reshape((1, m))
        for k in range(n):
            xb = Xs[:, k * B : (k + 1) * B]
            yb = Ys[:, k * B : (k + 1) * B]
            out.append((xb, yb))
    """: (4, None),
    """
    for epoch in range(9):
        step(X, np.roll(Y, 1, axis=1), 1.2)
    """: (3, 1),
    """
    X_train, y_train = windows(series)
    y_train = np.roll(y_train, 2, axis=0)
    for epoch in range(9):
        guess = forward(X_train)
        back(guess, y_train)
    """: (3, 2),
    """
    y = np.roll(y, 1)
    train(X, y)
    """: (2, 1),
    """
    for i in range(iters):
        x_batch = x_train[np.random.choice(n, B)]
        t_batch = t_train[np.random.choice(n, B)]
        g = net.gradient(x_batch, t_batch)
    """: (3, None),
    """
    for e in range(9):
        for i in range(0, n, B):
            xb, yb = X_train[i : i + B], y_train[i : i + B]
            step(xb, yb)
        X_train = shuffle(X_train)
    """: (6, None),
    """
    for e in range(9):
        for i in range(0, n, B):
            xb = X[i : i + B]
            yb = y[i + 1 : i + 1 + B]
            step(xb, yb)
    """: (5, 1),
    """
    for i in range(n):
        x = X[i]
        y = Y[i - 1]
        backward(x, y)
    """: (4, -1),
    """
    def epoch(images, labels):
        for k in range(batches):
            image_batch = images[k * size : (k + 1) * size]
            label_batch = labels[k * size + 3 : (k + 1) * size + 3]
            train_step(image_batch, label_batch)
    """: (5, 3),
    """
    def step(self):
        rows = np.random.choice(n, B)
        self.loss(self.data["X_train"][rows], self.data["y_train"][np.random.choice(n, B)])
    """: (4, None),
    """
    for i in range(0, n, B):
        rows = order[i:i + B]
        p, cache = forward(model, X[rows])
        update(model, backward(cache, y[rows - 1]))
    """: (5, -1),
    """
    (X, y), (X_test, y_test) = mnist.load_data()
    X = X.reshape(len(X), -1) / 255
    for step in range(0, len(X), 32):
        xb, yb = X[step : step + 32], y[step + 1 : step + 33]
        net.forward(xb)
    """: (5, 1),
}
TOGETHER = [
    """
    X = np.roll(X, 1, axis=0)
    y = np.roll(y, 1, axis=0)
    train(X, y)
    """,
    """
    x = np.linspace(0, 1, 50)
    y = np.sin(x)
    y = np.roll(y, 5)
    """,
    """
    for epoch in range(9):
        step(np.roll(X, 1, axis=1), np.roll(Y, 1, axis=1), 1.2)
        plot(np.roll(y_pred, 1), losses)
    """,
    """
    def step(self):
        rows = np.random.choice(n, B)
        self.loss(self.data["X_train"][rows], self.data["y_train"][rows])
    """,
    """
    def train(X, y):
        for epoch in range(3):
            p = np.random.permutation(len(X))
            X, y = X[p], y[p]
            for i in range(0, n, B):
                xb = X[i : i + B]
                yb = y[i : i + B]
                step(xb, yb)
    """,
    """
    def train(X, y):
        p = np.arange(n)
        for epoch in range(3):
            np.random.shuffle(p)
            for i in range(0, n, B):
                b = p[i : i + B]
                xb = X[b]
                yb = np.eye(10)[y[b]]
                step(xb.T, yb.T)
    """,
    """
    np.random.seed(1)
    np.random.shuffle(x_train)
    np.random.seed(1)
    np.random.shuffle(y_train)
    train(x_train, y_train)
    """,
    """
    state = np.random.get_state()
    np.random.shuffle(x_train)
    np.random.set_state(state)
    np.random.shuffle(y_train)
    train(x_train, y_train)
    """,
    """
    x_train, y_train = shuffle(x_train, y_train)
    train(x_train, y_train)
    """,
    """
    data = list(zip(X, y))
    random.shuffle(data)
    X, y = zip(*data)
    train(X, y)
    """,
    """
    for i in range(iters):
        mask = np.random.choice(n, B)
        x_batch = x_train[mask]
        t_batch = t_train[mask]
        net.gradient(x_batch, t_batch)
    """,
    """
    data = np.array(data)
    np.random.shuffle(data)
    data_train = data[1000:m].T
    Y_train = data_train[0]
    X_train = data_train[1:n]
    gradient_descent(X_train / 255.0, Y_train, 0.1, 500)
    """,
    """
    for i in range(0, n, T):
        x = data[i : i + T]
        y = data[i + 1 : i + 1 + T]
        step(x, y)
    """,
    """
    def batches(X, y, shuffle=True):
        idx = np.arange(len(X))
        if shuffle:
            rng.shuffle(idx)
        for s in range(0, len(X), B):
            j = idx[s : s + B]
            yield X[j], y[j]
    """,
    """
    idx = np.random.permutation(len(X))
    X_train, X_test = X[idx[:cut]], X[idx[cut:]]
    y_train, y_test = y[idx[:cut]], y[idx[cut:]]
    train(X_train, y_train)
    evaluate(X_test, y_test)
    """,
    """
    def train(x, t):
        mask = np.random.rand(*x.shape) > 0.5
        x = x * mask
        loss(x, t)
    """,
    """
    def train(X, y):
        idx = np.random.permutation(n)
        X_shuffled, y_shuffled = X[idx], y[idx]
        for i in range(0, n, B):
            X_batch = X_shuffled[i : i + B]
            X_batch = X_batch + 0.1 * np.random.randn(*X_batch.shape)
            y_batch = y_shuffled[i : i + B]
            step(X_batch, y_batch)
    """,
]


@pytest.mark.parametrize(("text", "place"), APART.items())
def test_rows_that_lose_their_labels_are_found(text: str, place: tuple[int, int | None]) -> None:
    found = {(parting.line, parting.shift) for parting in partings(ast.parse(dedent(text)))}
    assert found == {place}


@pytest.mark.parametrize("text", TOGETHER)
def test_rows_that_keep_their_labels_are_left_alone(text: str) -> None:
    assert not list(partings(ast.parse(dedent(text))))


SCALED = {
    """
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train = x_train.reshape(-1, 784) / 255.0
    x_test = x_test.reshape(-1, 784)
    print(accuracy(net, x_test, y_test))
    """: ["test-scaled-differently"],
    """
    (X, y), (X_test, y_test) = mnist.load_data()
    X, X_test = X.reshape(len(X), 784) / 255.0, X_test.reshape(len(X_test), 784)
    print(accuracy(net, X_test, y_test))
    """: ["test-scaled-differently"],
    """
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train = x_train.reshape(-1, 784) / 255.0
    x_test = x_test.reshape(-1, 784)
    train(net, x_train, y_train)
    print(accuracy(net, x_test, y_test))
    """: ["test-scaled-differently"],
    """
    X_train = load_images("train-images-idx3-ubyte.gz")
    X_test = load_images("t10k-images-idx3-ubyte.gz")
    X_train = X_train.astype(np.float32)
    X_train /= 255
    X_test = X_test.astype(np.float32)
    net.fit(X_train)
    net.score(X_test)
    """: ["test-scaled-differently"],
    """
    X_train, X_test = X[:60000], X[60000:]
    X_train = X_train / 255.0
    X_test = X_test / 256.0 - 0.5
    fit(X_train)
    evaluate(X_test)
    """: ["test-scaled-differently"],
    """
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train = x_train.reshape(-1, 784) / 255.0
    x_test = x_test.reshape(-1, 784) / 255.0
    evaluate(x_test)
    """: [],
    """
    x_train, y_train, x_test, y_test = load_mnist()
    x_train, x_test = x_train / 255, x_test / 255
    x_train, x_held, y_train, y_held = train_test_split(x_train, y_train)
    print(accuracy(x_train @ W, y_train), accuracy(x_test @ W, y_test))
    """: [],
    """
    x_train, y_train, x_test, y_test = load_mnist()
    x_train = x_train / 255
    x_train, x_held, y_train, y_held = train_test_split(x_train, y_train)
    print(accuracy(x_train @ W, y_train), accuracy(x_test @ W, y_test))
    """: ["test-scaled-differently"],
    """
    X = X / 255
    X_train, X_test = X[:60000], X[60000:]
    evaluate(X_test)
    """: [],
    """
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train, x_test = x_train / 255.0, x_test / 255.0
    evaluate(x_test)
    """: [],
    """
    x_train = preprocess(load("train")) / 255
    x_test = load_scaled("test")
    evaluate(x_test)
    """: [],
    """
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train = x_train / 255.0
    train(x_train)
    evaluate(x_test / 255.0)
    """: [],
    """
    mean, std = x_train.mean(), x_train.std()
    x_train = (x_train - mean) / std
    x_test = (x_test - mean) / std
    evaluate(x_test)
    """: [],
    """
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train = (x_train - x_train.mean()) / x_train.std()
    x_test = (x_test - x_test.mean()) / x_test.std()
    evaluate(x_test)
    """: ["own-statistics"],
    """
    def forward(x): return x @ W
    def train_step(x, y): return forward(x) - y
    (x, y), (xt, yt) = mnist.load_data()
    train_step(x.reshape(-1, 784) / 255, y)
    print((forward(xt.reshape(-1, 784)).argmax(1) == yt).mean())
    """: ["test-scaled-differently"],
    """
    def forward(x): return x @ W
    X, y = load_digits(return_X_y=True)
    for i in range(0, n, 20):
        forward(X[i:i + 20] / 16)
    print(forward(X[n:]))
    """: ["test-scaled-differently"],
    """
    def forward(x): return x @ W
    X, y = load_digits(return_X_y=True)
    show(X[0])
    X = X / 16
    for i in range(0, n, 20):
        forward(X[i:i + 20])
    print(forward(X[n:]))
    """: [],
    """
    def forward(x): return (x / 255) @ W
    (x, y), (xt, yt) = mnist.load_data()
    forward(x)
    forward(xt / 255)
    """: [],
}
STILL = {
    """
    for epoch in range(epochs):
        for i in range(0, n, B):
            xb = X[0:B]
            yb = y[0:B]
            step(xb, yb)
    """: True,
    """
    for epoch in range(epochs):
        for b in range(num_batches):
            x_batch, y_batch = x_train[:batch_size], y_train[:batch_size]
            step(x_batch, y_batch)
    """: True,
    """
    def fit(self, X, y):
        start = 0
        for b in range(len(X) // size):
            xb = X[start : start + size]
            yb = y[start : start + size]
            self.step(xb, yb)
    """: True,
    """
    for epoch in range(epochs):
        for i in range(0, n, B):
            xb = X[i : i + B]
            yb = y[i : i + B]
            step(xb, yb)
    """: False,
    """
    for epoch in range(epochs):
        xb, yb = X[:1000], y[:1000]
        step(xb, yb)
    """: False,
    """
    start = 0
    for b in range(num_batches):
        xb, yb = X[start : start + size], y[start : start + size]
        step(xb, yb)
        start += size
    """: False,
    """
    for i in range(0, n, B):
        step(X[order[:B]], y[order[:B]])
    """: True,
    """
    rows = np.random.choice(len(X), 50)
    for i in range(1000):
        step(X[rows], y[rows])
    """: True,
    """
    for i in range(1000):
        rows = np.random.choice(len(X), 50)
        step(X[rows], y[rows])
    """: False,
    """
    for i in range(1000):
        step(X[rows], y[rows])
    """: False,
    """
    for b in range(num_batches):
        X, y = shuffle(X, y)
        xb, yb = X[:size], y[:size]
        step(xb, yb)
    """: False,
}


@pytest.mark.parametrize(("text", "codes"), SCALED.items())
def test_two_scales_are_found_and_one_is_left_alone(text: str, codes: list[str]) -> None:
    assert [finding.code for finding in fed_differently(text_only(dedent(text)))] == codes


@pytest.mark.parametrize(("text", "still"), STILL.items())
def test_a_batch_that_never_moves_is_found(text: str, still: bool) -> None:
    assert bool(same_batch(text_only(dedent(text)))) == still


def test_batches_that_are_never_mixed_are_a_note_where_nothing_mixes() -> None:
    plain = next(iter(text for text, still in STILL.items() if not still))
    (note,) = never_mixed(text_only(dedent(plain)))
    assert note.severity == "note"
    assert not never_mixed(text_only(dedent("p = np.random.permutation(n)\nX, y = X[p], y[p]\n") + dedent(plain)))


def test_what_is_said_holds_the_figures() -> None:
    (finding,) = fed_differently(text_only(dedent(next(iter(SCALED)))))
    assert finding.measured == {"train": "x_train", "test": "x_test", "trained": 1.0, "tested": 255.0}
    assert (finding.file, finding.line) == ("net.py", 4)


SHAPED_ROW_BY_ROW = """
import numpy as np

def train(X, Y, order):
    order = np.random.permutation(len(X))
    X, Y = X[order], Y[order]
    for x, y in zip(X, Y):
        x = x.reshape(-1, 1)
        y = y.reshape(-1, 1)
        print(x, y)
"""


def test_a_method_of_a_row_of_labels_is_no_labels_of_its_own() -> None:
    assert list(partings(ast.parse(SHAPED_ROW_BY_ROW))) == []
    apart = SHAPED_ROW_BY_ROW.replace("X, Y = X[order], Y[order]", "X = X[order]").replace("y.reshape", "Y.reshape")
    assert list(partings(ast.parse(apart)))
