"""Dropout and what becomes of it when a program tests: little programs, right and wrong, each of which is run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quick_first import quick_first

from handgrad.audit.choosing import judged
from handgrad.audit.inspection import Inspection
from handgrad.audit.place.observe import MADE, Noted
from handgrad.audit.place.thinned import ROWS, drops
from handgrad.audit.properties.dropped_units import dropout_when_tested
from handgrad.audit.reading.source import read_program
from handgrad.core.arrays import Array

NET = """
import numpy as np

rng = np.random.default_rng(0)
W1, b1 = rng.standard_normal((6, 9)), np.zeros(9)
W2, b2 = rng.standard_normal((9, 4)), np.zeros(4)

for epoch in range(10):
    for i in range(0, len(x_train), 16):
        x, y = x_train[i:i + 16], y_train[i:i + 16]
        h = np.tanh(x @ W1 + b1)
        MASK
        s = h @ W2 + b2
        p = np.exp(s - s.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        ds = p.copy()
        ds[np.arange(len(y)), y] -= 1
        ds /= len(y)
        dh = ds @ W2.T * mask * (1 - np.tanh(x @ W1 + b1) ** 2)
        W2 -= 0.1 * h.T @ ds
        b2 -= 0.1 * ds.sum(axis=0)
        W1 -= 0.1 * x.T @ dh
        b1 -= 0.1 * dh.sum(axis=0)
        right = (s.argmax(axis=1) == y).mean()

TEST
"""
PLAIN, SCALED = "mask = np.random.rand(*h.shape) < 0.6", "mask = (np.random.rand(*h.shape) < 0.6) / 0.6"
HIDDEN = "h = np.tanh(x_test @ W1 + b1)\n"
RIGHT = "print((s.argmax(axis=1) == y_test).mean())"


@pytest.mark.parametrize(("mask", "test", "said"), quick_first([
    (PLAIN, HIDDEN + "s = h @ W2 + b2\n" + RIGHT, ("dropout-modes-disagree", "h = h * mask")),
    (PLAIN, "print(((np.tanh(x_test @ W1 + b1) @ W2 + b2).argmax(1) == y_test).mean())",
     ("dropout-modes-disagree", "h = h * mask")),
    (SCALED, HIDDEN + "s = h @ W2 + b2\n" + RIGHT, None),
    (PLAIN, HIDDEN + "s = 0.6 * h @ W2 + b2\n" + RIGHT, None),
    (PLAIN, HIDDEN + "s = h @ (0.6 * W2) + b2\n" + RIGHT, None),
    (SCALED, HIDDEN + SCALED + "\nh = h * mask\ns = h @ W2 + b2\n" + RIGHT,
     ("predicts-at-random", SCALED)),
    (SCALED, HIDDEN + "all = [h * (np.random.rand(*h.shape) < 0.6) / 0.6 @ W2 + b2 for _ in range(50)]\n"
     "s = np.mean(all, axis=0)\n" + RIGHT, None),
    (PLAIN, "", None),  # it is never tested
], lambda case: case[0], lambda case: case[2] and case[2][0]))  # fmt: skip
def test_what_becomes_of_dropout(tmp_path: Path, mask: str, test: str, said: tuple[str, str] | None) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET.replace("MASK", f"{mask}\n        h = h * mask").replace("TEST", test), encoding="utf-8")
    program = read_program(path)
    execution = program.execute()
    before = {name: value for name, value in execution.namespace.items() if isinstance(value, float | int | str)}
    with program.guarded():
        inspection = Inspection(program, execution.namespace, *judged(program, execution.namespace))
        found = dropout_when_tested(inspection)
    assert not [one for one in inspection.diagnosis.findings if one.severity == "error"]
    lines = program.text.split("\n")
    assert [(one.code, lines[(one.line or 0) - 1].strip()) for one in found] == ([said] if said else [])
    assert before.items() <= execution.namespace.items()
    assert "__outputs__" not in execution.namespace


@pytest.mark.parametrize(
    ("after", "said"),
    [("h /= keep", []), ("h = h / keep", []), ("pass", ["dropout-modes-disagree"])],
)
def test_what_stays_is_made_up_for_in_a_line_of_its_own(tmp_path: Path, after: str, said: list[str]) -> None:
    path = tmp_path / "net.py"
    mask = f"mask = np.random.rand(*h.shape) < keep\n        h *= mask\n        {after}"
    test = HIDDEN + "s = h @ W2 + b2\n" + RIGHT
    text = NET.replace("for epoch", "keep = 0.6\nfor epoch", 1).replace("MASK", mask).replace("TEST", test)
    path.write_text(text, encoding="utf-8")
    program = read_program(path)
    execution = program.execute()
    with program.guarded():
        inspection = Inspection(program, execution.namespace, *judged(program, execution.namespace))
        assert [one.code for one in dropout_when_tested(inspection)] == said


HANDED = """
import numpy as np

rng = np.random.default_rng(4)
X, Y = rng.standard_normal((3, 200)), (rng.random((1, 200)) > 0.5).astype(float)

def start(sizes):
    made = zip(sizes[:-1], sizes[1:])
    params = {}
    for k, (n, m) in enumerate(made, 1):
        params["W" + str(k)], params["b" + str(k)] = rng.standard_normal((m, n)) / np.sqrt(n), np.zeros((m, 1))
    return params

def forward(X, params, keep_prob=1.0):
    A1 = np.tanh(params["W1"] @ X + params["b1"])
    D1 = (rng.random(A1.shape) < keep_prob).astype(float)
    A1 = A1 * D1 / keep_prob
    A2 = 1 / (1 + np.exp(-(params["W2"] @ A1 + params["b2"])))
    return A2, (A1, D1)

def train(X, Y, sizes, keep_prob=0.8, lr=0.1, epochs=300):
    params = start(sizes)
    m = X.shape[1]
    for epoch in range(epochs):
        A2, (A1, D1) = forward(X, params, keep_prob)
        cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
        d2 = (A2 - Y) / m
        d1 = (params["W2"].T @ d2) * D1 / keep_prob * (1 - (A1 * keep_prob) ** 2)
        grads = {"W1": d1 @ X.T, "b1": d1.sum(axis=1, keepdims=True)}
        grads |= {"W2": d2 @ A1.T, "b2": d2.sum(axis=1, keepdims=True)}
        for key in params:
            params[key] = params[key] - lr * grads[key]
        print(cost)
    return params

params = train(X, Y, [3, 8, 1])

def accuracy(X, Y, params):
    A2, _ = forward(X, params)
    return np.mean((A2 > 0.5) == Y)

print(accuracy(X, Y, params))
"""


@pytest.mark.parametrize(("edits", "said"), [
    ((), None),
    ((("forward(X, params)\n", "forward(X, params, 0.8)\n"),),
     ("predicts-at-random", "A2, _ = forward(X, params, 0.8)")),
    ((("A1 * D1 / keep_prob\n", "A1 * D1\n"), ("* D1 / keep_prob * (1 - (A1 * keep_prob) ** 2)", "* D1 * (1 - A1**2)")),
     ("dropout-modes-disagree", "A1 = A1 * D1")),
])  # fmt: skip
def test_a_test_is_run_that_is_handed_the_parameters(
    tmp_path: Path, edits: tuple[tuple[str, str], ...], said: tuple[str, str] | None
) -> None:
    path, text = tmp_path / "net.py", HANDED
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    program = read_program(path)
    namespace = program.execute().namespace
    with program.guarded():
        found = dropout_when_tested(Inspection(program, namespace, *judged(program, namespace)))
    lines = text.splitlines()
    assert [(one.code, lines[(one.line or 0) - 1].strip()) for one in found] == ([said] if said else [])


INLINE = """
import numpy as np

W1, b1 = np.random.randn(9, 6), np.zeros((9, 1))
W2, b2 = np.random.randn(1, 9), np.zeros((1, 1))


def images(path):
    return np.load(path) / 255


def forward(x, train=False):
    a = np.tanh(W1 @ x + b1)
    mask = (np.random.rand(*a.shape) < 0.6) / 0.6 if train else np.ones_like(a)
    return a, mask, 1 / (1 + np.exp(-(W2 @ (a * mask) + b2)))


def train_step(x, y, lr):
    a, mask, p = forward(x, train=True)
    d = (p - y) / y.shape[1]
    da = W2.T @ d * mask * (1 - a ** 2)
    W2[...] -= lr * d @ (a * mask).T
    b2[...] -= lr * d.sum(axis=1, keepdims=True)
    W1[...] -= lr * da @ x.T
    b1[...] -= lr * da.sum(axis=1, keepdims=True)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() / y.shape[1]


if __name__ == "__main__":
    x, y = np.random.randn(6, 200), np.random.rand(1, 200) < 0.5
    costs = [train_step(x, y, 0.5) for i in range(1000)]
    print(np.mean((forward(x)[2] > 0.5) == y))
"""


ALL_AT_ONCE = INLINE[INLINE.index("    x, y = np.random") :]
EACH_EPOCH = """
    x, y = images("train.npy"), np.load("train_labels.npy")
    x_test, y_test = images("test.npy"), np.load("test_labels.npy")
    for epoch in range(100):
        for i in range(0, x.shape[1], 20):
            train_step(x[:, i:i + 20], y[:, i:i + 20], 0.5)
        print(np.mean((forward(x_test)[2] > 0.5) == y_test))
"""


# In one comprehension; with its data out of a file.
@pytest.mark.parametrize("training", [ALL_AT_ONCE, pytest.param(EACH_EPOCH, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", []),
        (") / 0.6 if train", ") * 1.0 if train", ["dropout-modes-disagree"]),
        (" if train else np.ones_like(a)", "", ["predicts-at-random"]),
    ],
)
def test_a_mask_whose_product_has_no_name(tmp_path: Path, old: str, new: str, said: list[str], training: str) -> None:
    """It is told by what the next layer makes of the product."""
    path = tmp_path / "net.py"
    text = INLINE.replace(ALL_AT_ONCE, training)
    path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
    program = read_program(path)
    execution = program.execute()
    with program.guarded():
        inspection = Inspection(program, execution.namespace, *judged(program, execution.namespace))
        assert [one.code for one in dropout_when_tested(inspection)] == said


def test_hidden_units_that_are_rounded_anew_in_another_order_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    x, whole = rng.random((ROWS, 6)), rng.standard_normal((ROWS, 40))

    def run(rows: Array, hidden: Array, seed: int) -> list[Noted]:
        left = hidden * (np.random.default_rng(seed).random(hidden.shape) < 0.75)
        made = {"x": rows, "h": hidden, "dropped": left}
        return [Noted(i, i, "forward", name, v, MADE, i, 0) for i, (name, v) in enumerate(made.items())]

    order = rng.permutation(ROWS)
    found = drops(run(x, whole, 1), run(x[order], whole[order] * (1 + 2.0**-52), 2), x)
    assert [(one.left.name, one.scale) for one in found] == [("dropped", 1.0)]


TRAINED = """
import numpy as np

X, T = load_data()

def start(rng):
    return {"W1": rng.standard_normal((6, 9)), "b1": np.zeros(9), "W2": rng.standard_normal((9, 4)), "b2": np.zeros(4)}

def forward(params, x, keep=1.0, rng=None):
    kept = {"h": np.tanh(x @ params["W1"] + params["b1"])}
    kept["d"] = kept["h"]
    if keep < 1.0:
        mask = DRAWN
        kept["mask"] = mask
        kept["d"] = kept["h"] * mask
    s = kept["d"] @ params["W2"] + params["b2"]
    p = np.exp(s - s.max(axis=1, keepdims=True))
    kept["p"] = p / p.sum(axis=1, keepdims=True)
    return kept["p"], kept

def backward(params, kept, x, t):
    ds = (kept["p"] - t) / len(t)
    dh = ds @ params["W2"].T * kept["mask"] * (1 - kept["h"] ** 2)
    return {"W2": kept["d"].T @ ds, "b2": ds.sum(axis=0), "W1": x.T @ dh, "b1": dh.sum(axis=0)}

def train(X, T, keep_prob=0.8, lr=0.2):
    rng = np.random.default_rng(0)
    params = start(rng)
    for epoch in range(9):
        for i in range(0, len(X), 16):
            x, t = X[i:i + 16], T[i:i + 16]
            p, kept = forward(params, x, keep_prob, rng)
            loss = -np.mean(np.sum(t * np.log(p), axis=1))
            grads = backward(params, kept, x, t)
            for name in params:
                params[name] -= lr * grads[name]
    return params

best = train(X, T)
TEST
print((guess.argmax(axis=1) == T_test.argmax(axis=1)).mean())
"""
TWO, ONE = "guess, _ = forward(best, X_test)", "guess, _ = forward(best, X_test, 0.8, np.random.default_rng())"


@pytest.mark.parametrize(("drawn", "test", "said"), quick_first([
    ("rng.binomial(1, keep, size=kept['h'].shape) / keep", TWO, ""),
    ("rng.binomial(1, keep, size=kept['h'].shape)", TWO, "dropout-modes-disagree"),
    ("rng.choice([0.0, 1.0], size=kept['h'].shape, p=[1 - keep, keep])", TWO, "dropout-modes-disagree"),
    ("rng.integers(0, 2, size=kept['h'].shape)", TWO, "dropout-modes-disagree"),
    ("rng.integers(0, 2, size=kept['h'].shape) * 2", TWO, ""),
    ("(rng.random(kept['h'].shape) < keep) / keep", ONE, "predicts-at-random"),
], lambda case: case[2]))  # fmt: skip
def test_what_a_function_trains_is_tested_by_the_name_it_is_given(
    tmp_path: Path, drawn: str, test: str, said: str
) -> None:
    path = tmp_path / "net.py"
    path.write_text(TRAINED.replace("DRAWN", drawn).replace("TEST", test), encoding="utf-8")
    program = read_program(path)
    namespace = program.execute().namespace
    with program.guarded():
        inspection = Inspection(program, namespace, *judged(program, namespace))
        found = dropout_when_tested(inspection)
    put_aside = "integers" not in drawn  # a share that has no name stays, and so does the way back that wants its mask
    assert (inspection.diagnosis.identity is not None) == put_aside
    assert not [one for one in inspection.diagnosis.findings if one.severity == "error"]
    assert [one.code for one in found] == ([said] if said else [])


TWICE = """
import numpy as np


class Deep:
    def __init__(self, inputs=12, first=11, second=9, outputs=4, drop=0.3):
        self.W1, self.b1 = 0.3 * np.random.randn(inputs, first), np.zeros(first)
        self.W2, self.b2 = 0.3 * np.random.randn(first, second), np.zeros(second)
        self.W3, self.b3 = 0.3 * np.random.randn(second, outputs), np.zeros(outputs)
        self.drop = drop

    def forward(self, x, training=False):
        self.x = x
        self.h1 = np.maximum(x @ self.W1 + self.b1, 0)
        if training:
            self.m1 = np.random.rand(*self.h1.shape) > self.drop
            self.d1 = self.h1 * self.m1
        else:
            self.d1 = self.h1 * (1 - self.drop)
        self.h2 = np.maximum(self.d1 @ self.W2 + self.b2, 0)
        if training:
            self.m2 = np.random.rand(*self.h2.shape) > self.drop
            self.d2 = self.h2 * self.m2
        else:
            self.d2 = TESTED
        s = self.d2 @ self.W3 + self.b3
        p = np.exp(s - s.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def loss(self, x, y):
        self.p = self.forward(x, True)
        return -np.log(self.p[np.arange(len(y)), y]).mean()

    def backward(self, y):
        d = self.p.copy()
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        self.dW3, self.db3 = self.d2.T @ d, d.sum(axis=0)
        d = d @ self.W3.T * self.m2 * (self.h2 > 0)
        self.dW2, self.db2 = self.d1.T @ d, d.sum(axis=0)
        d = d @ self.W2.T * self.m1 * (self.h1 > 0)
        self.dW1, self.db1 = self.x.T @ d, d.sum(axis=0)

    def update(self, lr):
        for name in ("W1", "b1", "W2", "b2", "W3", "b3"):
            getattr(self, name)[...] -= lr * getattr(self, "d" + name)

    def accuracy(self, x, y):
        return (self.forward(x).argmax(axis=1) == y).mean()


net = Deep()
for x, y in batches:
    loss = net.loss(x, y)
    net.backward(y)
    net.update(0.1)
"""


@pytest.mark.parametrize(
    ("tested", "said"), [("self.h2 * (1 - self.drop)", []), ("self.h2", ["dropout-modes-disagree"])]
)
def test_a_dropout_behind_another_one_is_seen(tmp_path: Path, tested: str, said: list[str]) -> None:
    """Its input differs in each run, as the units of the first do."""
    path = tmp_path / "net.py"
    path.write_text(TWICE.replace("TESTED", tested), encoding="utf-8")
    program = read_program(path)
    namespace = program.execute().namespace
    with program.guarded():
        inspection = Inspection(program, namespace, *judged(program, namespace))
        found = dropout_when_tested(inspection)
    assert inspection.diagnosis.ok
    assert [one.code for one in found] == said
