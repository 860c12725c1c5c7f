"""Ways of strangers that were once missed or misread: each is recognised, right as it stands, and wrong when spoilt."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from quick_first import quick_first

from handgrad.audit import choosing, session
from handgrad.audit.dialects import READERS, Reading
from handgrad.audit.judging.diagnose import Diagnosis, diagnose
from handgrad.audit.reading.source import read_program

HERE = Path(__file__).parent / "samples_strangers"
PACKED = "packed/run/train"

# sample -> ((features, classes), hidden, output, loss), what to put in place of what, the mistake that this makes
Sample = tuple[tuple[int, int], str, str, str]
SAMPLES: dict[str, tuple[Sample, tuple[str, str], str]] = {
    "adam_within": (
        ((7, 4), "relu", "softmax", "cross-entropy"),
        ("error @ self.weights[i].T) * (self.seen[i] > 0)", "error @ self.weights[i].T)"),
        "activation-derivative-missing",
    ),
    "pairs_made_anew": (
        ((64, 10), "relu", "softmax", "cross-entropy"),
        ("(delta @ w.T) * (a > 0)", "delta @ w.T"),
        "activation-derivative-missing",
    ),
    "row_after_row": (
        ((2, 1), "sigmoid", "sigmoid", "squared error"),
        ("top = (y - t) * y * (1 - y)", "top = y - t"),
        "output-derivative-missing",
    ),
    "loss_of_forward": (
        ((9, 4), "sigmoid", "sigmoid", "binary cross-entropy"),
        (
            "deltas = [self.A[-1] - target_data]",
            "deltas = [(self.A[-1] - target_data) * self.A[-1] * (1 - self.A[-1])]",
        ),
        "gradient-of-squared-error",
    ),
    "settings_in_a_dict": (
        ((12, 10), "tanh", "softmax", "cross-entropy"),
        ('d2.dot(model["W2"].T) * (1 - a1**2)', 'd2.dot(model["W2"].T)'),
        "activation-derivative-missing",
    ),
    "gives_its_lists": (
        ((8, 5), "relu", "softmax", "cross-entropy"),
        ("(self.weights[i].T @ delta) * (scores[i - 1] > 0)", "self.weights[i].T @ delta"),
        "activation-derivative-missing",
    ),
    "silent_class": (
        ((2, 1), "sigmoid", "sigmoid", "squared error"),
        ("@ self.w_out.T) * self.hidden * (1 - self.hidden)", "@ self.w_out.T)"),
        "activation-derivative-missing",
    ),
    "built_in_main": (
        ((12, 5), "tanh", "softmax", "cross-entropy"),
        ("(dZ2 @ self.W2.T) * (1 - self.A1**2)", "(dZ2 @ self.W2.T)"),
        "activation-derivative-missing",
    ),
    "rebound_lists": (
        ((12, 6), "sigmoid", "sigmoid", "squared error"),
        ("(self.weights[i].T @ delta) * self.kept[i] * (1 - self.kept[i])", "self.weights[i].T @ delta"),
        "activation-derivative-missing",
    ),
    "pairs_in_batches": (
        ((12, 6), "relu", "softmax", "cross-entropy"),
        ("(self.weights[1].T @ top) * (self.hidden > 0)", "self.weights[1].T @ top"),
        "activation-derivative-missing",
    ),
    "called_with_numbers": (
        ((2, 2), "tanh", "softmax", "cross-entropy"),
        ("W1 += -epsilon", "W1 += epsilon"),
        "sign-flipped",
    ),
    "one_row_a_turn": (
        ((9, 4), "relu", "softmax", "cross-entropy"),
        ("(W2.T @ d2) * (z > 0)", "W2.T @ d2"),
        "activation-derivative-missing",
    ),
    "keeps_its_data": (
        ((3, 1), "sigmoid", "sigmoid", "squared error"),
        ("(top @ self.w2.T) * self.layer1 * (1 - self.layer1)", "top @ self.w2.T"),
        "activation-derivative-missing",
    ),
    "bias_in_weights": (
        ((11, 5), "tanh", "tanh", "squared error"),
        ("(delta @ matrix[:-1].T) * (1 - seen[:, :-1] ** 2)", "delta @ matrix[:-1].T"),
        "activation-derivative-missing",
    ),
    "step_of_globals": (
        ((10, 4), "sigmoid", "softmax", "cross-entropy"),
        ("(top @ W2.T) * h * (1 - h)", "top @ W2.T"),
        "activation-derivative-missing",
    ),
    "layers_in_closures": (
        ((9, 3), "relu", "none", "squared error"),
        ("lambda d: d * (x > 0)", "lambda d: d"),
        "activation-derivative-missing",
    ),
    "rows_without_a_name": (
        ((8, 3), "tanh", "none", "squared error"),
        ("(d2 @ K2.T) * (1 - l1**2)", "d2 @ K2.T"),
        "activation-derivative-missing",
    ),
    "drawn_batches": (
        ((12, 6), "relu", "softmax", "cross-entropy"),
        ("dn1 = da1 * (n1 > 0)", "dn1 = da1"),
        "activation-derivative-missing",
    ),
    "picked_rows": (
        ((12, 6), "relu", "softmax", "cross-entropy"),
        ("dz2 /= n\n", "dz2 /= n * n\n"),
        "averaged-twice",
    ),
    "keyed_layers": (
        ((6, 4), "tanh", "softmax", "cross-entropy"),
        ('@ params["layer2"]["W"].T * (1 - cache["a1"] ** 2)', '@ params["layer2"]["W"].T'),
        "activation-derivative-missing",
    ),
    "numbered_layers": (
        ((8, 3), "sigmoid", "sigmoid", "squared error"),
        ('delta = delta @ net[i]["w"].T * acts[i - 1] * (1 - acts[i - 1])', 'delta = delta @ net[i]["w"].T'),
        "activation-derivative-missing",
    ),
    "nested_adam": (
        ((784, 10), "relu", "softmax", "cross-entropy"),
        ("    d /= len(y)\n", "    d /= len(y) ** 2\n"),
        "averaged-twice",
    ),
    "saves_itself": (
        ((9, 3), "tanh", "none", "squared error"),
        ("(error @ self.W2.T) * (1 - self.h ** 2)", "(error @ self.W2.T)"),
        "activation-derivative-missing",
    ),
    "own_model_of_layers": (
        ((8, 4), "tanh", "softmax", "cross-entropy"),
        ("(dvalues - y_true) / len(dvalues)", "(dvalues - y_true) / len(dvalues) ** 2"),
        "averaged-twice",
    ),
    "array_engine": (
        ((8, 3), "tanh", "softmax", "cross-entropy"),
        ("self.grad += out.grad * (1 - out.data ** 2)", "self.grad += out.grad"),
        "activation-derivative-missing",
    ),
    "one_sample_list": (
        ((20, 4), "tanh", "softmax", "cross-entropy"),
        ("params[i].dot(d) * (1 - h ** 2)", "params[i].dot(d)"),
        "activation-derivative-missing",
    ),
    "learns_a_row": (
        ((6, 4), "relu", "softmax", "cross-entropy"),
        ("(layer.weights @ delta) * (self.layers[i - 1].z > 0)", "layer.weights @ delta"),
        "activation-derivative-missing",
    ),
    "named_one_by_one": (
        ((12, 5), "tanh", "softmax", "cross-entropy"),
        ("return error * (1 - self.given**2)", "return error"),
        "activation-derivative-missing",
    ),
    "handed_where_made": (
        ((7, 1), "tanh", "sigmoid", "binary cross-entropy"),
        ("erro = erro * (1 - np.tanh(self.z) ** 2)", "erro = erro * 1.0"),
        "activation-derivative-missing",
    ),
    "built_by_a_method": (
        ((16, 5), "sigmoid", "softmax", "cross-entropy"),
        ("return top * self.out * (1 - self.out)", "return top * 1.0"),
        "activation-derivative-missing",
    ),
    "made_in_fit": (
        ((6, 1), "tanh", "none", "squared error"),
        ("(error @ self.out.T) * (1 - h * h)", "(error @ self.out.T)"),
        "activation-derivative-missing",
    ),
    "listed_gradients": (
        ((12, 6), "tanh", "none", "squared error"),
        ("delta @ self.W[i].T * (1 - self.A[i] ** 2)", "delta @ self.W[i].T"),
        "activation-derivative-missing",
    ),
    "returns_its_loss": (
        ((6, 4), "sigmoid", "sigmoid", "squared error"),
        ("error * seen[-1] * (1 - seen[-1])", "error"),
        "output-derivative-missing",
    ),
    "weights_as_vector": (
        ((6, 1), "none", "sigmoid", "squared error"),
        ("np.sum((p - y) * slope)", "np.sum(p - y)"),
        "bias-skips-derivative",
    ),
    "steps_of_one": (
        ((12, 6), "sigmoid", "sigmoid", "squared error"),
        ("top @ self.W2.T * self.squash(self.hidden, deriv=True)", "top @ self.W2.T"),
        "activation-derivative-missing",
    ),
    "ones_beside": (
        ((4, 1), "tanh", "sigmoid", "binary cross-entropy"),
        ("(error @ out[1:].T) * (1 - hidden**2)", "(error @ out[1:].T)"),
        "activation-derivative-missing",
    ),
    "compares_slopes": (
        ((5, 3), "tanh", "none", "squared error"),
        ("error @ self.W2.T * self.slope(self.z)", "error @ self.W2.T"),
        "activation-derivative-missing",
    ),
    "takes_its_data": (
        ((12, 1), "sigmoid", "sigmoid", "squared error"),
        ("self.x.T @ (d @ self.w2.T * self.h * (1 - self.h))", "self.x.T @ (d @ self.w2.T)"),
        "activation-derivative-missing",
    ),
    "trainer_chooses": (
        ((9, 4), "tanh", "softmax", "cross-entropy"),
        ("(d @ self.outer.T) * (1 - self.h**2)", "d @ self.outer.T"),
        "activation-derivative-missing",
    ),
    "two_losses": (
        ((6, 4), "relu", "sigmoid", "binary cross-entropy"),
        ('@ dZ2 * (cache["A1"] > 0)', "@ dZ2"),
        "activation-derivative-missing",
    ),
    "set_by_calls": (
        ((6, 1), "tanh", "sigmoid", "binary cross-entropy"),
        ("(dh * slope) + lam * W1", "(dh * slope)"),
        "penalty-missing",
    ),
    "rates_in_a_list": (
        ((7, 3), "sigmoid", "sigmoid", "squared error"),
        ("(d @ w2.T) * h * (1 - h)", "d @ w2.T"),
        "activation-derivative-missing",
    ),
    "share_that_stays": (
        ((11, 5), "relu", "softmax", "cross-entropy"),
        ("dvalues * (self.inputs > 0)", "dvalues * 1.0"),
        "activation-derivative-missing",
    ),
    "scores_come_last": (
        ((5, 3), "relu", "softmax", "cross-entropy"),
        ("self.w2.T @ d2 * (z1 > 0)", "self.w2.T @ d2"),
        "activation-derivative-missing",
    ),
    "labels_without_word": (
        ((5, 3), "tanh", "softmax", "cross-entropy"),
        ("(dS @ W2.T) * (1 - H**2)", "dS @ W2.T"),
        "activation-derivative-missing",
    ),
    "labels_across": (
        ((9, 4), "relu", "softmax", "cross-entropy"),
        ('params["W2"].T @ d2 * (A1 > 0)', 'params["W2"].T @ d2'),
        "activation-derivative-missing",
    ),
    "words_for_layers": (
        ((12, 6), "tanh", "softmax", "cross-entropy"),
        ("d = d * (1 - np.tanh(self.z) ** 2)", "d = d * 1.0"),
        "activation-derivative-missing",
    ),
    "rede_silenciosa": (
        ((6, 1), "tanh", "sigmoid", "binary cross-entropy"),
        ("(d @ self.pesos[i].T) * (1 - vistos[i] ** 2)", "d @ self.pesos[i].T"),
        "activation-derivative-missing",
    ),
    "outputs_in_a_cache": (
        ((6, 1), "sigmoid", "sigmoid", "binary cross-entropy"),
        ('@ d) * cache[f"A{i - 1}"] * (1 - cache[f"A{i - 1}"])', "@ d)"),
        "activation-derivative-missing",
    ),
    "looks_before": (
        ((6, 4), "tanh", "softmax", "cross-entropy"),
        ("(dZ2 @ self.W2.T) * (1 - self.A1**2)", "dZ2 @ self.W2.T"),
        "activation-derivative-missing",
    ),
    "turned_when_saved": (
        ((11, 5), "tanh", "none", "squared error"),
        ("(delta2 @ weights2.T) * (1 - layer1**2)", "delta2 @ weights2.T"),
        "activation-derivative-missing",
    ),
    "guesses_beside": (
        ((12, 6), "sigmoid", "sigmoid", "squared error"),
        ("self.w2 -= rate * h.T @ d2", "self.w2 -= rate * h.T @ (out - wanted)"),
        "output-derivative-missing",
    ),
    "graph_of_nodes": (
        ((9, 1), "sigmoid", "none", "squared error"),
        ("self.above() * self.value * (1 - self.value)", "self.above()"),
        "activation-derivative-missing",
    ),
    PACKED: (
        ((10, 5), "relu", "softmax", "cross-entropy"),
        ("dout /= len(X)", "dout /= len(X) ** 2"),
        "averaged-twice",
    ),
    "rows_within_train": (
        ((2, 1), "sigmoid", "sigmoid", "squared error"),
        ("off = targets - self.out", "off = self.out - targets"),
        "sign-flipped",
    ),
    "adam_over_a_dict": (
        ((4, 3), "tanh", "softmax", "cross-entropy"),
        ('p["W2"].T * (1 - a * a)', 'p["W2"].T'),
        "activation-derivative-missing",
    ),
    "scaled_by_mean": (
        ((9, 1), "tanh", "none", "squared error"),
        ("(top @ W2.T) * (1 - hidden**2)", "top @ W2.T"),
        "activation-derivative-missing",
    ),
    "rate_in_each_turn": (
        ((12, 5), "relu", "softmax", "cross-entropy"),
        ("    low[before <= 0] = 0\n", ""),
        "activation-derivative-missing",
    ),
    "begun_in_the_first_turn": (
        ((7, 1), "sigmoid", "none", "squared error"),
        ("(d2 @ W2.T) * A1 * (1 - A1)", "d2 @ W2.T"),
        "activation-derivative-missing",
    ),
    "one_frame_a_step": (
        ((784, 10), "relu", "softmax", "cross-entropy"),
        ("W2.T.dot(d2) * (A1 > 0)", "W2.T.dot(d2)"),
        "activation-derivative-missing",
    ),
    "output_as_vector": (
        ((6, 1), "tanh", "sigmoid", "binary cross-entropy"),
        ("np.outer(d2, w2) * (1 - a1**2)", "np.outer(d2, w2)"),
        "activation-derivative-missing",
    ),
}


def judged(path: Path) -> tuple[Reading, Diagnosis]:
    """The reading that an audit would take; its network is known."""
    program = read_program(path)
    execution = program.execute()
    with program.guarded():
        reading, diagnosis = choosing.judged(program, execution.namespace)
    assert diagnosis.identity is not None, f"{path.name} was not read"
    return reading, diagnosis


@pytest.mark.parametrize("name", quick_first(SAMPLES, lambda name: SAMPLES[name][0][1:]))
def test_it_is_recognised_and_not_called_wrong(name: str) -> None:
    (ends, hidden, output, loss), _, _ = SAMPLES[name]
    reading, diagnosis = judged(HERE / f"{name}.py")
    identity = diagnosis.identity
    assert identity is not None
    assert (reading.subject.features, reading.subject.classes) == ends
    assert (identity.hidden, identity.output, identity.loss) == (hidden, output, loss)
    assert diagnosis.ok


@pytest.mark.parametrize("name", quick_first(SAMPLES, lambda name: SAMPLES[name][0][1:]))
def test_a_planted_mistake_has_its_name(name: str, tmp_path: Path) -> None:
    _, (old, new), code = SAMPLES[name]
    folder = shutil.copytree(HERE / "packed" if name == PACKED else HERE, tmp_path / "copy")
    path = folder / ("run/train.py" if name == PACKED else f"{name}.py")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    _, diagnosis = judged(path)
    assert [f.code for f in diagnosis.findings if f.severity == "error"] == [code]


@pytest.mark.parametrize("name", ["silent_class", PACKED])
def test_trying_leaves_the_objects_of_the_file_as_they_are(name: str) -> None:
    program = read_program(HERE / f"{name}.py")
    namespace = program.execute().namespace
    held = [layer for layer in namespace.get("layers", [namespace.get("gate")]) if hasattr(layer, "__dict__")]
    before = [{k: np.array(v) for k, v in vars(one).items()} for one in held]
    names = dict(namespace)
    with program.guarded():
        for read in READERS:
            for reading in read(namespace, program.tree):
                diagnose(reading.subject)
                break
    assert all(namespace[key] is names[key] for key in names)
    for one, was in zip(held, before, strict=True):
        assert vars(one).keys() == was.keys()
        assert all(np.array_equal(value, was[key]) for key, value in vars(one).items())


LAYERS_ALONE = """
import numpy as np

class Linear:
    def __init__(self, n, m):
        self.W, self.b = 0.1 * np.random.randn(n, m), np.zeros(m)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, dy.sum(axis=0)
        return dy @ self.W.T

class ReLU:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)
    def backward(self, dy):
        return dy * (self.x > 0)

class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p
    def backward(self, dy):
        return self.p * (dy - (dy * self.p).sum(axis=1, keepdims=True))

class CrossEntropyLoss:
    def forward(self, logits, labels):
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.p, self.labels = e / e.sum(axis=1, keepdims=True), labels
        return -np.log(self.p[np.arange(len(labels)), labels]).mean()
    def backward(self):
        d = self.p.copy()
        d[np.arange(len(d)), self.labels] -= 1
        return d / len(d)
"""


def test_what_the_audit_puts_together_is_not_the_authors_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "ALL_SECONDS", 0.0)  # then the first net that runs is taken: one with a softmax twice
    path = tmp_path / "layers.py"
    path.write_text(LAYERS_ALONE, encoding="utf-8")
    assert session.audit_file({"path": str(path)})["ok"]


def test_data_that_is_missing_has_a_stand_in() -> None:
    found = session.audit_file({"path": str(HERE / "grown_on_missing_data.py")})
    assert found["ok"]
    assert [one for one in found["findings"] if one["severity"] != "note"] == []
    assert found["subject"]["sizes"] == [784, 32, 10]


@pytest.mark.parametrize("mistake", ["", "d @ W2.T * mask"])
def test_dropout_that_only_a_call_sets_is_looked_at(mistake: str, tmp_path: Path) -> None:
    path, text = tmp_path / "net.py", (HERE / "set_by_calls.py").read_text(encoding="utf-8")
    path.write_text(text.replace(mistake, "d @ W2.T") if mistake else text, encoding="utf-8")
    wrong = [f["code"] for f in session.audit_file({"path": str(path)})["findings"] if f["severity"] == "error"]
    assert wrong == (["dropout-mask-not-applied"] if mistake else [])


DROPPED_SUM = """
import numpy as np
W1, W2 = 0.2 * np.random.random((20, 15)) - 0.1, 0.2 * np.random.random((15, 4)) - 0.1
images, labels = np.random.rand(200, 20), np.eye(4)[np.random.randint(0, 4, 200)]
batch_size, alpha = 50, 0.05
for epoch in range(100):
    error = 0.0
    for i in range(len(images) // batch_size):
        start, end = i * batch_size, (i + 1) * batch_size
        layer_0 = images[start:end]
        layer_1 = np.maximum(layer_0 @ W1, 0)
        mask = np.random.randint(2, size=layer_1.shape)
        layer_1 *= mask * 2
        layer_2 = layer_1 @ W2
        error += np.sum((labels[start:end] - layer_2) ** 2)
        delta_2 = (labels[start:end] - layer_2) / batch_size
        delta_1 = (delta_2 @ W2.T) * (layer_1 > 0) * mask * 2
        W2 += alpha * layer_1.T @ delta_2
        W1 += alpha * layer_0.T @ delta_1
    print(epoch, error)
"""


def test_a_summed_loss_under_an_averaged_gradient_is_a_convention_where_masks_are_drawn_too(tmp_path: Path) -> None:
    path = tmp_path / "dropped.py"
    path.write_text(DROPPED_SUM, encoding="utf-8")
    assert [f["code"] for f in session.audit_file({"path": str(path)})["findings"]] == ["averaged"]


PENALTY_CALLED_ALPHA = """
import numpy as np

def start(sizes):
    return {f"W{i}": np.random.randn(n, m) / np.sqrt(m) for i, (m, n) in enumerate(zip(sizes, sizes[1:]), 1)}

def forward(X, parameters):
    H = np.tanh(parameters["W1"] @ X)
    return 1 / (1 + np.exp(-parameters["W2"] @ H)), H

def cost(P, Y, parameters, alpha):
    m = Y.shape[1]
    said = -np.sum(Y * np.log(P) + (1 - Y) * np.log(1 - P)) / m
    return said + alpha / (2 * m) * sum(np.sum(W**2) for W in parameters.values())

def backward(P, Y, X, H, parameters, alpha):
    m = Y.shape[1]
    dW2 = (P - Y) @ H.T / m + alpha / m * parameters["W2"]
    dW1 = ((parameters["W2"].T @ (P - Y)) * (1 - H**2)) @ X.T / m + alpha / m * parameters["W1"]
    return {"dW1": dW1, "dW2": dW2}

def update(parameters, grads, learning_rate):
    for name in parameters:
        parameters[name] = parameters[name] - learning_rate * grads["d" + name]
    return parameters

parameters = start([7, 5, 3])
"""
TURNED_ON_THE_WAY_IN = """
import numpy as np

def accuracy(outputs, targets):
    return np.mean(np.argmax(outputs, axis=0) == np.argmax(targets, axis=0))

class Net:
    def __init__(self):
        self.W1, self.W2 = np.random.randn(9, 6) / 3, np.random.randn(4, 9) / 3

    def forward(self, x):
        self.x, self.h = x, np.tanh(self.W1 @ x)
        return 1 / (1 + np.exp(-self.W2 @ self.h))

    def update(self, outputs, targets, lr):
        d2 = (outputs - targets) * outputs * (1 - outputs)
        d1 = (self.W2.T @ d2) * (1 - self.h**2)
        self.W2 -= lr * d2 @ self.h.T
        self.W1 -= lr * d1 @ self.x.T

    def train(self, X, Y, epochs=5, size=16, lr=0.1):
        for epoch in range(epochs):
            for i in range(0, len(X), size):
                x, t = X[i:i + size].T, Y[i:i + size].T
                outputs = self.forward(x)
                loss = 0.5 * np.sum((outputs - t) ** 2)
                self.update(outputs, t, lr)
                print(loss, accuracy(outputs, t))

net = Net()
"""


@pytest.mark.parametrize("text", [PENALTY_CALLED_ALPHA, TURNED_ON_THE_WAY_IN])
def test_what_is_right_in_another_way_is_left_alone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    found = session.audit_file({"path": str(path)})
    assert found["subject"]["sizes"][0] in (6, 7)
    assert [one["code"] for one in found["findings"] if one["severity"] != "note"] == []


SPREAD = {
    "start.py": """
import numpy as np

def initialize(sizes):
    return {f"{n}{i}": 0.5 * np.random.randn(b, a if n == "W" else 1)
            for i, (a, b) in enumerate(zip(sizes, sizes[1:]), 1) for n in "Wb"}
""",
    "ways.py": """
import numpy as np

def forward(X, params):
    A1 = np.tanh(params["W1"] @ X + params["b1"])
    return 1 / (1 + np.exp(-(params["W2"] @ A1 + params["b2"]))), (X, A1)

def backward(AL, Y, cache, params):
    X, A1 = cache
    m = Y.shape[1]
    d2 = AL - Y
    d1 = (params["W2"].T @ d2) * (1 - A1**2)
    return {"dW2": d2 @ A1.T / m, "db2": d2.sum(axis=1, keepdims=True) / m,
            "dW1": d1 @ X.T / m, "db1": d1.sum(axis=1, keepdims=True) / m}
""",
    "training.py": """
import numpy as np
from ways import backward, forward

def cost(AL, Y):
    return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / Y.shape[1]

def update(params, grads, learning_rate):
    for name in params:
        params[name] = params[name] - learning_rate * grads["d" + name]
    return params

def train(X, Y, params, learning_rate=0.1, rounds=100):
    for i in range(rounds):
        AL, cache = forward(X, params)
        print(cost(AL, Y))
        params = update(params, backward(AL, Y, cache, params), learning_rate)
    return params
""",
    "main.py": """
import numpy as np
from start import initialize
from training import train

def main():
    images, labels = load("digits.npz")
    train(images, labels, initialize([784, 20, 10]))

main()
""",
}


def test_a_network_in_modules_that_the_file_only_starts(tmp_path: Path) -> None:
    for name, text in SPREAD.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = session.audit_file({"path": str(tmp_path / "main.py")})
    assert found["ok"]
    assert found["subject"]["file"] == str(tmp_path / "main.py")
    assert (found["subject"]["hidden"], found["subject"]["loss"]) == ("tanh", "binary cross-entropy")
    (tmp_path / "ways.py").write_text(SPREAD["ways.py"].replace(" * (1 - A1**2)", ""), encoding="utf-8")
    (wrong,) = session.audit_file({"path": str(tmp_path / "main.py")})["findings"]
    assert (wrong["code"], wrong["file"], wrong["line"]) == (
        "activation-derivative-missing",
        str(tmp_path / "ways.py"),
        12,
    )


ROWS_OF_LOSSES = """
import numpy as np
from points import datax, datay

class Linear:
    def __init__(self, n, d):
        self._n, self._d = n, d
        self._gradient, self._parameters = np.zeros((n, d)), np.random.normal(0, 0.7, (n, d))

    def forward(self, X):
        assert X.shape[1] == self._n
        return X @ self._parameters

    def collect(self, input, delta):
        self._gradient += input.T @ delta

    def update_parameters(self, gradient_step):
        self._parameters -= gradient_step * self._gradient
        self._gradient = np.zeros((self._n, self._d))

def squares(y, yhat):
    return np.sum((y - yhat) ** 2, axis=1)

gradient_step = 1e-3
first, second = Linear(datax.shape[1], 5), Linear(5, 3)
for _ in range(10):
    hidden = np.tanh(first.forward(datax))
    outputs = second.forward(hidden)
    loss = squares(datay, outputs)
    delta = -2 * (datay - outputs)
    first.collect(datax, (delta @ second._parameters.T) * (1 - hidden**2))
    second.collect(hidden, delta)
    first.update_parameters(gradient_step=gradient_step)
    second.update_parameters(gradient_step=gradient_step)
"""


def test_one_loss_a_row_on_data_that_another_module_cannot_load(tmp_path: Path) -> None:
    (tmp_path / "points.py").write_text("import numpy as np\ndatax, datay = np.load('points.npy')\n", encoding="utf-8")
    path = tmp_path / "net.py"
    path.write_text(ROWS_OF_LOSSES, encoding="utf-8")
    found = session.audit_file({"path": str(path)})
    assert (found["subject"]["sizes"][1:], found["subject"]["loss"]) == ([5, 3], "squared error")
    assert [one["code"] for one in found["findings"]] == ["summed"]
    path.write_text(ROWS_OF_LOSSES.replace("1 - hidden**2", "1 - hidden"), encoding="utf-8")
    assert not session.audit_file({"path": str(path)})["ok"]


def test_as_many_rounds_as_the_data_have_batches(tmp_path: Path) -> None:
    """The number was worked out of the file's own data, of which the audit's batch has fewer rows."""
    text = (HERE / "graph_of_nodes.py").read_text(encoding="utf-8")
    sliced = text.replace(
        "np.random.choice(len(X_data), batch_size)", "slice(step * batch_size, (step + 1) * batch_size)"
    )
    assert sliced != text
    (tmp_path / "net.py").write_text(sliced, encoding="utf-8")
    found = session.audit_file({"path": str(tmp_path / "net.py")})
    assert found["findings"] == []
    assert found["subject"]["sizes"] == [9, 7, 1]


BY_SAMPLE = """
import numpy as np

class Network:
    def __init__(self, sizes):
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]
        self.weights = [np.random.randn(n, m) for m, n in zip(sizes, sizes[1:])]

    def feedforward(self, a):
        self.seen = [a]
        for b, w in zip(self.biases, self.weights):
            self.seen.append(1 / (1 + np.exp(-(w @ self.seen[-1] + b))))
        return self.seen[-1]

    def backprop(self, x, y):
        out = self.feedforward(x)
        delta = 2 * (out - y) * out * (1 - out)
        db, dw = [delta], [delta @ self.seen[-2].T]
        for l in range(2, len(self.seen)):
            h = self.seen[-l]
            delta = (self.weights[-l + 1].T @ delta) * h * (1 - h)
            db.insert(0, delta)
            dw.insert(0, delta @ self.seen[-l - 1].T)
        return db, dw

    def SGD(self, training_data, epochs, learning_rate):
        for epoch in range(epochs):
            total_loss = 0
            for x, y in training_data:
                total_loss += np.sum((self.feedforward(x) - y) ** 2)
                db, dw = self.backprop(x, y)
                self.biases = [b - learning_rate * d for b, d in zip(self.biases, db)]
                self.weights = [w - learning_rate * d for w, d in zip(self.weights, dw)]
            print(epoch, total_loss / len(training_data))

net = Network([2, 3, 1])
"""


def test_a_line_where_each_sample_of_a_list_moves_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(BY_SAMPLE, encoding="utf-8")
    assert session.audit_file({"path": str(path)})["ok"]
    path.write_text(BY_SAMPLE.replace("@ delta) * h * (1 - h)", "@ delta)"), encoding="utf-8")
    errors = [f for f in session.audit_file({"path": str(path)})["findings"] if f["severity"] == "error"]
    assert [(f["code"], f["line"]) for f in errors] == [("activation-derivative-missing", 21)]


def test_one_number_as_the_gradient_of_a_bias(tmp_path: Path) -> None:
    for name, text in SPREAD.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    wrong = SPREAD["ways.py"].replace("d1.sum(axis=1, keepdims=True)", "d1.sum()")
    (tmp_path / "ways.py").write_text(wrong, encoding="utf-8")
    (found,) = session.audit_file({"path": str(tmp_path / "main.py")})["findings"]
    assert (found["code"], found["where"]) == ("bias-summed-over-everything", ["b1"])


SUMMED_WHOLE = """
import numpy as np

W1, b1 = np.random.randn(7, 6) / 3, np.zeros((1, 6))
W2, b2 = np.random.randn(6, 4) / 3, np.zeros((1, 4))
for epoch in range(10):
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(Y * np.log(p), axis=1))
    d2 = (p - Y) / len(X)
    d1 = (d2 @ W2.T) * (1 - h**2)
    W2 -= 0.1 * h.T @ d2
    b2 -= 0.1 * np.sum(d2)
    W1 -= 0.1 * X.T @ d1
    b1 -= 0.1 * np.sum(d1)
"""


def test_a_sum_over_everything_that_is_zero_is_the_same_mistake(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(SUMMED_WHOLE, encoding="utf-8")
    errors = [f for f in session.audit_file({"path": str(path)})["findings"] if f["severity"] == "error"]
    assert [(f["code"], f["where"]) for f in errors] == [("bias-summed-over-everything", ["b1", "b2"])]
