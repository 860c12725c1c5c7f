"""`handgrad plot`: draw what a run did and what its net has learned, into the run's folder or elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.core.arrays import Array
from handgrad.errors import InputError
from handgrad.train import Run, evaluate, probabilities
from handgrad.train.evaluation import Evaluation
from handgrad.words import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What can be drawn, and the file that it is written to.
KINDS = {
    "curves": "learning_curves",
    "predictions": "predictions",
    "confusion": "confusion_matrix",
    "mistakes": "mistakes",
    "weights": "first_layer_weights",
    "activations": "activations",
}
PICTURES = 50  # in the grid of predictions


@click.command(cls=Command, help=say("plot_cli.help", kinds=", ".join(KINDS)))
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.argument("kinds", nargs=-1, metavar="[KIND]...")
@click.option("--format", "suffix", type=click.Choice(["png", "svg"]), default="png", show_default=True,
              help=say("plot_cli.help_format"))  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help=say("plot_cli.help_out"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def plot(run: Path, kinds: tuple[str, ...], suffix: str, out: Path | None, as_json: bool) -> None:
    """Draw the figures of a run."""
    for kind in kinds:
        if kind not in KINDS:
            raise InputError("core.choice", what="KIND", got=kind, choices=", ".join(KINDS))
    opened = Run.open(run)
    written = [draw(opened, kind, out or run, suffix) for kind in kinds or _fitting(opened)]
    for path in written:
        console(as_json=as_json).print(say("plot_cli.written", path=path))
    if as_json:
        put_json({"run": str(run), "files": [str(path) for path in written]})


def draw(run: Run, kind: str, folder: Path, suffix: str, evaluation: Evaluation | None = None) -> Path:
    """Draw one kind of figure of a run and write it to a folder; returns the file."""
    from handgrad.plots import save

    return save(_figure(run, kind, evaluation), folder / f"{KINDS[kind]}.{suffix}")


def _figure(run: Run, kind: str, evaluation: Evaluation | None) -> Figure:
    from handgrad import plots

    if kind == "curves":
        return plots.learning_curves(run.history())
    if kind == "activations":
        return plots.activations()
    if kind == "weights":
        return plots.first_layer_weights(run.net(), _picture_shape(run))
    test, classes = run.data().test, run.data().classes
    if kind == "predictions":
        chosen = random_rows(run, len(test))
        images = pictures(run, test.images[chosen])
        return plots.predictions_grid(images, test.labels[chosen], probabilities(run.net(), images), classes)
    evaluation = evaluation or evaluate(run.net(), test.images, test.labels, run.recipe.criterion())
    if kind == "confusion":
        return plots.confusion_matrix(evaluation.confusion, classes)
    return plots.mistakes_gallery(pictures(run, test.images), evaluation, classes)


def random_rows(run: Run, total: int) -> Array:
    """The test images that the grid of predictions shows: drawn once for each seed."""
    return np.random.default_rng([run.recipe.seed, 2]).permutation(total)[:PICTURES]


def pictures(run: Run, images: Array) -> Array:
    """The images as pictures. InputError where the data are rows of a table."""
    _picture_shape(run)
    return images


def has_pictures(run: Run) -> bool:
    """Whether the data of a run can be shown as pictures."""
    return run.data().picture_shape is not None


def _picture_shape(run: Run) -> tuple[int, int]:
    shape = run.data().picture_shape
    if shape is None:
        raise InputError("plot_cli.no_pictures", data=run.data().name)
    return shape


def _fitting(run: Run) -> list[str]:
    found = [kind for kind in KINDS if has_pictures(run) or kind in ("curves", "confusion", "activations")]
    return [kind for kind in found if kind != "curves" or run.history()]  # an imported net has none
