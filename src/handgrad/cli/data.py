"""handgrad data: list the data sets that have a name, fetch one into a folder, look at one.

Everything that it prints with --json is one JSON object, on the last line.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
from rich import box
from rich.table import Table

from handgrad.cli.app import Group
from handgrad.cli.output import console, put_json
from handgrad.core.arrays import Array
from handgrad.data import DATASETS, Dataset, Source, load_data
from handgrad.data.download import cache_folder
from handgrad.data.fetch import fetch as fetch_files
from handgrad.data.sources import MNIST
from handgrad.words import say

_as_json = click.option("--json", "as_json", is_flag=True, help=say("data.help_json"))
# Two pixels a character, upper and lower half: dark and dark, dark and bright, bright and dark, bright and bright.
_BLOCKS = " ▄▀█"
_LIST_COLUMNS: tuple[tuple[str, Literal["left", "right"]], ...] = (
    ("show_name", "left"), ("list_about", "left"), ("show_train", "right"), ("show_test", "right"),
    ("show_classes", "right"), ("list_where", "left"),
)  # fmt: skip
_INK = 96  # of 255: brighter pixels are drawn
_MOST_PICTURES = 5


@click.group(cls=Group, help=say("data.help"))
def data() -> None:
    """The group that the three commands hang on."""


@data.command("list", help=say("data.help_list"))
@_as_json
def list_command(as_json: bool) -> None:
    """Print what data sets there are."""
    if as_json:
        put_json({"datasets": [_facts(source) for source in DATASETS.values()]})
        return
    table = Table(title=say("data.list_title"), title_justify="left", box=box.SIMPLE, pad_edge=False)
    for heading, justify in _LIST_COLUMNS:
        table.add_column(say(f"data.{heading}"), justify=justify, no_wrap=heading == "show_name")
    for source in DATASETS.values():
        table.add_row(
            source.name, say(source.about), f"{source.train:,}", f"{source.test:,}", str(len(source.classes)),
            say(f"data.where_{_where(source)}"),
        )  # fmt: skip
    out = console()
    out.print(table, soft_wrap=False)
    out.print(say("data.list_hint"))


@data.command("fetch", help=say("data.help_fetch"))
@click.argument("name")
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path), help=say("data.help_to"))
@_as_json
def fetch_command(name: str, folder: Path, as_json: bool) -> None:
    """Write the four files and say which."""
    files = fetch_files(name, folder)
    if as_json:
        told = [{"file": f.path.name, "bytes": f.size, "sha256": _sha256(f.path), "written": f.written} for f in files]
        put_json({"name": name, "folder": str(folder), "files": told})
        return
    table = Table(title=say("data.fetch_title", name=name, folder=folder), title_justify="left")
    table.add_column(say("data.fetch_file"))
    table.add_column(say("data.fetch_bytes"), justify="right")
    table.add_column(say("data.fetch_state"))
    for file in files:
        state = say("data.fetch_written" if file.written else "data.fetch_kept")
        table.add_row(file.path.name, f"{file.size:,}", state)
    console().print(table, soft_wrap=False)


@data.command("show", help=say("data.help_show"))
@click.argument("name_or_path", metavar="NAME|PATH")
@_as_json
def show_command(name_or_path: str, as_json: bool) -> None:
    """Print what a data set holds."""
    dataset = load_data(name_or_path)
    train, test = (np.bincount(part.labels, minlength=len(dataset.classes)) for part in (dataset.train, dataset.test))
    low, high = _range(dataset)
    if as_json:
        told = {
            "name": dataset.name, "source": dataset.source, "train": len(dataset.train), "test": len(dataset.test),
            "features": dataset.features, "picture_shape": dataset.picture_shape,
            "dtype": str(dataset.train.images.dtype), "minimum": low, "maximum": high, "classes": dataset.classes,
            "train_counts": train.tolist(), "test_counts": test.tolist(), "sums": dataset.sums(), "note": dataset.note,
        }  # fmt: skip
        put_json(told)
        return
    out = console()
    about = Table(show_header=False, box=None)
    for key, value in _about(dataset, low, high):
        about.add_row(say(f"data.{key}"), value)
    out.print(about, soft_wrap=False)
    counts = Table(say("data.show_class"))
    counts.add_column(say("data.show_train"), justify="right")
    counts.add_column(say("data.show_test"), justify="right")
    for name, in_train, in_test in zip(dataset.classes, train, test, strict=True):
        counts.add_row(name, f"{in_train:,}", f"{in_test:,}")
    out.print(counts, soft_wrap=False)
    if dataset.picture_shape and out.encoding.lower().startswith("utf"):
        for line in picture_lines(dataset, out.width):
            out.print(line)


def picture_lines(dataset: Dataset, width: int) -> Iterator[str]:
    """The first training picture of each of the first classes, side by side, as text that fits `width` columns."""
    _, columns = dataset.picture_shape or (0, 0)
    many = min(_MOST_PICTURES, len(dataset.classes), width // (columns + 2))
    if many == 0:
        return
    names, pictures = [], []
    for label in range(many):
        rows = np.flatnonzero(dataset.train.labels == label)
        if len(rows):
            names.append(dataset.classes[label][:columns].ljust(columns))
            pictures.append(_half_blocks(dataset.train.images[rows[0]]))
    yield "  ".join(names).rstrip()
    for parts in zip(*pictures, strict=True):
        yield "  ".join(parts).rstrip()


def _half_blocks(picture: Array) -> list[str]:
    """A picture as lines of characters, two rows of pixels a line, so that pixels come out square."""
    bright = np.pad(picture > _INK, ((0, len(picture) % 2), (0, 0)))
    codes = 2 * bright[0::2] + bright[1::2]  # (height, width) -> (height / 2, width)
    return ["".join(_BLOCKS[code] for code in line) for line in codes]


def _about(dataset: Dataset, low: float, high: float) -> list[tuple[str, str]]:
    shape = " x ".join(map(str, dataset.train.images.shape[1:]))
    rows = [
        ("show_name", dataset.name),
        ("show_source", dataset.source),
        ("show_train", f"{len(dataset.train):,}"),
        ("show_test", f"{len(dataset.test):,}"),
        ("show_sample", f"{shape} {dataset.train.images.dtype}"),
        ("show_range", f"{low:g} .. {high:g}"),
        ("show_classes", str(len(dataset.classes))),
        ("show_note", dataset.note),
    ]
    return [(key, value) for key, value in rows if value]


def _range(dataset: Dataset) -> tuple[float, float]:
    parts = (dataset.train.images, dataset.test.images)
    return min(float(part.min()) for part in parts), max(float(part.max()) for part in parts)


def _facts(source: Source) -> dict[str, Any]:
    return {
        "name": source.name, "about": say(source.about), "train": source.train, "test": source.test,
        "classes": source.classes, "licence": source.licence or None, "where": _where(source),
    }  # fmt: skip


def _where(source: Source) -> str:
    """Where `load_data` would take it from: local, shipped, cached or remote."""
    root = os.environ.get("HANDGRAD_DATA", "")
    if root and (Path(root).expanduser() / source.name).is_dir():
        return "local"
    if source is MNIST:
        return "shipped"
    files = (source.archive,) if source.archive else source.files
    folder = cache_folder(source)
    return "cached" if all((folder / file).is_file() for file, _ in files) else "remote"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
