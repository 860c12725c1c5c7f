"""`handgrad sweep`: try out many settings of a recipe, with several processes, and say which is best."""

from __future__ import annotations

import contextlib
import datetime
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.data import load_data
from handgrad.errors import InputError
from handgrad.train import load_recipe
from handgrad.words import say

if TYPE_CHECKING:
    from handgrad.sweep import Summary, Sweep
    from handgrad.sweep.summary import Tried

ROWS = 10  # of the table at the end
ENDED = ("done", "pruned", "failed")
LOOK = 0.2  # seconds between two looks at the study


@click.command(cls=Command, help=say("sweep_cli.help"))
@click.option("--recipe", default="default", metavar="NAME", help=say("sweep_cli.help_recipe"))
@click.option("--data", metavar="NAME|PATH", help=say("sweep_cli.help_data"))
@click.option("--vary", multiple=True, metavar="NAME=SPEC", help=say("sweep_cli.help_vary"))
@click.option("--trials", type=int, default=50, show_default=True, help=say("sweep_cli.help_trials"))
@click.option("--jobs", type=int, default=1, show_default=True, help=say("sweep_cli.help_jobs"))
@click.option("--goal", metavar="accuracy|loss", default="accuracy", show_default=True, help=say("sweep_cli.help_goal"))
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help=say("sweep_cli.help_out"))
@click.option("--storage", metavar="URL", help=say("sweep_cli.help_storage"))
@click.option("--plots/--no-plots", default=True, show_default=True, help=say("sweep_cli.help_plots"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
@click.option("--worker", type=int, hidden=True)
def sweep(worker: int | None, **options: Any) -> None:
    """Try out many settings."""
    for name in ("trials", "jobs"):
        if not 1 <= options[name] <= 1_000_000:
            raise InputError("core.size", what=f"--{name}", got=options[name], most="1,000,000")
    if worker is not None:
        _work(options, worker)
        return
    out = console(as_json=options["as_json"])
    folder = (
        options["out"] or Path("sweeps") / f"{Path(options['recipe']).stem}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    )
    opened = _opened(folder, options)
    _announce(out, opened, folder, options)
    finished = _run(out, opened, folder, options)
    _report(out, opened, folder, options)
    if not finished:
        raise click.exceptions.Exit(1)


def _opened(folder: Path, options: dict[str, Any]) -> Sweep:
    """The sweep in that folder, to go on with it; or a new one, where settings to vary are given."""
    from handgrad.sweep import Sweep

    if options["out"] and not options["vary"]:
        return Sweep.open(folder, storage=options["storage"])
    recipe = load_recipe(options["recipe"])
    if options["data"]:
        recipe = recipe.change(data=options["data"])
    load_data(recipe.data)  # what is wrong with them is told before anything is written
    return Sweep.start(folder, recipe, options["vary"], goal=options["goal"], storage=options["storage"])


def _work(options: dict[str, Any], worker: int) -> None:
    """One process of the sweep; it says nothing, all that it finds is in the study."""
    from handgrad.sweep import Sweep, work

    opened = Sweep.open(options["out"], storage=options["storage"])
    # Processes that begin at once must not begin with the same settings; one alone always begins with the same.
    seed = opened.space.recipe.seed + 1000 * worker + len(opened.trials())
    for _ in work(opened, options["trials"], seed=seed):
        pass


def _announce(out: Console, opened: Sweep, folder: Path, options: dict[str, Any]) -> None:
    settings = ", ".join(opened.space.vary)
    values = {"path": folder, "recipe": opened.space.recipe.name, "settings": settings}
    goal = say(f"sweep_cli.goal_{opened.goal}")
    out.print(say("sweep_cli.start", **values, trials=options["trials"], jobs=options["jobs"], goal=goal))
    if not opened.space.recipe.validation:
        out.print(say("sweep_cli.held_back"), style="dim")
    lost = opened.gather_lost()
    if lost:
        out.print(say("sweep_cli.again", lost=lost), style="dim")


def _run(out: Console, opened: Sweep, folder: Path, options: dict[str, Any]) -> bool:
    """Let the processes work to the end, a line a trial; False where they were stopped or died before it."""
    from handgrad.sweep import summary

    told = {t.number for t in summary(opened).trials if t.state in ENDED}
    arguments = ["sweep", "--out", str(folder), "--trials", str(options["trials"])]
    arguments += ["--storage", options["storage"]] if options["storage"] else []
    command = [sys.executable, "-m", "handgrad", *arguments, "--worker"]
    values = {"path": folder, "trials": options["trials"]}
    workers = [subprocess.Popen([*command, str(i)]) for i in range(options["jobs"])]
    status, last_well = 0, True
    with _stoppable():
        try:
            while workers or (opened.nameless() and last_well):
                time.sleep(LOOK)
                gone = [w for w in workers if w.poll() is not None]
                workers = [w for w in workers if w not in gone]
                if gone:
                    last_well = any(w.returncode == 0 for w in gone)
                    status = next((w.returncode for w in gone if w.returncode), status)
                if gone or not workers:
                    opened.gather_lost()
                # What a process had that was killed, the others take over; it can be given back too late for them,
                # who saw it under way and ended. Then a new one does it.
                if not workers and last_well and opened.taken() < options["trials"]:
                    workers = [subprocess.Popen([*command, str(options["jobs"])])]
                _tell_new(out, summary(opened), told)
        except KeyboardInterrupt:
            for worker in workers:
                worker.send_signal(signal.SIGINT)  # it may have had its own Ctrl-C already
            for worker in workers:
                with contextlib.suppress(KeyboardInterrupt):
                    worker.wait()
            opened.gather_lost()
            out.print(say("sweep_cli.interrupted", **values))
            return False
    if status and sum(trial.state in ENDED for trial in summary(opened).trials) < options["trials"]:
        out.print(say("sweep_cli.worker_died", **values, status=status))
        return False
    return True


@contextlib.contextmanager
def _stoppable() -> Any:
    """A request to end, as a system sends it, is taken like Ctrl-C."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell_new(out: Console, found: Summary, told: set[int]) -> None:
    """A line for each trial that has ended since the last look."""
    for trial in found.trials:
        if trial.number in told or trial.state not in ENDED:
            continue
        told.add(trial.number)
        values: dict[str, Any] = {"number": trial.number, "settings": _settings(trial), "why": trial.why}
        key = trial.state
        if trial.state == "done":
            values["value"] = _value(trial.value, found.goal)
        elif trial.state == "pruned":
            epoch = max(trial.curve, default=0)
            key = "pruned" if epoch and not trial.why else "diverged"
            values |= {"epoch": epoch, "value": _value(trial.curve.get(epoch), found.goal)}
        out.print(say(f"sweep_cli.{key}", **values))


def _report(out: Console, opened: Sweep, folder: Path, options: dict[str, Any]) -> None:
    """Table, plots, and the best as a recipe."""
    from handgrad.sweep import summary, to_toml
    from handgrad.train.checkpoint import write_whole

    found = summary(opened)
    counts = {state: found.count(state) for state in ("done", "pruned", "failed", "running")}
    ranked = found.ranked
    files: list[Path] = []
    if ranked and found.best_recipe:
        out.print(_table(found))
        value, goal = _value(ranked[0].value, found.goal), say(f"sweep_cli.goal_{found.goal}")
        comment = {"total": sum(counts.values()), "vary": ", ".join(opened.space.vary), "goal": goal, "value": value}
        path = folder / "best.toml"
        comments = say("sweep_cli.best_comment", number=ranked[0].number, **comment)
        write_whole(path, to_toml(found.best_recipe, comments).encode())
        files = [path, *(_draw(found, folder) if options["plots"] else [])]
        out.print(say("sweep_cli.best", number=ranked[0].number, goal=goal, value=value, path=path), style="bold")
    elif counts["failed"] + counts["pruned"]:
        out.print(say("sweep_cli.nothing_done"))
    out.print(say("sweep_cli.counts", **counts))
    if counts["running"]:
        out.print(say("sweep_cli.elsewhere", running=counts["running"]))
    out.print(say("sweep_cli.kept", path=folder))
    if options["as_json"]:
        put_json(_as_json(found, counts, folder, files))


def _as_json(found: Summary, counts: dict[str, int], folder: Path, files: list[Path]) -> dict[str, Any]:
    trials = [{name: getattr(t, name) for name in t.__dataclass_fields__} for t in found.trials]
    best = {"number": found.ranked[0].number, "value": found.ranked[0].value} if found.ranked else None
    about = {"sweep": str(folder), "goal": found.goal, **counts, "best": best, "importance": found.importance}
    return about | {"trials": trials, "files": [str(path) for path in files]}


def _table(found: Summary) -> Table:
    table = Table(box=None, header_style="bold")
    goal = say(f"sweep_cli.goal_{found.goal}")
    for title in (say("sweep_cli.place"), say("sweep_cli.trial"), goal, *found.names):
        table.add_column(title, justify="right")
    for place, trial in enumerate(found.ranked[:ROWS], 1):
        cells = [_plain(trial.settings[name]) for name in found.names]
        table.add_row(str(place), str(trial.number), _value(trial.value, found.goal), *cells)
    return table


def _draw(found: Summary, folder: Path) -> list[Path]:
    from handgrad import plots

    ranked = found.ranked
    ordered = [{name: trial.settings[name] for name in found.names} for trial in ranked]
    parallel = plots.parallel_coordinates(
        ordered, [trial.value or 0.0 for trial in ranked], goal=found.goal, choices=found.choices,
        logarithmic=found.logarithmic, pruned=found.count("pruned"),
    )  # fmt: skip
    curves = {trial.number: trial.curve for trial in found.trials}
    figures = {"parallel": parallel, "curves": plots.best_curves(curves, [t.number for t in ranked], goal=found.goal)}
    if found.importance:
        figures["importance"] = plots.setting_importance(found.importance, len(ranked))
    return [plots.save(figure, folder / f"{name}.png") for name, figure in figures.items()]


def _settings(trial: Tried) -> str:
    return "  ".join(f"{name}={_plain(value)}" for name, value in trial.settings.items())


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _value(value: float | None, goal: str) -> str:
    if value is None:
        return "-"
    return f"{value:.2%}" if goal == "accuracy" else f"{value:.4f}"
