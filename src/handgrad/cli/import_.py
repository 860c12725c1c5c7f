"""`handgrad import`: another program's net, kept as a run that the other commands take."""

from __future__ import annotations

from pathlib import Path

import click

from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.data import load_data
from handgrad.export.as_run import keep
from handgrad.export.come_in import ENDINGS, import_net
from handgrad.export.named_arrays import LAYOUTS
from handgrad.words import say


@click.command(name="import", cls=Command, help=say("export_cli.import_help", endings=", ".join(ENDINGS)))
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="RUN", help=say("export_cli.import_out"))
@click.option("--data", default="mnist", show_default=True, metavar="NAME|PATH", help=say("export_cli.import_data"))
@click.option("--activation", metavar="NAME", help=say("export_cli.import_activation"))
@click.option("--layout", type=click.Choice(LAYOUTS), help=say("export_cli.import_layout"))
@click.option("--trusted", is_flag=True, help=say("export_cli.import_trusted"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def import_(
    file: Path, out: Path, data: str, activation: str | None, layout: str | None, trusted: bool, as_json: bool
) -> None:
    """Read a net from a file and keep it as a run."""
    net = import_net(file, activation=activation, layout=layout, trusted=trusted)
    run, result = keep(net, out, load_data(data), data, file)
    show = console(as_json=as_json)
    show.print(repr(net))
    show.print(say("train_cli.result", accuracy=f"{result.accuracy:.2%}", loss=f"{result.loss:.4f}"))
    show.print(say("export_cli.kept", path=run.path))
    if as_json:
        architecture = [[name, layer, count] for name, layer, count in net.summary()]
        numbers = {"test_accuracy": result.accuracy, "test_loss": result.loss}
        put_json({"file": str(file), "run": str(run.path), "architecture": architecture} | numbers)
