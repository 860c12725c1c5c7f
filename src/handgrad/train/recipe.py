"""Recipes: named trainings as data. A recipe says everything that decides the numbers, down to the seed.

The ones that ship are small TOML files in `recipes/`; the command line changes single settings of them.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np

from handgrad.core.arrays import RandomSource
from handgrad.core.checks import positive_int
from handgrad.core.losses import Loss, SoftmaxCrossEntropy
from handgrad.core.mlp import MLP
from handgrad.core.net import Sequential
from handgrad.core.optim import OPTIMIZERS, Optimizer
from handgrad.core.schedules import Schedule, schedule
from handgrad.errors import InputError
from handgrad.train.published import QUIRKS, PublishedCrossEntropy, with_quirks
from handgrad.words import say

FOLDER = Path(__file__).parents[1] / "recipes"
RNGS = ("modern", "legacy")
LOSSES = ("softmax-cross-entropy", "published")
# What each kind of setting may hold, and the sentence that says so.
KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "kind_text"),
    "bool": ((bool,), "kind_flag"),
    "int": ((int,), "kind_whole"),
    "int | None": ((int, type(None)), "kind_whole"),
    "float": ((int, float), "kind_number"),
    "float | None": ((int, float, type(None)), "kind_number"),
    "tuple[int, ...]": ((tuple,), "kind_sizes"),
    "tuple[str, ...]": ((tuple,), "kind_names"),
    "dict[str, Any]": ((dict,), "kind_table"),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides the numbers of a training.

    Attributes:
        name: of the recipe.
        data: name of a data set, or a path.
        hidden: units of each hidden layer.
        activation, output, init, batch_norm, dropout, dtype: see `MLP`.
        loss: "softmax-cross-entropy", or "published" (see `train.published`).
        loss_averages: for the published loss: whether its gradient is divided by the batch size.
        label_smoothing: see `SoftmaxCrossEntropy`.
        quirks: published mistakes to switch on, by name.
        optimizer: name and settings; schedule likewise.
        epochs, batch_size, drop_last, shuffle, patience, accumulate, clip_norm: see `Training`.
        validation: rows of the training set kept apart to watch: a share below 1, or a number.
        seed: of the weights, then of the order of the rows, then of the dropout.
        rng: "modern", or "legacy" to draw as `numpy.random.RandomState(seed)` does.
        report: what an epoch reports as its loss: "mean" over its samples, or that of its "last" batch.
        report_times: in how many epochs a report line is printed, spread evenly, and after the first; 0: in all.
        report_line: how an epoch is reported on the terminal; empty: the usual way.
        step_line: printed before each step with --verbose; empty: nothing.
    """

    name: str
    data: str = "mnist"
    hidden: tuple[int, ...] = (256,)
    activation: str = "relu"
    output: str = ""
    init: str = ""
    batch_norm: bool = False
    dropout: float = 0.0
    dtype: str = "float32"
    loss: str = "softmax-cross-entropy"
    loss_averages: bool = True
    label_smoothing: float = 0.0
    quirks: tuple[str, ...] = ()
    optimizer: dict[str, Any] = field(default_factory=lambda: {"name": "sgd", "lr": 0.1})
    schedule: dict[str, Any] = field(default_factory=lambda: {"name": "constant"})
    epochs: int = 1
    batch_size: int = 64
    drop_last: bool = False
    shuffle: str = "fresh"
    validation: float = 0
    patience: int | None = None
    accumulate: int = 1
    clip_norm: float | None = None
    seed: int = 0
    rng: str = "modern"
    report: str = "mean"
    report_times: int = 0
    report_line: str = ""
    step_line: str = ""

    def __post_init__(self) -> None:
        for setting in fields(self):
            value, (types, kind) = getattr(self, setting.name), KINDS[str(setting.type)]
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                needs = say(f"train.{kind}")
                got = f"'{value}'" if isinstance(value, str) else value
                raise InputError("train.setting_kind", recipe=self.name, setting=setting.name, got=got, needs=needs)
        self._check_lines()
        _one_of("dtype", self.dtype, ("float32", "float64"))
        _one_of("loss", self.loss, LOSSES)
        _one_of("rng", self.rng, RNGS)
        _one_of("report", self.report, ("mean", "last"))
        for quirk in self.quirks:
            _one_of("quirks", quirk, tuple(QUIRKS))
        _one_of("optimizer", self.optimizer.get("name", ""), tuple(OPTIMIZERS))
        if not 0 <= self.seed < 2**32:
            raise InputError("train.seed", got=self.seed, most=2**32 - 1)

    @classmethod
    def from_dict(cls, name: str, settings: dict[str, Any]) -> Self:
        """A recipe from plain values, as a file holds them. InputError for a setting that there is not."""
        known = [f.name for f in fields(cls)]
        for key in settings:
            if key not in known:
                raise InputError("train.setting", got=key, recipe=name, known=", ".join(known))
        lists = {key: tuple(value) for key, value in settings.items() if isinstance(value, list)}
        return cls(**{"name": name} | settings | lists)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a manifest."""
        return asdict(self)

    def change(self, **settings: Any) -> Self:
        """The same recipe with some settings changed."""
        return replace(self, **settings)

    def net(self, features: int, classes: int, rng: RandomSource) -> Sequential:
        """The network, its weights drawn from rng layer by layer."""
        for units in self.hidden:
            positive_int(units, "hidden")
        self._check_memory([features, *self.hidden, classes])
        net = MLP(
            features,
            *self.hidden,
            classes,
            activation=self.activation,
            output=self.output or None,
            init=self.init or None,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
            rng=rng,
            dtype=np.dtype(self.dtype),
        )
        return with_quirks(net, self.quirks)

    def criterion(self) -> Loss:
        """The loss."""
        if self.loss == "published":
            return PublishedCrossEntropy(self.loss_averages)
        return SoftmaxCrossEntropy(self.label_smoothing)

    def make_optimizer(self, net: Sequential) -> Optimizer:
        """The optimizer, for all parameters of the net."""
        settings = dict(self.optimizer)
        kind = OPTIMIZERS[settings.pop("name")]
        try:
            return kind(net, **settings)
        except InputError:
            raise
        except (TypeError, ValueError):
            raise InputError("train.optimizer_settings", optimizer=kind.__name__, got=", ".join(settings)) from None

    def make_schedule(self, steps: int) -> Schedule | None:
        """The schedule over so many steps; None for a constant learning rate."""
        settings = dict(self.schedule)
        name = settings.pop("name", "constant")
        try:
            return None if name == "constant" else schedule(name, steps, **settings)
        except TypeError:
            raise InputError("train.schedule_settings", schedule=name, got=", ".join(settings)) from None

    def _check_lines(self) -> None:
        """The two lines that a recipe may print must be fit to be filled in, and that before any training."""
        for setting, values in (("report_line", {"epoch": 1, "epochs": 1, "loss": 0.5, "accuracy": 0.5}),
                                ("step_line", {"start": 0, "stop": 1})):  # fmt: skip
            try:
                getattr(self, setting).format(**values)
            except (LookupError, ValueError, AttributeError):
                names = ", ".join(f"{{{name}}}" for name in values)
                raise InputError("train.line", recipe=self.name, setting=setting, names=names) from None

    def _check_memory(self, sizes: list[int]) -> None:
        """Weights, gradients and as much again for the optimizer must fit: a machine out of memory may just hang."""
        if not hasattr(os, "sysconf"):
            return
        parameters = sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))
        needs = 4 * parameters * np.dtype(self.dtype).itemsize
        has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if needs > has:
            raise InputError(
                "train.too_large", parameters=f"{parameters:,}", needs=f"{needs / 1e9:.1f}", has=f"{has / 1e9:.1f}"
            )


def names() -> list[str]:
    """The recipes that ship, default first, each mended twin after its published one."""
    found = {path.stem for path in FOLDER.glob("*.toml")}
    return ["default", *sorted(found - {"default"})]


def load_recipe(name: str) -> Recipe:
    """A recipe by name, or from a TOML file by path. InputError where there is none, or it holds what it should not."""
    path = FOLDER / f"{name}.toml" if name in names() else Path(name)
    if not (path.suffix == ".toml" and path.is_file()):
        near = difflib.get_close_matches(name, names(), 1)
        raise InputError("train.no_recipe", got=name, near=near[0] if near else "default", names=", ".join(names()))
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError("train.recipe_file", path=path, reason=getattr(error, "strerror", "") or error) from error
    return Recipe.from_dict(path.stem, settings)


def _one_of(what: str, got: str, choices: tuple[str, ...]) -> None:
    if got not in choices:
        raise InputError("core.choice", what=what, got=got, choices=", ".join(choices))
