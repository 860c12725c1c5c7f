"""Each command does what its help says, prints what programs read on stdout's last line, and speaks both languages."""

from __future__ import annotations

import json
import os
import pty
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
from command_cases import Call, Said
from PIL import Image

import handgrad
from handgrad.cli.app import COMMANDS
from handgrad.cli.rerun import compare
from handgrad.data import load_data, write_idx
from handgrad.records import EpochRecord
from handgrad.train import Run, evaluate
from handgrad.train.checkpoint import read_net

PROGRAM = [sys.executable, "-c", "from handgrad.cli import main; main()"]
# The keys of `train --json`, in the order in which they are promised.
TRAIN_KEYS = ["recipe", "data", "seed", "epochs", "batch_size", "parameters", "engine", "threads", "reported_loss",
              "train_accuracy", "test_loss", "test_accuracy", "train_seconds", "total_seconds", "run"]  # fmt: skip


def shell(*arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with nothing in its environment but a path and what is given."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)], env={"PATH": os.environ["PATH"], **environment}, capture_output=True,
        encoding="utf-8", check=False, timeout=60,
    )  # fmt: skip


def last(said: Said) -> dict[str, Any]:
    assert said.status == 0, said
    assert said.out.endswith("\n")
    value = json.loads(said.out.splitlines()[-1])
    assert isinstance(value, dict)
    return value


def small(home: Path, out: Path, *more: Any) -> list[Any]:
    return ["train", "--data", home / "digits", "--hidden", 16, "--epochs", 1, "--batch-size", 100, "--threads", 1,
            "--out", out, *more]  # fmt: skip


def test_python_m_handgrad() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "handgrad", "--version"], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == f"handgrad {handgrad.__version__}\n"
    wrong = subprocess.run(
        [sys.executable, "-m", "handgrad", "nothing", "--lang", "en"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("handgrad: There is no such command.")


@pytest.mark.parametrize("name", ["digits [bold] :smile:", "[red]digits[b]"])
def test_brackets_in_a_folders_name_survive(home: Path, tmp_path: Path, call: Call, name: str) -> None:
    folder = tmp_path / name
    folder.parent.mkdir(exist_ok=True)
    said = call("data", "fetch", "mnist", "--to", folder)
    assert said.status == 0
    assert name in " ".join(said.out.split())
    said = call("data", "show", folder)
    assert name in said.out


# -- train


def test_train_json(home: Path, tmp_path: Path, call: Call) -> None:
    said = call(*small(home, tmp_path / "new", "--epochs", 2, "--json", "--seed", 4))
    value = last(said)
    assert list(value) == TRAIN_KEYS
    assert said.out.count("\n") == 1  # with --json all other words go to stderr
    assert "Test accuracy" in said.err
    assert {key: value[key] for key in ("recipe", "data", "seed", "epochs", "batch_size", "threads", "run")} == {
        "recipe": "default", "data": load_data(home / "digits").name, "seed": 4, "epochs": 2, "batch_size": 100,
        "threads": 1, "run": str(tmp_path / "new"),
    }  # fmt: skip
    assert value["parameters"] == 785 * 16 + 17 * 10
    assert len(value["reported_loss"]) == len(value["train_accuracy"]) == 2
    assert 0 < value["train_seconds"] < value["total_seconds"]
    net, _ = read_net(tmp_path / "new" / "model.safetensors")
    test = load_data(home / "digits").test
    result = evaluate(net, test.images, test.labels)
    assert value["test_accuracy"] == result.accuracy
    assert value["test_loss"] == pytest.approx(result.loss, rel=1e-5)


def test_train_for_people_leaves_a_whole_run(home: Path, tmp_path: Path, call: Call) -> None:
    said = call(*small(home, tmp_path / "new"))
    assert (said.status, said.err) == (0, "")
    assert re.search(r"epoch 1/1  loss \d\.\d{4}  accuracy \d+\.\d\d%", said.out)
    assert re.search(r"Test accuracy: \d+\.\d\d% \(loss \d\.\d{4}\)", said.out)
    assert f"Kept in {tmp_path / 'new'}" in said.out
    assert sorted(os.listdir(tmp_path / "new")) == [
        "checkpoint.safetensors", "confusion_matrix.png", "history.jsonl", "learning_curves.png", "model.safetensors",
        "predictions.png", "run.json",
    ]  # fmt: skip


def test_train_without_out_makes_a_folder_in_runs(
    home: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = small(home, Path("x"), "--no-plots", "--json")
    at = arguments.index("--out")
    value = last(call(*arguments[:at], *arguments[at + 2 :]))
    assert re.fullmatch(r"runs/default-\d{8}-\d{6}", value["run"])
    assert (tmp_path / value["run"] / "model.safetensors").is_file()


def test_every_option_of_train_arrives(home: Path, tmp_path: Path, call: Call) -> None:
    last(call(*small(home, tmp_path / "new", "--no-plots", "--json", "--recipe", "unrolled-mended", "--hidden", "8,4",
                     "--activation", "tanh", "--optimizer", "rmsprop", "--lr", "0.002", "--validation", 100,
                     "--patience", 3, "--seed", 9, "--rng", "legacy")))  # fmt: skip
    recipe = Run.open(tmp_path / "new").recipe
    assert recipe.name == "unrolled-mended"
    assert recipe.hidden == (8, 4)
    assert (recipe.activation, recipe.optimizer) == ("tanh", {"name": "rmsprop", "lr": 0.002})
    assert (recipe.validation, recipe.patience, recipe.seed, recipe.rng) == (100, 3, 9, "legacy")
    assert recipe.shuffle == "compose"  # what no option names stays the recipe's


def test_another_optimizer_starts_from_its_usual_rate(home: Path, tmp_path: Path, call: Call) -> None:
    last(call(*small(home, tmp_path / "1", "--no-plots", "--json", "--optimizer", "sgd")))
    assert Run.open(tmp_path / "1").recipe.optimizer == {"name": "sgd", "lr": 0.1}


def test_early_stopping_is_told(home: Path, tmp_path: Path, call: Call) -> None:
    said = call(*small(home, tmp_path / "new", "--no-plots", "--epochs", 9, "--optimizer", "sgd", "--lr", 20,
                       "--validation", 0.2, "--patience", 1))  # fmt: skip
    assert said.status == 0
    assert "no better validation loss for 1 epoch(s). The best weights are back in place." in said.out
    assert "validation accuracy" in said.out


def test_best_weights_from_before_the_last_epoch_are_told(home: Path, tmp_path: Path, call: Call) -> None:
    """The learning rate climbs until the last epoch is worse than the ones before."""
    (tmp_path / "climb.toml").write_text(
        "epochs = 3\nbatch_size = 100\nvalidation = 0.2\npatience = 9\n"
        '[optimizer]\nname = "sgd"\nlr = 30\n[schedule]\nname = "warm-up"\nwarm = 100\n'
    )
    said = call("train", "--recipe", tmp_path / "climb.toml", "--data", home / "digits", "--threads", 1, "--out",
                tmp_path / "new", "--no-plots")  # fmt: skip
    assert said.status == 0
    losses = [record.val_loss for record in Run.open(tmp_path / "new").history() if isinstance(record, EpochRecord)]
    best = int(np.argmin(np.array(losses, float))) + 1
    assert len(losses) == 3
    assert best < 3
    assert f"Epoch {best} had the best validation loss. Its weights are back in place." in said.out


def test_a_training_that_diverges_exits_1(home: Path, tmp_path: Path, call: Call) -> None:
    said = call(*small(home, tmp_path / "new", "--hidden", "64,64,64", "--optimizer", "sgd", "--lr", "1e6"))
    assert said.status == 1
    assert re.fullmatch(r"handgrad: The training diverged in step \d+: .* was that of fc\d\.\w+\. .*\n", said.err)
    assert Run.open(tmp_path / "new").manifest["status"] == "failed"
    assert not list((tmp_path / "new").glob(".*"))


def test_a_training_that_diverges_later_keeps_its_checkpoint(home: Path, tmp_path: Path, call: Call) -> None:
    """The learning rate climbs until the weights overflow, some epochs later."""
    (tmp_path / "climb.toml").write_text(
        'hidden = [64, 64, 64]\nactivation = "leaky_relu"\nepochs = 100\nbatch_size = 100\n'
        '[optimizer]\nname = "sgd"\nlr = 1e7\n[schedule]\nname = "warm-up"\nwarm = 100000000\n'
    )
    said = call("train", "--recipe", tmp_path / "climb.toml", "--data", home / "digits", "--threads", 1, "--out",
                tmp_path / "new", "--no-plots")  # fmt: skip
    assert said.status == 1, said
    assert Run.resume(tmp_path / "new").training().step >= 5
    assert np.isfinite(Run.open(tmp_path / "new").net().theta).all()


def test_a_table_of_numbers_trains_too(tmp_path: Path, call: Call) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    rows = rng.standard_normal((300, 4)) + 3 * np.eye(3, 4)[labels]
    lines = [",".join(map(str, [label, *row])) for label, row in zip(labels, rows, strict=True)]
    (tmp_path / "points.csv").write_text("label,a,b,c,d\n" + "\n".join(lines))
    said = call("train", "--data", tmp_path / "points.csv", "--hidden", 8, "--epochs", 20, "--batch-size", 20,
                "--threads", 1, "--out", tmp_path / "run", "--json")  # fmt: skip
    assert last(said)["test_accuracy"] > 0.9
    assert {path.name for path in (tmp_path / "run").glob("*.png")} == {"learning_curves.png", "confusion_matrix.png"}
    assert call("evaluate", tmp_path / "run").status == 0
    assert call("plot", tmp_path / "run").status == 0
    assert call("plot", tmp_path / "run", "weights").status == 2
    Image.fromarray(load_data("mnist").test.images[0]).save(tmp_path / "7.png")
    assert "28 x 28" in call("predict", tmp_path / "run", tmp_path / "7.png").err


def test_a_folder_with_brackets_and_colons_in_its_name(home: Path, tmp_path: Path, call: Call) -> None:
    strange = tmp_path / "[red]a[/red] :heart: {x}"
    shutil.copytree(home / "digits", strange / "digits")
    said = call(*small(strange, strange / "run [/b]"))
    assert said.status == 0, said
    assert str(strange / "run [/b]") in said.out
    assert call("evaluate", strange / "run [/b]").status == 0


def test_the_bar_on_a_terminal(home: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = [*PROGRAM, *map(str, small(home, tmp_path / "new", "--no-plots", "--lang", "ko"))]
    child = subprocess.Popen(arguments, stdout=theirs, stderr=subprocess.PIPE, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert child.stderr is not None
    assert (child.wait(timeout=30), child.stderr.read()) == (0, b"")
    child.stderr.close()
    assert "학습 중, 에폭 1/1" in shown.decode()


# -- going on


def test_resume_ends_as_json_too(home: Path, tmp_path: Path, call: Call) -> None:
    shutil.copytree(home / "stopped", tmp_path / "run")
    value = last(call("train", "--resume", tmp_path / "run", "--json", "--no-plots", "--hidden", 16, "--seed", 0,
                      "--data", home / "digits", "--recipe", "default"))  # fmt: skip
    assert list(value) == TRAIN_KEYS
    assert len(value["reported_loss"]) == 2
    assert call("train", "--resume", tmp_path / "run").status == 2  # it is finished now


def test_a_second_ctrl_c_stops_at_once(home: Path, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [*PROGRAM, *map(str, small(home, tmp_path / "new", "--epochs", 5000))], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, "HANDGRAD_LANG": "en"},
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not (tmp_path / "new" / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    time.sleep(0.0005)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert child.returncode != 0
    assert "Traceback" not in err
    assert "--resume" in out or err.strip() == "handgrad: Stopped."
    assert Run.resume(tmp_path / "new").training().step > 0


# -- looking at a run


def test_evaluate(home: Path, call: Call) -> None:
    value = last(call("evaluate", home / "run", "--json"))
    assert value["run"] == str(home / "run")
    assert value["accuracy"] == Run.open(home / "run").manifest["result"]["test_accuracy"]
    assert np.sum(value["confusion"]) == value["n"] == 100
    assert len(value["recall"]) == len(value["classes"]) == 10
    said = call("evaluate", home / "run")
    assert "100 test images: accuracy" in said.out
    assert re.search(r"class +precision +recall +F1 +images", said.out)


def test_evaluate_on_other_data_of_the_form(home: Path, call: Call) -> None:
    assert last(call("evaluate", home / "run", "--data", "mnist", "--json"))["n"] == 10000


def test_evaluate_a_run_that_was_stopped(home: Path, call: Call) -> None:
    assert last(call("evaluate", home / "stopped", "--json"))["n"] == 100


def test_predict(home: Path, tmp_path: Path, call: Call) -> None:
    mnist = load_data("mnist")
    paths = []
    for i, kind in enumerate(("png", "jpg", "bmp")):
        paths.append(tmp_path / f"{i}.{kind}")
        Image.fromarray(255 - mnist.test.images[i]).resize((200, 200)).convert("RGB").save(paths[-1])
    value = last(call("predict", home / "run", *paths[:2], "--json"))
    assert [entry["image"] for entry in value["predictions"]] == list(map(str, paths[:2]))
    for entry in value["predictions"]:
        likely = [guess["probability"] for guess in entry["top"]]
        assert len(likely) == 3
        assert sorted(likely, reverse=True) == likely
        assert {guess["class"] for guess in entry["top"]} <= set("0123456789")
    said = call("predict", home / "run", paths[0])
    assert re.match(re.escape(str(paths[0])) + r": \d \d+\.\d%, \d \d+\.\d%, \d \d+\.\d%\n", said.out)


def test_plot(home: Path, tmp_path: Path, call: Call) -> None:
    value = last(call("plot", home / "run", "--out", tmp_path, "--json"))
    assert {Path(file).name for file in value["files"]} == {
        "learning_curves.png", "predictions.png", "confusion_matrix.png", "mistakes.png", "first_layer_weights.png",
        "activations.png",
    }  # fmt: skip
    assert all(Path(file).read_bytes().startswith(b"\x89PNG") for file in value["files"])
    assert call("plot", home / "run", "curves", "--format", "svg", "--out", tmp_path).out.endswith("curves.svg\n")
    assert b"<svg" in (tmp_path / "learning_curves.svg").read_bytes()


# -- rerun


def test_rerun_says_the_same(home: Path, tmp_path: Path, call: Call) -> None:
    value = last(call("rerun", home / "run", "--out", tmp_path / "again", "--json"))
    assert (value["verdict"], value["largest_difference"], value["versions"]) == ("same", 0.0, [])
    first, again = Run.open(home / "run"), Run.open(tmp_path / "again")
    np.testing.assert_array_equal(first.net().theta, again.net().theta)
    assert call("rerun", home / "run").out == "The same: every loss, accuracy and weight, to the bit.\n"


def test_rerun_of_a_run_that_was_resumed_says_the_same(home: Path, tmp_path: Path, call: Call) -> None:
    shutil.copytree(home / "stopped", tmp_path / "run")
    assert call("train", "--resume", tmp_path / "run", "--no-plots").status == 0
    assert last(call("rerun", tmp_path / "run", "--json"))["verdict"] == "same"


def test_rerun_of_other_numbers_says_so_and_exits_1(home: Path, tmp_path: Path, call: Call) -> None:
    shutil.copytree(home / "run", tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    manifest["result"]["test_loss"] *= 1.5
    manifest["versions"]["numpy"] = "0.9"
    (tmp_path / "run" / "run.json").write_text(json.dumps(manifest))
    said = call("rerun", tmp_path / "run")
    assert said.status == 1
    assert "Not the same" in said.out
    assert f"Versions differ: numpy 0.9 -> {np.__version__}" in said.out


def result(**changes: Any) -> dict[str, Any]:
    numbers = {"reported_loss": [0.5, 0.25], "train_accuracy": [0.8, 0.9], "test_loss": 0.3, "test_accuracy": 0.9,
               "weights_sha256": "a"}  # fmt: skip
    return {"result": numbers | changes, "versions": {"numpy": "2.0"}}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "same"),
        ({"weights_sha256": "b"}, "close"),
        ({"weights_sha256": "b", "test_loss": 0.30001}, "close"),
        ({"weights_sha256": "b", "test_loss": 0.31}, "differs"),
        ({"weights_sha256": "b", "test_accuracy": 0.904}, "close"),
        ({"weights_sha256": "b", "test_accuracy": 0.91}, "differs"),
        ({"weights_sha256": "b", "reported_loss": [0.5, 0.26]}, "differs"),
        ({"weights_sha256": "b", "reported_loss": [0.5]}, "differs"),
        ({"weights_sha256": "b", "reported_loss": []}, "differs"),
        ({"weights_sha256": "b", "train_accuracy": [0.8, None]}, "differs"),
    ],
)
def test_how_alike_two_runs_are(changes: dict[str, Any], verdict: str) -> None:
    assert compare(result(), result(**changes))["verdict"] == verdict


def test_rerun_where_the_data_have_changed(home: Path, tmp_path: Path, call: Call) -> None:
    shutil.copytree(home / "run", tmp_path / "run")
    shutil.copytree(home / "digits", tmp_path / "digits")
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    manifest["recipe"]["data"] = str(tmp_path / "digits")
    (tmp_path / "run" / "run.json").write_text(json.dumps(manifest))
    assert call("rerun", tmp_path / "run").status == 0
    labels = load_data(tmp_path / "digits").train.labels
    write_idx(tmp_path / "digits" / "train-labels-idx1-ubyte", labels[::-1])
    said = call("rerun", tmp_path / "run")
    assert (said.status, said.out) == (2, "")
    assert "is not the one that this run was trained on" in said.err


# -- the small ones


def test_recipes(call: Call) -> None:
    value = last(call("recipes", "--json"))
    assert [recipe["name"] for recipe in value["recipes"]] == [
        "default", "modular", "modular-mended", "unrolled", "unrolled-mended",
    ]  # fmt: skip
    said = call("recipes")
    assert "784-128-64-32-10" in said.out
    one = call("recipes", "modular")
    assert "linear-averages-again" in one.out
    assert "[{epoch:2d}/{epochs}] loss: {loss:.4f}, acc: {accuracy:.4f}" in one.out


def test_info(call: Call) -> None:
    value = last(call("info", "--json"))
    assert value["handgrad"] == handgrad.__version__
    assert value["numpy"] == np.__version__
    assert np.__version__ in call("info").out


# -- help and language


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_help_of_every_command_in_both_languages(lang: str) -> None:
    page = shell("--help", LANG={"en": "en_US.UTF-8", "ko": "ko_KR.UTF-8"}[lang])
    assert page.returncode == 0
    assert all(re.search(rf"^  {command}\s", page.stdout, re.M) for command in COMMANDS)
    for command in COMMANDS:
        page = shell(command, "--help", "--lang", lang)
        assert (page.returncode, page.stderr) == (0, "")
        heads = re.findall("^(Usage|Options|사용법|옵션):", page.stdout, re.M)
        assert set(heads) == ({"Usage", "Options"} if lang == "en" else {"사용법", "옵션"})
        assert bool(re.search("[가-힣]", page.stdout)) == (lang == "ko")
        assert "--lang" in page.stdout


def test_no_command_shows_the_help_and_exits_2() -> None:
    page = shell(LANG="en_US.UTF-8")
    assert page.returncode == 2
    assert "Commands:" in page.stdout + page.stderr


def test_the_version(call: Call) -> None:
    assert call("--version").out == f"handgrad {handgrad.__version__}\n"


KOREAN, ENGLISH = "그런 명령은 없습니다", "There is no such command"


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"LANG": "ko_KR.UTF-8"}, KOREAN),
        ({"LC_ALL": "ko_KR.UTF-8", "LANG": "en_US.UTF-8"}, KOREAN),
        ({"LC_MESSAGES": "ko_KR.UTF-8", "LANG": "en_US.UTF-8"}, KOREAN),
        ({"LC_ALL": "C.UTF-8", "LANG": "ko_KR.UTF-8"}, ENGLISH),
        ({"LANG": "de_DE.UTF-8"}, ENGLISH),
        ({}, ENGLISH),
        ({"HANDGRAD_LANG": "ko", "LANG": "en_US.UTF-8"}, KOREAN),
        ({"HANDGRAD_LANG": "en", "LANG": "ko_KR.UTF-8"}, ENGLISH),
    ],
)
def test_the_language_of_the_locale(environment: dict[str, str], sentence: str) -> None:
    assert sentence in shell("trian", **environment).stderr


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("form", [["--lang", "ko"], ["--lang=ko"]])
def test_lang_before_and_after_the_command(call: Call, place: int, form: list[str], home: Path) -> None:
    arguments: list[Any] = ["evaluate", home / "run"]
    said = call(*arguments[:place], *form, *arguments[place:])
    assert said.status == 0
    assert "테스트 이미지 100장" in said.out


def test_lang_wins_over_the_locale_and_the_last_one_counts() -> None:
    assert ENGLISH in shell("--lang", "en", "trian", LANG="ko_KR.UTF-8").stderr
    assert KOREAN in shell("--lang", "en", "trian", "--lang", "ko").stderr


def test_data_knows_lang_too(call: Call) -> None:
    assert "이름이 있는 데이터 세트" in call("data", "list", "--lang", "ko").out


def test_after_two_dashes_lang_is_a_name(call: Call, home: Path) -> None:
    assert "--lang" in call("predict", home / "run", "--", "--lang", "ko").err


def test_a_terminal_without_hangul_gets_no_traceback() -> None:
    said = shell("info", "--lang", "ko", LANG="C", PYTHONIOENCODING="ascii")
    assert (said.returncode, said.stderr) == (0, "")
    said = shell("trian", "--lang", "ko", LANG="C", PYTHONIOENCODING="ascii")
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1
    assert "Traceback" not in said.stderr


def test_a_reader_that_goes_away() -> None:
    for command in ("info", "recipes"):
        child = subprocess.Popen([*PROGRAM, command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.close()
        _, complaint = child.communicate(timeout=30)
        assert complaint == b"", complaint.decode()
        assert child.returncode in (0, 1)
