"""The recipes that ship: what they are, what they reach on MNIST, and what a recipe's file may not contain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad.core.losses import SoftmaxCrossEntropy
from handgrad.errors import InputError
from handgrad.train import Recipe, Run, load_recipe
from handgrad.train.recipe import names
from handgrad.words import say

SHIPPED = ["default", "modular", "modular-mended", "unrolled", "unrolled-mended"]


def test_these_ship() -> None:
    assert names() == SHIPPED
    for lang in ("en", "ko"):
        assert all(say(f"recipes_cli.about_{name}", lang) for name in SHIPPED)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "floor"), [("default", 0.979), ("modular-mended", 0.975), ("unrolled-mended", 0.95)])
def test_what_a_recipe_reaches(name: str, floor: float, tmp_path: Path) -> None:
    run = Run.start(tmp_path / "run", load_recipe(name), thread_count=1)
    for _ in run.train():
        pass
    assert run.finish().accuracy >= floor


@pytest.mark.parametrize("published", ["modular", "unrolled"])
def test_a_mended_twin_has_the_same_net_epochs_and_optimizer(published: str) -> None:
    one, two = load_recipe(published), load_recipe(f"{published}-mended")
    for same in ("hidden", "activation", "epochs", "drop_last", "shuffle", "schedule"):
        assert getattr(one, same) == getattr(two, same), same
    assert one.optimizer.keys() == two.optimizer.keys() == {"name", "lr"}
    assert one.optimizer["name"] == two.optimizer["name"] == "sgd"
    assert (one.loss, two.loss, two.quirks) == ("published", "softmax-cross-entropy", ())
    assert isinstance(two.criterion(), SoftmaxCrossEntropy)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_recipe_survives_its_manifest(name: str) -> None:
    recipe = load_recipe(name)
    assert Recipe.from_dict(name, json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_weights_come_first_and_layer_by_layer() -> None:
    net = load_recipe("unrolled").net(784, 10, np.random.RandomState(5))
    rng = np.random.RandomState(5)
    for layer in net.layers[::2]:
        np.testing.assert_array_equal(layer.W, rng.randn(*layer.W.shape) * 0.01)
        assert not layer.b.any()


@pytest.mark.parametrize("name", ["defualt", "no such", "", ".", "/", "x.toml"])
def test_an_unknown_recipe(name: str) -> None:
    with pytest.raises(InputError, match="There is no recipe") as caught:
        load_recipe(name)
    assert all(known in str(caught.value) for known in SHIPPED)


def test_a_near_miss_is_named() -> None:
    with pytest.raises(InputError, match="Did you mean 'modular-mended'"):
        load_recipe("modular-mend")


def written(folder: Path, text: str) -> str:
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return str(folder / "mine.toml")


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path, 'hidden = [32, 16]\nepochs = 2\n[optimizer]\nname = "adam"\n'))
    assert (recipe.name, recipe.hidden, recipe.epochs, recipe.batch_size) == ("mine", (32, 16), 2, 64)
    optimizer = recipe.make_optimizer(recipe.net(4, 3, np.random.default_rng(0)))
    assert (type(optimizer).__name__, optimizer.lr) == ("Adam", 0.001)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("epochs = ", "not a TOML file"),
        ("\udcff", "not a TOML file"),
        ("epoch = 3", "no setting 'epoch'"),
        ('epochs = "three"', "the setting epochs is 'three'; it must be a whole number"),
        ("epochs = 2.5", "the setting epochs is 2.5; it must be a whole number"),
        ("epochs = true", "the setting epochs is True; it must be a whole number"),
        ("hidden = 256", "the setting hidden is 256; it must be a list of whole numbers"),
        ('hidden = "256"', "the setting hidden is '256'; it must be a list"),
        ("quirks = 3", "a list of names"),
        ('quirks = ["none-such"]', "quirks: 'none-such' is not known"),
        ("activation = 1", "text in quotes"),
        ("batch_norm = 1", "true or false"),
        ("dropout = []", "a number"),
        ('optimizer = "sgd"', "a table with a name"),
        ("optimizer = {lr = 0.1}", "optimizer: '' is not known"),
        ('optimizer = {name = "lion"}', "optimizer: 'lion' is not known"),
        ('loss = "hinge"', "loss: 'hinge' is not known"),
        ('rng = "old"', "rng: 'old' is not known"),
        ('dtype = "int8"', "dtype: 'int8' is not known"),
        ('report = "all"', "report: 'all' is not known"),
        ("seed = -1", "seed: got -1"),
        ("seed = 4294967296", "seed: got 4294967296"),
        ('report_line = "{lost}"', r"the line in report_line cannot be filled in. It may contain {epoch}"),
        ('report_line = "{loss:.2d}"', "cannot be filled in"),
        ('step_line = "{}"', r"the line in step_line cannot be filled in. It may contain {start}, {stop}"),
        ('step_line = "{"', "cannot be filled in"),
    ],
)  # fmt: skip
def test_a_recipe_file_that_will_not_do(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as caught:
        load_recipe(str(path))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"hidden": (0,)}, "hidden: got 0"),
        ({"hidden": (1_000_000,)}, "hidden: got 1000000"),
        ({"hidden": ("x",)}, "hidden: got"),
        ({"hidden": (100_000, 100_000)}, "needs about"),
        ({"activation": "rellu"}, "activation: 'rellu'"),
        ({"output": "probs"}, "'probs' is not known"),
        ({"init": "hee"}, "hee"),
        ({"dropout": 1.0}, "Dropout p: got 1.0"),
        ({"dropout": float("nan")}, "Dropout p: got nan"),
        ({"label_smoothing": 2.0}, "label_smoothing: got 2.0"),
        ({"optimizer": {"name": "sgd", "lr": -1}}, "lr: got -1"),
        ({"optimizer": {"name": "sgd", "lr": "fast"}}, "lr: got"),
        ({"optimizer": {"name": "sgd", "betas": [0.9, 0.99]}}, "SGD does not know these settings together: betas"),
        ({"optimizer": {"name": "adam", "betas": [0.9]}}, "betas"),
        ({"optimizer": {"name": "adam", "betas": 0.9}}, "betas"),
        ({"schedule": {"name": "triangle"}}, "schedule: 'triangle'"),
        ({"schedule": {"name": "cosine", "warm": 3}}, "The schedule 'cosine' does not know"),
        ({"schedule": {"name": "cosine", "floor": "x"}}, "cosine schedule floor: got"),
        ({"schedule": {"name": []}}, "schedule"),
    ],
)  # fmt: skip
def test_settings_that_will_not_do_are_found_before_the_training(settings: dict[str, Any], told: str) -> None:
    recipe = load_recipe("default").change(**settings)

    def build() -> None:
        recipe.criterion()
        recipe.make_schedule(100)
        recipe.make_optimizer(recipe.net(784, 10, np.random.default_rng(0)))

    with pytest.raises(InputError) as caught:
        build()
    assert told in str(caught.value)
