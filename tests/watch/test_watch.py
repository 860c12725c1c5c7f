"""Each watcher with its real package, offline: what was sent is read back, and is what the training yielded."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handgrad import MLP, SGD, SoftmaxCrossEntropy, fit, watch
from handgrad.cli import main
from handgrad.data import load_data, write_idx
from handgrad.errors import DivergedError
from handgrad.records import EpochRecord, Record, StepRecord
from handgrad.watch.numbers import numbers

RECORDS: list[Record] = [
    StepRecord(1, 1, 2.5, 0.1, 0.1, 8),
    StepRecord(2, 1, 2.0, None, 0.05, 8),
    EpochRecord(1, 2, 2.25, 2.0, 0.1, 2.1, 0.2, 0.05, 0.5),
]


def training(lr: float = 0.1) -> Iterator[Record]:
    rng = np.random.default_rng(0)
    net, x = MLP(4, 3, 2, rng=0, activation="leaky_relu"), rng.standard_normal((40, 4))
    y = (x[:, 0] > 0).astype(int)
    return fit(net, x, y, SoftmaxCrossEntropy(), SGD(net, lr=lr), epochs=2, batch_size=10, rng=0, validation=0.25)


def test_what_is_told_of_a_record() -> None:
    assert numbers(RECORDS[1]) == {"step/loss": 2.0, "step/lr": 0.05}
    told = numbers(RECORDS[2])
    assert told["epoch/val_accuracy"] == 0.2
    assert numbers(StepRecord(1, 1, float("nan"), None, 0.1, 8)) == {"step/lr": 0.1}


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder)).Reload()
    return {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    records = list(watch.tensorboard(training(), tmp_path / "logs"))
    read = scalars(tmp_path / "logs")
    steps = [r for r in records if isinstance(r, StepRecord)]
    assert read["step/loss"] == [(r.step, pytest.approx(r.loss)) for r in steps]
    epochs = [r for r in records if isinstance(r, EpochRecord)]
    assert read["epoch/val_loss"] == [(r.step, pytest.approx(r.val_loss)) for r in epochs]
    assert len(records) == 2 * 3 + 2


def test_what_was_seen_before_an_end_is_kept(tmp_path: Path) -> None:
    """Where the reader leaves off, and where the training fails."""
    pytest.importorskip("tensorboard")
    for _ in watch.tensorboard(iter(RECORDS), tmp_path / "left"):
        break
    assert scalars(tmp_path / "left")["step/lr"] == [(1, pytest.approx(0.1))]
    with pytest.raises(DivergedError):
        list(watch.tensorboard(training(lr=1e8), tmp_path / "diverged"))
    assert scalars(tmp_path / "diverged")["step/loss"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    records = watch.wandb(iter(RECORDS), "digits", dir=tmp_path, mode="offline", config={"lr": 0.1})
    assert list(records) == RECORDS
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    end = time.monotonic() + 20
    while len(history := wandb_history(file)) < 2 and time.monotonic() < end:  # another process writes it
        time.sleep(0.1)
    assert history[1] == {"step/loss": 2.5, "step/accuracy": 0.1, "step/lr": 0.1}
    assert history[2]["step/loss"] == 2.0
    assert history[2]["epoch/val_loss"] == 2.1


def wandb_history(file: Path) -> dict[int, dict[str, Any]]:
    """The rows of a run's own file, by their step. The file is a LevelDB log: a header, then blocks of 32 KB.

    A record is a checksum (4 bytes), its length (2), 1 for whole (or 2, 3, 4 for its parts), and a protobuf message.
    """
    from wandb.proto import wandb_internal_pb2

    content, at, rows, parts = file.read_bytes(), 7, {}, b""
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (2, 3):
            continue
        record = wandb_internal_pb2.Record.FromString(parts)
        parts = b""
        if record.HasField("history"):
            row = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            rows[row["_step"]] = {key: value for key, value in row.items() if "/" in key}
    return rows


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    store = (tmp_path / "store").as_uri()
    assert list(watch.mlflow(iter(RECORDS), store, name="first", params={"lr": 0.1})) == RECORDS
    with pytest.raises(DivergedError):
        list(watch.mlflow(training(lr=1e8), store, name="second"))
    client = mlflow.MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("handgrad")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert (runs["first"].info.status, runs["second"].info.status) == ("FINISHED", "FAILED")
    assert runs["first"].data.params == {"lr": "0.1"}
    history = client.get_metric_history(runs["first"].info.run_id, "step/loss")
    assert [(m.step, m.value) for m in history] == [(1, 2.5), (2, 2.0)]
    assert runs["first"].data.metrics["epoch/val_loss"] == 2.1


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorboard")
    whole, data = load_data("mnist"), tmp_path / "few"
    data.mkdir()
    for name, split in (("train", whole.train), ("t10k", whole.test)):
        write_idx(data / f"{name}-images-idx3-ubyte", split.images[:100])
        write_idx(data / f"{name}-labels-idx1-ubyte", split.labels[:100])
    arguments = ["train", "--data", str(data), "--batch-size", "50", "--epochs", "2", "--no-plots", "--watch"]
    with pytest.raises(SystemExit) as leaving:
        main([*arguments, "tensorboard", "--out", str(tmp_path / "run")])
    assert leaving.value.code == 0
    assert [step for step, _ in scalars(tmp_path / "run" / "tensorboard")["epoch/loss"]] == [2, 4]
    capsys.readouterr()
    with pytest.raises(SystemExit) as leaving:
        main([*arguments, "telescope", "--out", str(tmp_path / "other")])
    assert leaving.value.code == 2
    assert "'telescope' is not known. Choose one of: tensorboard, wandb, mlflow" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("name", watch.WATCHERS)
def test_without_the_package_one_sentence_says_what_to_install(name: str) -> None:
    script = (
        f"import sys; sys.modules['{name}'] = None\nfrom handgrad import watch\n"
        f"try:\n    watch.{name}(iter([]), *(['logs'] if '{name}' == 'tensorboard' else []))\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert f"pip install {watch.numbers.INSTALL[name]}" in done.stdout
