"""The parameters of an estimator: what each may be, and the net, optimizer and schedule that they ask for.

Where scikit-learn's MLP estimators have a parameter of the same name, it means the same here.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from handgrad.core.layers import ACTIVATIONS, Linear
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.core.optim import OPTIMIZERS, SGD, Adam, AdamW, Optimizer, RMSprop
from handgrad.core.schedules import Schedule, cosine, one_cycle
from handgrad.engines.choice import ENGINES
from handgrad.errors import InputError

THEIR_ACTIVATIONS = {"identity": None, "logistic": "sigmoid"}  # scikit-learn's names for ours
OF_SGD = ("constant", "invscaling", "adaptive")  # scikit-learn's, which count for solver="sgd" alone
RATES = (*OF_SGD, "one-cycle", "cosine")
# (lowest, highest) of each number, and of each whole number; the bounds themselves are allowed.
NUMBERS: dict[str, tuple[float, float]] = {
    "alpha": (0, math.inf), "learning_rate_init": (1e-30, 1e9), "power_t": (0, math.inf), "tol": (0, math.inf),
    "momentum": (0, 1), "validation_fraction": (0, 1), "beta_1": (0, 1), "beta_2": (0, 1), "epsilon": (1e-30, 1),
    "dropout": (0, 1), "weight_decay": (0, math.inf),
}  # fmt: skip
BELOW_ONE = ("momentum", "validation_fraction", "beta_1", "beta_2", "dropout")
SWITCHES = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "batch_norm", "validation_curve")


@dataclass(eq=False, repr=False)
class Settings:
    """The parameters that classifier and regressor share, with scikit-learn's defaults."""

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    solver: Any = "adam"
    alpha: Any = 0.0001
    batch_size: Any = "auto"
    learning_rate: Any = "constant"
    learning_rate_init: Any = 0.001
    power_t: Any = 0.5
    max_iter: Any = 200
    shuffle: Any = True
    random_state: Any = None
    tol: Any = 1e-4
    verbose: Any = False
    warm_start: Any = False
    momentum: Any = 0.9
    nesterovs_momentum: Any = True
    early_stopping: Any = False
    validation_fraction: Any = 0.1
    beta_1: Any = 0.9
    beta_2: Any = 0.999
    epsilon: Any = 1e-8
    n_iter_no_change: Any = 10
    max_fun: Any = 15000
    # What scikit-learn's own do not have.
    dropout: Any = 0.0
    batch_norm: Any = False
    weight_decay: Any = 0.01
    validation_curve: Any = False
    callbacks: Any = None
    engine: Any = "auto"


def check(settings: Settings) -> None:
    """InputError for a parameter that is out of its range, or asks for what there is not."""
    if settings.solver == "lbfgs":
        raise InputError("estimator.lbfgs")
    _one_of("solver", settings.solver, tuple(OPTIMIZERS))
    _one_of("activation", settings.activation, (*THEIR_ACTIVATIONS, *ACTIVATIONS))
    _one_of("learning_rate", settings.learning_rate, RATES)
    for name, (low, high) in NUMBERS.items():
        value = getattr(settings, name)
        fits = isinstance(value, Real) and not isinstance(value, bool) and low <= float(value) <= high
        if not fits or (name in BELOW_ONE and value >= 1):
            key = "estimator.share" if name in BELOW_ONE else "estimator.above" if low else "estimator.number"
            raise InputError(key, name=name, got=repr(value))
    _one_of("engine", settings.engine, ENGINES)
    for name in SWITCHES:
        if not isinstance(getattr(settings, name), (bool, np.bool_)):
            raise InputError("estimator.switch", name=name, got=repr(getattr(settings, name)))
    _whole("max_iter", settings.max_iter)
    if settings.n_iter_no_change != math.inf:
        _whole("n_iter_no_change", settings.n_iter_no_change)
    if settings.batch_size != "auto":
        _whole("batch_size", settings.batch_size)
    for size in hidden(settings):
        _whole("hidden_layer_sizes", size)
    for callback in callbacks(settings):
        if not callable(callback):
            raise InputError("estimator.callback", got=repr(callback))


def hidden(settings: Settings) -> list[Any]:
    """The units of each hidden layer; a single number is one layer."""
    sizes = settings.hidden_layer_sizes
    return list(sizes) if hasattr(sizes, "__iter__") else [sizes]


def callbacks(settings: Settings) -> list[Any]:
    """The functions that want to see each record."""
    given = settings.callbacks
    return [] if given is None else [given] if callable(given) else list(given)


def build_net(settings: Settings, inputs: int, outputs: int, dtype: Any, rng: np.random.RandomState) -> Sequential:
    """The net, its weights and biases drawn as scikit-learn draws them, so that a random_state means the same net.

    Both are uniform within +-sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010, equation 16), for the logistic
    function sqrt(2 / ...).
    """
    activation = THEIR_ACTIVATIONS.get(settings.activation, settings.activation)
    net = MLP(
        inputs, *map(int, hidden(settings)), outputs, activation=activation, batch_norm=settings.batch_norm,
        dropout=settings.dropout, init="zeros", rng=rng, dtype=dtype,
    )  # fmt: skip
    for layer in linears(net):
        bound = math.sqrt((2 if activation == "sigmoid" else 6) / (layer.inputs + layer.outputs))
        layer.W = rng.uniform(-bound, bound, (layer.inputs, layer.outputs))
        layer.b = rng.uniform(-bound, bound, layer.outputs)
    return net


def linears(net: Sequential) -> list[Linear]:
    """The layers that have scikit-learn's coefs_ and intercepts_."""
    return [layer for layer in net.layers if isinstance(layer, Linear)]


def build_optimizer(settings: Settings, net: Sequential, rows: float) -> Optimizer:
    """The optimizer; `rows` is what a batch weighs in all, by which scikit-learn divides its penalty alpha."""
    lr, penalty = settings.learning_rate_init, settings.alpha / rows
    betas = (settings.beta_1, settings.beta_2)
    match settings.solver:
        case "sgd":
            nesterov = bool(settings.nesterovs_momentum and settings.momentum)
            return SGD(net, lr, momentum=settings.momentum, nesterov=nesterov, weight_decay=penalty, decay="weights")
        case "rmsprop":
            return RMSprop(net, lr, eps=settings.epsilon, weight_decay=penalty, decay="weights")
        case "adamw":
            decay = settings.weight_decay
            return AdamW(net, lr, betas=betas, eps=settings.epsilon, weight_decay=decay, decay="weights")
        case _:
            return Adam(net, lr, betas=betas, eps=settings.epsilon, weight_decay=penalty, decay="weights")


def build_schedule(settings: Settings, steps: int) -> Schedule | None:
    """How the learning rate goes up and down over all steps; None where it changes between epochs at most."""
    if settings.learning_rate == "one-cycle":
        return one_cycle(steps)
    return cosine(steps) if settings.learning_rate == "cosine" else None


def rate_after(settings: Settings, seen: int) -> float | None:
    """The learning rate after so many rows, where each epoch has its own: lr / (rows + 1)^power_t."""
    if settings.solver == "sgd" and settings.learning_rate == "invscaling":
        return float(settings.learning_rate_init / (seen + 1) ** settings.power_t)
    return None


def _one_of(name: str, got: Any, choices: tuple[str, ...]) -> None:
    if not isinstance(got, str) or got not in choices:
        raise InputError("core.choice", what=name, got=got, choices=", ".join(dict.fromkeys(choices)))


def _whole(name: str, got: Any) -> None:
    if not isinstance(got, Integral) or isinstance(got, bool) or got < 1:
        raise InputError("estimator.whole", name=name, got=repr(got))
