"""`handgrad audit`: is this hand-written backward pass right, and if not, which mistake is it?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from handgrad.audit.sandbox import run_in_child
from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.words import say

_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


@click.command(cls=Command, help=say("audit_cli.help"))
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def audit(file: Path, as_json: bool) -> None:
    """Audit the network in a file."""
    report = run_in_child("handgrad.audit.session:audit_file", {"path": os.path.abspath(file)})
    _show(console(as_json=as_json), report)
    if as_json:
        put_json(report)
    if not report["ok"]:
        raise click.exceptions.Exit(1)


def _show(out: Console, report: dict[str, Any]) -> None:
    subject, findings = report["subject"], report["findings"]
    if "sizes" in subject:
        sizes = "-".join(map(str, subject["sizes"]))
        out.print(say("audit.read_as", **(_names(subject) | {"sizes": sizes})), markup=False)
    else:
        out.print(say("audit.not_identified", **_names(subject)), markup=False)
    for what, found in subject["found"].items():
        name = say(f"audit.fact_{what}")
        out.print(f"  {name}: {found}", style="dim", markup=False)
    for finding in findings:
        place = f"{Path(finding['file']).name}:{finding['line']}" if finding["line"] else Path(finding["file"]).name
        severity = finding["severity"]
        head = f"{say(f'audit.{severity}')} [{finding['code']}] {place}"
        out.print(head, style=_STYLES[severity], markup=False)
        out.print(f"  {finding['cause']}", markup=False)
        out.print(f"  {finding['remedy']}", markup=False)
    if not findings:
        out.print(say("audit.right", checks=report["checks"]), style="bold green")
    counts = {kind: sum(f["severity"] == kind for f in findings) for kind in ("error", "note")}
    out.print(
        say("audit.summary", errors=counts["error"], notes=counts["note"], checks=report["checks"],
            seconds=report["seconds"]),
        style="dim",
    )  # fmt: skip


def _names(subject: dict[str, Any]) -> dict[str, Any]:
    return {key: subject.get(key, "") for key in ("dialect", "hidden", "output", "loss")} | {
        "file": Path(subject["file"]).name
    }
