"""`handgrad explain`: the story on the terminal and as JSON, and what it says where something is not there."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from command_cases import Call

from handgrad.explain.terminal import cells
from handgrad.train import Run, load_recipe


def test_the_story_goes_from_the_picture_to_the_new_weight(call: Call, home: Path) -> None:
    said = call("explain", "run", "--image", "test:7")
    assert (said.status, said.err) == (0, "")
    parts = ["test:7", "The input", "fc1, forward", "relu1, forward", "fc2, forward", "The loss", "The way back begins",
             "fc2, backward", "relu1, backward", "fc1, backward", "Arrived at the pixels", "The update of"]  # fmt: skip
    places = [said.out.index(part) for part in parts]
    assert places == sorted(places)
    assert max(map(cells, said.out.splitlines())) <= 80


def test_in_korean(call: Call, home: Path) -> None:
    said = call("explain", "run", "--image", "test:7", lang="ko")
    assert said.status == 0
    assert "순전파" in said.out
    assert "역전파" in said.out
    assert "갱신" in said.out
    assert max(map(cells, said.out.splitlines())) <= 80


def test_one_layer_and_one_unit(call: Call, home: Path) -> None:
    said = call("explain", "run", "--image", "test:7", "--layer", "fc1", "--unit", "3", "--terms", "2", "--digits", "3")
    assert said.status == 0
    assert "y[3]" in said.out
    assert "fc2, forward" not in said.out
    assert said.out.count("W[") < 60


def test_why(call: Call, home: Path) -> None:
    said = call("explain", "run", "--why", "fc2.bias[3]", "--at-step", "2")
    assert said.status == 0
    assert said.out.startswith("Why did fc2.bias[3] move by ")
    assert "100 images" in said.out
    assert "a picture of" in said.out


def test_json(call: Call, home: Path) -> None:
    said = call("explain", "run", "--image", "test:7", "--json")
    assert said.status == 0
    story = json.loads(said.out.splitlines()[-1])
    assert story["run"] == "run"
    assert [story["image"], story["batch"], story["row"]] == ["test:7", 1, 0]
    assert [chapter["key"] for chapter in story["chapters"]][:2] == ["input", "forward-fc1"]
    assert json.loads(call("explain", "run", "--why", "fc2.bias[3]", "--json").out)["why"] == "fc2.bias[3]"


def test_a_stopped_run_is_explained_where_it_stopped(call: Call, home: Path) -> None:
    story = json.loads(call("explain", "stopped", "--json").out)
    assert story["batch"] == 100


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere"],
        ["run", "--image", "test:100"],
        ["run", "--image", "nothing.png"],
        ["run", "--image", "digits"],
        ["run", "--image", "test:0", "--label", "11"],
        ["run", "--at-step", "99"],
        ["run", "--batch", "101"],
        ["run", "--batch", "0"],
        ["run", "--layer", "fc9"],
        ["run", "--unit", "16"],
        ["run", "--unit", "-1"],
        ["run", "--layer", "fc2", "--unit", "10"],
        ["run", "--why", "fc1"],
        ["run", "--why", "fc9.weight[0,0]"],
        ["run", "--why", "fc1.weight[784,0]"],
        ["run", "--why", "fc1.weight[1]"],
        ["run", "--why", "fc1.weight[-1,0]"],
        ["run", "--terms", "0"],
        ["run", "--digits", "13"],
        ["run", "--digits", "many"],
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_one_sentence(call: Call, home: Path, arguments: list[str], lang: str) -> None:
    said = call("explain", *arguments, lang=lang)
    assert said.status == 2
    assert said.out == ""
    assert said.err.startswith("handgrad: ")
    assert len(said.err.strip().splitlines()) == 1
    assert "Traceback" not in said.err


@pytest.mark.slow
def test_a_file_of_ones_own(call: Call, home: Path, tmp_path: Path) -> None:
    net = Path(__file__).parents[1] / "museum" / "nets" / "script" / "softmax_relu.py"
    said = call("explain", net, "--layer", "fc2", "--json")
    assert said.status == 0
    assert {chapter["layer"] for chapter in json.loads(said.out)["chapters"]} == {"fc2"}
    said = call("explain", net, "--at-step", "3")
    assert (said.status, said.out) == (2, "")
    assert "--at-step is for runs" in said.err
    (tmp_path / "empty.py").write_text("x = 1\n")
    said = call("explain", tmp_path / "empty.py", lang="ko")
    assert (said.status, said.out) == (2, "")
    assert len(said.err.strip().splitlines()) == 1


@pytest.mark.slow
def test_the_default_net_is_told_within_a_second(call: Call, home: Path, tmp_path: Path) -> None:
    """Of the processor's time, in a process that has started: 256 hidden units, the whole of MNIST."""
    run = Run.start(tmp_path / "run", load_recipe("default").change(epochs=1), thread_count=1)
    for record in run.train():
        if record.step == 3:
            run.interrupt()
            break
    call("explain", tmp_path / "run", "--image", "test:7")
    began = time.process_time()
    assert call("explain", tmp_path / "run", "--image", "test:8").status == 0
    assert time.process_time() - began < 1
