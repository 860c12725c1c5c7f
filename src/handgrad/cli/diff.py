"""`handgrad diff`: somebody's network and ours in lockstep, and the first number that differs."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from handgrad.audit.reading.sandbox import run_in_child
from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.words import say

SEVERAL = 1e6  # above, a factor is written as a power of ten


@click.command(cls=Command, help=say("diff.help"))
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def diff(file: Path, as_json: bool) -> None:
    """Compare a network with ours."""
    found = run_in_child("handgrad.explain.diff.lockstep:diff_file", {"path": os.path.abspath(file)})
    out = console(as_json=as_json)
    network = dict(found["network"])
    sizes = "-".join(map(str, network.pop("sizes")))
    out.print(say("diff.network", file=file.name, sizes=sizes, **network))
    out.print()
    out.print(_table(found["rows"]))
    out.print()
    if found["scale"] != 1.0:
        key = "scale" if found["scale"] == network["rows"] else "factor"
        out.print(say(f"diff.{key}", factor=_number(found["scale"])))
    if found["ok"]:
        _agreement(out, found)
    else:
        _difference(out, found, file)
    if as_json:
        put_json(found)
    if not found["ok"]:
        raise click.exceptions.Exit(1)


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for key in ("number", "shape", "theirs", "line", "verdict", "bound"):
        table.add_column(say(f"diff.column_{key}"), justify="right" if key in ("line", "bound") else "left")
    for row in rows:
        shape = " x ".join(map(str, row["shape"])) or "1"
        bound = "" if row["status"] == "unseen" else f"{row['bound']:.1e}"
        style = {"scaled": "red", "differs": "red", "unseen": "dim", "later": "dim"}.get(row["status"], "")
        table.add_row(row["name"], shape, row["theirs"], str(row["line"] or ""), verdict(row), bound, style=style)
    return table


def verdict(row: dict[str, Any]) -> str:
    """Whether both sides agree, in a few words."""
    if row["status"] == "same" and row["difference"] == 0:
        return say("diff.all_digits")
    values = {
        "digits": math.floor(row["digits"]),
        "factor": _number(row["factor"] or 0.0),
        "difference": f"{row['difference']:.1e}",
    }
    return say(f"diff.{'digits' if row['status'] == 'same' else row['status']}", **values)


def _agreement(out: Console, found: dict[str, Any]) -> None:
    rows = found["rows"]
    seen = [row for row in rows if row["status"] != "unseen"]
    near = [row for row in rows if row["status"] == "near"]
    if near:
        first = near[0]
        values = {"difference": f"{first['difference']:.1e}", "bound": f"{first['bound']:.1e}"}
        out.print(say("diff.near_note", name=first["name"], **values))
    out.print(say("diff.ok", seen=len(seen), all=len(rows), digits=math.floor(found["digits"])), style="green")
    if len(seen) < len(rows):
        out.print(say("diff.unseen_note"), style="dim")


def _difference(out: Console, found: dict[str, Any], file: Path) -> None:
    first = found["first"]
    if "line" in first:
        line = str(first["line"])
        if first["cell"]:
            line = say("diff.cell", line=line, cell=first["cell"])
        out.print(say("diff.first_line", name=first["name"], line=line), style="bold")
        out.print(f"    {first['text']}")
    else:
        out.print(say("diff.first", name=first["name"]), style="bold")
    if first["noticed"] != first["name"]:
        out.print(say("diff.noticed", noticed=first["noticed"]))
    row = next(row for row in found["rows"] if row["name"] == first["noticed"])
    theirs, ours = row["values"]
    index = f"[{', '.join(map(str, row['at']))}]"
    out.print(say("diff.at", index=index, theirs=f"{theirs:.6g}", ours=f"{ours:.6g}"))
    digit = 16 if found["network"]["precision"] == "float64" else 7
    times = _number(row["difference"] / row["bound"]) if row["bound"] else "∞"
    out.print(say("diff.rounding", bound=f"{row['bound']:.1e}", digit=digit, times=times))
    out.print(say("diff.audit", file=file))


def _number(value: float) -> str:
    if value and not 1e-3 <= abs(value) < SEVERAL:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"
