"""The command under a real mpiexec, on the loopback: the same result, and one clear end for every accident."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from launching import Done, Train

from handgrad.records import from_json
from handgrad.train import Run, checkpoint

MPI = "--parallel", "mpi"


def result(folder: Path, run: str) -> dict[str, object]:
    return dict(json.loads((folder / run / "run.json").read_text()))


def complaints(done: Done) -> list[str]:
    return [line for line in done.err.splitlines() if line.startswith("handgrad: ")]


def need_whole_checkpoint(folder: Path, run: str, step: int) -> None:
    _, values = checkpoint.load(folder / run / "checkpoint.safetensors")
    assert values["loop"]["step"] == step
    assert Run.open(folder / run).manifest["status"] == "running"


def test_two_ranks_train_to_the_end(train: Train, folder: Path) -> None:
    """The one of these tests that is always run, so that nobody breaks the road to the ranks unseen."""
    done = train(2, *MPI, "--out", "run")
    assert (done.status, done.err) == (0, "")
    assert "equal to the bit on 2 rank(s) at 3 checkpoint(s)" in done.out
    assert result(folder, "run")["engine"] == {
        "name": "numpy",
        "reason": "the ranks of an MPI job run the layers as they are written",
    }


@pytest.mark.slow
def test_two_and_three_ranks_train_what_one_process_trains(train: Train, folder: Path) -> None:
    assert train(0, "--out", "alone").status == 0
    alone = result(folder, "alone")["result"]
    for ranks in (0, 2, 3):  # 0: --parallel without mpiexec
        done = train(ranks, *MPI, "--out", f"with{ranks}")
        assert done.status == 0, done.err
        assert done.err == ""
        together = result(folder, f"with{ranks}")
        for key, value in alone.items():  # type: ignore[attr-defined]
            if key not in ("train_seconds", "weights_sha256"):
                assert together["result"][key] == pytest.approx(value, rel=1e-9)  # type: ignore[index]
        assert together["parallel"]["ranks"] == max(ranks, 1)  # type: ignore[index]
        assert f"equal to the bit on {max(ranks, 1)} rank(s) at 3 checkpoint(s)" in done.out
        assert done.out.count("epoch 3/3") == 1  # one rank speaks
        ours, theirs = Run.open(folder / f"with{ranks}").net(), Run.open(folder / "alone").net()
        np.testing.assert_allclose(ours.theta, theirs.theta, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_a_rank_is_killed_in_a_step_and_fewer_ranks_go_on(train: Train, folder: Path) -> None:
    assert train(0, "--out", "alone").status == 0
    done = train(3, *MPI, "--out", "run", accident="killed in a step")
    assert done.status == 1
    (said,) = complaints(done)
    assert "Rank 1 of 3" in said
    assert "signal 9 (SIGKILL)" in said
    assert "mpiexec -n 3 handgrad train --parallel mpi --resume run" in said
    assert "Traceback" not in done.err
    assert done.seconds < 20
    need_whole_checkpoint(folder, "run", 10)
    assert train(2, *MPI, "--resume", "run").status == 0
    unbroken = {record.step: record for record in Run.open(folder / "alone").history()}
    steps = [record.step for record in Run.open(folder / "run").history() if record.kind == "epoch"]
    assert steps == [10, 20, 30]
    for line in (folder / "run" / "history.jsonl").read_text().splitlines():
        record = from_json(line)
        if record.kind == "epoch":
            assert record.loss == pytest.approx(unbroken[record.step].loss, rel=1e-9)


@pytest.mark.slow
def test_rank_0_is_killed_in_a_checkpoint(train: Train, folder: Path) -> None:
    done = train(2, *MPI, "--out", "run", accident="killed in a checkpoint", rank=0)
    assert done.status == 1
    assert len(complaints(done)) == 1
    assert "Rank 0 of 2" in done.err
    assert list((folder / "run").glob(".*.part"))  # the accident did come in the middle of it
    need_whole_checkpoint(folder, "run", 10)
    assert train(3, *MPI, "--resume", "run").status == 0
    assert not list((folder / "run").glob(".*.part"))


@pytest.mark.slow
@pytest.mark.parametrize("accident", ["stopped", "endless"])
def test_a_rank_that_hangs_is_named_and_ends_the_training(train: Train, folder: Path, accident: str) -> None:
    done = train(2, *MPI, "--out", "run", "--rank-timeout", "2", accident=accident)
    assert done.status == 1
    (said,) = complaints(done)
    assert "Rank 1 of 2" in said
    assert "has not got on for 2 s" in said
    assert done.seconds < 20
    need_whole_checkpoint(folder, "run", 10)


@pytest.mark.slow
def test_the_process_that_watches_is_killed(train: Train, folder: Path) -> None:
    done = train(2, *MPI, "--out", "run", accident="guardian killed")
    assert done.status
    (said,) = complaints(done)
    assert "watched rank 1 of 2" in said
    need_whole_checkpoint(folder, "run", 10)


@pytest.mark.slow
def test_ctrl_c_on_one_rank_stops_all_after_one_step(train: Train, folder: Path) -> None:
    done = train(3, *MPI, "--out", "run", accident="ctrl-c")
    assert done.status == 1
    assert "Go on with: mpiexec -n 3 handgrad train --parallel mpi --resume" in done.out
    assert done.err == ""
    _, values = checkpoint.load(folder / "run" / "checkpoint.safetensors")
    assert 12 <= values["loop"]["step"] <= 20
    assert train(2, *MPI, "--resume", "run").status == 0


@pytest.mark.slow
def test_ranks_that_disagree(train: Train, folder: Path) -> None:
    with np.load(folder / "data.npz") as data:
        arrays = dict(data)
    arrays["x_train"][0, 0] += 1
    (folder / "other").mkdir()
    np.savez(folder / "other" / "data.npz", **arrays)
    cases = {
        "another recipe": {"also": "--lr 0.1"},
        "other data": {"also": "--data other/data.npz"},
        "another version": {"accident": "other version"},
    }
    for words, options in cases.items():
        done = train(1 if "also" in options else 2, *MPI, "--out", "run", **options)
        assert done.status == 2, (words, done)
        (said,) = complaints(done)
        assert f"Rank 1 has {words}" in said
        assert not (folder / "run").exists()


@pytest.mark.slow
def test_wrong_input_is_said_once(train: Train, folder: Path) -> None:
    cases = {
        "cannot be shared out among 3 ranks": ("--batch-size", "2"),
        "no file or folder": ("--data", "nothing.npz"),
        "--rank-timeout": ("--rank-timeout", "0"),
        "--bogus": ("--bogus",),
    }
    for words, options in cases.items():
        done = train(3, *MPI, "--out", "run", *options)
        assert done.status == 2, (words, done)
        assert len(complaints(done)) == 1, done.err
        assert words.lower() in done.err.lower()
        assert not (folder / "run").exists()


@pytest.mark.slow
def test_what_one_rank_alone_meets_is_said_with_its_name(train: Train, folder: Path) -> None:
    done = train(1, *MPI, "--out", "run", also="--data nothing.npz")
    assert done.status == 2
    (said,) = complaints(done)
    assert "Rank 1 of 2" in said
    assert "nothing.npz" in said
    assert not (folder / "run").exists()
    done = train(2, *MPI, "--out", "run", accident="no mpi4py")
    assert done.status == 2
    (said,) = complaints(done)
    assert "Rank 1 of 2" in said
    assert "could not begin" in said
    done = train(2, *MPI, "--out", "run", accident="bug")
    assert done.status == 1
    assert done.err.count("RuntimeError: a mistake of ours") == 1
    assert done.seconds < 20


@pytest.mark.slow
def test_mpi4py_or_its_library_or_the_right_launcher_is_missing(train: Train, folder: Path) -> None:
    (folder / "without" / "mpi4py").mkdir(parents=True)
    (folder / "without" / "mpi4py" / "__init__.py").write_text("raise ModuleNotFoundError('mpi4py')")
    done = train(2, *MPI, "--out", "run", env={"PYTHONPATH": str(folder / "without")})
    assert (done.status, len(complaints(done))) == (2, 1)
    assert "pip install 'handgrad[mpi]'" in done.err
    done = train(0, *MPI, "--out", "run", env={"MPI4PY_LIBMPI": str(folder / "none.so")})
    assert (done.status, len(complaints(done))) == (2, 1)
    assert "finds no MPI library" in done.err
    done = train(0, *MPI, "--out", "run", env={"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "0"})
    assert (done.status, len(complaints(done))) == (2, 1)
    assert "started 4 processes" in done.err
    assert not (folder / "run").exists()
