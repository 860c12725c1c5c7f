"""`handgrad train`: train a network, watch it, and keep what came out in the folder of a run."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from handgrad import engines
from handgrad.cli import STARTED
from handgrad.cli.app import Command
from handgrad.cli.output import console, put_json
from handgrad.cli.watching import watched
from handgrad.errors import HandgradError, InputError
from handgrad.records import EpochRecord, Record, StepRecord
from handgrad.train import Recipe, Run, Training, load_recipe
from handgrad.train.evaluation import Evaluation
from handgrad.train.threads import available
from handgrad.watch.numbers import WATCHERS, need
from handgrad.words import say

# What an optimizer starts from when it is chosen without --lr.
USUAL_LR = {"sgd": 0.1, "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001}
# The settings of a recipe that have an option of the same name; --lr is one of the optimizer's.
SETTINGS = {field.name for field in fields(Recipe)} - {"name"}


@click.command(cls=Command, help=say("train_cli.help"))
@click.option("--recipe", default="default", metavar="NAME", help=say("train_cli.help_recipe"))
@click.option("--data", metavar="NAME|PATH", help=say("train_cli.help_data"))
@click.option("--hidden", metavar="N[,N...]", help=say("train_cli.help_hidden"))
@click.option("--activation", metavar="NAME", help=say("train_cli.help_activation"))
@click.option("--optimizer", metavar="NAME", help=say("train_cli.help_optimizer"))
@click.option("--lr", type=float, help=say("train_cli.help_lr"))
@click.option("--epochs", type=int, help=say("train_cli.help_epochs"))
@click.option("--batch-size", type=int, help=say("train_cli.help_batch_size"))
@click.option("--validation", type=float, help=say("train_cli.help_validation"))
@click.option("--patience", type=int, help=say("train_cli.help_patience"))
@click.option("--seed", type=int, help=say("train_cli.help_seed"))
@click.option("--rng", metavar="modern|legacy", help=say("train_cli.help_rng"))
@click.option(
    "--engine", metavar="auto|numpy|fast", default="auto", show_default=True, help=say("train_cli.help_engine")
)
@click.option("--threads", metavar="auto|N", default="auto", show_default=True, help=say("train_cli.help_threads"))
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help=say("train_cli.help_out"))
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help=say("train_cli.help_resume"))
@click.option("--parallel", type=click.Choice(["mpi"]), help=say("train_cli.help_parallel"))
@click.option("--rank-timeout", type=float, default=60.0, metavar="SECONDS", help=say("train_cli.help_rank_timeout"))
@click.option("--plots/--no-plots", default=True, show_default=True, help=say("train_cli.help_plots"))
@click.option("--watch", multiple=True, metavar="NAME", help=say("train_cli.help_watch"))
@click.option("--verbose", is_flag=True, help=say("train_cli.help_verbose"))
@click.option("--json", "as_json", is_flag=True, help=say("cli.help_json"))
@click.pass_context
def train(ctx: click.Context, /, **options: Any) -> None:
    """Train a network."""
    given = {name for name in options if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}
    if options["parallel"] is None:
        ctx.exit(_train(options, given, Run))
    from handgrad.parallel import job, run_class

    with job(options["rank_timeout"]) as world:
        status = _train(options, given, run_class(world))
    ctx.exit(status)


def _train(options: dict[str, Any], given: set[str], runs: type[Run]) -> int:
    """Train from the beginning or on, and show it; the exit status."""
    out = console(as_json=options["as_json"])
    for name in options["watch"]:
        if name not in WATCHERS:
            raise InputError("core.choice", what="--watch", got=name, choices=", ".join(WATCHERS))
        need(name)
    run = _resumed(options, given, runs) if options["resume"] else _started(options, runs)
    _announce(out, run)
    try:
        if not _watch(out, run, watched(run, options["watch"]), verbose=options["verbose"]):
            out.print(say("train_cli.interrupted", go_on=run.go_on()))
            return 1
        if not run.keeps:
            return 0
        result = run.finish()
    except HandgradError:
        run.fail()
        raise
    out.print(say("train_cli.result", accuracy=f"{result.accuracy:.2%}", loss=f"{result.loss:.4f}"), style="bold")
    total = time.perf_counter() - STARTED
    if options["plots"]:
        _plot(run, result)
    if "parallel" in run.manifest:
        out.print(say("parallel.equal", **run.manifest["parallel"]))
    out.print(say("train_cli.kept", path=run.path))
    if options["as_json"]:
        put_json(summary(run, total))
    return 0


def summary(run: Run, total_seconds: float) -> dict[str, Any]:
    """What --json prints."""
    recipe, manifest = run.recipe, run.manifest
    result = manifest["result"]
    return {
        "recipe": recipe.name,
        "data": manifest["data"]["name"],
        "seed": recipe.seed,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "parameters": manifest["parameters"],
        "engine": manifest["engine"],
        "threads": manifest["threads"],
        "reported_loss": result["reported_loss"],
        "train_accuracy": result["train_accuracy"],
        "test_loss": result["test_loss"],
        "test_accuracy": result["test_accuracy"],
        "train_seconds": result["train_seconds"],
        "total_seconds": round(total_seconds, 3),
        "run": str(run.path),
    } | ({"parallel": manifest["parallel"]} if "parallel" in manifest else {})


def changed(recipe: Recipe, options: dict[str, Any]) -> Recipe:
    """The recipe with the settings that the command line gives."""
    names = SETTINGS - {"optimizer", "hidden"}
    changes = {name: value for name, value in options.items() if name in names and value is not None}
    if options["hidden"] is not None:
        changes["hidden"] = _sizes(options["hidden"])
    if options["optimizer"] is not None and options["optimizer"] != recipe.optimizer["name"]:
        changes["optimizer"] = {"name": options["optimizer"], "lr": USUAL_LR.get(options["optimizer"], 0.0)}
    if options["lr"] is not None:
        if not 0 < options["lr"] < 1e9:
            raise InputError("train_cli.lr", got=options["lr"])
        changes["optimizer"] = {**changes.get("optimizer", recipe.optimizer), "lr": options["lr"]}
    return recipe.change(**changes)


def _started(options: dict[str, Any], runs: type[Run]) -> Run:
    recipe = changed(load_recipe(options["recipe"]), options)
    return runs.start(options["out"], recipe, thread_count=_threads(options["threads"]), engine=options["engine"])


def _resumed(options: dict[str, Any], given: set[str], runs: type[Run]) -> Run:
    """The run to go on with; options that would make another training of it are refused."""
    if "out" in given:
        raise InputError("train_cli.resume_out")
    run = runs.open(options["resume"])
    has = run.recipe.to_dict() | {
        "recipe": run.recipe.name,
        "hidden": ",".join(map(str, run.recipe.hidden)),
        "optimizer": run.recipe.optimizer["name"],
        "lr": run.recipe.optimizer.get("lr"),
        "threads": str(run.manifest["threads"]),
        "engine": run.manifest.get("engine", {}).get("name", "numpy"),
    }
    got = dict(options)
    if options["hidden"] is not None:
        got["hidden"] = ",".join(map(str, _sizes(options["hidden"])))
    if options["data"] is not None and has["data"] == str(Path(options["data"]).expanduser().absolute()):
        got["data"] = has["data"]
    for name in sorted(given & has.keys()):
        if got[name] != has[name]:
            option = f"--{name.replace('_', '-')}"
            raise InputError("train_cli.resume_option", option=option, has=has[name], got=got[name])
    if run.manifest.get("status") == "done":
        raise InputError("train_cli.resume_done", path=run.path, epochs=run.recipe.epochs)
    return runs.resume(options["resume"])


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError("train_cli.hidden", got=text) from None


def _threads(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise InputError("train_cli.threads", got=text) from None


def _announce(out: Console, run: Run) -> None:
    """What is about to be trained, and by which engine."""
    recipe, training = run.recipe, run.training()
    sizes = "-".join(map(str, [run.data().features, *recipe.hidden, len(run.data().classes)]))
    settings = dict(recipe.optimizer)
    schedule = recipe.schedule.get("name", "constant")
    out.print(
        say(
            "train_cli.net",
            recipe=recipe.name,
            sizes=sizes,
            parameters=f"{run.manifest['parameters']:,}",
            activation=recipe.activation,
            optimizer=settings.pop("name"),
            lr=training.base_lr,
            schedule=schedule,
        )
    )
    measured = {int(n): seconds for n, seconds in run.manifest["threads_measured"].items()}
    timing = ", ".join(f"{n}: {seconds * 1e3:.2f} ms" for n, seconds in measured.items())
    key = "train_cli.data_measured" if len(measured) > 1 else "train_cli.data"
    out.print(
        say(
            key,
            data=run.manifest["data"]["name"],
            images=f"{len(training.images):,}",
            epochs=recipe.epochs,
            steps=training.steps_per_epoch,
            batch_size=recipe.batch_size,
            threads=run.manifest["threads"],
            timing=timing,
        ),
        style="dim",
    )
    choice = training.engine_choice
    key = "train_cli.engine_fast" if choice.name == "fast" else "train_cli.engine"
    most = training.threads or available()
    out.print(say(key, engine=choice.name, reason=choice.reason(), threads=most), style="dim")
    if choice.name == "fast" and not engines.is_compiled():
        out.print(say("train_cli.compiling"))
    if "parallel" in run.manifest:
        ranks = run.manifest["parallel"]["ranks"]
        out.print(say("parallel.ranks", ranks=ranks, rows=-(-recipe.batch_size // ranks)), style="dim")


def _watch(out: Console, run: Run, records: Iterator[Record], *, verbose: bool) -> bool:
    """Train, drawing the bar and a line an epoch; False if the user stopped it."""
    training, recipe = run.training(), run.recipe
    total = training.steps_per_epoch * recipe.epochs
    shown = 0.0
    with _stop_flag() as stopped, _bar(out) as bar:
        epoch = min(training.epoch + 1, recipe.epochs)
        task = bar.add_task("", total=total, completed=training.step, epoch=epoch, epochs=recipe.epochs, state="")
        for record in records:
            if isinstance(record, EpochRecord):
                _report_epoch(bar.console, record, recipe)
                _report_best(bar.console, record, training)
            else:
                if verbose and recipe.step_line:
                    _report_step(bar.console, record, recipe, training.steps_per_epoch)
                if record.step == total or time.perf_counter() - shown > 0.05:  # 20 times a second
                    shown = time.perf_counter()
                    state = say("train_cli.state", loss=f"{record.loss:.4f}")
                    bar.update(task, completed=record.step, epoch=record.epoch, state=state)
            if run.must_stop(bool(stopped)):
                run.interrupt()
                return False
    return True


def _report_epoch(out: Console, record: EpochRecord, recipe: Recipe) -> None:
    loss = record.last_loss if recipe.report == "last" else record.loss
    if recipe.report_line:
        every = max(1, recipe.epochs // recipe.report_times) if recipe.report_times else 1
        if record.epoch == 1 or record.epoch % every == 0:
            line = recipe.report_line.format(
                epoch=record.epoch, epochs=recipe.epochs, loss=loss, accuracy=record.accuracy or 0.0
            )
            out.print(line, markup=False)
        return
    key = "train_cli.epoch" if record.val_loss is None else "train_cli.epoch_validated"
    out.print(
        say(
            key,
            epoch=f"{record.epoch:{len(str(recipe.epochs))}d}",
            epochs=recipe.epochs,
            loss=f"{loss:.4f}",
            accuracy=f"{record.accuracy or 0:.2%}",
            val_loss=f"{record.val_loss or 0:.4f}",
            val_accuracy=f"{record.val_accuracy or 0:.2%}",
            seconds=f"{record.seconds:.2f}",
        )
    )


def _report_best(out: Console, record: EpochRecord, training: Training) -> None:
    """Where the training ends with weights other than the last epoch's: which those are."""
    if training.stopped:
        out.print(say("train_cli.early_stop", epoch=record.epoch, patience=training.patience))
    elif training.patience and record.epoch == training.epochs and training.best_epoch < record.epoch:
        out.print(say("train_cli.best_kept", best=training.best_epoch))


def _report_step(out: Console, record: StepRecord, recipe: Recipe, steps_per_epoch: int) -> None:
    start = (record.step - 1) % steps_per_epoch * recipe.batch_size
    out.print(recipe.step_line.format(start=start, stop=start + record.samples), markup=False)


def _bar(out: Console) -> Progress:
    return Progress(
        TextColumn(say("train_cli.bar")),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )


@contextmanager
def _stop_flag() -> Iterator[list[float]]:
    """A list that is no longer empty once Ctrl-C was pressed; a second Ctrl-C stops at once.

    A launcher may hand one Ctrl-C on in more than one way: what comes within a second counts as one.
    """
    pressed: list[float] = []

    def press(number: int, frame: Any) -> None:
        if pressed and time.monotonic() - pressed[0] > 1:
            raise KeyboardInterrupt
        pressed.append(time.monotonic())

    before = {number: signal.signal(number, press) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _plot(run: Run, result: Evaluation) -> None:
    from handgrad.cli.plot import draw, has_pictures

    for kind in ("curves", "predictions", "confusion") if has_pictures(run) else ("curves", "confusion"):
        draw(run, kind, run.path, "png", result)
    sys.stdout.flush()
