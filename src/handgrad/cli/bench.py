"""`handgrad bench`: the same work done by handgrad and by its peers, in turn, with a table and a plot at the end."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from handgrad.bench import AXES, PREDICTIONS, WORKS, Point, Result, cold_starts, race, scaling
from handgrad.bench.cold import CONTESTANTS as COLD_CONTESTANTS
from handgrad.bench.cold import EPOCHS as COLD_EPOCHS
from handgrad.bench.peers import ONLY_WHEN_ASKED, PEERS, installed, takes_part
from handgrad.bench.scaling import CONTESTANTS as SCALING_CONTESTANTS
from handgrad.bench.scaling import SAMPLES as SCALING_SAMPLES
from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.errors import InputError
from handgrad.train.threads import available
from handgrad.words import say

ALL_WORKS = (*WORKS, *PREDICTIONS, *COLD_EPOCHS, *AXES)
USUAL = (*WORKS, *PREDICTIONS, *COLD_EPOCHS)
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
FEWEST = 4_096

Told = Callable[[str, int], None]


class Settings(NamedTuple):
    """How the contestants run: turns for each, training images, threads (None: the better number for each)."""

    rounds: int
    samples: int | None
    threads: int | None


@click.command(cls=Command, help=say("bench.help", works=", ".join(ALL_WORKS), usual=", ".join(USUAL)))
@click.argument("works", nargs=-1, metavar="[WORK...]")
@click.option("--rounds", type=int, default=7, show_default=True, help=say("bench.help_rounds"))
@click.option("--peers", metavar="NAME[,NAME...]", help=say("bench.help_peers", peers=", ".join(PEERS)))
@click.option("--samples", type=int, metavar="N", help=say("bench.help_samples"))
@click.option("--threads", metavar="auto|N", default="auto", show_default=True, help=say("bench.help_threads"))
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help=say("bench.help_out"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
def bench(
    works: tuple[str, ...],
    rounds: int,
    peers: str | None,
    samples: int | None,
    threads: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Time ours and theirs in turn."""
    chosen, missing = _contestants(peers)
    works = works or USUAL
    _check(works, rounds, samples)
    settings = Settings(rounds, samples, _threads(threads))
    for work in works:
        if not _who(work, chosen):
            raise InputError("bench.nobody", work=work)
    screen = console(as_json=as_json)
    if slowing := [name for name in SLOWING if name in os.environ]:
        unset = " ".join(f"-u {name}" for name in slowing)
        screen.print(say("bench.slowed", names=", ".join(slowing), unset=unset), style="yellow")
    if missing:
        screen.print(say("bench.missing", peers=", ".join(missing)), style="dim")
    screen.print(_machine(), style="dim")
    folder = out or Path("runs") / time.strftime("bench-%Y%m%d-%H%M%S")
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    for work in works:
        for key, results in _timed(screen, work, chosen, settings):
            found[key] = results
    report = {"machine": _machine(), "rounds": rounds, "works": {key: _plain(value) for key, value in found.items()}}
    (folder / "results.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _plots(found, folder)
    screen.print(say("bench.kept", path=folder))
    if as_json:
        put_json(report)


def _contestants(peers: str | None) -> tuple[list[str], list[str]]:
    """(who takes part, who would if their packages were installed)."""
    if peers is None:
        usual = [name for name in PEERS if name not in ONLY_WHEN_ASKED]
        return [name for name in usual if installed(name)], [name for name in usual if not installed(name)]
    names = [name.strip() for name in peers.split(",")]
    for name in names:
        if name not in PEERS:
            raise InputError("bench.peer", got=name, peers=", ".join(PEERS))
        if not installed(name):
            raise InputError("bench.not_installed", peer=name)
    return [name for name in PEERS if name in names], []


def _check(works: tuple[str, ...], rounds: int, samples: int | None) -> None:
    for work in works:
        if work not in ALL_WORKS:
            raise InputError("bench.work", got=work, works=", ".join(ALL_WORKS))
    if not 1 <= rounds <= 1000:
        raise InputError("bench.rounds", got=rounds)
    if samples is not None and not FEWEST <= samples <= 60_000:
        raise InputError("bench.samples", got=samples)


def _threads(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= available():
        raise InputError("bench.threads", got=text, most=available())
    return int(text)


def _timed(
    screen: Console, work: str, chosen: list[str], settings: Settings
) -> Iterator[tuple[str, list[Result] | list[Point]]]:
    """Time one work, print its table, and yield (its name, what was measured)."""
    names = _who(work, chosen)
    job = "train" if work in WORKS else "predict"
    rounds, samples, threads = settings
    with _telling(screen, work, rounds) as told:
        if work in AXES:
            points = scaling(work, names, rounds=rounds, threads=threads, told=told)
        elif work in COLD_EPOCHS:
            results = cold_starts(COLD_EPOCHS[work], names, rounds=rounds, threads=threads, told=told)
        else:
            results = race(
                job, WORKS.get(work, work), names, rounds=rounds, samples=samples, threads=threads, told=told
            )
    if work in AXES:
        _print_axis(screen, work, points)
        yield work, points
    else:
        _print_table(screen, work, results, samples)
        yield work, results


def _who(work: str, chosen: list[str]) -> list[str]:
    """Those of the chosen who do this work."""
    if work in COLD_EPOCHS:
        return [name for name in chosen if name in COLD_CONTESTANTS]
    if work in AXES:
        return [name for name in chosen if name in SCALING_CONTESTANTS]
    return [name for name in chosen if takes_part(name, "train" if work in WORKS else "predict")]


@contextmanager
def _telling(screen: Console, work: str, rounds: int) -> Iterator[Told]:
    """What runs at the moment, on one line that vanishes at the end."""
    if not screen.is_terminal:
        yield lambda peer, done: None
        return
    with screen.status(work) as status:

        def told(peer: str, done: int) -> None:
            key = "bench.turn" if done else "bench.getting_ready"
            status.update(say(key, work=work, peer=peer, round=done, rounds=rounds))

        yield told


def _print_table(screen: Console, work: str, results: list[Result], samples: int | None) -> None:
    base = next((r for r in results if r.peer == "products"), None) or next(
        (r for r in results if r.peer == "torch"), results[0]
    )
    if work in WORKS:
        title = say("bench.train_title", key=work, work=str(WORKS[work]), samples=f"{samples or 60_000:,}")
        note = say("bench.timed_train", processors=available())
    else:
        title = say(f"bench.{work}_title")
        note = say("bench.timed_cold" if work in COLD_EPOCHS else "bench.timed_predict")
    screen.print()
    screen.print(title, style="bold")
    table = Table(box=None, header_style="bold")
    last = "agreement" if work in PREDICTIONS else "accuracy"
    for key in ("peer", "threads", "median", "spread", "ratio", last):
        table.add_column(say(f"bench.column_{key}", base=base.peer), justify="left" if key == "peer" else "right")
    for r in results:
        table.add_row(
            r.peer, str(r.threads), duration(r.median), f"{duration(min(r.seconds))} – {duration(max(r.seconds))}",
            f"{r.ratio(base):.2f}", "" if r.accuracy is None else f"{r.accuracy:.2%}",
        )  # fmt: skip
    screen.print(table)
    screen.print(note, style="dim")


def _print_axis(screen: Console, axis: str, points: list[Point]) -> None:
    screen.print()
    name = say(f"bench.axis_{axis}")
    screen.print(say("bench.axis_title", axis=name, samples=f"{SCALING_SAMPLES:,}"), style="bold")
    table = Table(box=None, header_style="bold")
    table.add_column(name, justify="right")
    for r in points[0].results:
        table.add_column(r.peer, justify="right")
    for point in points:
        table.add_row(f"{point.value:,}", *(duration(r.median) for r in point.results))
    screen.print(table)


def duration(seconds: float) -> str:
    """Three digits, in the unit that suits."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.2g} µs"


def _machine() -> str:
    from threadpoolctl import threadpool_info

    blas = [f"{b['internal_api']} {b['version']} {b.get('architecture', '')}".strip() for b in threadpool_info()]
    return say(
        "bench.machine", processor=platform.processor() or platform.machine(), processors=available(),
        blas=", ".join(sorted(set(blas))) or "-", python=platform.python_version(),
    )  # fmt: skip


def _plain(results: list[Result] | list[Point]) -> Any:
    if results and isinstance(results[0], Point):
        return [{"value": p.value, "results": _plain(p.results)} for p in results if isinstance(p, Point)]
    return [r._asdict() | {"median": r.median} for r in results if isinstance(r, Result)]


def _bars(results: list[Result]) -> dict[str, float]:
    """The ratios of the table, by contestant; seconds where the products were not timed."""
    products = next((r for r in results if r.peer == "products"), None)
    return {r.peer: r.median if products is None else r.ratio(products) for r in results}


def _plots(found: dict[str, Any], folder: Path) -> None:
    from handgrad.plots.benchmarks import epochs, growth

    bars = {work: _bars(found[work]) for work in WORKS if work in found}
    if bars:
        epochs(bars).savefig(folder / "epochs.png")
    axes = {
        axis: {
            peer: ([p.value for p in found[axis]], [p.results[i].median for p in found[axis]])
            for i, peer in enumerate(r.peer for r in found[axis][0].results)
        }
        for axis in AXES
        if axis in found
    }
    if axes:
        growth(axes).savefig(folder / "growth.png")
