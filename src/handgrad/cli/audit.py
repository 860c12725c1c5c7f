"""`handgrad audit`: is this hand-written backward pass right, and if not, which mistake is it?"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from handgrad.audit.reading.sandbox import run_in_child
from handgrad.audit.report import Report, Unaudited
from handgrad.audit.report.terminal import WIDTH, Line, lines
from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.errors import HandgradError, InputError
from handgrad.words import say

# What the styles of a report look like in a terminal.
_STYLES = {
    "error": "bold red", "warning": "bold yellow", "note": "bold cyan", "good": "bold green", "title": "bold",
    "quiet": "dim", "marked": "bold", "added": "green", "removed": "red", "hunk": "cyan",
}  # fmt: skip
PROOF_SECONDS = 120  # for two trainings
_NO_NETWORK = ("audit.no_network", "audit.no_network_failed")
_GLUE = """\
def parameters():
    return {{"W1": W1, "b1": b1}}  # {arrays}

def loss(x, y):
    return ...  # {loss}

def step(x, y, lr):
    ...  # {step}
"""


@click.command(cls=Command, help=say("audit_cli.help"))
@click.argument("files", type=click.Path(path_type=Path), metavar="FILE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
@click.option("--sarif", type=click.Path(path_type=Path), metavar="OUT", help=say("audit_cli.help_sarif"))
@click.option("--html", type=click.Path(path_type=Path), metavar="OUT", help=say("audit_cli.help_html"))
@click.option("--prove", is_flag=True, help=say("audit_cli.help_prove"))
def audit(files: tuple[Path, ...], as_json: bool, sarif: Path | None, html: Path | None, prove: bool) -> None:
    """Audit the networks in files."""
    outputs = [path for path in (sarif, html) if path is not None]
    for path in outputs:
        if any(path.absolute() == file.absolute() for file in files):
            raise InputError("audit_cli.over_input", path=str(path))
    out = console(as_json=as_json)
    reports = [_audited(file, out, first=i == 0, prove=prove) for i, file in enumerate(files)]
    if sarif is not None:
        from handgrad.audit.report.sarif import sarif as as_sarif

        _write(sarif, json.dumps(as_sarif(reports), ensure_ascii=False, indent=2) + "\n", out)
    if html is not None:
        from handgrad.audit.report.page import page

        _write(html, page(reports), out)
    if as_json:
        put_json(_plain(reports))
    if any(isinstance(report, Unaudited) for report in reports):
        raise click.exceptions.Exit(2)
    if not all(report.ok for report in reports if isinstance(report, Report)):
        raise click.exceptions.Exit(1)


def _audited(file: Path, out: Console, *, first: bool, prove: bool) -> Report | Unaudited:
    """Audit one file, and show what came of it at once."""
    path = os.path.abspath(file)
    if not first:
        out.print()
    try:
        report = Report.from_json(run_in_child("handgrad.audit.session:audit_file", {"path": path}))
    except HandgradError as error:
        reason = " ".join(str(error).split())
        click.echo(f"handgrad: {reason}", err=True)
        if error.key in _NO_NETWORK:
            click.echo(f"\n{say('audit_cli.glue')}\n\n{glue()}", err=True, nl=False)
        return Unaudited(path, reason)
    if prove:
        report = _proved(report, path)
    # In a window sentences are broken; in a file or a pipe each stays on one line, for grep and diff.
    for line in lines(report, width=min(out.width, WIDTH) if out.is_terminal else None):
        out.print(_styled(line))
    return report


def _proved(report: Report, path: str) -> Report:
    """The report with the proof of its patch; where there is none, or nothing can be trained, a sentence says so."""
    of = next((finding for finding in report.findings if finding.patch), None)
    if of is None:
        click.echo(f"handgrad: {say('audit_cli.nothing_to_prove')}", err=True)
        return report
    if of.file and of.file != path:
        said = say("audit_cli.proof_elsewhere", file=os.path.relpath(of.file))
        click.echo(f"handgrad: {said}", err=True)
        return report
    request = {"path": path, "patch": report.patch}
    try:
        proof = run_in_child("handgrad.audit.prove:prove_file", request, seconds=PROOF_SECONDS)
    except HandgradError as error:
        click.echo(f"handgrad: {' '.join(str(error).split())}", err=True)
        return report
    return replace(report, proof=proof)


def _styled(line: Line) -> Text:
    return Text.assemble(*((text, _STYLES.get(style, "")) for text, style in line))


def _plain(reports: Sequence[Report | Unaudited]) -> dict[str, object]:
    """The report itself for one file; for several {"ok", "files": [reports], "seconds"}."""
    found = [report.to_json() for report in reports]
    if len(found) == 1:
        return found[0]
    seconds = round(sum(one["seconds"] for one in found), 3)
    return {"ok": all(one["ok"] for one in found), "files": found, "seconds": seconds}


def glue() -> str:
    """The lines that spare the audit any guessing, ready to be pasted."""
    return _GLUE.format(
        arrays=say("audit_cli.glue_arrays"), loss=say("audit_cli.glue_loss"), step=say("audit_cli.glue_step")
    )


def _write(path: Path, text: str, out: Console) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError("audit_cli.unwritable", path=str(path), reason=error.strerror or str(error)) from None
    out.print(Text(say("audit_cli.written", path=str(path)), "dim"))
