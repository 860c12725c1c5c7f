"""Diff: a finding's patch line by line, and as the replacements that an editor makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
_KINDS = {"+": "added", "-": "removed", "@": "hunk"}


class Replacement(NamedTuple):
    """So many lines go, from `first` on (counted from 1), and `text` comes in their place."""

    first: int
    lines: int
    text: str


def kinds(patch: str) -> Iterator[tuple[str, str]]:
    """(added, removed, hunk, head or same; the line) for each line of a unified diff."""
    in_hunk = False
    for line in patch.rstrip().splitlines():
        in_hunk = in_hunk or line.startswith("@@")
        if line.startswith(("--- ", "+++ ")) and not in_hunk:
            yield "head", line
        else:
            yield _KINDS.get(line[:1], "same"), line


def replacements(patch: str) -> list[Replacement]:
    """The changes of a unified diff of one file, in its order, without the lines that stay."""
    found: list[Replacement] = []
    at, first, count, text = 0, 0, 0, ""

    def close() -> None:
        nonlocal count, text
        if count or text:
            found.append(Replacement(first, count, text))
        count, text = 0, ""

    for kind, line in kinds(patch):
        if kind in ("hunk", "head") or line.startswith("\\"):
            close()
            head = _HUNK.match(line)
            if head:  # a hunk of no old lines names the line after which it comes
                at = int(head[1]) + (head[2] == "0")
        elif kind == "same":
            close()
            at += 1
        else:
            first = first if count or text else at
            count += kind == "removed"
            at += kind == "removed"
            text += line[1:] + "\n" if kind == "added" else ""
    close()
    return found
