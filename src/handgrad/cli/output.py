"""Where a command's words go: a console for people, and one JSON object for programs."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console


def console(*, as_json: bool = False) -> Console:
    """For everything that a person reads; with --json on stderr, so that stdout ends in the JSON object."""
    # No markup, no emoji: what stands in brackets or colons is part of a file's name.
    return Console(stderr=as_json, highlight=False, soft_wrap=True, markup=False, emoji=False)


def put_json(value: dict[str, Any]) -> None:
    """The last line on stdout: one JSON object."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()
