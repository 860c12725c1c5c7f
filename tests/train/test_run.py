"""A run can be stopped at any moment and comes out as if it had not been; its folder says what it is."""

from __future__ import annotations

import datetime
import errno
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad
from handgrad.core.layers import BatchNorm
from handgrad.data import load_data
from handgrad.errors import DataError, DivergedError, HandgradError, InputError
from handgrad.records import EpochRecord, Record, StepRecord, from_json, to_json
from handgrad.train import Run, checkpoint, load_recipe
from handgrad.train.recipe import Recipe
from handgrad.train.run import CHECKPOINT, HISTORY, MANIFEST, MODEL
from handgrad.train.samples import split_off

# 300 images, 60 of them held back: 240 / 50 are 5 steps, the last one short; 3 epochs, so 15 steps and 18 records.
SETTINGS: dict[str, Any] = {
    "hidden": (12,), "batch_size": 50, "epochs": 3, "batch_norm": True, "dropout": 0.3, "validation": 0.2,
    "patience": 3, "shuffle": "compose",
}  # fmt: skip
WAYS: dict[str, dict[str, Any]] = {
    "adam, one-cycle": {},
    "momentum, legacy": {"rng": "legacy", "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True}},
    "accumulated and clipped": {"accumulate": 3, "clip_norm": 0.5, "shuffle": "fresh", "patience": 1},
}
RECORDS = 18


def recipe_of(data: Path, way: str = "adam, one-cycle", **changes: Any) -> Recipe:
    return load_recipe("default").change(data=str(data), **SETTINGS).change(**WAYS[way]).change(**changes)


def train(run: Run) -> Run:
    for _ in run.train():
        pass
    run.finish()
    return run


def timeless(history: list[Record]) -> list[dict[str, Any]]:
    return [{k: v for k, v in json.loads(to_json(record)).items() if k != "seconds"} for record in history]


def same(one: Run, two: Run) -> None:
    """To the bit: weights, running statistics, history and results."""
    for (name, a), (_, b) in zip(one.net().state().items(), two.net().state().items(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)
    assert timeless(one.history()) == timeless(two.history())
    results = [{k: v for k, v in run.manifest["result"].items() if k != "train_seconds"} for run in (one, two)]
    assert results[0] == results[1]


@pytest.fixture(scope="module")
def unbroken(few_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("unbroken")
    return {
        way: train(Run.start(folder / str(i), recipe_of(few_digits, way), thread_count=1)) for i, way in enumerate(WAYS)
    }


# -- interrupted at any record


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stop", range(1, RECORDS + 1))
def test_resumed_after_any_record_it_comes_out_the_same(
    few_digits: Path, tmp_path: Path, unbroken: dict[str, Run], way: str, stop: int
) -> None:
    run = Run.start(tmp_path / "run", recipe_of(few_digits, way), thread_count=1)
    for i, _ in enumerate(run.train(), 1):
        if i == min(stop, len(unbroken[way].history())):
            run.interrupt()
            break
    assert Run.open(tmp_path / "run").manifest["status"] == "interrupted"
    again = Run.resume(tmp_path / "run")
    assert again.training().net is not run.training().net
    same(train(again), unbroken[way])
    assert Run.open(tmp_path / "run").manifest["status"] == "done"


def test_interrupted_at_every_record(few_digits: Path, tmp_path: Path, unbroken: dict[str, Run]) -> None:
    run = Run.start(tmp_path / "run", recipe_of(few_digits), thread_count=1)
    seen = 0
    while next(records := run.train(), None) is not None:
        seen += 1
        run.interrupt()
        del records
        run = Run.resume(tmp_path / "run")
    assert seen == RECORDS
    run.finish()
    same(run, unbroken["adam, one-cycle"])


def test_early_stopping_survives_an_interruption(few_digits: Path, tmp_path: Path) -> None:
    """A learning rate that is far too large: the first epoch stays the best one, and its weights come back."""
    recipe = recipe_of(few_digits, patience=2, epochs=9, optimizer={"name": "sgd", "lr": 5.0}, schedule={})
    whole = train(Run.start(tmp_path / "whole", recipe, thread_count=1))
    assert whole.training().stopped
    assert whole.training().best_epoch < len(whole.manifest["result"]["reported_loss"]) < 9
    total = len(whole.history())
    for stop in (total - 8, total - 3, total - 1, total):
        run = Run.start(tmp_path / str(stop), recipe, thread_count=1)
        for i, _ in enumerate(run.train(), 1):
            if i == stop:
                run.interrupt()
                break
        same(train(Run.resume(tmp_path / str(stop))), whole)


def test_a_process_that_died_between_checkpoints_goes_on_from_the_last_one(
    few_digits: Path, tmp_path: Path, unbroken: dict[str, Run]
) -> None:
    run = Run.start(tmp_path / "run", recipe_of(few_digits), thread_count=1)
    for record in run.train():
        if record.step == 8:
            break
    with (tmp_path / "run" / HISTORY).open("a") as history:
        history.write('{"kind": "step", "step": 9, "epo')  # killed in the middle of a line
    (tmp_path / "run" / ".checkpoint.safetensors.k1l2.part").write_bytes(b"half")  # and of a checkpoint
    again = Run.resume(tmp_path / "run")
    assert again.training().step == 5
    assert [record.step for record in again.history()] == [1, 2, 3, 4, 5, 5]
    same(train(again), unbroken["adam, one-cycle"])
    assert not list((tmp_path / "run").glob(".*"))


def test_history_is_on_the_disk_when_a_record_is_seen(few_digits: Path, tmp_path: Path) -> None:
    run = Run.start(tmp_path / "run", recipe_of(few_digits), thread_count=1)
    seen = []
    for record in run.train():
        seen.append(record)
        assert Run.open(tmp_path / "run").history() == seen


def test_of_many_steps_a_hundred_an_epoch_are_kept(few_digits: Path, tmp_path: Path) -> None:
    recipe = recipe_of(few_digits, batch_size=1, batch_norm=False, validation=0, patience=None, epochs=1)
    run = Run.start(tmp_path / "run", recipe, thread_count=1)
    assert len(list(run.train())) == 301
    kept = run.history()
    assert [record.step for record in kept if isinstance(record, StepRecord)] == list(range(3, 301, 3))
    assert isinstance(kept[-1], EpochRecord)


# -- real processes, really killed


def command(*arguments: Any) -> list[str]:
    return [sys.executable, "-c", "from handgrad.cli import main; main()", *map(str, arguments)]


def start_training(data: Path, out: Path, *more: Any) -> subprocess.Popen[str]:
    """A child with far more epochs than anyone waits for, past its first few."""
    child = subprocess.Popen(
        command("train", "--data", data, "--hidden", 12, "--epochs", 4000, "--threads", 1, "--out", out, *more),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not (out / CHECKPOINT).exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.2)
    assert child.poll() is None, child.communicate()
    return child


def unbroken_to(run: Run, folder: Path, step: int) -> Run:
    """The same recipe, trained in one go up to a step."""
    other = Run.start(folder, run.recipe, thread_count=1)
    for record in other.train():
        if record.step == step and isinstance(record, StepRecord):
            break
    return other


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_says_how_to_go_on_and_loses_nothing(
    few_digits: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "run"
    child = start_training(few_digits, out)
    child.send_signal(number)
    printed, complained = child.communicate(timeout=20)
    assert child.returncode == 1
    assert f"handgrad train --resume {out}" in printed
    assert not complained
    run = Run.resume(out)
    assert run.manifest["status"] == "interrupted"
    stopped_at = run.training().step
    assert stopped_at > 0
    straight = unbroken_to(run, tmp_path / "straight", stopped_at)
    np.testing.assert_array_equal(run.training().net.theta, straight.training().net.theta)
    for both in (run, straight):  # and the same further on
        for record in both.training().records():
            if record.step == stopped_at + 3:
                break
    np.testing.assert_array_equal(run.training().net.theta, straight.training().net.theta)
    assert not list(out.glob(".*"))


def test_ctrl_c_in_the_readers_language(few_digits: Path, tmp_path: Path) -> None:
    child = start_training(few_digits, tmp_path / "run", "--lang", "ko")
    child.send_signal(signal.SIGINT)
    assert "멈추고 저장했습니다" in child.communicate(timeout=20)[0]


def test_the_resume_that_the_command_names_ends_with_the_same_weights(
    few_digits: Path, tmp_path: Path, unbroken: dict[str, Run]
) -> None:
    run = Run.start(tmp_path / "run", recipe_of(few_digits), thread_count=1)
    for record in run.train():
        if record.step == 8:
            run.interrupt()
            break
    done = subprocess.run(command("train", "--resume", tmp_path / "run", "--no-plots"), check=True, capture_output=True)
    assert not done.stderr
    same(Run.open(tmp_path / "run"), unbroken["adam, one-cycle"])


def test_a_killed_training_goes_on_from_its_last_epoch(few_digits: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    child = start_training(few_digits, out)
    child.kill()
    child.communicate()
    assert Run.open(out).manifest["status"] == "running"
    run = Run.resume(out)
    step = run.training().step
    assert step > 0
    assert step % run.training().steps_per_epoch == 0
    assert run.history()[-1].step == step
    straight = unbroken_to(run, tmp_path / "straight", step)
    np.testing.assert_array_equal(run.training().net.theta, straight.training().net.theta)


# -- the manifest


def test_the_manifest_says_what_was_trained_and_how(few_digits: Path, tmp_path: Path) -> None:
    recipe = recipe_of(few_digits, seed=3)
    run = Run.start(tmp_path / "run", recipe, thread_count=1)
    manifest = json.loads((tmp_path / "run" / MANIFEST).read_text())
    assert sorted(os.listdir(tmp_path / "run")) == [MANIFEST]
    assert Recipe.from_dict("default", manifest["recipe"]) == recipe
    assert manifest["seed"] == 3
    assert manifest["status"] == "running"
    assert manifest["handgrad"] == handgrad.__version__
    assert manifest["data"] == {"name": load_data(few_digits).name, "sums": load_data(few_digits).sums()}
    assert manifest["parameters"] == (784 + 1) * 12 + 2 * 12 + (12 + 1) * 10
    assert manifest["threads"] == 1
    assert manifest["threads_measured"] == {}
    versions = {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()}
    assert manifest["versions"] == versions
    started = datetime.datetime.fromisoformat(manifest["started"])
    assert abs(datetime.datetime.now(datetime.UTC) - started) < datetime.timedelta(minutes=5)
    train(run)
    manifest = json.loads((tmp_path / "run" / MANIFEST).read_text())
    assert sorted(os.listdir(tmp_path / "run")) == [CHECKPOINT, HISTORY, MODEL, MANIFEST]
    epochs = [record for record in run.history() if isinstance(record, EpochRecord)]
    result = manifest["result"]
    assert result["reported_loss"] == [epoch.loss for epoch in epochs]
    assert result["train_accuracy"] == [epoch.accuracy for epoch in epochs]
    assert result["train_seconds"] == pytest.approx(sum(epoch.seconds for epoch in epochs), abs=1e-3)
    test = run.data().test
    prediction = run.net()(test.images.reshape(len(test), -1) / 255)
    assert result["test_accuracy"] == float((prediction.argmax(axis=1) == test.labels).mean())
    assert len(result["weights_sha256"]) == 64


def test_threads_are_measured_where_none_are_given(few_digits: Path, tmp_path: Path) -> None:
    run = Run.start(tmp_path / "run", recipe_of(few_digits))
    measured = run.manifest["threads_measured"]
    assert "1" in measured
    assert str(run.manifest["threads"]) in measured
    assert all(seconds > 0 for seconds in measured.values())


def test_data_by_a_relative_path_are_found_from_any_folder(
    few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(few_digits.parent)
    run = Run.start(tmp_path / "run", recipe_of(Path(few_digits.name)), thread_count=1)
    assert run.recipe.data == str(few_digits)
    next(run.train())
    run.interrupt()
    monkeypatch.chdir(tmp_path)
    assert train(Run.resume("run")).manifest["status"] == "done"


def test_a_named_data_set_stays_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()
    assert Run.start(tmp_path / "run", load_recipe("default"), thread_count=1).recipe.data == "mnist"


def test_validation_leaves_weights_and_orders_as_they_are(few_digits: Path, tmp_path: Path) -> None:
    """Only what is trained on changes, so two runs can be compared."""
    one = Run.start(tmp_path / "1", recipe_of(few_digits, validation=0, patience=None), thread_count=1)
    two = Run.start(tmp_path / "2", recipe_of(few_digits), thread_count=1)
    np.testing.assert_array_equal(one.training().net.theta, two.training().net.theta)
    assert (len(one.training().images), len(two.training().images)) == (300, 240)


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.2, 60), (0.99, 297), (1, 1), (299, 299), (0.004, 1)])
def test_a_validation_split_parts_the_rows(few_digits: Path, share: float, count: int) -> None:
    split = load_data(few_digits).train
    kept, apart = split_off(split, share, 0)
    assert len(apart or ()) == count
    assert len(kept) == 300 - count
    rows = [*kept.images, *(apart.images if apart else ())]
    assert sorted(row.tobytes() for row in rows) == sorted(row.tobytes() for row in split.images)
    again = split_off(split, share, 0)[0]
    np.testing.assert_array_equal(again.images, kept.images)


@pytest.mark.parametrize("share", [-0.1, -1, 300, 1e9, float("nan"), float("inf"), 0.0001, 0.999, 1.5, 20.5])
def test_a_validation_split_that_cannot_be(few_digits: Path, share: float) -> None:
    with pytest.raises(InputError, match="a share between 0 and 1, or a number of rows"):
        split_off(load_data(few_digits).train, share, 0)


# -- refused, and then nothing is written


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


@pytest.mark.parametrize(
    "changes",
    [{"data": "/no/such/folder"}, {"batch_size": 0}, {"batch_size": 241}, {"hidden": (0,)}, {"hidden": (10**6,)},
     {"validation": 300}, {"patience": 0}, {"epochs": 0}, {"accumulate": 0}, {"clip_norm": -1.0}, {"dropout": 1.5},
     {"label_smoothing": 1.5}, {"optimizer": {"name": "adam", "lr": -1}}, {"schedule": {"name": "none-such"}},
     {"shuffle": "sometimes"}, {"activation": "rely"}],
)  # fmt: skip
def test_settings_that_will_not_do_leave_no_folder(few_digits: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(HandgradError) as caught:
        Run.start(tmp_path / "run", recipe_of(few_digits).change(**changes), thread_count=1)
    assert caught.value.exit_status == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("threads", [0, -1, 10**9])
def test_thread_counts_that_cannot_be(few_digits: Path, tmp_path: Path, threads: int) -> None:
    with pytest.raises(InputError, match=re.escape(f"threads: got {threads};")):
        Run.start(tmp_path / "run", recipe_of(few_digits), thread_count=threads)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["file", "file/below", "file/far/below", "full", "x" * 300, "a/" + "x" * 300])
def test_places_where_no_run_can_be(few_digits: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thing").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(HandgradError, match=r"exists already|cannot be written"):
        Run.start(tmp_path / place, recipe_of(few_digits), thread_count=1)
    assert {name: content for name, content in tree(tmp_path).items() if name != "a"} == before


def test_an_empty_folder_will_do_and_so_will_one_deep_down(few_digits: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in ("empty", "a/b/c"):
        Run.start(tmp_path / place, recipe_of(few_digits), thread_count=1)
        assert (tmp_path / place / MANIFEST).is_file()


def test_runs_without_a_name_get_one_each(few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [Run.start(None, recipe_of(few_digits), thread_count=1) for _ in range(3)]
    assert len({run.path for run in runs}) == 3
    assert all(re.fullmatch(r"runs/default-\d{8}-\d{6}(-\d)?", str(run.path)) for run in runs)
    assert all((tmp_path / run.path / MANIFEST).is_file() for run in runs)


def test_of_two_runs_that_start_at_once_one_gets_the_folder(
    few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Run.training

    def slowly(self: Run) -> Any:  # in the meantime another process takes the folder
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / MANIFEST).write_text("theirs")
        return before(self)

    monkeypatch.setattr(Run, "training", slowly)
    with pytest.raises(InputError, match="exists already"):
        Run.start(tmp_path / "run", recipe_of(few_digits), thread_count=1)
    assert (tmp_path / "run" / MANIFEST).read_text() == "theirs"


# -- runs that are damaged, or another's


@pytest.fixture
def stopped(few_digits: Path, tmp_path: Path) -> Path:
    """A run that was interrupted after 8 of 15 steps."""
    run = Run.start(tmp_path / "run", recipe_of(few_digits), thread_count=1)
    for record in run.train():
        if record.step == 8:
            run.interrupt()
            break
    return tmp_path / "run"


def refused(folder: Path, told: str) -> None:
    before = tree(folder)
    with pytest.raises((DataError, InputError)) as caught:
        Run.resume(folder)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert tree(folder) == before


def test_no_run_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "none", tmp_path / "file"):
        with pytest.raises(DataError, match="is not the folder of a run"):
            Run.open(path)


def test_a_run_without_a_checkpoint(stopped: Path) -> None:
    (stopped / CHECKPOINT).unlink()
    refused(stopped, "There is no checkpoint")


def test_a_corrupt_checkpoint(stopped: Path) -> None:
    content = (stopped / CHECKPOINT).read_bytes()
    for damaged in (b"", content[:100], content[:-1], content[:-1] + bytes([content[-1] ^ 1]), b"x" * 1000):
        (stopped / CHECKPOINT).write_bytes(damaged)
        refused(stopped, "is damaged")


def test_a_checkpoint_of_another_net(stopped: Path, few_digits: Path, tmp_path: Path) -> None:
    other = Run.start(tmp_path / "other", recipe_of(few_digits, hidden=(13,)), thread_count=1)
    next(other.train())
    other.interrupt()
    shutil.copy(tmp_path / "other" / CHECKPOINT, stopped / CHECKPOINT)
    refused(stopped, "belong to another net")
    train(other)
    shutil.copy(tmp_path / "other" / MODEL, stopped / CHECKPOINT)  # a net is no place in a training
    refused(stopped, "is damaged or not a file of handgrad's")


def test_a_checkpoint_of_another_generator(stopped: Path, few_digits: Path, tmp_path: Path) -> None:
    other = Run.start(tmp_path / "other", recipe_of(few_digits, rng="legacy"), thread_count=1)
    next(other.train())
    other.interrupt()
    shutil.copy(tmp_path / "other" / CHECKPOINT, stopped / CHECKPOINT)
    refused(stopped, "is damaged")


@pytest.mark.parametrize(
    "loop",
    [None, [], {}, 3, {"step": 1}, {"rng": []}, {"rng": 3},
     {"step": "x", "rng": [0], "sums": {}, "best_loss": None, "best_epoch": 0, "stopped": False, "owed": None}],
)  # fmt: skip
def test_a_checkpoint_that_lacks_something(stopped: Path, loop: Any) -> None:
    arrays, values = checkpoint.load(stopped / CHECKPOINT)
    if isinstance(loop, dict) and "step" in loop and loop["step"] == "x":
        loop = values["loop"] | {"step": "x"}
    checkpoint.save(stopped / CHECKPOINT, arrays, {"loop": loop})
    refused(stopped, "")
    checkpoint.save(stopped / CHECKPOINT, {}, {"loop": values["loop"]})
    refused(stopped, "is damaged")


def test_data_that_changed_since(stopped: Path, few_digits: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(few_digits, data)
    manifest = json.loads((stopped / MANIFEST).read_text())
    manifest["recipe"]["data"] = str(data)
    (stopped / MANIFEST).write_text(json.dumps(manifest))
    Run.resume(stopped)
    labels = data / "train-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    content[-1] = (content[-1] + 1) % 10
    labels.write_bytes(content)
    refused(stopped, "is not the one that this run was trained on")


KEYS = ["recipe", "status", "seed", "data", "parameters", "threads", "threads_measured", "versions"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", ["gone", None, [], "text", -1, {}])
def test_a_manifest_that_lacks_something_or_has_another_kind(stopped: Path, key: str, value: Any) -> None:
    manifest = json.loads((stopped / MANIFEST).read_text())
    if value == "gone":
        del manifest[key]
    elif isinstance(value, type(manifest[key])) and key != "threads" and (value != {} or key not in ("recipe", "data")):
        return  # of the right kind
    else:
        manifest[key] = value
    (stopped / MANIFEST).write_text(json.dumps(manifest))
    refused(stopped, "is damaged")


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "null", '{"recipe": {"name": "x"}}', "\udcff"])
def test_a_damaged_manifest(stopped: Path, content: str) -> None:
    (stopped / MANIFEST).write_bytes(content.encode(errors="surrogateescape"))
    refused(stopped, "is damaged")


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"colour": 1}, "there is no setting 'colour'"), ({"epochs": "three"}, "must be a whole number"),
     ({"hidden": 256}, "must be a list of whole numbers"), ({"epochs": 0}, "epochs: got 0")],
)  # fmt: skip
def test_a_manifest_with_settings_that_there_are_not(stopped: Path, settings: dict[str, Any], told: str) -> None:
    manifest = json.loads((stopped / MANIFEST).read_text())
    manifest["recipe"] |= settings
    (stopped / MANIFEST).write_text(json.dumps(manifest))
    refused(stopped, told)


def test_a_disk_that_fills_up_leaves_the_last_good_checkpoint(
    few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.start(tmp_path / "run", recipe_of(few_digits), thread_count=1)
    records = run.train()
    while not (tmp_path / "run" / CHECKPOINT).exists():
        next(records)
    good = (tmp_path / "run" / CHECKPOINT).read_bytes()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match="No space left"):
        list(records)
    monkeypatch.undo()
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == good
    assert Run.resume(tmp_path / "run").training().step == 5


def test_a_folder_that_vanishes_is_an_error_of_ours(few_digits: Path, tmp_path: Path) -> None:
    run = Run.start(tmp_path / "run", recipe_of(few_digits), thread_count=1)
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(DataError, match="cannot be written"):
        list(run.train())


def test_divergence_keeps_the_last_good_checkpoint(few_digits: Path, tmp_path: Path) -> None:
    run = Run.start(tmp_path / "run", recipe_of(few_digits, patience=None), thread_count=1)
    records = run.train()
    while next(records).step < 7:
        pass
    run.training().net.layers[0].W[...] = np.inf
    with pytest.raises(DivergedError):
        list(records)
    run.fail()
    opened = Run.open(tmp_path / "run")
    assert opened.manifest["status"] == "failed"
    assert Run.resume(tmp_path / "run").training().step == 5
    assert all(np.isfinite(array).all() for array in opened.net().state().values())


# -- what it shows


def test_a_runs_repr(unbroken: dict[str, Run], stopped: Path, tmp_path: Path) -> None:
    done = unbroken["adam, one-cycle"]
    accuracy = done.manifest["result"]["test_accuracy"]
    assert repr(done) == f"Run('{done.path}': default, done, test accuracy {accuracy:.2%})"
    assert repr(Run.open(stopped)) == f"Run('{stopped}': default, interrupted)"
    html = done._repr_html_()
    assert str(accuracy) in html
    assert html.count("<tr>") == html.count("</tr>") > 3
    strange = tmp_path / "<b>&"
    shutil.copytree(stopped, strange)
    assert "<b>&" not in Run.open(strange)._repr_html_().replace("<b>Run</b>", "")
    assert "&lt;b&gt;&amp;" in Run.open(strange)._repr_html_()


def test_the_net_of_a_run_that_did_not_end_is_that_of_its_checkpoint(stopped: Path) -> None:
    run = Run.open(stopped)
    net = run.net()
    assert not net.training
    resumed = Run.resume(stopped).training().net
    for name, array in resumed.state().items():
        np.testing.assert_array_equal(net.state()[name], array)
    assert any(isinstance(layer, BatchNorm) for layer in net.layers)


def test_a_history_is_one_json_line_a_record(unbroken: dict[str, Run]) -> None:
    run = unbroken["adam, one-cycle"]
    lines = (run.path / HISTORY).read_text().splitlines()
    assert len(lines) == RECORDS
    assert [from_json(line) for line in lines] == run.history()
