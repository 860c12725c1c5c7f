"""`handgrad sweep` with real processes: no trial is lost or counted twice, whatever becomes of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from handgrad.cli import main
from handgrad.sweep import Sweep, summary
from handgrad.sweep.study import BY, LOST, SURPLUS
from handgrad.train import load_recipe

VARY = ["--vary", "lr=log:1e-4:1e-1", "--vary", "hidden=4,8x4"]


@pytest.fixture
def base(few: Path, tmp_path: Path) -> Path:
    """A recipe file on few images: quick, but long enough to be killed in the middle."""
    path = tmp_path / "base.toml"
    path.write_text(
        f'data = "{few}"\nhidden = [8]\nepochs = 12\nbatch_size = 10\n[optimizer]\nname = "sgd"\nlr = 0.1\n'
    )
    return path


def begin(*arguments: object) -> subprocess.Popen[str]:
    environment = os.environ | {"HANDGRAD_LANG": "en", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-m", "handgrad", "sweep", *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def said(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def one(*arguments: object) -> tuple[int, str, str]:
    return said(begin(*arguments))


def wait_for(folder: Path, enough: Any) -> Sweep:
    """The sweep in that folder, as soon as `enough` holds of it."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (folder / "journal.log").is_file():
            try:
                sweep = Sweep.open(folder)
            except ValueError:  # the journal is there, the study is not yet
                continue
            if enough(sweep):
                return sweep
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def assert_all_there(folder: Path, trials: int) -> None:
    """Each trial has been trained to an end once."""
    sweep = Sweep.open(folder)
    assert len(sweep.trials()) == trials
    assert {trial.state for trial in summary(sweep).trials} <= {"done", "pruned"}
    lost = [t for t in sweep.study.trials if t.user_attrs.get(LOST) and t.params]
    settings = [t.params for t in sweep.trials()]
    assert all(any(t.params.items() <= tried.items() for tried in settings) for t in lost)


@pytest.mark.slow
def test_table_plots_and_a_recipe_that_train_takes(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    status, stdout, err = one("--recipe", base, *VARY, "--trials", 10, "--jobs", 2, "--out", out, "--json")
    assert status == 0, err
    told = json.loads(stdout)
    assert [t["number"] for t in told["trials"]] == list(range(10))
    assert told["done"] + told["pruned"] == 10
    assert sorted(Path(f).name for f in told["files"])[:2] == ["best.toml", "curves.png"]
    assert all(Path(f).stat().st_size for f in told["files"])
    assert f"Best: trial {told['best']['number']}" in err
    assert "place" in err
    best = load_recipe(str(out / "best.toml"))
    settings = told["trials"][told["best"]["number"]]["settings"]
    assert best.optimizer["lr"] == settings["lr"]
    command = [
        sys.executable,
        "-m",
        "handgrad",
        "train",
        "--recipe",
        out / "best.toml",
        "--no-plots",
        "--out",
        tmp_path / "run",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # The same again goes on: there is nothing left to do, and two more can be asked for.
    status, stdout, err = one("--out", out, "--trials", 11, "--json", "--no-plots")
    assert status == 0, err
    assert len(json.loads(stdout)["trials"]) == 11


@pytest.mark.slow
def test_two_processes_on_one_sweep_lose_no_trial(base: Path, tmp_path: Path) -> None:
    """Both started at once, as on two machines; each counts the trials of the other."""
    out = tmp_path / "sweep"
    both = [begin("--recipe", base, *VARY, "--trials", 12, "--out", out, "--no-plots") for _ in range(2)]
    results = [said(process) for process in both]
    assert [status for status, _, _ in results] == [0, 0], results
    assert_all_there(out, 12)
    sweep = Sweep.open(out)
    workers = {trial.user_attrs[BY][1] for trial in sweep.trials()}
    assert len(workers) == 2
    assert sum(bool(t.user_attrs.get(SURPLUS)) for t in sweep.study.trials) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("which", ["worker", "everything", "interrupt"])
def test_processes_that_are_killed_in_the_middle(base: Path, tmp_path: Path, which: str) -> None:
    out = tmp_path / "sweep"
    arguments = ["--recipe", base, *VARY, "--trials", 8, "--jobs", 2, "--out", out, "--no-plots"]
    process = begin(*arguments)

    def under_way(sweep: Sweep) -> bool:
        running = [t for t in sweep.trials() if t.state.name == "RUNNING" and t.intermediate_values]
        return bool(running) and len(sweep.trials()) > 3

    sweep = wait_for(out, under_way)
    running = next(t for t in sweep.trials() if t.state.name == "RUNNING" and BY in t.user_attrs)
    if which == "worker":
        os.kill(int(running.user_attrs[BY][1]), signal.SIGKILL)
    elif which == "everything":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.send_signal(signal.SIGINT)
    status, stdout, err = said(process)
    if which == "worker":  # the other one takes over what it had
        assert status == 0, stdout + err
    else:
        assert status in (1, -signal.SIGKILL)
        assert which == "everything" or f"Go on with: handgrad sweep --out {out} --trials 8" in stdout
        assert "Traceback" not in err
        status, stdout, err = one("--out", out, "--trials", 8, "--no-plots")
        assert status == 0, stdout + err
    assert_all_there(out, 8)


class Ended:
    """In place of a process: over after so many looks."""

    def __init__(self, returncode: int, looks: int) -> None:
        self.returncode, self.looks = returncode, looks

    def poll(self) -> int | None:
        self.looks -= 1
        return None if self.looks > 0 else self.returncode


@pytest.mark.parametrize("looks", [1, 2])
def test_what_a_killed_process_had_is_done_when_the_others_have_ended(
    looks: int, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was under way when the last of the others looked for work, and was given back only then."""
    out, popen = tmp_path / "sweep", subprocess.Popen
    ended = [Ended(-9, looks=1), Ended(0, looks=looks)]

    def begun(*arguments: Any, **options: Any) -> Any:
        return ended.pop() if ended else popen(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", begun)
    arguments = ["--recipe", base, *VARY, "--trials", "1", "--jobs", "2", "--out", out, "--no-plots"]
    with pytest.raises(SystemExit) as leaving:
        main(["sweep", *map(str, arguments)])
    assert leaving.value.code == 0, capsys.readouterr()
    assert not ended
    assert_all_there(out, 1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Nothing varies"),
        (["--vary", "lr=log:1:0"], "is no range"),
        (["--vary", "lr=0.1,0.2", "--recipe", "no"], "no recipe 'no'"),
        (["--vary", "lr=0.1,0.2", "--trials", "0"], "--trials: got 0"),
        (["--vary", "lr=0.1,0.2", "--data", "/nowhere"], "'/nowhere'"),
        (["--vary", "lr=0.1,0.2", "--goal", "speed"], "'speed' is not known"),
        (["--vary", "lr=0.1,0.2", "--storage", "what"], "--storage: 'what' cannot be opened"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_written(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as leaving:
        main(["sweep", *arguments])
    stdout, err = capsys.readouterr()
    assert (leaving.value.code, stdout) == (2, "")
    assert told in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
