"""`handgrad explain`: every number of one training step, worked out longhand."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.errors import InputError
from handgrad.explain import moment_of, story_lines, story_of, story_values
from handgrad.explain.board import DIGITS
from handgrad.explain.page import page
from handgrad.train import Run
from handgrad.words import language, say

FILES = (".py", ".ipynb")  # a network of the user's own
WIDEST = 120  # columns; longer lines are hard to read


@click.command(cls=Command, help=say("explain_cli.help"))
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN|FILE")
@click.option("--image", metavar="IMAGE", help=say("explain_cli.help_image"))
@click.option("--label", type=int, metavar="N", help=say("explain_cli.help_label"))
@click.option("--at-step", type=int, metavar="N", help=say("explain_cli.help_at_step"))
@click.option("--batch", type=int, metavar="N", help=say("explain_cli.help_batch"))
@click.option("--layer", metavar="NAME", help=say("explain_cli.help_layer"))
@click.option("--unit", type=int, metavar="N", help=say("explain_cli.help_unit"))
@click.option("--why", metavar="WEIGHT", help=say("explain_cli.help_why"))
@click.option("--terms", type=int, metavar="N", help=say("explain_cli.help_terms"))
@click.option("--digits", type=int, metavar="N", default=DIGITS, show_default=True,
              help=say("explain_cli.help_digits"))  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path), metavar="OUT", help=say("explain_cli.help_html"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def explain(
    run: Path, image: str | None, label: int | None, at_step: int | None, batch: int | None, layer: str | None,
    unit: int | None, why: str | None, terms: int | None, digits: int, html: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Trace a step and tell it."""
    if run.is_file() or run.suffix.lower() in FILES:
        for option, value in (("--at-step", at_step), ("--batch", batch)):
            if value is not None:
                raise InputError("explain_file.not_here", option=option, file=run)
        told = _of_file(run, image, label, {"layer": layer, "unit": unit, "why": why, "terms": terms,
                                                     "digits": digits}, html=html, as_json=as_json)  # fmt: skip
        if html is not None:
            _write(html, told["page"])
        _show(told.get("lines", ()), {"file": str(run)} | told.get("values", {}), html, as_json=as_json)
        return
    moment = moment_of(Run.open(run), image=image, label=label, at_step=at_step, batch=batch)
    story = story_of(moment, layer=layer, unit=unit, why=why, terms=terms, digits=digits)
    if html is not None:
        _write(html, page(story))
    lines = () if html is not None or as_json else story_lines(story, width=min(console().width, WIDEST))
    _show(lines, {"run": str(run)} | (story_values(story) if as_json else {}), html, as_json=as_json)


def _of_file(
    path: Path, image: str | None, label: int | None, options: dict[str, Any], *,
    html: Path | None, as_json: bool,
) -> dict[str, Any]:  # fmt: skip
    """The story of the network in a file of somebody's own, made in a child process."""
    from handgrad.audit.reading.sandbox import run_in_child  # the audit takes a while to import, and a run needs none
    from handgrad.explain.strangers.digits import digits_to_show

    wanted = [*(["page"] if html else []), *(["values"] if as_json else [])] or ["lines"]
    request = {"path": os.path.abspath(path), "lang": language(), "width": min(console().width, WIDEST),
               "wanted": wanted} | options | digits_to_show(image, label)  # fmt: skip
    return run_in_child("handgrad.explain.strangers.file:explain_file", request, seconds=60)


def _show(lines: Iterable[str], values: dict[str, Any], html: Path | None, *, as_json: bool) -> None:
    if as_json:
        put_json(values)
    elif html is not None:
        console().print(say("explain_cli.written", path=str(html)))
    else:
        out = console()
        for line in lines:
            out.print(line)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError("explain_cli.unwritable", path=str(path), reason=error.strerror or str(error)) from error
