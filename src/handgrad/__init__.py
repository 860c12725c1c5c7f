"""handgrad: neural networks written by hand in NumPy. Train them, check them, read them to the bottom.

    from handgrad import MLP, SGD, SoftmaxCrossEntropy

    net = MLP(784, 256, 10)
    criterion, optimizer = SoftmaxCrossEntropy(), SGD(net.parameters(), lr=0.1)
    loss = criterion(net(x), y)
    net.backward(criterion.backward())
    optimizer.step()

Importing it imports NumPy and nothing else; what needs more (data, training, plots) is imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from handgrad.core.init import he, lecun, normal, orthogonal, xavier, zeros
from handgrad.core.layers import (
    ELU,
    GELU,
    BatchNorm,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from handgrad.core.losses import MSE, BinaryCrossEntropy, CrossEntropy, Huber, Loss, SoftmaxCrossEntropy
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.core.optim import SGD, Adam, AdamW, Optimizer, RMSprop, clip_by_norm
from handgrad.core.params import learned
from handgrad.core.schedules import constant, cosine, one_cycle, step_decay, warm_up
from handgrad.errors import DataError, DivergedError, HandgradError, InputError, MissingError, StateError

if TYPE_CHECKING:
    from handgrad.audit.memory.call import audit  # the package itself can be called: see its `__init__.py`
    from handgrad.audit.report import Report
    from handgrad.audit.subject import Subject
    from handgrad.data import load_data, to_mnist
    from handgrad.estimator import HandgradClassifier, HandgradRegressor
    from handgrad.explain.entry import explain
    from handgrad.export.come_in import import_net
    from handgrad.export.named_arrays import from_arrays
    from handgrad.export.onnx_in import from_onnx
    from handgrad.export.out import export  # the package itself can be called, as `audit`
    from handgrad.export.sklearn_in import from_sklearn
    from handgrad.export.torch_in import from_torch
    from handgrad.export.torch_out import to_torch
    from handgrad.train import Recipe, Run, Training, evaluate, fit, load_net, load_recipe, probabilities, save_net

__version__ = "0.1.0"

# Imported when first used, so that `import handgrad` costs NumPy and nothing else.
_LATER = {
    "HandgradClassifier": "handgrad.estimator",
    "HandgradRegressor": "handgrad.estimator",
    "Report": "handgrad.audit.report",
    "Subject": "handgrad.audit.subject",
    "from_arrays": "handgrad.export.named_arrays",
    "from_onnx": "handgrad.export.onnx_in",
    "from_sklearn": "handgrad.export.sklearn_in",
    "from_torch": "handgrad.export.torch_in",
    "import_net": "handgrad.export.come_in",
    "to_torch": "handgrad.export.torch_out",
    "load_data": "handgrad.data",
    "to_mnist": "handgrad.data",
    "load_net": "handgrad.train",
    "save_net": "handgrad.train",
    "Recipe": "handgrad.train",
    "Run": "handgrad.train",
    "Training": "handgrad.train",
    "evaluate": "handgrad.train",
    "fit": "handgrad.train",
    "load_recipe": "handgrad.train",
    "probabilities": "handgrad.train",
}
_ROOMS = ("audit", "data", "explain", "export", "plots", "testing", "train", "watch")
# What people look for under the name that it has elsewhere.
_ELSEWHERE = {
    "CrossEntropyLoss": "SoftmaxCrossEntropy (takes logits, as PyTorch's does) or CrossEntropy (takes probabilities)",
    "NLLLoss": "SoftmaxCrossEntropy (takes logits)",
    "BCEWithLogitsLoss": "BinaryCrossEntropy",
    "BCELoss": "BinaryCrossEntropy (takes logits)",
    "MSELoss": "MSE",
    "HuberLoss": "Huber",
    "Module": "Layer (one with forward and backward) or Sequential",
    "BatchNorm1d": "BatchNorm",
    "save": "save_net",
    "load": "load_net",
    "no_grad": "net.eval() (nothing is kept for backward then)",
    "nn": "handgrad itself: handgrad.Linear, handgrad.Sequential",
    "optim": "handgrad itself: handgrad.SGD, handgrad.Adam",
    "tensor": "numpy.array",
    "softmax": "Softmax()(x)",
}

__all__ = [
    "ELU",
    "GELU",
    "MLP",
    "MSE",
    "SGD",
    "Adam",
    "AdamW",
    "BatchNorm",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "DataError",
    "DivergedError",
    "Dropout",
    "Flatten",
    "HandgradClassifier",
    "HandgradError",
    "HandgradRegressor",
    "Huber",
    "InputError",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "Loss",
    "MissingError",
    "Optimizer",
    "RMSprop",
    "ReLU",
    "Recipe",
    "Report",
    "Run",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "StateError",
    "Subject",
    "Tanh",
    "Training",
    "audit",
    "clip_by_norm",
    "constant",
    "cosine",
    "evaluate",
    "explain",
    "export",
    "fit",
    "from_arrays",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "he",
    "import_net",
    "learned",
    "lecun",
    "load_data",
    "load_net",
    "load_recipe",
    "normal",
    "one_cycle",
    "orthogonal",
    "probabilities",
    "save_net",
    "step_decay",
    "to_mnist",
    "to_torch",
    "warm_up",
    "xavier",
    "zeros",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        value = globals()[name] = getattr(import_module(_LATER[name]), name)
        return value
    if name in _ROOMS:
        return import_module(f"handgrad.{name}")
    hint = f"; here it is called {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
    raise AttributeError(f"module 'handgrad' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return [*__all__, *_ROOMS, "__version__"]
