"""`handgrad rerun`: train again from a run's manifest, and say whether the same numbers come out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.errors import DataError, InputError
from handgrad.train import Run
from handgrad.words import say

# What two runs must agree in, and how far apart they may be where their machines differ.
NUMBERS = ("reported_loss", "train_accuracy", "test_loss", "test_accuracy")


@click.command(cls=Command, help=say("rerun_cli.help"))
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help=say("rerun_cli.help_out"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def rerun(run: Path, out: Path | None, as_json: bool) -> None:
    """Train again and compare."""
    first = Run.open(run)
    if first.manifest["status"] == "imported":
        raise InputError("rerun_cli.imported", path=run)
    if "result" not in first.manifest:
        raise InputError("rerun_cli.unfinished", path=run)
    if first.manifest["data"]["sums"] != first.data().sums():
        raise DataError("train.other_data", data=first.data().name)
    same = {
        "thread_count": first.manifest["threads"],
        "engine": first.manifest.get("engine", {}).get("name", "numpy"),
    }
    with tempfile.TemporaryDirectory() as temporary:
        again = Run.start(out or Path(temporary) / "run", first.recipe, **same)
        for _ in again.train():
            pass
        again.finish()
        report = compare(first.manifest, again.manifest)
    show = console(as_json=as_json)
    show.print(say(f"rerun_cli.{report['verdict']}", difference=f"{report['largest_difference']:.2g}"))
    if report["versions"]:
        show.print(say("rerun_cli.versions", changes="; ".join(report["versions"])))
    if as_json:
        put_json({"run": str(run), "out": str(out) if out else None} | report)
    if report["verdict"] == "differs":
        raise click.exceptions.Exit(1)


def compare(first: dict[str, Any], again: dict[str, Any]) -> dict[str, Any]:
    """Whether two runs came out the same: to the bit, within rounding, or not.

    Rounding is what other versions of NumPy, other processors or other thread counts may change: relative 1e-3 in
    losses, and half a percent in accuracies.
    """
    one, two = first["result"], again["result"]
    same = all(one[key] == two[key] for key in (*NUMBERS, "weights_sha256"))
    differences = {key: max(map(_difference, _list(one[key]), _list(two[key])), default=0.0) for key in NUMBERS}
    bounds = {key: 0.005 if "accuracy" in key else 1e-3 * max(_list(one[key]), default=0.0) for key in NUMBERS}
    as_long = all(len(_list(one[key])) == len(_list(two[key])) for key in NUMBERS)
    close = as_long and all(differences[key] <= bounds[key] for key in NUMBERS)
    versions = [
        f"{key} {first['versions'][key]} -> {again['versions'][key]}"
        for key in first["versions"]
        if first["versions"][key] != again["versions"].get(key)
    ]
    return {
        "verdict": "same" if same else "close" if close else "differs",
        "largest_difference": max(differences.values()),
        "differences": differences,
        "versions": versions,
    }


def _list(value: Any) -> list[float]:
    return [0.0 if item is None else item for item in (value if isinstance(value, list) else [value])]


def _difference(a: float, b: float) -> float:
    return abs(a - b)
