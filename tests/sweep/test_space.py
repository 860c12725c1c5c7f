"""`--vary` becomes recipes; what is wrong with it is told in one sentence, before anything is trained."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from handgrad.errors import InputError
from handgrad.sweep import Space, to_toml
from handgrad.train import Recipe, load_recipe
from handgrad.train.recipe import names

DEFAULT = load_recipe("default")


class Fixed:
    """A trial that has been asked what it was told to answer, and notes what it was asked."""

    def __init__(self, **values: Any) -> None:
        self.values, self.asked = values, {}

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> Any:
        self.asked[name] = ("float", low, high, log)
        return self.values[name]

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> Any:
        self.asked[name] = ("int", low, high, log)
        return self.values[name]

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        self.asked[name] = choices
        return self.values[name]


def of(*vary: str, **values: Any) -> Recipe:
    return Space(DEFAULT, vary).recipe_of(Fixed(**values))


def test_ranges_and_choices_are_asked_for_as_they_are_written() -> None:
    trial = Fixed(lr=0.03, hidden="128x64", batch_size=64, dropout=0.25, epochs="3")
    vary = ("lr=log:1e-4:1e-1", "hidden=64,128x64", "batch-size=log:16:256", "dropout=uniform:0:0.5", "epochs=3,5")
    recipe = Space(DEFAULT, vary).recipe_of(trial)
    assert trial.asked == {
        "lr": ("float", 1e-4, 0.1, True), "hidden": ("64", "128x64"), "batch_size": ("int", 16, 256, True),
        "dropout": ("float", 0, 0.5, False), "epochs": ("3", "5"),
    }  # fmt: skip
    assert (recipe.optimizer["lr"], recipe.hidden, recipe.batch_size) == (0.03, (128, 64), 64)
    assert (recipe.dropout, recipe.epochs) == (0.25, 3)
    assert recipe.optimizer["betas"] == DEFAULT.optimizer["betas"]


def test_a_range_of_units_is_one_layer() -> None:
    assert of("hidden=log:16:64", hidden=33).hidden == (33,)


def test_flags_texts_and_nothing() -> None:
    recipe = of(
        "batch_norm=true,false", "activation=relu,gelu", "clip_norm=none,1.5", batch_norm="true", activation="gelu",
        clip_norm="none",
    )  # fmt: skip
    assert (recipe.batch_norm, recipe.activation, recipe.clip_norm) == (True, "gelu", None)
    assert of("clip_norm=none,1.5", clip_norm="1.5").clip_norm == 1.5


def test_another_optimizer_starts_anew_and_keeps_the_rate() -> None:
    vary = ("optimizer.weight_decay=uniform:0:0.1", "lr=log:0.001:1", "optimizer=sgd,adam")
    assert of(*vary, **{"optimizer": "sgd", "lr": 0.5, "optimizer.weight_decay": 0.01}).optimizer == {
        "name": "sgd", "lr": 0.5, "weight_decay": 0.01,
    }  # fmt: skip
    assert of("optimizer=sgd,adam", optimizer="sgd").optimizer == {"name": "sgd", "lr": 0.012}
    assert of("optimizer=sgd,adam", optimizer="adam").optimizer == DEFAULT.optimizer
    assert of("schedule=cosine,one-cycle", schedule="cosine").schedule == {"name": "cosine"}
    assert of("schedule.rise=0.1,0.3", **{"schedule.rise": "0.1"}).schedule == {"name": "one-cycle", "rise": 0.1}


@pytest.mark.parametrize(
    ("vary", "told"),
    [
        ((), "Nothing varies"),
        (("lr",), "--vary: got 'lr'; it must be NAME=VALUE"),
        (("lr=",), "must be NAME=VALUE"),
        (("hidden=64,,128",), "must be NAME=VALUE"),
        (("hidden=64,64",), "values that differ"),
        (("learning=1,2",), "no setting 'learning' to vary. Did you mean 'lr'"),
        (("hiden=1,2",), "Did you mean 'hidden'"),
        (("data=mnist,kmnist",), "no setting 'data'"),
        (("lr=0.1,0.2", "lr=log:0.1:1"), "'lr' is there twice"),
        (("lr=log:1:0.1",), "'log:1:0.1' is no range"),
        (("lr=log:0:0.1",), "with log above 0"),
        (("lr=log:0.1",), "is no range"),
        (("lr=log:a:b",), "is no range"),
        (("lr=uniform:0:inf",), "is no range"),
        (("batch_size=uniform:10.5:20",), "no range of whole numbers"),
        (("activation=log:1:2",), "holds no number"),
        (("hidden=64,wide",), "'wide' will not do; it must be whole numbers with x between"),
        (("epochs=1.5,2",), "'1.5' will not do; it must be a whole number"),
        (("epochs=0,2",), "'0' will not do"),
        (("batch_norm=yes,no",), "must be true or false"),
        (("dropout=0.1,lots",), "must be a number"),
        (("dropout=uniform:0:2",), "dropout|Dropout"),
        (("activation=relu,swish",), "'swish' is not known"),
        (("optimizer=adam,lion",), "'lion' is not known"),
        (("optimizer.warmth=1,2",), "does not know these settings together"),
        (("optimizer=sgd,adam", "optimizer.momentum=0.5,0.9"), "Adam does not know"),
        (("lr=-1,1",), "lr"),
        (("init=he,she",), "'she' is not known"),
    ],
)
def test_what_cannot_be_varied(vary: tuple[str, ...], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Space(DEFAULT, vary)


@pytest.mark.parametrize("name", names())
def test_a_recipe_as_toml_is_read_back_the_same(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name).change(patience=None, report_line='"{loss}" {{ \\ 손실')
    path = tmp_path / f"{name}.toml"
    path.write_text(to_toml(recipe, "two\nlines"), encoding="utf-8")
    assert load_recipe(str(path)) == recipe
    assert path.read_text(encoding="utf-8").startswith("# two\n# lines\n")
    assert tomllib.loads(path.read_text(encoding="utf-8"))["hidden"] == list(recipe.hidden)
