"""`handgrad info`: versions, processor and folders, for a bug report."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

import click

import handgrad
from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.train.threads import available
from handgrad.words import language, say

PACKAGES = ("numpy", "threadpoolctl", "click", "rich", "matplotlib", "safetensors", "pooch", "torch")


@click.command(cls=Command, help=say("info_cli.help"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def info(as_json: bool) -> None:
    """Say what is installed and where."""
    import numpy  # noqa: F401 - so that its BLAS shows up below
    from threadpoolctl import threadpool_info

    blas = [f"{b['internal_api']} {b['version']} {b.get('architecture', '')}".strip() for b in threadpool_info()]
    facts = {
        "handgrad": handgrad.__version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": f"{platform.system()} {platform.machine()}",
        "processors": str(available()),
        "blas": ", ".join(blas) or "-",
        "language": language(),
        "HANDGRAD_DATA": os.environ.get("HANDGRAD_DATA", "-"),
    } | {name: _version(name) for name in PACKAGES}
    width = max(map(len, facts))
    for name, value in facts.items():
        console(as_json=as_json).print(f"{name:<{width}}  {value}", markup=False)
    if as_json:
        put_json(facts)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return say("info_cli.missing")
