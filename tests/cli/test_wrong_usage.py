"""Whatever is wrong with a call: one sentence, in either language, exit status 2, and no file touched."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_cases import Call, tree, write_digits
from PIL import Image

from handgrad.data import load_data, write_idx
from handgrad.train import Run, checkpoint, load_recipe

OUT = ["--out", "new", "--threads", "1"]


def train(*arguments: Any) -> list[str]:
    """A training that would do, but for what the arguments make of it."""
    return ["train", "--data", "digits", "--hidden", "16", "--epochs", "1", *OUT, *map(str, arguments)]


def on(data: str) -> list[str]:
    return ["train", "--data", data, "--hidden", "16", "--epochs", "1", *OUT]


@pytest.fixture(scope="module")
def wrong(session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of conftest, and in it everything that is broken."""
    home = tmp_path_factory.mktemp("wrong") / "home"
    shutil.copytree(session_home, home)
    for name in ("run", "stopped"):  # the data that they were trained on stand here, too
        edit(home / name, data=str(home / "digits"))
    broken_data(home)
    broken_runs(home)
    broken_files(home)
    return home


def edit(run: Path, **settings: Any) -> None:
    manifest = json.loads((run / "run.json").read_text())
    manifest["recipe"] |= settings
    (run / "run.json").write_text(json.dumps(manifest))


def broken_data(home: Path) -> None:
    mnist = load_data("mnist")
    images, labels = mnist.train.images[:60], mnist.train.labels[:60]

    def variant(name: str) -> Path:
        return write_digits(home / name, 60, 20)

    cut = variant("truncated") / "train-images-idx3-ubyte"
    (cut.parent / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(cut.read_bytes())[:2000])
    cut.unlink()
    (variant("magic") / "train-images-idx3-ubyte").write_bytes(b"\x89PNG" + bytes(100))
    write_idx(variant("counts") / "train-labels-idx1-ubyte", labels[:59])
    stray = labels.copy()
    stray[7] = 99
    write_idx(variant("outside") / "train-labels-idx1-ubyte", stray)
    write_idx(variant("outside-test") / "t10k-labels-idx1-ubyte", stray[:20])
    floats = images.reshape(60, -1).astype(np.float32) / 255
    floats[3, 100] = np.nan
    np.savez(home / "nan.npz", x_train=floats, y_train=labels, x_test=floats[10:], y_test=labels[10:])
    np.savez(home / "none.npz", x_train=images[:0], y_train=labels[:0], x_test=images, y_test=labels)
    np.savez(home / "small.npz", x_train=images[:, :8, :8], y_train=labels, x_test=images[:, :8, :8], y_test=labels)
    few = labels < 3
    np.savez(home / "three.npz", x_train=images[few], y_train=labels[few], x_test=images[few], y_test=labels[few])
    (home / "empty").mkdir()
    (home / "words.csv").write_text("label,a,b\n0,1,2\n1,x,2\n0,1,2\n1,3,4\n0,1,2\n1,3,4\n")


def broken_runs(home: Path) -> None:
    def variant(name: str, source: str = "stopped") -> Path:
        shutil.copytree(home / source, home / name)
        return home / name

    whole = (home / "stopped" / "checkpoint.safetensors").read_bytes()
    (variant("r-corrupt") / "checkpoint.safetensors").write_bytes(whole[:5000] + b"\x55" + whole[5001:])
    (variant("r-cut") / "checkpoint.safetensors").write_bytes(whole[:5000])
    (variant("r-empty") / "checkpoint.safetensors").write_bytes(b"")
    (variant("r-none") / "checkpoint.safetensors").unlink()
    recipe = load_recipe("default").change(data=str(home / "digits"), hidden=(17,), batch_size=100)
    other = Run.start(home / "other", recipe, thread_count=1)
    next(other.train())
    other.interrupt()
    shutil.copy(home / "other" / "checkpoint.safetensors", variant("r-other") / "checkpoint.safetensors")
    shutil.copy(home / "other" / "checkpoint.safetensors", variant("r-no-net", "run") / "model.safetensors")
    (variant("r-no-model", "run") / "model.safetensors").unlink()
    (variant("r-bad-model", "run") / "model.safetensors").write_bytes(b"model")
    net, values = checkpoint.read_net(home / "run" / "model.safetensors")
    checkpoint.save_net(variant("r-no-classes", "run") / "model.safetensors", net)
    checkpoint.save_net(variant("r-few-classes", "run") / "model.safetensors", net, values | {"classes": ["0"]})
    (variant("r-damaged") / "run.json").write_text('{"recipe": ')
    edit(variant("r-setting"), colour="red")
    edit(variant("r-kind"), epochs="three")
    edit(variant("r-data-gone"), data=str(home / "gone"))
    edit(variant("r-data-changed"), data=str(home / "truncated-not"))
    write_digits(home / "truncated-not", 499, 100)
    for key in ("data", "threads", "status"):
        manifest = json.loads((variant(f"r-lacks-{key}") / "run.json").read_text())
        del manifest[key]
        (home / f"r-lacks-{key}" / "run.json").write_text(json.dumps(manifest))
    (variant("r-no-history", "run") / "history.jsonl").unlink()


def broken_files(home: Path) -> None:
    (home / "file").write_text("a file")
    (home / "full").mkdir()
    (home / "full" / "mine").write_text("mine")
    (home / "text.png").write_text("no picture")
    Image.new("L", (40, 40), 255).save(home / "blank.png")
    Image.fromarray(load_data("mnist").test.images[0]).save(home / "digit.png")
    Image.new("L", (40, 40), 255).save(home / "whole.jpg")
    (home / "cut.jpg").write_bytes((home / "whole.jpg").read_bytes()[:200])
    for name, text in {
        "bad": "epochs = ", "setting": "colour = 1", "kind": 'epochs = "three"', "sizes": "hidden = 256",
        "line": 'report_line = "{lost}"', "rate": '[optimizer]\nname = "sgd"\nlr = "fast"',
        "betas": '[optimizer]\nname = "adam"\nbetas = 3', "activation": 'activation = "rellu"',
    }.items():  # fmt: skip
        (home / f"{name}.toml").write_text(text)


# What is wrong, the call, and a piece of the English sentence.
CASES: dict[str, tuple[list[str], str]] = {
    # data
    "a missing folder": (on("nowhere/at/all"), "nowhere/at/all"),
    "an unknown name": (on("minst"), "Did you mean mnist"),
    "a truncated .gz": (on("truncated"), "truncated"),
    "wrong magic": (on("magic"), "is not an IDX file"),
    "counts differ": (on("counts"), "60 images but 59 labels"),
    "a label outside the classes": (on("outside"), "label '99'"),
    "a label to test on that is none": (on("outside-test"), "label '99'"),
    "NaN pixels": (on("nan.npz"), "nan"),
    "an empty set": (on("none.npz"), "empty"),
    "an empty folder": (on("empty"), "empty"),
    "a file of another kind": (on("file"), "file"),
    "words among numbers": (on("words.csv"), "not a number"),
    # settings
    "batch size 0": (train("--batch-size", 0), "batch size: got 0"),
    "batch size below 0": (train("--batch-size", -5), "batch size: got -5"),
    "batch size above the set": (train("--batch-size", 501), "from 1 to 500"),
    "batch size above what validation leaves": (train("--batch-size", 500, "--validation", 0.1), "from 1 to 450"),
    "batch size no number": (train("--batch-size", "all"), "--batch-size must be a whole number"),
    "hidden 0": (train("--hidden", 0), "hidden: got 0"),
    "hidden a million": (train("--hidden", 1_000_000), "hidden: got 1000000"),
    "hidden below 0": (train("--hidden", -3), "hidden: got -3"),
    "hidden beyond all memory": (train("--hidden", "100000,100000,100000"), "GB"),
    "hidden abc": (train("--hidden", "abc"), "got 'abc'"),
    "hidden empty": (train("--hidden", ""), "got ''"),
    "hidden 1.5": (train("--hidden", "1.5"), "got '1.5'"),
    "hidden with a comma too many": (train("--hidden", "16,"), "got '16,'"),
    "lr nan": (train("--lr", "nan"), "--lr: got nan"),
    "lr inf": (train("--lr", "inf"), "--lr: got inf"),
    "lr -1": (train("--lr", "-1"), "--lr: got -1"),
    "lr 0": (train("--lr", "0"), "--lr: got 0"),
    "lr fast": (train("--lr", "fast"), "--lr must be a number"),
    "epochs 0": (train("--epochs", 0), "epochs: got 0"),
    "epochs -1": (train("--epochs", -1), "epochs: got -1"),
    "epochs 1.5": (train("--epochs", 1.5), "--epochs must be a whole number"),
    "seed -1": (train("--seed", -1), "seed: got -1"),
    "seed 2 ** 32": (train("--seed", 2**32), "seed: got 4294967296"),
    "seed x": (train("--seed", "x"), "--seed must be a whole number"),
    "threads 0": (train("--threads", 0), "threads: got 0"),
    "threads -1": (train("--threads", -1), "threads: got -1"),
    "threads abc": (train("--threads", "abc"), "--threads: got 'abc'"),
    "threads 1e9": (train("--threads", "1e9"), "--threads: got '1e9'"),
    "threads a thousand million": (train("--threads", 10**9), "threads: got 1000000000"),
    "activation rellu": (train("--activation", "rellu"), "activation: 'rellu' is not known"),
    "optimizer lion": (train("--optimizer", "lion"), "optimizer: 'lion' is not known"),
    "rng old": (train("--rng", "old"), "rng: 'old' is not known"),
    "validation nan": (train("--validation", "nan"), "validation: got nan"),
    "validation -0.5": (train("--validation", "-0.5"), "validation: got -0.5"),
    "validation of everything": (train("--validation", 500), "validation: got 500"),
    "validation of next to nothing": (train("--validation", "0.0001"), "validation: got 0.0001"),
    "patience without validation": (train("--patience", 2), "needs a validation split"),
    "patience 0": (train("--patience", 0, "--validation", 0.2), "patience: got 0"),
    # recipes
    "an unknown recipe": (train("--recipe", "defualt"), "Did you mean 'default'"),
    "a recipe that is no file": (train("--recipe", "gone.toml"), "There is no recipe 'gone.toml'"),
    "a recipe that is a folder": (train("--recipe", "digits"), "There is no recipe 'digits'"),
    "a recipe that is no TOML": (train("--recipe", "bad.toml"), "not a TOML file"),
    "a recipe with an unknown setting": (train("--recipe", "setting.toml"), "no setting 'colour'"),
    "a recipe with epochs three": (train("--recipe", "kind.toml"), "the setting epochs is 'three'"),
    "a recipe with hidden 256": (train("--recipe", "sizes.toml"), "the setting hidden is 256"),
    "a recipe with a wrong line": (train("--recipe", "line.toml"), "report_line"),
    "a recipe with a learning rate in words": (train("--recipe", "rate.toml"), "lr: got"),
    "a recipe with one beta": (train("--recipe", "betas.toml"), "betas"),
    "a recipe with a typing error": (train("--recipe", "activation.toml"), "'rellu'"),
    "recipes of an unknown name": (["recipes", "modularr"], "Did you mean 'modular'"),
    # where to
    "out below a file": (train("--out", "file/below"), "file/below cannot be written"),
    "out is a file": (train("--out", "file"), "file exists already"),
    "out is a folder with something in it": (train("--out", "full"), "full exists already"),
    "out is a run": (train("--out", "run"), "run exists already"),
    "out has a name too long": (train("--out", "x" * 300), "cannot be written"),
    "out where nothing can be": (train("--out", "/proc/none"), "/proc/none cannot be written"),
    # going on
    "resume of nothing": (["train", "--resume", "nowhere"], "nowhere is not the folder of a run"),
    "resume of a file": (["train", "--resume", "file"], "file is not the folder of a run"),
    "resume of a folder": (["train", "--resume", "digits"], "digits is not the folder of a run"),
    "resume of a finished run": (["train", "--resume", "run"], "has finished its 1 epoch"),
    "resume elsewhere": (["train", "--resume", "stopped", *OUT], "Leave --out away"),
    "resume with another hidden": (
        ["train", "--resume", "stopped", "--hidden", "17"],
        "--hidden: the run to go on with has 16, and 17",
    ),
    "resume with hidden abc": (["train", "--resume", "stopped", "--hidden", "abc"], "--hidden: got 'abc'"),
    "resume with another lr": (["train", "--resume", "stopped", "--lr", "0.5"], "--lr: the run to go on with has"),
    "resume with another optimizer": (
        ["train", "--resume", "stopped", "--optimizer", "sgd"],
        "--optimizer: the run to go on with has adam, and sgd",
    ),
    "resume with another seed": (
        ["train", "--resume", "stopped", "--seed", "1"],
        "--seed: the run to go on with has 0, and 1",
    ),
    "resume with other epochs": (
        ["train", "--resume", "stopped", "--epochs", "9"],
        "--epochs: the run to go on with has 2, and 9",
    ),
    "resume with another batch size": (["train", "--resume", "stopped", "--batch-size", "9"], "--batch-size: the run"),
    "resume with another recipe": (
        ["train", "--resume", "stopped", "--recipe", "modular"],
        "--recipe: the run to go on with has default",
    ),
    "resume with other data": (
        ["train", "--resume", "stopped", "--data", "mnist"],
        "--data: the run to go on with has",
    ),
    "resume with other threads": (
        ["train", "--resume", "stopped", "--threads", "7"],
        "--threads: the run to go on with has 1, and 7",
    ),
    "resume from a corrupt checkpoint": (["train", "--resume", "r-corrupt"], "checkpoint.safetensors is damaged"),
    "resume from a truncated checkpoint": (["train", "--resume", "r-cut"], "checkpoint.safetensors is damaged"),
    "resume from an empty checkpoint": (["train", "--resume", "r-empty"], "checkpoint.safetensors is damaged"),
    "resume without a checkpoint": (["train", "--resume", "r-none"], "There is no checkpoint"),
    "resume from a checkpoint of another net": (["train", "--resume", "r-other"], "belong to another net"),
    "resume from a damaged manifest": (["train", "--resume", "r-damaged"], "run.json is damaged"),
    "resume with an unknown setting": (["train", "--resume", "r-setting"], "no setting 'colour'"),
    "resume with a setting of another kind": (["train", "--resume", "r-kind"], "the setting epochs is 'three'"),
    "resume without data": (["train", "--resume", "r-lacks-data"], "run.json is damaged"),
    "resume without threads": (["train", "--resume", "r-lacks-threads"], "run.json is damaged"),
    "resume without status": (["train", "--resume", "r-lacks-status"], "run.json is damaged"),
    "resume where the data are gone": (["train", "--resume", "r-data-gone"], "gone"),
    "resume where the data have changed": (["train", "--resume", "r-data-changed"], "is not the one"),
    # looking
    "evaluate nothing": (["evaluate", "nowhere"], "nowhere is not the folder of a run"),
    "evaluate on nothing": (["evaluate", "run", "--data", "nowhere/at/all"], "nowhere/at/all"),
    "evaluate on another size": (
        ["evaluate", "run", "--data", "small.npz"],
        "64 numbers an image, and this net takes 784",
    ),
    "evaluate on other classes": (
        ["evaluate", "run", "--data", "three.npz"],
        "has 3 classes, and this net tells 10 apart",
    ),
    "evaluate a corrupt checkpoint": (["evaluate", "r-corrupt"], "checkpoint.safetensors is damaged"),
    "evaluate a corrupt model": (["evaluate", "r-bad-model"], "model.safetensors is damaged"),
    "evaluate a model that is none": (["evaluate", "r-no-net"], "no architecture"),
    "evaluate without a checkpoint": (["evaluate", "r-none"], "There is no checkpoint"),
    "evaluate a damaged run": (["evaluate", "r-damaged"], "run.json is damaged"),
    "predict with nothing": (["predict", "nowhere", "blank.png"], "nowhere is not the folder of a run"),
    "predict without a model": (["predict", "r-no-model", "blank.png"], "model.safetensors"),
    "predict with a corrupt model": (["predict", "r-bad-model", "blank.png"], "model.safetensors is damaged"),
    "predict without classes": (["predict", "r-no-classes", "digit.png"], "28 x 28"),
    "predict with too few classes": (["predict", "r-few-classes", "digit.png"], "model.safetensors is damaged"),
    "predict an image that is no image": (["predict", "run", "text.png"], "is not a picture that can be read"),
    "predict a truncated image": (["predict", "run", "cut.jpg"], "is not a picture that can be read"),
    "predict a missing image": (["predict", "run", "gone.png"], "gone.png"),
    "predict a folder": (["predict", "run", "digits"], "digits"),
    "predict a blank image": (["predict", "run", "blank.png"], "shows nothing"),
    "predict a good image and a bad one": (
        ["predict", "run", "digit.png", "text.png"],
        "is not a picture that can be read",
    ),
    "plot nothing": (["plot", "nowhere"], "nowhere is not the folder of a run"),
    "plot an unknown kind": (["plot", "run", "pie"], "KIND: 'pie' is not known"),
    "plot a kind and an unknown one": (["plot", "run", "activations", "pie"], "KIND: 'pie' is not known"),
    "plot in another format": (["plot", "run", "--format", "gif"], "--format must be one of: png, svg"),
    "plot into a file": (["plot", "run", "activations", "--out", "file"], "cannot be written"),
    "plot into a file's folder": (["plot", "run", "activations", "--out", "file/below"], "cannot be written"),
    "plot a history that is gone": (["plot", "r-no-history", "curves"], "record"),
    "rerun nothing": (["rerun", "nowhere"], "nowhere is not the folder of a run"),
    "rerun a run that did not finish": (["rerun", "stopped"], "did not finish"),
    "rerun into a full folder": (["rerun", "run", "--out", "full"], "full exists already"),
    "rerun below a file": (["rerun", "run", "--out", "file/below"], "cannot be written"),
    # the command line itself
    "an unknown command": (["trian"], "There is no such command. The commands are: train"),
    "an unknown option": (train("--epoch", 3), "There is no option --epoch. Did you mean --epochs?"),
    "an unknown option of the whole": (["--colour"], "There is no option --colour"),
    "an option without its value": (["train", "--epochs"], "--epochs needs a value"),
    "a flag with a value": (["train", "--json=3"], "--json takes no value"),
    "an argument too many": (["train", "mnist"], "one argument too many: mnist"),
    "two arguments too many": (["info", "command", "b(c)"], "too many: command b(c)"),
    "a missing run": (["evaluate"], "RUN is missing"),
    "a missing image": (["predict", "run"], "IMAGE... is missing"),
    "an unknown command of data": (["data", "dance"], "The commands are: fetch, list, show"),
    "data show of nothing": (["data", "show"], "is missing"),
    "data fetch to nowhere": (["data", "fetch", "mnist"], "is missing"),
}  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("case", CASES)
def test_one_sentence_exit_2_and_nothing_touched(
    case: str, lang: str, wrong: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(wrong)
    monkeypatch.delenv("HANDGRAD_DATA", raising=False)
    arguments, told = CASES[case]
    before = tree(wrong)
    said = call(*arguments, lang=lang)
    assert said.status == 2, said
    assert said.out == ""
    assert said.err.startswith("handgrad: ")
    assert said.err.endswith("\n")
    assert said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err
    assert "{" not in said.err or "line.toml" in arguments  # which tells of the braces that a line may have
    if lang == "en":
        assert told in said.err
        assert not re.search("[가-힣]", said.err)
    else:
        assert re.search("[가-힣]{2}", said.err), said.err
    assert tree(wrong) == before


@pytest.mark.parametrize("value", ["fr", "", "EN"])
@pytest.mark.parametrize("place", ["before", "after", "data"])
def test_a_language_that_there_is_not(call: Call, value: str, place: str) -> None:
    said = call(*{"before": ["--lang", value, "info"], "after": ["info", f"--lang={value}"],
                  "data": ["data", "list", "--lang", value]}[place])  # fmt: skip
    assert (said.status, said.err) == (2, "handgrad: --lang must be one of: en, ko.\n")


def test_a_language_left_out(call: Call) -> None:
    assert call("info", "--lang").status == 2


def test_a_name_with_a_line_break_or_brackets_stays_in_one_line(call: Call, home: Path) -> None:
    for name in ("two\nlines", "[bold]x[/bold]", "[/x]", ":heart:", "{data}", "%s"):
        said = call(*on(f"./{name}"))
        assert said.status == 2
        assert said.err.count("\n") == 1
        assert name.replace("\n", " ") in said.err


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_real_command_leaves_the_same(wrong: Path, lang: str) -> None:
    """Not in this process: exit status, streams and encoding as a shell sees them."""
    before = tree(wrong)
    program = [sys.executable, "-c", "from handgrad.cli import main; main()"]
    environment = {**os.environ, "HANDGRAD_LANG": lang, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*program, *on("truncated")], cwd=wrong, env=environment, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert b"Traceback" not in done.stderr
    assert tree(wrong) == before
