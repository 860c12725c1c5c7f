"""A sweep in its place: trials count once, those of dead processes are tried again, and another sweep is refused."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages.journal import JournalFileSymlinkLock
from optuna.trial import TrialState

from handgrad.errors import DataError, InputError
from handgrad.sweep import Sweep, study, summary, work
from handgrad.sweep.study import BY, LOST
from handgrad.train import Recipe

VARY = ("lr=log:1e-4:1e-1", "hidden=4,8")


def dead_process() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_sweep_from_beginning_to_end(recipe: Recipe, tmp_path: Path) -> None:
    sweep = Sweep.start(tmp_path / "sweep", recipe, VARY)
    assert list(work(sweep, 3, seed=0)) == [0, 1, 2]
    assert list(work(sweep, 3, seed=0)) == []
    again = Sweep.open(tmp_path / "sweep")
    assert list(work(again, 4, seed=1)) == [3]
    found = summary(again)
    assert [trial.state for trial in found.trials] == ["done"] * 4
    assert all(sorted(trial.curve) == [1, 2, 3] for trial in found.trials)
    best = found.ranked[0]
    assert best.value == max(trial.value or 0 for trial in found.trials)
    assert found.best_recipe is not None
    assert found.best_recipe.optimizer["lr"] == best.settings["lr"]
    assert found.best_recipe.validation == recipe.validation == 0
    assert found.importance == {}  # of so few trials nothing can be said


def test_the_same_seed_tries_the_same(recipe: Recipe, tmp_path: Path) -> None:
    tried = []
    for name in ("a", "b"):
        sweep = Sweep.start(tmp_path / name, recipe.change(epochs=1), VARY, goal="loss")
        list(work(sweep, 2, seed=5))
        tried.append([(trial.settings, trial.value) for trial in summary(sweep).trials])
    assert tried[0] == tried[1]
    assert summary(sweep).ranked[0].value == min(value for _, value in tried[0])


def test_bad_trials_are_given_up_early(recipe: Recipe, tmp_path: Path) -> None:
    sweep = Sweep.start(tmp_path / "sweep", recipe, ("lr=0.01,1e-9",))
    for rate in ["0.01"] * 5 + ["1e-9"] * 2:
        sweep.study.enqueue_trial({"lr": rate})
    list(work(sweep, 7, seed=0))
    states = [trial.state for trial in summary(sweep).trials]
    assert states == ["done"] * 5 + ["pruned"] * 2
    assert len(summary(sweep).trials[-1].curve) == 1


def test_with_patience_the_value_is_that_of_the_weights_that_are_kept(recipe: Recipe, tmp_path: Path) -> None:
    sweep = Sweep.start(
        tmp_path / "s", recipe.change(patience=1, epochs=8, validation=0.5), ("lr=0.1,0.2",), goal="loss"
    )
    list(work(sweep, 2, seed=0))
    for trial in summary(sweep).trials:
        assert trial.value == min(trial.curve.values())


def test_settings_that_fail_do_not_end_the_sweep(recipe: Recipe, tmp_path: Path) -> None:
    sweep = Sweep.start(tmp_path / "sweep", recipe, ("batch_size=50,5000", "lr=0.01,1e9"))
    for values in ({"batch_size": "5000", "lr": "0.01"}, {"batch_size": "50", "lr": "0.01"}):
        sweep.study.enqueue_trial(values)
    list(work(sweep, 2, seed=0))
    failed, done = summary(sweep).trials
    assert (failed.state, done.state) == ("failed", "done")
    assert "batch size: got 5000" in failed.why


def test_a_diverging_trial_counts_as_given_up(recipe: Recipe, tmp_path: Path) -> None:
    plain: dict[str, Any] = {"optimizer": {"name": "sgd", "lr": 0.1}, "schedule": {"name": "constant"}}
    recipe = recipe.change(**plain, hidden=(8, 8), activation="leaky_relu")
    sweep = Sweep.start(tmp_path / "sweep", recipe, ("lr=1e8,1e7",))
    list(work(sweep, 1, seed=0))
    (trial,) = summary(sweep).trials
    assert trial.state == "pruned"
    assert "diverged" in trial.why


def test_a_stopped_trial_goes_back_into_the_queue(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep.start(tmp_path / "sweep", recipe, VARY)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("optuna.Trial.report", stop)
        with pytest.raises(KeyboardInterrupt):
            list(work(sweep, 2, seed=0))
    (lost,) = [trial for trial in sweep.study.trials if trial.user_attrs.get(LOST)]
    assert [trial.state for trial in sweep.trials()] == [TrialState.WAITING]
    list(work(sweep, 2, seed=0))
    assert [trial.state for trial in sweep.trials()] == [TrialState.COMPLETE] * 2
    assert sweep.trials()[0].params == lost.params


def test_the_trial_of_a_killed_process_is_tried_again(recipe: Recipe, tmp_path: Path) -> None:
    sweep = Sweep.start(tmp_path / "sweep", recipe, VARY)
    trial = sweep.begin(2)
    assert trial is not None
    sweep.space.recipe_of(trial)
    other = sweep.begin(2)  # of this very process, which lives
    assert other is not None
    assert sweep.gather_lost() == 0
    trial.set_user_attr(BY, [socket.gethostname(), dead_process()])
    assert sweep.gather_lost() == 1
    assert sweep.gather_lost() == 0
    again = sweep.begin(2)
    assert again is not None
    sweep.space.recipe_of(again)
    assert again.params == trial.params
    assert [t.state for t in sweep.trials()].count(TrialState.RUNNING) == 2


def test_settings_that_were_written_just_before_the_stop_are_tried_again(recipe: Recipe, tmp_path: Path) -> None:
    sweep = Sweep.start(tmp_path / "sweep", recipe, VARY)
    trial = sweep.begin(2)
    assert trial is not None
    kept = optuna.Trial(Sweep.open(tmp_path / "sweep").study, trial._trial_id)
    sweep.space.recipe_of(kept)
    assert not trial.params  # Ctrl-C came when they were in the journal, and this study had not read them back yet
    sweep.give_back(trial)
    again = sweep.begin(2)
    assert again is not None
    sweep.space.recipe_of(again)
    assert again.params == kept.params != {}


def test_ctrl_c_while_a_trial_is_given_back_loses_nothing(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep.start(tmp_path / "sweep", recipe, VARY)
    trial = sweep.begin(2)
    assert trial is not None
    sweep.space.recipe_of(trial)
    tell = optuna.Study.tell

    def again(*args: Any, **options: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return tell(*args, **options)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores it
    monkeypatch.setattr(optuna.Study, "tell", again)
    try:
        with pytest.raises(KeyboardInterrupt):
            sweep.give_back(trial)
    finally:
        signal.signal(signal.SIGINT, before)
    monkeypatch.undo()
    assert [one.state for one in sweep.trials()] == [TrialState.WAITING]


def test_silence_from_another_machine(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Sweep.start(tmp_path / "sweep", recipe, VARY)
    trial = sweep.begin(1)
    assert trial is not None
    trial.set_user_attr(BY, ["elsewhere", dead_process()])  # a number that means nothing here
    assert sweep.gather_lost() == 0
    monkeypatch.setattr(study, "SILENT", -1.0)
    assert sweep.gather_lost() == 1


def test_a_process_that_is_killed_as_it_begins(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = Sweep.start(tmp_path / "sweep", recipe, VARY)
    sweep.study.ask()
    assert sweep.nameless()
    assert sweep.gather_lost() == 0
    monkeypatch.setattr(study, "NAMELESS", -1.0)
    assert sweep.gather_lost() == 1
    assert not sweep.nameless()
    assert sweep.trials() == []


@pytest.mark.slow
def test_a_lock_that_a_killed_process_left(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # under a path that is not whole, too
    monkeypatch.setattr(study, "LOCKED", 3)
    sweep = Sweep.start(Path("sweep"), recipe, VARY)
    (tmp_path / "sweep" / "journal.log.lock").symlink_to(tmp_path / "sweep" / "journal.log")
    sweep = Sweep.open(Path("sweep"))
    assert sweep.begin(1) is not None


def test_ctrl_c_waits_for_the_lock_to_be_free_again(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep.start(tmp_path / "sweep", recipe, VARY)
    release = JournalFileSymlinkLock.release

    def interrupted(lock: JournalFileSymlinkLock) -> None:
        signal.raise_signal(signal.SIGINT)
        release(lock)

    monkeypatch.setattr(JournalFileSymlinkLock, "release", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            sweep.study.set_user_attr("told", True)
    finally:
        signal.signal(signal.SIGINT, before)
    monkeypatch.undo()
    assert not list(tmp_path.glob("sweep/*.lock*"))
    assert Sweep.open(tmp_path / "sweep").study.user_attrs["told"]


def test_of_two_that_begin_at_once_one_has_the_last_place(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has looked before the first has begun, as if both ran at the same time."""
    one, other = Sweep.start(tmp_path / "sweep", recipe, VARY), Sweep.open(tmp_path / "sweep")
    look, seen = other.trials, []

    def late() -> Any:
        found = look()
        if not seen:
            seen.append(one.begin(1))
        return found

    monkeypatch.setattr(other, "trials", late)
    assert other.begin(1) is None
    assert seen[0] is not None
    assert len(one.trials()) == 1


def test_another_sweep_in_that_place(recipe: Recipe, tmp_path: Path) -> None:
    Sweep.start(tmp_path / "sweep", recipe, VARY)
    Sweep.start(tmp_path / "sweep", recipe, VARY)
    with pytest.raises(InputError, match=r"holds another sweep \(--vary lr=log:1e-4:1e-1 --vary hidden=4,8\)"):
        Sweep.start(tmp_path / "sweep", recipe, ("lr=0.1,0.2",))
    with pytest.raises(InputError, match="holds another sweep"):
        Sweep.start(tmp_path / "sweep", recipe.change(epochs=9), VARY)


def test_places_that_will_not_do(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no sweep at"):
        Sweep.open(tmp_path)
    with pytest.raises(InputError, match="'nowhere://x' cannot be opened"):
        Sweep.start(tmp_path / "sweep", recipe, VARY, storage="nowhere://x")
    with pytest.raises(InputError, match="goal: 'speed' is not known"):
        Sweep.start(tmp_path / "sweep", recipe, VARY, goal="speed")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        Sweep.start(tmp_path / "file", recipe, VARY)


def test_a_database_instead_of_a_file(recipe: Recipe, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    sweep = Sweep.start(tmp_path / "sweep", recipe.change(epochs=1), VARY, storage=url)
    list(work(sweep, 1, seed=0))
    assert [t.state for t in summary(Sweep.open(tmp_path / "sweep", storage=url)).trials] == ["done"]
    assert os.listdir(tmp_path / "sweep") == []
    with pytest.raises(DataError, match="There is no sweep at"):
        Sweep.open(tmp_path / "other", storage=url)
