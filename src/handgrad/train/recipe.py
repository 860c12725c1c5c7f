"""Recipes: named trainings as data. A recipe says everything that decides the numbers, down to the seed.

The ones that ship are small TOML files in `recipes/`; the command line changes single settings of them.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from handgrad.core.arrays import RandomSource
from handgrad.core.checks import positive_int
from handgrad.core.losses import Loss, SoftmaxCrossEntropy
from handgrad.core.net import MLP, Sequential
from handgrad.core.optim import OPTIMIZERS, Optimizer
from handgrad.core.schedules import Schedule, schedule
from handgrad.errors import InputError
from handgrad.train.published import QUIRKS, PublishedCrossEntropy, with_quirks

FOLDER = Path(__file__).parents[1] / "recipes"
RNGS = ("modern", "legacy")
LOSSES = ("softmax-cross-entropy", "published")


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
        _one_of("dtype", self.dtype, ("float32", "float64"))
        _one_of("loss", self.loss, LOSSES)
        _one_of("rng", self.rng, RNGS)
        _one_of("report", self.report, ("mean", "last"))
        for quirk in self.quirks:
            _one_of("quirks", quirk, tuple(QUIRKS))
        _one_of("optimizer", self.optimizer.get("name", ""), tuple(OPTIMIZERS))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise InputError("train.seed", got=self.seed, most=2**32 - 1)

    @classmethod
    def from_dict(cls, name: str, settings: dict[str, Any]) -> Self:
        """A recipe from plain values, as a file holds them. InputError for a setting that there is not."""
        known = [f.name for f in fields(cls)]
        for key in settings:
            if key not in known:
                raise InputError("train.setting", got=key, recipe=name, known=", ".join(known))
        lists = {key: tuple(settings[key]) for key in ("hidden", "quirks") if key in settings}
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
        except TypeError:
            raise InputError("train.optimizer_settings", optimizer=kind.__name__, got=", ".join(settings)) from None

    def make_schedule(self, steps: int) -> Schedule | None:
        """The schedule over so many steps; None for a constant learning rate."""
        settings = dict(self.schedule)
        name = settings.pop("name", "constant")
        try:
            return None if name == "constant" else schedule(name, steps, **settings)
        except TypeError:
            raise InputError("train.schedule_settings", schedule=name, got=", ".join(settings)) from None


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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("train.recipe_file", path=path, reason=error) from error
    return Recipe.from_dict(path.stem, settings)


def _one_of(what: str, got: str, choices: tuple[str, ...]) -> None:
    if got not in choices:
        raise InputError("core.choice", what=what, got=got, choices=", ".join(choices))
