"""`handgrad export`: the net of a run as a file for other programs, loaded again before it is kept."""

from __future__ import annotations

from pathlib import Path

import click

from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.errors import DataError
from handgrad.export.out import ENDINGS, as_values
from handgrad.export.out import export as write
from handgrad.export.page import SAMPLES
from handgrad.train import Run
from handgrad.words import say


@click.command(cls=Command, help=say("export_cli.help", endings=", ".join(ENDINGS)))
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--with-preprocessing", is_flag=True, help=say("export_cli.help_preprocessing"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def export(run: Path, file: Path, with_preprocessing: bool, as_json: bool) -> None:
    """Export the net of a run."""
    opened = Run.open(run)
    net = opened.net()
    try:
        data = opened.data()
    except DataError:  # moved or deleted since: the net can still go
        data = None
    exported = write(net, file, data=data, with_preprocessing=with_preprocessing)
    size = f"{sum(path.stat().st_size for path in exported.files) / 1000:,.0f}"
    out = console(as_json=as_json)
    out.print(say("export_cli.written", files=", ".join(map(str, exported.files)), size=size))
    key = "check_test" if exported.from_test_set else "check_random"
    off = f"{exported.largest_difference:.2g}"
    out.print(say(f"export_cli.{key}", reader=exported.reader, rows=f"{exported.rows:,}", off=off))
    if file.suffix.lower() == ".html":
        out.print(say("export_cli.check_page", rows=SAMPLES))
    if as_json:
        put_json({"run": str(run)} | as_values(exported))
