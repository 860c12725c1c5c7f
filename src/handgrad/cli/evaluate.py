"""`handgrad evaluate`: how good a trained net is, class by class, and what it gets wrong."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.data import load_data
from handgrad.errors import InputError
from handgrad.train import Evaluation, Run
from handgrad.train import evaluate as measure
from handgrad.words import say


@click.command(cls=Command, help=say("evaluate_cli.help"))
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--data", metavar="NAME|PATH", help=say("evaluate_cli.help_data"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def evaluate(run: Path, data: str | None, as_json: bool) -> None:
    """Evaluate a run's net on the test part of its data, or of other data."""
    opened = Run.open(run)
    net = opened.net()
    dataset = load_data(data) if data else opened.data()
    inputs = net.layers[0].inputs if hasattr(net.layers[0], "inputs") else dataset.features
    if dataset.features != inputs:
        raise InputError("evaluate_cli.features", data=dataset.name, got=dataset.features, needs=inputs)
    outputs = net.layers[-1].outputs if hasattr(net.layers[-1], "outputs") else len(opened.data().classes)
    if len(dataset.classes) != outputs:
        raise InputError("evaluate_cli.classes", data=dataset.name, got=len(dataset.classes), needs=outputs)
    result = measure(net, dataset.test.images, dataset.test.labels, opened.recipe.criterion())
    _show(result, dataset.classes, as_json=as_json)
    if as_json:
        put_json({"run": str(run), "data": dataset.name, "classes": list(dataset.classes)} | result.to_json())


def _show(result: Evaluation, classes: tuple[str, ...], *, as_json: bool) -> None:
    out = console(as_json=as_json)
    out.print(
        say(
            "evaluate_cli.result",
            n=f"{result.n:,}",
            accuracy=f"{result.accuracy:.2%}",
            loss=f"{result.loss:.4f}",
            calibration=f"{result.calibration_error:.2%}",
        )
    )
    table = Table(box=None, header_style="bold")
    for key in ("class", "precision", "recall", "f1", "support"):
        table.add_column(say(f"evaluate_cli.{key}"), justify="left" if key == "class" else "right")
    for i, name in enumerate(classes):
        shares = (result.precision[i], result.recall[i], result.f1[i])
        table.add_row(name, *(f"{share:.2%}" for share in shares), f"{int(result.support[i]):,}")
    out.print(table)
    for mistake in result.mistakes[:5]:
        out.print(
            say(
                "evaluate_cli.mistake",
                index=mistake.index,
                true=classes[mistake.true],
                predicted=classes[mistake.predicted],
                confidence=f"{mistake.confidence:.1%}",
            )
        )
