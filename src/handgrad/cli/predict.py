"""`handgrad predict`: what a trained net sees in pictures of one's own."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.data import to_mnist
from handgrad.errors import InputError
from handgrad.train import Run, probabilities
from handgrad.train.checkpoint import corrupt, read_net
from handgrad.train.run import MODEL
from handgrad.words import say

TOP = 3


@click.command(cls=Command, help=say("predict_cli.help"))
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def predict(run: Path, images: tuple[Path, ...], as_json: bool) -> None:
    """Say what is in some pictures."""
    Run.open(run)
    net, shown = read_net(run / MODEL)
    classes, shape = shown.get("classes"), shown.get("picture_shape")
    if shape != [28, 28]:
        raise InputError("predict_cli.not_mnist", path=run)
    digits = np.stack([to_mnist(path) for path in images])  # all are read before anything is said
    likely = probabilities(net, digits)
    if not isinstance(classes, list) or len(classes) != likely.shape[1]:
        raise corrupt(run / MODEL, KeyError("classes"))
    results = []
    for path, p in zip(images, likely, strict=True):
        top = [{"class": classes[k], "probability": float(p[k])} for k in np.argsort(-p)[:TOP]]
        results.append({"image": str(path), "top": top})
        line = ", ".join(f"{guess['class']} {guess['probability']:.1%}" for guess in top)
        console(as_json=as_json).print(f"{path}: {line}", markup=False)
    if as_json:
        put_json({"run": str(run), "predictions": results})
