"""The museum: right nets as strangers write them, and the mistakes that are planted into them by small edits.

A mistake is a table in `mistakes/*.toml`; each of its plantings names a net, the text to replace, and what replaces it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOM = Path(__file__).parent
PROBES = ROOM / "probes"
NETS = {
    f"{path.parent.name}/{path.name.removesuffix('.py')}": path
    for path in sorted((ROOM / "nets").glob("*/*"))
    if path.suffix in {".py", ".ipynb"}
}


# Nets that were looked into while rules were made, with whatever is planted in them: none of it can be set aside.
SEEN = frozenset({"dictionaries/caches", "columns/ones_row", "nnfs/regression_digits", "scalars/moons_value"})
# What was planted later, for rules to be made on, under names that the rule of the set aside leaves free.
PRACTICE = frozenset((ROOM / "practice.txt").read_text(encoding="utf-8").split())


@dataclass(frozen=True)
class Exhibit:
    """A net with one mistake in it, or a clean one.

    Attributes:
        name: "mistake@dialect/net", or "dialect/net" for a clean net.
        dialect: the room it hangs in.
        family: the file of `mistakes/` it comes from; "clean" for a clean net.
        mistake: its name; "" for a clean net.
        codes: the findings that name it; empty for a clean net.
        severity: "error" or "warning", or "note" where it does no harm in these nets: the least that must be said.
        text: the content of the file.
        suffix: ".py" or ".ipynb".
        lines: the lines that are right to point at, from 1; in a notebook within their cell.
    """

    name: str
    dialect: str
    family: str
    mistake: str
    codes: tuple[str, ...]
    severity: str
    text: str
    suffix: str
    lines: frozenset[int]

    @property
    def group(self) -> str:
        """The set it belongs to: "shown"; "aside", the third that no rule is tuned on; or "practice"."""
        if self.name in PRACTICE:
            return "practice"
        seen = self.name.rpartition("@")[2] in SEEN
        return "aside" if not seen and int(hashlib.sha256(self.name.encode()).hexdigest(), 16) % 3 == 0 else "shown"


def clean() -> list[Exhibit]:
    """All right nets."""
    return [
        Exhibit(name, path.parent.name, "clean", "", (), "", path.read_text(encoding="utf-8"), path.suffix, frozenset())
        for name, path in NETS.items()
    ]


def mistakes() -> dict[str, dict[str, Any]]:
    """Every mistake as it is written, with its family, by its name."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((ROOM / "mistakes").glob("*.toml")):
        for name, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if name in found:
                raise ValueError(f"{name} stands twice")
            found[name] = table | {"family": path.stem}
    return found


def planted() -> Iterator[Exhibit]:
    """Every mistake in every net that it is planted into."""
    for name, table in mistakes().items():
        for plant in table["plant"]:
            net = plant["net"]
            text, lines = _plant(NETS[net], plant)
            yield Exhibit(
                f"{name}@{net}", net.partition("/")[0], table["family"], name, tuple(table["codes"]),
                table.get("severity", "error"), text, NETS[net].suffix, lines,
            )  # fmt: skip


def _plant(path: Path, plant: dict[str, Any]) -> tuple[str, frozenset[int]]:
    """(the file with the mistake, the lines that are right to point at)."""
    text = path.read_text(encoding="utf-8")
    book = json.loads(text) if path.suffix == ".ipynb" else None
    parts = ["".join(cell["source"]) for cell in book["cells"]] if book else [text]
    lines: list[set[int]] = [set() for _ in parts]
    edits = [(plant["find"], plant["put"]), *plant.get("edits", [])]
    for find, put in (*plant.get("setup", []), *edits):
        where = [i for i, part in enumerate(parts) if find in part]
        if len(where) != 1 or parts[where[0]].count(find) != 1:
            raise ValueError(f"{path.name}: {find!r} stands there {sum(part.count(find) for part in parts)} times")
        i = where[0]
        at, more = parts[i].index(find), put.count("\n") - find.count("\n")
        parts[i] = parts[i].replace(find, put)
        last = parts[i][:at].count("\n") + 1 + find.count("\n")
        lines[i] = {line + more if line > last else line for line in lines[i]}
        if [find, put] not in plant.get("setup", []):
            lines[i] |= _touched(parts[i], at, find, put)
    for i, part in enumerate(parts):
        if not book or book["cells"][i]["cell_type"] == "code":
            for also in plant.get("also", []):
                lines[i] |= {n for n, line in enumerate(part.split("\n"), 1) if also in f"{line}\n"}
    if book:
        for cell, part in zip(book["cells"], parts, strict=True):
            cell["source"] = part.splitlines(keepends=True)
    return (json.dumps(book, ensure_ascii=False) if book else parts[0]), frozenset(set[int]().union(*lines))


def _touched(text: str, at: int, find: str, put: str) -> set[int]:
    """The lines of an edit, after it: those that differ; where lines were only taken out, those beside and the def."""
    old, new = find.split("\n"), put.split("\n")
    shorter = min(len(old), len(new))
    ahead = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    behind = next((i for i in range(shorter - ahead) if old[-1 - i] != new[-1 - i]), shorter - ahead)
    first = text[:at].count("\n") + 1
    touched = set(range(first + ahead, first + len(new) - behind))
    plain = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in text.split("\n"))
    nodes = list(ast.walk(ast.parse(plain)))
    for node in nodes:  # a statement of several lines is one place
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.Return)):
            span = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            touched |= span if span & touched else set()
    if len(new) >= len(old) and touched:
        return touched
    beside = first + ahead
    written = [n for n, line in enumerate(text.split("\n"), 1) if line.strip()]  # nobody points at an empty line
    neighbours = {*[n for n in written if n < beside][-1:], *[n for n in written if n >= beside][:1]}
    around = [
        node.lineno for node in nodes
        if isinstance(node, ast.FunctionDef) and node.lineno <= beside <= (node.end_lineno or 0) + 1
    ]  # fmt: skip
    return {line for line in (touched | neighbours | set(around[-1:])) if line > 0}
