"""A network in a file of somebody's own, told with its own numbers and lines; what cannot be told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from recompute import agrees, from_json

from handgrad.audit.choosing import judged
from handgrad.audit.reading.sandbox import run_in_child
from handgrad.audit.reading.source import read_program
from handgrad.errors import DataError, InputError
from handgrad.explain.strangers.digits import digits_to_show
from handgrad.explain.strangers.step import strangers_step
from handgrad.explain.terminal import cells

NETS = Path(__file__).parents[1] / "museum" / "nets"
# One clean net of each dialect, as the audit names them.
DIALECTS = {
    "closures": "closures/combinators.py", "columns": "columns/network.py",
    "dictionaries": "dictionaries/deep_course.py",
    "pairs": "function_pairs/fc_layers.py", "glue": "glue/logistic_stack.py", "modules": "modules/mlp_gz.py",
    "nnfs": "nnfs/mnist_classes.py", "scalars": "scalars/moons_value.py", "script": "script/softmax_relu.py",
    "unrolled": "unrolled/three_layers.py", "notebook": "modules/layers_notebook.ipynb",
}  # fmt: skip
SMALL = """
import numpy as np

rng = np.random.default_rng(1)
W1, b1 = rng.normal(size=(784, 6)) * 0.05, np.zeros(6)
W2, b2 = rng.normal(size=(6, 10)) * 0.5, np.zeros(10)


def forward(x):
    h = np.tanh(x @ W1 + b1)
    z = h @ W2 + b2
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return h, e / e.sum(axis=1, keepdims=True)


def loss(x, y):
    return -np.mean(np.log(forward(x)[1][np.arange(len(x)), y]))


def step(x, y, lr):
    h, p = forward(x)
    dz = p.copy()
    dz[np.arange(len(x)), y] -= 1
    dz /= len(x)
    dh = dz @ W2.T * (1 - h * h)
    for w, dw in ((W1, x.T @ dh), (b1, dh.sum(axis=0)), (W2, h.T @ dz), (b2, dz.sum(axis=0))):
        w -= lr * dw


def parameters():
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
"""


def explained(path: Path, **options: Any) -> dict[str, Any]:
    """The story of a file, as lines and as values."""
    request = {"path": str(path), "lang": "en", "width": 80, "wanted": ["lines", "values"]}
    return run_in_child("handgrad.explain.strangers.file:explain_file", request | options, seconds=60)


def check(told: dict[str, Any]) -> None:
    """Every equation closes, in both formats."""
    equations = [b for chapter in told["values"]["chapters"] for b in chapter["blocks"] if b["type"] == "equation"]
    assert len(equations) > 8
    for equation in equations:
        assert agrees(from_json(equation["expression"]), equation["result"]["number"]), equation
    assert max(map(cells, told["lines"])) <= 80


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("strangers") / "small.py"
    path.write_text(SMALL)
    return path


def test_a_file_is_told_with_its_own_numbers_and_lines(small: Path) -> None:
    digits = digits_to_show("test:7", None)
    told = explained(small, **digits)
    check(told)
    space: dict[str, Any] = {}
    exec(SMALL, space)
    x = np.array(digits["images"]).reshape(4, -1) / 255
    whole = "\n".join(told["lines"])
    weights = {name: space[name].copy() for name in ("W1", "W2")}
    space["step"](x, np.array(digits["labels"]), 0.1)
    # One number of each kind, out of the file's own arrays.
    y = re.search(r"    y\[(\d)\] += +(-?[\d.]+)$", whole, re.MULTILINE)
    assert y is not None
    assert agrees(float((x @ weights["W1"])[0, int(y[1])]), y[2])
    new = re.search(r"    w_new = w - lr × dw = [^~]*? = (-?[\d.]+)\nSo fc1.weight\[(\d+),(\d)\] ", whole)
    assert new is not None
    assert agrees(float(space["W1"][int(new[2]), int(new[3])]), new[1])
    assert float(new[1]) != float(weights["W1"][int(new[2]), int(new[3])])
    assert "Your y is h, line 10: h = np.tanh(x @ W1 + b1)" in whole
    assert "Your file keeps no array of y here" in whole  # x @ W1 + b1 has no name
    assert "Your dx is dz, line 24: dz /= len(x)" in whole
    assert "Line 27: w -= lr * dw" in whole


def test_the_arrays_are_those_of_the_file_to_the_bit(small: Path) -> None:
    """The same step, run by Python alone: what the file named is what the story shows."""
    program = read_program(str(small))
    with program.guarded():
        execution = program.execute()
        reading, diagnosis = judged(program, execution.namespace)
        step = strangers_step(program, reading, diagnosis, None, None, (), (), lambda own: "fc1.weight", {})
    trace = step.moment.trace
    notes = {note.name: note for note in trace.layers}
    x = trace.layers[0].x
    seen: dict[str, Any] = {"gradients": []}
    text = SMALL.replace("    for w, dw", "    SEEN.update(h=h, p=p, dz=dz, dh=dh)\n    for w, dw")
    text = text.replace("        w -=", "        SEEN['gradients'].append(dw)\n        w -=")
    space: dict[str, Any] = {"SEEN": seen}
    exec(text, space)
    before = {name: space[name].copy() for name in ("W1", "b1", "W2", "b2")}
    space["step"](x, step.moment.labels, trace.lr)
    ours = [
        notes["tanh1"].y, trace.loss.inside["dz"][0].T, trace.loss.dprediction, notes["fc1"].dy,
        notes["fc1"].gradients["weight"], notes["fc1"].gradients["bias"], notes["fc2"].gradients["weight"],
        notes["fc2"].gradients["bias"], trace.before["fc1.weight"], trace.after["fc1.weight"],
    ]  # fmt: skip
    theirs = [seen["h"], seen["p"], seen["dz"], seen["dh"], *seen["gradients"], before["W1"], space["W1"]]
    for mine, own in zip(ours, theirs, strict=True):
        assert mine is not None
        assert mine.tobytes() == own.tobytes()
    assert step.own["fc1.y"].name == ""  # x @ W1 + b1 has no name: worked out from theirs
    assert notes["fc1"].y is not None
    assert np.allclose(notes["fc1"].y, x @ before["W1"] + before["b1"], rtol=1e-14)


@pytest.mark.slow
def test_its_own_names_can_be_asked_for(small: Path) -> None:
    told = explained(small, why="W2[3,1]", **digits_to_show("test:7", None))
    assert told["values"]["why"] == "fc2.weight[3,1]"
    with pytest.raises(InputError, match=r"no parameter 'W9'\. There are: W1, b1, W2, b2"):
        explained(small, why="W9[3,1]")


def test_a_wrong_backward_pass_is_shown_as_it_is_and_marked(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(SMALL.replace("1 - h * h", "1 - h"))
    told = explained(path, **digits_to_show("test:7", None))
    check(told)
    whole = " ".join(" ".join(told["lines"]).split())
    assert "`handgrad audit wrong.py`" in whole
    space: dict[str, Any] = {}
    exec(path.read_text(), space)
    x = np.array(digits_to_show("test:7", None)["images"]).reshape(4, -1) / 255
    y = np.array(digits_to_show("test:7", None)["labels"])
    h, p = space["forward"](x)
    dz = (p - np.eye(10)[y]) / 4
    up = dz @ space["W2"].T
    found = re.search(r"That is what it should be: (\S+)\. Your code has (\S+), and goes on with that", whole)
    unit = re.search(r"dx\[(\d)\] = dy\[\d\] × \(1 - y", whole)
    assert found is not None
    assert unit is not None
    assert agrees(float((up * (1 - h * h))[0, int(unit[1])]), found[1])
    assert agrees(float((up * (1 - h))[0, int(unit[1])]), found[2])
    dw = x.T @ (up * (1 - h))  # the way goes on with theirs
    gradient = re.findall(r" dW\[(\d+),(\d)\] = (\S+) ", whole)[-1]
    assert agrees(float(dw[int(gradient[0]), int(gradient[1])]), gradient[2])


@pytest.mark.slow
def test_a_gradient_that_is_too_small_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "mean.py"
    path.write_text(SMALL.replace("dh.sum(axis=0)", "dh.mean(axis=0)"))
    whole = " ".join(" ".join(explained(path, layer="fc1")["lines"]).split())
    assert "(!) Your db is 0.25 times the derivative of the loss" in whole
    found = re.search(r"By the loss it should be (\S+); it is (\S+)\. ", whole)
    assert found is not None
    assert abs(float(found[1]) - 4 * float(found[2])) < 1e-3 * abs(float(found[1]))
    assert "Your dW is dw, line 26" in whole


def test_what_cannot_be_told_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no file"):
        explained(tmp_path / "nowhere.py")
    Image.fromarray(np.pad(np.full((9, 3), 255, np.uint8), 9)).save(tmp_path / "one.png")
    with pytest.raises(InputError, match="--label"):
        digits_to_show(str(tmp_path / "one.png"), None)


@pytest.mark.slow
def test_a_network_that_is_not_recognised_is_told_line_by_line() -> None:
    told = explained(NETS / "glue" / "residual.py")
    blocks = [block for chapter in told["values"]["chapters"] for block in chapter["blocks"]]
    equations = [block for block in blocks if block["type"] == "equation"]
    assert len(equations) >= 6
    for equation in equations:
        assert agrees(from_json(equation["expression"]), equation["result"]["number"]), equation
    assert max(map(cells, told["lines"])) <= 80
    texts = [block["text"] for block in blocks if block["type"] == "sentence"]
    assert "Line 35: d = d @ W_out.T" in texts
    for told in ("This is the gradient of block0.", "This is the gradient of W_in.", "This is the update of W_in."):
        assert told in texts
    assert "Shapes: d (4, 10), W_out (24, 10) → (4, 24)" in texts
    with pytest.raises(InputError, match="--unit"):
        explained(NETS / "glue" / "residual.py", unit=3)


@pytest.mark.slow
@pytest.mark.parametrize("net", ["unrolled/norm_net.py", "nnfs/norm_layers.py", "function_pairs/svm_elu.py"])
def test_more_networks_line_by_line(net: str) -> None:
    told = explained(NETS / net)
    blocks = [block for chapter in told["values"]["chapters"] for block in chapter["blocks"]]
    for equation in (block for block in blocks if block["type"] == "equation"):
        assert agrees(from_json(equation["expression"]), equation["result"]["number"]), equation
    assert max(map(cells, told["lines"])) <= 80


@pytest.mark.slow
@pytest.mark.parametrize("net", DIALECTS.values(), ids=list(DIALECTS))
def test_each_dialect(net: str) -> None:
    told = explained(NETS / net, **digits_to_show(None, None))
    check(told)
    about = [sentence for chapter in told["values"]["chapters"] for sentence in chapter["about"]]
    theirs = "Your code works with single numbers" if "scalars" in net else "What is shown is what your code computed"
    assert any(sentence.startswith(theirs) for sentence in about)
    texts = [b["text"] for chapter in told["values"]["chapters"] for b in chapter["blocks"] if b["type"] == "sentence"]
    if "scalars" not in net:
        assert sum(", line " in text and text.startswith("Your ") for text in texts) >= 4
    assert told["values"]["chapters"][-1]["key"] == "update"


@pytest.mark.slow
def test_an_optimizer_of_ones_own_is_told_from_its_first_step_to_the_bit() -> None:
    """Adagrad, swish and squared error of a file, run here by hand without a trace function."""
    program = read_program(str(NETS / "nnfs" / "regression_digits.py"))
    with program.guarded():
        execution = program.execute()
        reading, diagnosis = judged(program, execution.namespace)
        step = strangers_step(
            program, reading, diagnosis, None, None, (), (), lambda own: "fc1.weight", execution.namespace
        )
        own = program.execute().namespace  # the file's seed makes the same weights again
        trace = step.moment.trace
        t = np.eye(10)[step.moment.labels]
        first, swish, second, loss = (own[name] for name in ("dense1", "swish", "dense2", "loss_function"))
        out = second.forward(swish.forward(first.forward(trace.layers[0].x)))
        loss.forward(out, t)
        first.backward(swish.backward(second.backward(loss.backward(out, t))))
        before = first.weights.copy()
        own["optimizer"].update_params(first)
    notes = {note.name: note for note in trace.layers}
    pairs = [
        (notes["fc1"].y, first.output), (notes["silu1"].y, swish.output), (notes["fc2"].y, second.output),
        (trace.loss.dprediction, loss.dinputs), (notes["fc1"].dy, swish.dinputs),
        (notes["fc1"].gradients["weight"], first.dweights), (notes["fc2"].gradients["bias"], second.dbiases),
        (trace.before["fc1.weight"], before), (trace.after["fc1.weight"], first.weights),
    ]  # fmt: skip
    for mine, theirs in pairs:
        assert mine is not None
        assert np.array_equal(mine, theirs.reshape(mine.shape))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "kind", "lines"),
    [
        ("modules/adamw_gelu.py", "AdamW", ("p *= 1 - self.lr * self.decay", "p -= self.lr")),
        ("script/tanh_adam.py", "Adam", ("m[i] = beta1 * m[i] + (1 - beta1) * grads[i]", "params[i] -= lr * m_hat")),
        ("dictionaries/nesterov_book.py", "Nesterov momentum", ("params[key] -= (1 + self.momentum)",)),
        ("modules/optim_zoo.py", "RMSprop", ("s *= self.rho", "p -= self.lr * g / (np.sqrt(s) + self.eps)")),
        ("columns/network_regular.py", "momentum", ("nabla_w[l] += self.lmbda", "self.velocity_w[l] = ")),
        ("function_pairs/update_rules.py", "momentum", ("v = config['momentum'] * v", "w += v")),
        ("unrolled/online.py", "SGD", ("self.w1 += lr * np.dot(",)),
    ],
)
def test_the_update_is_told_by_the_files_own_lines(net: str, kind: str, lines: tuple[str, ...]) -> None:
    told = explained(NETS / net, **digits_to_show(None, None))
    check(told)
    chapter = told["values"]["chapters"][-1]
    assert chapter["key"] == "update"
    assert chapter["kind"] == kind
    texts = [block["text"] for block in chapter["blocks"] if block["type"] == "sentence"]
    for line in lines:
        assert any(text.startswith("Line ") and line in text for text in texts), line
