"""Which engine is chosen: by what is installed, what the net is, and how long the run will be."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from handgrad.core.layers import BatchNorm, Dropout, Flatten, Linear, ReLU
from handgrad.core.losses import MSE, SoftmaxCrossEntropy
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, RMSprop
from handgrad.data.mapped import PickedRows
from handgrad.engines import choice, choose, make
from handgrad.engines.choice import is_whole
from handgrad.errors import InputError
from handgrad.train import Training

IMAGES = np.zeros((50, 4, 4), np.uint8)
LABELS = np.arange(50) % 3
LONG = 10_000_000  # epochs


@pytest.fixture(autouse=True)
def numba_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_missing", lambda: None)


def chosen(
    engine: str = "auto", net: Any = None, *, epochs: int = LONG, optimizer: Any = None, images: Any = IMAGES
) -> Any:
    net = MLP(16, 8, 3, rng=0) if net is None else net
    return choose(engine, net, SoftmaxCrossEntropy(), optimizer or SGD(net), images, LABELS, epochs=epochs)


def test_a_long_run_takes_the_compiled_engine_and_a_short_one_does_not() -> None:
    assert chosen()[:2] == ("fast", "engines.long")
    assert chosen(epochs=1)[:2] == ("numpy", "engines.short")
    assert chosen("fast", epochs=1)[:2] == ("fast", "engines.asked")
    assert chosen("numpy")[:2] == ("numpy", "engines.asked")


def test_reasons_against_it() -> None:
    class Own(Linear):
        def forward(self, x: Any) -> Any:
            return super().forward(x) * 2

    net = MLP(16, 8, 3, rng=0)
    dense = np.ones((50, 4, 4), np.uint8)
    reasons = {
        "engines.net": chosen(net=MLP(16, 8, 3, dtype=np.float16)),
        "engines.first_layer": chosen(net=Sequential(BatchNorm(16), Linear(16, 3))),
        "engines.images": chosen(images=IMAGES[:, :2]),
        "engines.optimizer": chosen(net=net, optimizer=SGD(net.parameters()[:2])),
        "engines.dense": chosen(images=dense, net=Sequential(Linear(16, 8, rng=0), Dropout(), Linear(8, 3, rng=1))),
        "engines.mapped": chosen(images=PickedRows(IMAGES, np.arange(50))),
    }
    for key, got in reasons.items():
        assert got[:2] == ("numpy", key)
        assert got.reason("en")
        assert got.reason("ko")
    assert chosen(images=dense)[:2] == ("fast", "engines.long")
    assert chosen(net=Sequential(Own(16, 3))).key == "engines.first_layer"
    with pytest.raises(InputError, match=r"fast cannot run this training: .* begins with a Linear layer"):
        chosen("fast", net=Sequential(BatchNorm(16), Linear(16, 3)))
    with pytest.raises(InputError, match=r"auto, numpy, fast"):
        chosen("quick")


def test_without_numba_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert chosen()[:2] == ("numpy", "engines.not_installed")
    assert "handgrad[fast]" in chosen().reason("en")
    with pytest.raises(InputError, match=r"pip install 'handgrad\[fast\]'"):
        chosen("fast")
    net = MLP(16, 8, 3, rng=0)
    with pytest.raises(InputError, match="handgrad"):
        Training(net, IMAGES, LABELS, SoftmaxCrossEntropy(), SGD(net), engine="fast")
    assert make(chosen(), net, None, SGD(net), IMAGES, LABELS, batch_size=3).name == "numpy"


def test_which_steps_are_compiled_as_a_whole() -> None:
    def whole(*layers: Any, criterion: Any = None, optimizer: Any = SGD, labels: Any = LABELS, **settings: Any) -> bool:
        net = Sequential(*layers)
        return is_whole(net, criterion or SoftmaxCrossEntropy(), optimizer(net), labels, **settings)

    def net(hidden: int = 8) -> list[Any]:
        return [Flatten(), Linear(16, 100), ReLU(), Linear(100, hidden), ReLU(), Linear(hidden, 3)]

    assert whole(*net())
    assert whole(*net(hidden=100))
    assert not whole(*net(), ReLU())
    assert not whole(*net()[:3], Dropout(), *net()[3:])
    assert not whole(*net(), criterion=MSE())
    assert not whole(*net(), optimizer=RMSprop)
    assert not whole(*net(), labels=LABELS + 1)
    assert not whole(*net(), labels=np.eye(3)[LABELS])
    assert not whole(*net(), clip_norm=1.0)
    assert not whole(*net(), accumulate=2)
    assert not whole(*net(), weights=np.ones(50))


WITHOUT = """
import sys
class NoNumba:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("numba", "llvmlite"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoNumba())
from importlib import util
found = util.find_spec
util.find_spec = lambda name, package=None: None if name == "numba" else found(name, package)
import numpy as np
import handgrad
images, labels = np.eye(16, dtype=np.uint8), np.arange(16) % 3
net = handgrad.MLP(16, 8, 3, rng=0)
parts = net, images, labels, handgrad.SoftmaxCrossEntropy(), handgrad.SGD(net)
assert len(list(handgrad.fit(*parts, epochs=2))) > 2
assert not any(name.startswith(("numba", "llvmlite")) for name in sys.modules)
try:
    list(handgrad.fit(*parts, engine="fast"))
except handgrad.InputError as error:
    print(error)
"""


def test_a_process_that_has_no_numba_trains_and_is_told_of_the_extra() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert "pip install 'handgrad[fast]'" in done.stdout
