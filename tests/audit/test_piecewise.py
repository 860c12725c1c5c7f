"""A file of a package that holds no network: its layers, losses and optimizers are judged one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handgrad.audit.reading.sandbox import run_in_child
from handgrad.audit.report import Report
from handgrad.audit.report.terminal import lines, plain

BASE = """
from abc import ABC, abstractmethod

class Layer(ABC):
    @abstractmethod
    def forward(self, x): ...
    @abstractmethod
    def backward(self, grad): ...

class Activation(Layer):
    def __init__(self, f, slope):
        self.f, self.slope = f, slope

    def forward(self, x):
        self.x = x
        return self.f(x)

    def backward(self, grad):
        return grad * self.slope(self.x)
"""
LAYERS = """
import numpy as np
from .base import Activation, Layer

class Dense(Layer):
    def __init__(self, inputs, outputs):
        self.params = {"w": 0.1 * np.random.randn(inputs, outputs), "b": np.zeros(outputs)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["w"] + self.params["b"]

    def backward(self, grad):
        self.grads["w"] = self.x.T @ grad
        self.grads["b"] = np.sum(grad, axis=0)
        return grad @ self.params["w"].T

class Tanh(Activation):
    def __init__(self):
        super().__init__(np.tanh, lambda x: 1 - np.tanh(x) ** 2)
"""
OPTIM = """
import numpy as np

class RMSProp:
    def __init__(self, lr=0.01, rho=0.9, eps=1e-8):
        self.lr, self.rho, self.eps, self.cache = lr, rho, eps, {}

    def update(self, key, w, dw):
        v = self.rho * self.cache.get(key, np.zeros_like(w)) + (1 - self.rho) * dw ** 2
        self.cache[key] = v
        w -= self.lr * dw / (np.sqrt(v) + self.eps)
"""
LOSSES = """
class MSE:
    def loss(self, predictions, actual):
        return ((predictions - actual) ** 2).mean()

    def grad(self, predictions, actual):
        return 2 * (predictions - actual) / predictions.size
"""
ADAM = """
import numpy as np

class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999):
        self.lr, self.beta1, self.beta2, self.t, self.m, self.v = lr, beta1, beta2, 0, {}, {}

    def update(self, key, w, dw):
        self.t += 1
        self.m[key] = self.beta1 * self.m.get(key, 0) + (1 - self.beta1) * dw
        self.v[key] = self.beta2 * self.v.get(key, 0) + (1 - self.beta2) * dw ** 2
        m, v = self.m[key] / (1 - self.beta1 ** self.t), self.v[key] / (1 - self.beta2 ** self.t)
        w -= self.lr * m / (np.sqrt(v) + 1e-8)
"""
MODEL = """
class Model:
    def fit_batch(self, optimizer):
        for layer in self.layers:
            for name, weight in layer.params.items():
                optimizer.update((id(layer), name), weight, layer.grads[name])
"""
TEXTS = {"__init__": "from .layers import Dense, Tanh\nfrom .optim import RMSProp\n", "base": BASE, "layers": LAYERS,
         "optim": OPTIM, "losses": LOSSES}  # fmt: skip
WRONG = {
    "layers": ("np.tanh(x) ** 2", "np.tanh(np.tanh(x)) ** 2", "derivative-at-output", "Tanh"),
    "optim": ("(1 - self.rho) * dw ** 2", "(1 - self.rho) * dw", "optimizer-not-squared", "RMSProp"),
}


def package(folder: Path, **changed: str) -> Path:
    home = folder / "tinynet"
    home.mkdir()
    for name, text in (TEXTS | changed).items():
        (home / f"{name}.py").write_text(text, encoding="utf-8")
    return home


def audited(path: Path) -> dict[str, Any]:
    return run_in_child("handgrad.audit.session:audit_file", {"path": str(path)})


def test_the_pieces_of_a_right_package_are_right(tmp_path: Path) -> None:
    home = package(tmp_path)
    found = {name: audited(home / f"{name}.py") for name in ("layers", "optim", "losses")}
    assert [one["findings"] for one in found.values()] == [[], [], []]
    assert [one["subject"]["dialect"] for one in found.values()] == ["pieces"] * 3
    assert found["layers"]["subject"]["found"] == {"layers": "Dense, Tanh"}
    assert found["optim"]["subject"]["found"] == {"optimizers": "RMSProp"}
    assert found["losses"]["subject"]["found"] == {"losses": "MSE"}
    assert {path.name for path in home.iterdir()} == {f"{name}.py" for name in TEXTS}  # no bytecode either
    told = plain(lines(Report.from_json(found["layers"]), "en", None))
    assert "No whole network was found" in told


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_piece_is_named_in_its_line(name: str, tmp_path: Path) -> None:
    right, wrong, code, where = WRONG[name]
    text = TEXTS[name].replace(right, wrong)
    home = package(tmp_path, **{name: text})
    finding = audited(home / f"{name}.py")["findings"][0]
    assert (finding["severity"], finding["where"]) == ("error", [where])
    assert finding["code"] == code
    assert finding["file"].endswith(f"{name}.py")
    assert wrong in text.split("\n")[finding["line"] - 1]


def test_an_average_within_a_layer_is_one_too_many_where_the_losses_average(tmp_path: Path) -> None:
    divided = LAYERS.replace("self.x.T @ grad", "self.x.T @ grad / len(grad)").replace("np.sum(", "np.mean(")
    home = package(tmp_path, layers=divided)
    finding = audited(home / "layers.py")["findings"][0]
    assert (finding["code"], finding["where"]) == ("averaged-twice", ["Dense.params['w']"])
    assert "/ len(grad)" in divided.split("\n")[finding["line"] - 1]
    (home / "losses.py").write_text(LOSSES.replace(".mean()", ".sum()").replace(" / predictions.size", ""))
    assert audited(home / "layers.py")["findings"] == []


def test_a_step_counter_is_judged_by_the_calls_of_another_module(tmp_path: Path) -> None:
    home = package(tmp_path, optim=ADAM, model=MODEL)
    assert [one["code"] for one in audited(home / "optim.py")["findings"]] == ["optimizer-counter-per-parameter"]
