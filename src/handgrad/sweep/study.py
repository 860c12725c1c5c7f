"""A sweep in its place: the folder, the study in a journal file or database, and which of its trials count.

Several processes, on several machines, may hold the same sweep; all that they know of each other is the study.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, TrialState

from handgrad.errors import DataError, InputError
from handgrad.sweep.space import Space
from handgrad.train.recipe import Recipe

JOURNAL = "journal.log"
GOALS = {"accuracy": optuna.study.StudyDirection.MAXIMIZE, "loss": optuna.study.StudyDirection.MINIMIZE}
SILENT = 3600.0  # seconds without a sign of life, after which a trial on another machine counts as lost
NAMELESS = 5.0  # seconds after which one counts as lost that was begun and nobody has put his name to
LOCKED = 10  # seconds after which the journal's lock counts as left by a process that was killed
# Of a trial: who works on it, and when it was last heard of; of one that does not count: why not.
BY, SEEN, LOST, SURPLUS = "by", "seen", "lost", "surplus"


class _Journal(JournalFileBackend):
    """Writes to their end: Ctrl-C waits until the lock is free again, which would break in half of its release."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with _undisturbed():
            super().append_logs(logs)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Put off what SIGINT and SIGTERM ask for until the block is done."""
    if threading.current_thread() is not threading.main_thread():  # no signal arrives there
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


class Sweep:
    """A study and what it is about. Make it with `start`, or `open` one that is there."""

    def __init__(self, study: optuna.Study, about: dict[str, Any]) -> None:
        self.study, self.about = study, about
        recipe = Recipe.from_dict(about["recipe"]["name"], about["recipe"])
        self.space = Space(recipe, about["vary"])
        self.goal: str = about["goal"]

    @classmethod
    def start(
        cls, folder: Path, recipe: Recipe, vary: tuple[str, ...], *, goal: str = "accuracy", storage: str | None = None
    ) -> Self:
        """A new sweep, or, where one of the very same recipe and settings is there, that one.

        Raises:
            InputError, DataError: for settings that will not do, another sweep in that place, or a place that cannot
                be written; nothing is written then.
        """
        if goal not in GOALS:
            raise InputError("core.choice", what="goal", got=goal, choices=", ".join(GOALS))
        Space(recipe, vary)
        about = json.loads(json.dumps({"recipe": recipe.to_dict(), "vary": list(vary), "goal": goal}))
        kept = _opened(folder, storage, make=True)
        _quiet()
        study = optuna.create_study(
            storage=kept, study_name=folder.resolve().name, direction=GOALS[goal], load_if_exists=True
        )
        there = study.user_attrs.get("handgrad")
        if there is None:
            study.set_user_attr("handgrad", about)
        elif there != about:
            raise InputError("sweep.other", path=folder, vary=" ".join(f"--vary {text}" for text in there["vary"]))
        return cls(study, about)

    @classmethod
    def open(cls, folder: Path, *, storage: str | None = None) -> Self:
        """A sweep that is there. DataError where there is none."""
        if storage is None and not (folder / JOURNAL).is_file():
            raise DataError("sweep.no_sweep", path=folder)
        kept = _opened(folder, storage, make=False)
        _quiet()
        try:
            study = optuna.load_study(study_name=folder.resolve().name, storage=kept)
            return cls(study, study.user_attrs["handgrad"])
        except KeyError:
            raise DataError("sweep.no_sweep", path=folder) from None

    # -- trials

    def trials(self) -> list[FrozenTrial]:
        """The trials that count, in their order: without those that were lost and those that were one too many."""
        found = self.study.get_trials(deepcopy=False)
        return [trial for trial in found if not trial.user_attrs.get(LOST) and not trial.user_attrs.get(SURPLUS)]

    def taken(self) -> int:
        """How many trials are done or under way."""
        return sum(trial.state != TrialState.WAITING for trial in self.trials())

    def begin(self, most: int) -> optuna.Trial | None:
        """The next trial, with this process's name on it; None where `most` are done or under way."""
        if self.taken() >= most:
            return None
        trial = self.study.ask()
        trial.set_user_attr(BY, [socket.gethostname(), os.getpid()])  # in one go: this process may be killed any moment
        # Of processes that saw the last place free at the same time, the one with the earlier trial has it.
        ahead = [t for t in self.trials() if t.number < trial.number and t.state != TrialState.WAITING]
        if len(ahead) >= most:
            trial.set_user_attr(SURPLUS, True)
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        return trial

    def give_back(self, trial: FrozenTrial | optuna.Trial) -> None:
        """A trial that nobody will finish: another one with the same settings takes its place in the queue."""
        storage = self.study._storage
        with _undisturbed():  # Ctrl-C may come twice, and between the two steps the settings would be lost
            try:
                storage.set_trial_user_attr(trial._trial_id, LOST, True)
                self.study.tell(trial.number, state=TrialState.FAIL)
            except (RuntimeError, ValueError):  # somebody else has done so just now
                return
            params = storage.get_trial(trial._trial_id).params  # where it was stopped, it may not know them all itself
            if params:
                self.study.enqueue_trial(params)

    def nameless(self) -> bool:
        """Whether there is a trial of a process that has only just begun it, or was killed as it did."""
        return any(t.state == TrialState.RUNNING and BY not in t.user_attrs for t in self.trials())

    def gather_lost(self) -> int:
        """Give back the trials whose process is gone, or has been silent for an hour on another machine."""
        lost = [trial for trial in self.trials() if trial.state == TrialState.RUNNING and _is_lost(trial)]
        for trial in lost:
            self.give_back(trial)
        return len(lost)


def _is_lost(trial: FrozenTrial) -> bool:
    began = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    silent = time.time() - float(trial.user_attrs.get(SEEN, began))
    if BY not in trial.user_attrs:
        return silent > NAMELESS
    host, pid = trial.user_attrs[BY]
    return not _alive(pid) if host == socket.gethostname() else silent > SILENT


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # one that was killed can stand in the list of processes for ever, where nobody asks how it ended
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state not in ("Z", "X")


def _opened(folder: Path, storage: str | None, *, make: bool) -> BaseStorage | str:
    """The place of a study: the folder's journal, or a database by its URL."""
    kept: BaseStorage | None = None
    if storage is not None:
        try:
            kept = optuna.storages.get_storage(storage)
        except Exception as error:  # a driver that is missing, a URL of no database: SQLAlchemy has many ways to say it
            reason = (str(error) or type(error).__name__).splitlines()[0][:200]
            raise InputError("sweep.storage", got=storage, reason=reason) from error
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        # The lock is a link to this path, which must be whole, or one that a killed process left is never freed.
        path = str((folder / JOURNAL).resolve())
        return kept or JournalStorage(_Journal(path, JournalFileSymlinkLock(path, grace_period=LOCKED)))
    except OSError as error:
        raise DataError("train.cannot_write", path=folder, reason=error.strerror) from error


def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
