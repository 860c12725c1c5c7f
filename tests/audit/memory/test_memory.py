"""`handgrad.audit(model, ...)`: objects in memory get the finding that their file would, and stay as they are."""

from __future__ import annotations

import copy
import linecache
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_networks import AveragedLinear, CrossEntropy, Linear, Net, Passing, ReLU, Unrolled, softmax

import handgrad
from handgrad import InputError, Subject

X = np.random.default_rng(0).random((6, 20))
Y = np.array([0, 1, 2, 3, 4, 0])
ONE_HOT = np.eye(5)[Y]
HOME = str(Path(__file__).with_name("live_networks.py"))


def codes(report: handgrad.Report) -> list[str]:
    return [finding.code for finding in report.findings]


def slope(z: Any, y: Any) -> Any:
    return (softmax(z) - np.eye(5)[y]) / len(y)


def value(z: Any, y: Any) -> Any:
    return -np.log(softmax(z)[np.arange(len(y)), y]).mean()


RIGHT: dict[str, tuple[Any, Any]] = {
    "a model and a loss": (Net, CrossEntropy()),
    "a list of layers": (lambda: [Linear(20, 12), ReLU(), Linear(12, 5)], CrossEntropy()),
    "a loss of handgrad's": (Net, handgrad.SoftmaxCrossEntropy()),
    "a loss and its derivative": (Net, (value, slope)),
    "a net of handgrad's": (lambda: handgrad.MLP(20, 12, 5), handgrad.SoftmaxCrossEntropy()),
    "layers of handgrad's": (
        lambda: [handgrad.Linear(20, 12), handgrad.Tanh(), handgrad.Linear(12, 5)], handgrad.SoftmaxCrossEntropy(),
    ),
    "a model that trains itself": (Unrolled, None),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_right_objects_are_right(case: str) -> None:
    make, loss = RIGHT[case]
    report = handgrad.audit(make(), loss=loss, x=X, y=Y)
    assert report.ok, report
    assert [one.severity for one in report.findings if one.severity != "note"] == []
    assert report.subject["sizes"] == [20, 12, 5]
    assert report.checks > 0


@pytest.mark.parametrize(
    ("model", "loss", "code", "word"),
    [
        (Net(AveragedLinear), CrossEntropy(), "averaged-twice", "/ len(dout)"),
        ([AveragedLinear(20, 12), ReLU(), AveragedLinear(12, 5)], CrossEntropy(), "averaged-twice", "/ len(dout)"),
        (Net(Linear, Passing), CrossEntropy(), "activation-derivative-missing", "return dout"),
        (Net(Linear, Passing), handgrad.SoftmaxCrossEntropy(), "activation-derivative-missing", "return dout"),
        (Unrolled(sign=-1.0), None, "sign-flipped", "self.sign"),
    ],
)
def test_a_mistake_has_its_name_and_the_users_own_line(model: Any, loss: Any, code: str, word: str) -> None:
    report = handgrad.audit(model, loss=loss, x=X, y=Y)
    assert codes(report) == [code], report
    assert not report.ok
    assert report.findings[0].file == HOME
    assert report.findings[0].line is not None
    assert word in Path(HOME).read_text().splitlines()[report.findings[0].line - 1]
    assert f"live_networks.py:{report.findings[0].line}" in str(report)


def test_the_objects_stay_as_they_are() -> None:
    net, loss = Net(), CrossEntropy()
    value_before = loss.forward(net.forward(X), Y)
    net.backward(loss.backward())
    before, random = copy.deepcopy((net, loss)), np.random.get_state()[1].copy()
    handgrad.audit(net, loss=loss, x=X, y=Y)
    for ours, theirs in ((net.fc1, before[0].fc1), (net.fc2, before[0].fc2), (loss, before[1])):
        assert vars(ours).keys() == vars(theirs).keys()
        assert all(np.array_equal(vars(ours)[k], vars(theirs)[k]) for k in vars(ours))
    assert np.array_equal(np.random.get_state()[1], random)
    assert loss.forward(net.forward(X), Y) == value_before


def test_what_cannot_be_copied_is_put_back() -> None:
    net = Net()
    net.lock = threading.Lock()  # type: ignore[attr-defined]
    first = net.fc1.W
    before = copy.deepcopy(net.fc1), copy.deepcopy(net.fc2)
    assert handgrad.audit(net, loss=CrossEntropy(), x=X, y=Y).ok
    assert net.fc1.W is first
    for ours, theirs in zip((net.fc1, net.fc2), before, strict=True):
        assert vars(ours).keys() == vars(theirs).keys()
        assert all(np.array_equal(vars(ours)[k], vars(theirs)[k]) for k in vars(ours))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_step_of_the_users_own(sign: float) -> None:
    net, loss = Net(), CrossEntropy()

    def step(x: Any, y: Any, lr: float) -> Any:
        found = loss.forward(net.forward(x), y)
        net.backward(loss.backward())
        for w, dw in net.parameters():
            w -= sign * lr * dw
        return found

    before = copy.deepcopy(net.fc1.W)
    report = handgrad.audit(net, loss=loss, step=step, x=X, y=Y)
    assert codes(report) == ([] if sign > 0 else ["sign-flipped"]), report
    assert np.array_equal(net.fc1.W, before)


def test_a_step_with_a_learning_rate_of_its_own() -> None:
    net, loss = Net(AveragedLinear), CrossEntropy()

    def step(inputs: Any, labels: Any) -> None:
        loss.forward(net.forward(inputs), labels)
        net.backward(loss.backward())
        for w, dw in net.parameters():
            w -= 0.05 * dw

    report = handgrad.audit(net, loss=loss, step=step, lr=0.05, x=X, y=Y)
    assert codes(report) == ["averaged-twice"], report
    assert not handgrad.audit(net, loss=loss, step=step, lr=0.1, x=X, y=Y).ok


def test_a_loss_that_is_written_beside_the_model_is_found() -> None:
    assert codes(handgrad.audit(Net(AveragedLinear), x=X, y=Y)) == ["averaged-twice"]


def subject_of(net: Unrolled, **more: Any) -> Subject:
    def parameters() -> dict[str, Any]:
        return {"W1": net.W1, "b1": net.b1, "W2": net.W2, "b2": net.b2}

    return Subject(parameters=parameters, loss=net.compute_loss, step=net.train_step, **more)


@pytest.mark.parametrize("more", [{}, {"features": 20, "classes": 5}])
def test_a_subject(more: dict[str, int]) -> None:
    report = handgrad.audit(subject_of(Unrolled(), **more))
    assert report.ok, report
    assert report.subject["dialect"] == "glue"
    wrong = Unrolled(sign=-1.0)
    before = wrong.W1.copy()
    report = handgrad.audit(subject_of(wrong, **more))
    assert codes(report) == ["sign-flipped"]
    assert report.findings[0].file == HOME
    assert np.array_equal(wrong.W1, before)


def test_a_class_typed_into_a_notebook_has_its_line() -> None:
    """IPython runs a cell under a name of its own, and leaves its text where tracebacks look for it."""
    name = "<ipython-input-7-0123456789ab>"
    text = Path(HOME).read_text().replace("dout.sum(axis=0)", "dout.sum(axis=0) / len(dout)")
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    module = type(sys)("typed_cells")
    sys.modules["typed_cells"] = module
    try:
        exec(compile(text, name, "exec"), vars(module))
        report = handgrad.audit(vars(module)["Net"](), loss=vars(module)["CrossEntropy"](), x=X, y=Y)
        (finding,) = report.findings
        assert (finding.code, finding.file) == ("averaged-twice", name)
        assert "In [7]:" in str(report)
        assert text.splitlines()[(finding.line or 0) - 1] in report._repr_html_()
    finally:
        del sys.modules["typed_cells"], linecache.cache[name]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"model": Net, "loss": CrossEntropy()}, "class"),
        ({"model": Net(), "loss": CrossEntropy}, "class"),
        ({"model": 3, "loss": CrossEntropy()}, "forward and backward"),
        ({"model": [], "loss": CrossEntropy()}, "forward and backward"),
        ({"model": Net(), "loss": 0.5}, "loss must be"),
        ({"model": Net(), "loss": CrossEntropy(), "step": lambda x, y: None}, "learning rate"),
        ({"model": handgrad.MLP(20, 5), "x": X, "y": Y}, "loss"),
        ({"model": Net(), "loss": CrossEntropy(), "x": X[0], "y": Y}, "row a sample"),
        ({"model": Net(), "loss": CrossEntropy(), "x": X * np.nan, "y": Y}, "finite"),
        ({"model": Net(), "loss": CrossEntropy(), "x": X, "y": Y[:3]}, "6 rows and y 3"),
        ({"model": Net(), "loss": CrossEntropy(), "x": X[:, :7], "y": Y}, "mismatch"),
        ({"model": Subject(parameters=dict, loss=None, step=print)}, "loss"),  # type: ignore[arg-type]
        ({"model": Subject(parameters=dict, loss=lambda x, y: 0.0)}, "step"),
    ],
)
def test_wrong_arguments_get_one_sentence(
    arguments: dict[str, Any], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDGRAD_LANG", "en")
    with pytest.raises(InputError, match=word):
        handgrad.audit(arguments.pop("model"), **arguments)


def test_one_hot_labels_are_told_from_whole_numbers() -> None:
    class Squared:
        def forward(self, z: Any, t: Any) -> Any:
            self.d = z - t
            return (self.d**2).sum() / len(t)

        def backward(self) -> Any:
            return 2 * self.d / len(self.d)

    report = handgrad.audit(Net(), loss=Squared(), x=X, y=ONE_HOT)
    assert report.ok, report
    assert report.subject["loss"] == "squared error"
    assert report.subject["found"]["labels"].startswith("one-hot")


SCRIPT = """
import handgrad.audit.subject, handgrad
from handgrad.audit.judging.diagnose import diagnose
from handgrad import *
import handgrad.audit
assert callable(handgrad.audit) and handgrad.audit.subject.Subject is Subject
report = audit(MLP(20, 12, 5), loss=SoftmaxCrossEntropy())
assert report.ok and isinstance(report, Report)
"""


@pytest.mark.slow
def test_the_room_is_also_the_call() -> None:
    """In whatever order its parts are imported."""
    lines = SCRIPT.strip().splitlines()
    for imports in (lines[:4], lines[3::-1]):
        subprocess.run([sys.executable, "-c", "\n".join([*imports, *lines[4:]])], check=True)


class Accumulating(Linear):
    """Adds to its gradients; a trainer that is not here sets them to zero."""

    dW: Any = 0.0
    db: Any = 0.0

    def backward(self, dout: Any) -> Any:
        self.dW = self.dW + self.x.T @ dout
        self.db = self.db + dout.sum(axis=0)
        return dout @ self.W.T


def test_gradients_that_add_up_are_a_mistake_only_where_the_training_is_known() -> None:
    net, loss = Net(Accumulating), CrossEntropy()
    report = handgrad.audit(net, loss=loss, x=X, y=Y)
    assert [(one.code, one.severity) for one in report.findings] == [("never-reset", "note")]

    def step(x: Any, y: Any, lr: float) -> None:
        loss.forward(net.forward(x), y)
        net.backward(loss.backward())
        for w, dw in net.parameters():
            w -= lr * dw

    report = handgrad.audit(net, loss=loss, step=step, x=X, y=Y)
    assert ("never-reset", "error") in [(one.code, one.severity) for one in report.findings]


class Shelf:
    """Keeps its parameters in a dictionary and its layers in another, and computes loss and gradients by itself."""

    def __init__(self) -> None:
        self.params = {"W1": Net().fc1.W, "b1": np.zeros(12), "W2": Net().fc2.W, "b2": np.zeros(5)}
        self.layers = {"fc1": Linear(20, 12), "relu": ReLU(), "fc2": Linear(12, 5)}
        for i in "12":
            self.layers[f"fc{i}"].W, self.layers[f"fc{i}"].b = self.params[f"W{i}"], self.params[f"b{i}"]
        self.last = CrossEntropy()

    def predict(self, x: Any) -> Any:
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x: Any, t: Any) -> Any:
        return self.last.forward(self.predict(x), t)

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        self.loss(x, t)
        dout = self.last.backward()
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        first, last = self.layers["fc1"], self.layers["fc2"]
        return {"W1": first.dW, "b1": first.db, "W2": last.dW, "b2": last.db}


def test_a_model_with_a_loss_and_gradients_of_its_own_needs_nothing_else() -> None:
    for given in ({}, {"x": X, "y": Y}):
        report = handgrad.audit(Shelf(), **given)
        assert report.ok, report
        assert report.subject["sizes"] == [20, 12, 5]
    wrong = Shelf()
    wrong.layers["relu"] = Passing()
    assert codes(handgrad.audit(wrong, x=X, y=Y)) == ["activation-derivative-missing"]


class Pictures:
    """Slides one pattern over pictures, so that no reader of flat networks knows it."""

    def __init__(self, share: float = 1.0) -> None:
        self.K, self.b, self.share = np.random.default_rng(0).standard_normal((2, 2)), np.zeros(1), share

    def forward(self, x: Any) -> Any:
        self.x = x
        corners = [x[:, i : i + 4, j : j + 4] * self.K[i, j] for i in (0, 1) for j in (0, 1)]
        return sum(corners) + self.b

    def backward(self, dout: Any) -> Any:
        self.dK, self.db, dx = np.zeros((2, 2)), np.array([dout.sum()]), np.zeros_like(self.x)
        for i in (0, 1):
            for j in (0, 1):
                self.dK[i, j] = (self.x[:, i : i + 4, j : j + 4] * dout).sum() * self.share
                dx[:, i : i + 4, j : j + 4] += self.K[i, j] * dout
        return dx


class PictureNet:
    def __init__(self, share: float = 1.0) -> None:
        self.slide, self.relu, self.fc = Pictures(share), ReLU(), Linear(16, 5)

    def forward(self, x: Any) -> Any:
        return self.fc.forward(self.relu.forward(self.slide.forward(x)).reshape(len(x), -1))

    def backward(self, dout: Any) -> Any:
        return self.slide.backward(self.relu.backward(self.fc.backward(dout).reshape(-1, 4, 4)))


@pytest.mark.slow
def test_a_network_that_no_reader_knows_is_judged_on_the_users_own_batch() -> None:
    pictures, labels = np.random.default_rng(2).random((10, 5, 5)), np.arange(10) % 5
    right = handgrad.audit(PictureNet(), loss=CrossEntropy(), x=pictures, y=labels)
    assert right.ok, right
    assert right.checks > 0
    assert "K" in right.subject["found"]["parameters"]
    wrong = handgrad.audit(PictureNet(share=0.5), loss=CrossEntropy(), x=pictures, y=labels)
    assert not wrong.ok
    assert "K" in str(wrong.findings[0].where)
    assert Path(wrong.findings[0].file).name == "test_memory.py"
