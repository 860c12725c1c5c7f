"""`handgrad explain`: every number of one training step, worked out longhand."""

from __future__ import annotations

from pathlib import Path

import click

from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.errors import InputError
from handgrad.explain import Story, moment_of, story_lines, story_of, story_values
from handgrad.explain.board import DIGITS, TERMS
from handgrad.explain.page import page
from handgrad.train import Run
from handgrad.words import say

WIDEST = 120  # columns; longer lines are hard to read


@click.command(cls=Command, help=say("explain_cli.help"))
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--image", metavar="IMAGE", help=say("explain_cli.help_image"))
@click.option("--label", type=int, metavar="N", help=say("explain_cli.help_label"))
@click.option("--at-step", type=int, metavar="N", help=say("explain_cli.help_at_step"))
@click.option("--batch", type=int, metavar="N", help=say("explain_cli.help_batch"))
@click.option("--layer", metavar="NAME", help=say("explain_cli.help_layer"))
@click.option("--unit", type=int, metavar="N", help=say("explain_cli.help_unit"))
@click.option("--why", metavar="WEIGHT", help=say("explain_cli.help_why"))
@click.option("--terms", type=int, default=TERMS, show_default=True,
              help=say("explain_cli.help_terms"))  # fmt: skip
@click.option("--digits", type=int, default=DIGITS, show_default=True,
              help=say("explain_cli.help_digits"))  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path), metavar="OUT", help=say("explain_cli.help_html"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def explain(
    run: Path, image: str | None, label: int | None, at_step: int | None, batch: int | None, layer: str | None,
    unit: int | None, why: str | None, terms: int, digits: int, html: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Trace a step and tell it."""
    moment = moment_of(Run.open(run), image=image, label=label, at_step=at_step, batch=batch)
    story = story_of(moment, layer=layer, unit=unit, why=why, terms=terms, digits=digits)
    if html is not None:
        _write_page(html, story)
    if as_json:
        put_json({"run": str(run)} | story_values(story))
        return
    if html is not None:
        console().print(say("explain_cli.written", path=str(html)))
        return
    out = console()
    for line in story_lines(story, width=min(out.width, WIDEST)):
        out.print(line)


def _write_page(path: Path, story: Story) -> None:
    try:
        path.write_text(page(story), encoding="utf-8")
    except OSError as error:
        raise InputError("explain_cli.unwritable", path=str(path), reason=error.strerror or str(error)) from error
