"""Networks whose derivatives are right and that are still wrong: each is named, with its figures and its line."""

from __future__ import annotations

from math import exp, log
from pathlib import Path

import pytest
from property_cases import SAMPLES, Edits, checked

SOFTMAX_LAYER = """class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, dout):
        return self.p * (dout - (dout * self.p).sum(axis=1, keepdims=True))

    def parameters(self):
        return []


class CrossEntropyLoss:"""

WRONG: list[tuple[str, Edits, str, str]] = [
    (
        "modules_criterion",
        (("class CrossEntropyLoss:", SOFTMAX_LAYER), ("Linear(64, 10))", "Linear(64, 10), Softmax())")),
        "softmax-twice",
        "error",
    ),
    (
        "dict_loop",
        (
            (
                "        return x\n\n    def loss",
                "        e = np.exp(x)\n        return e / e.sum(axis=1, keepdims=True)\n\n    def loss",
            ),
        ),
        "softmax-twice",
        "error",
    ),
    (
        "script_softmax",
        (("correct =", "probs = np.exp(probs) / np.sum(np.exp(probs), axis=1, keepdims=True)\n    correct ="),),
        "softmax-twice",
        "error",
    ),
    (
        "unrolled_three",
        (
            (
                "        return self.p\n",
                "        self.p = np.exp(self.p) / np.exp(self.p).sum(axis=1, keepdims=True)\n        return self.p\n",
            ),
        ),
        "softmax-twice",
        "error",
    ),
    (
        "dict_loop",
        (
            (
                '["Affine2"] = Affine(self.params["W2"], self.params["b2"])',
                '["Affine2"] = Affine(self.params["W2"], self.params["b2"])\n        self.layers["Relu2"] = Relu()',
            ),
        ),
        "relu-before-softmax",
        "warning",
    ),
    (
        "script_softmax",
        (("scores = np.dot(hidden, W2) + b2", "scores = 1 / (1 + np.exp(-(np.dot(hidden, W2) + b2)))"),),
        "squashed-scores",
        "warning",
    ),
    (
        "unrolled_three",
        (
            ("np.tanh(x @ self.w1 + self.c1)", "x @ self.w1 + self.c1"),
            ("np.tanh(self.h1 @ self.w2 + self.c2)", "self.h1 @ self.w2 + self.c2"),
            (" * (1 - self.h2**2)", ""),
            (" * (1 - self.h1**2)", ""),
        ),
        "no-nonlinearity",
        "error",
    ),
    (
        "unrolled_three",
        (("np.tanh(self.h1 @ self.w2 + self.c2)", "self.h1 @ self.w2 + self.c2"), (" * (1 - self.h2**2)", "")),
        "no-nonlinearity",
        "error",
    ),
    ("modules_criterion", (("Linear(784, 64), ReLU(), ", "Linear(784, 64), "),), "no-nonlinearity", "error"),
    (
        "script_softmax",
        (("np.maximum(0, np.dot(X, W1) + b1)", "np.dot(X, W1) + b1"), ("    dhidden[hidden <= 0] = 0\n", "")),
        "no-nonlinearity",
        "error",
    ),
    (
        "modules_criterion",
        (
            (
                "np.random.randn(in_features, out_features) * np.sqrt(2.0 / in_features)",
                "np.zeros((in_features, out_features))",
            ),
        ),
        "symmetric-start",
        "error",
    ),
    (
        "unrolled_three",
        (
            ("np.random.randn(n_in, n_h1) * np.sqrt(2 / n_in)", "np.full((n_in, n_h1), 0.1)"),
            ("np.random.randn(n_h1, n_h2) * np.sqrt(2 / n_h1)", "np.full((n_h1, n_h2), 0.1)"),
        ),
        "symmetric-start",
        "error",
    ),
    (
        "script_softmax",
        (("0.01 * np.random.randn(D, H)", "np.ones((D, H))"), ("0.01 * np.random.randn(H, C)", "np.ones((H, C))")),
        "symmetric-start",
        "error",
    ),
    (
        "dict_class",
        (
            ("weight_init_std * np.random.randn(input_size, hidden_size)", "np.zeros((input_size, hidden_size))"),
            ("weight_init_std * np.random.randn(hidden_size, output_size)", "np.zeros((hidden_size, output_size))"),
        ),
        "symmetric-start",
        "error",
    ),
    ("modules_criterion", ((" * np.sqrt(2.0 / in_features)", ""),), "first-loss-high", "warning"),
    (
        "script_batches",
        ((" * np.sqrt(2 / n_inputs)", ""), (" * np.sqrt(2 / n_hidden)", "")),
        "first-loss-high",
        "warning",
    ),
    ("unrolled_three", (("np.sqrt(2 / n_h2)", "30"),), "first-loss-high", "warning"),
    (
        "unrolled_three",
        (("np.random.randn(n_in, n_h1) * np.sqrt(2 / n_in)", "np.random.randn(n_in, n_h1) * 10"),),
        "saturated-start",
        "warning",
    ),
    (
        "unrolled_error",
        (("np.random.randn(n_in, n_out) * 0.3", "np.random.randn(n_in, n_out) * 30"),),
        "saturated-start",
        "warning",
    ),
    (
        "modules_criterion",
        (("np.random.randn(in_features, out_features)", "-np.random.rand(in_features, out_features)"),),
        "dead-start",
        "warning",
    ),
    (
        "script_batches",
        (("np.random.randn(n_hidden, n_inputs) *", "-np.random.rand(n_hidden, n_inputs) *"),),
        "dead-start",
        "warning",
    ),
    ("unrolled_error", (("* 0.3", "* 1.0"),), "saturated-start", "note"),  # the first chapter of many a book
    (
        "dict_loop",
        ((".argmax(axis=1) == t.argmax(axis=1)", ".argmax(axis=0) == t.argmax(axis=0)"),),
        "accuracy-wrong-axis",
        "warning",
    ),
    (
        "dict_class",
        (("axis=1)\n        t = np.argmax(t, axis=1)", "axis=0)\n        t = np.argmax(t, axis=0)"),),
        "accuracy-wrong-axis",
        "warning",
    ),
]


SLOW = {("modules_criterion", "softmax-twice"), ("dict_loop", "softmax-twice"), ("script_softmax", "softmax-twice")}
CASES = [pytest.param(*one, marks=[pytest.mark.slow] if (one[0], one[2]) in SLOW else []) for one in WRONG]


@pytest.mark.parametrize(("sample", "edits", "code", "severity"), CASES)
def test_it_is_named(sample: str, edits: Edits, code: str, severity: str, tmp_path: Path) -> None:
    found = checked(sample, edits, tmp_path)
    assert code in found
    assert found[code].severity == severity
    assert {c for c, finding in found.items() if finding.severity == "error"} <= {code}
    assert found[code].cause("en")
    assert found[code].cause("ko")


# What looks like a mistake and is none; no edit for a sample as it stands.
RIGHT: list[tuple[str, Edits]] = [
    ("script_softmax", (("0.01 * np.random.randn(D, H)", "0.5 * np.random.randn(D, H)"),)),
    ("script_softmax", (("np.random.randn(H, C)", "np.zeros((H, C))"),)),  # one of two may start at zero
    ("script_logistic", ()),  # all zero, and no hidden layer that could be alike
    ("unrolled_error", (("* 0.3", "* 0.5"),)),
    ("modules_criterion", (("Linear(784, 64), ReLU(), Linear(64, 10)", "Linear(784, 10)"),)),
    ("dict_class", (("y = np.argmax(self.predict(x), axis=1)", "y = self.predict(x).argmax(axis=-1)"),)),
    ("script_circle", ()),
]


@pytest.mark.parametrize(("sample", "edits"), RIGHT)
def test_what_only_looks_wrong_is_left_alone(sample: str, edits: Edits, tmp_path: Path) -> None:
    assert not {code for code, finding in checked(sample, edits, tmp_path).items() if finding.severity != "note"}


@pytest.mark.slow
@pytest.mark.parametrize("sample", sorted(SAMPLES))
def test_a_sample_as_it_stands_gets_no_warning(sample: str, tmp_path: Path) -> None:
    found = {code for code, finding in checked(sample, (), tmp_path).items() if finding.severity != "note"}
    assert found <= ({"test-scaled-differently"} if sample == "modules_network_fit" else set())


def test_the_lowest_loss_of_a_double_softmax_is_told(tmp_path: Path) -> None:
    sample, edits, code, _ = WRONG[0]
    found = checked(sample, edits, tmp_path)[code]
    assert found.measured["lowest"] == pytest.approx(-log(exp(1) / (exp(1) + 9)))
    assert found.expected == {"lowest": 0.0}
    assert found.line is not None


FUNCTIONS: dict[str, bool] = {
    """
def one_hot(y, k):
    out = np.zeros((len(y), k))
    for i in range(len(y)):
        out[i, y[0]] = 1
    return out
""": True,
    """
def to_one_hot(labels, num_classes=10):
    out = np.zeros((labels.size, num_classes))
    out[np.arange(labels.size), labels // 2] = 1
    return out
""": True,
    """
def onehot(y):
    out = np.zeros((y.size, 10))
    out[:, y] = 1
    return out
""": True,
    """
def one_hot(y, num_classes=10):
    return np.eye(num_classes)[y]
""": False,
    """
def one_hot(Y):
    out = np.zeros((Y.size, Y.max() + 1))
    out[np.arange(Y.size), Y] = 1
    return out.T
""": False,
    """
def one_hot(k, y):
    return np.where(np.arange(k)[None, :] == np.asarray(y).reshape(-1, 1), 0.99, 0.01)
""": False,
    """
def vectorized_result(j):
    e = np.zeros((10, 1))
    e[j] = 1.0
    return e
""": False,
}


@pytest.mark.parametrize(("text", "wrong"), FUNCTIONS.items())
def test_a_one_hot_function_is_run_on_ten_labels(text: str, wrong: bool, tmp_path: Path) -> None:
    assert ("one-hot-wrong" in checked("script_softmax", (("", text),), tmp_path)) == wrong


PREDICTS = {
    """
    def predict(self, x):
        return self.forward(x)
""": True,
    """
    def predict(self, x):
        return self.forward(x, training=True).argmax(axis=1)
""": True,
    """
    def evaluate(self, x):
        out = x
        for l in self.layers:
            out = l.forward(out, training=True)
        return out
""": True,
    """
    def predict(self, x):
        return self.forward(x, training=False)
""": False,
    """
    def predict(self, x):
        return self.forward(x, False).argmax(axis=1)
""": False,
    """
    def train_on(self, x):
        return self.forward(x)
""": False,
}


@pytest.mark.parametrize(("method", "wrong"), PREDICTS.items())
def test_a_prediction_that_differs_from_call_to_call_is_found(method: str, wrong: bool, tmp_path: Path) -> None:
    edits = (("    def backward(self, g):\n", method.lstrip("\n") + "\n    def backward(self, g):\n"),)
    found = checked("modules_dropout", edits, tmp_path)
    assert ("predicts-at-random" in found) == wrong


def test_a_mask_that_is_drawn_in_the_prediction_itself_has_its_line(tmp_path: Path) -> None:
    method = """    def predict(self, x):
        for l in self.layers:
            x = l.forward(x, False)
        mask = np.random.rand(*x.shape) < 0.5
        return x * mask

"""
    found = checked(
        "modules_dropout", (("    def backward(self, g):\n", method + "    def backward(self, g):\n"),), tmp_path
    )
    line = (
        (tmp_path / "modules_dropout.py").read_text(encoding="utf-8").split("\n")[found["predicts-at-random"].line - 1]
    )
    assert line.strip() == "mask = np.random.rand(*x.shape) < 0.5"
