"""`handgrad export` and `handgrad import`: every format from a run and back into one that the other commands take."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from command_cases import call, write_digits
from PIL import Image

from handgrad import load_net
from handgrad.export.out import ENDINGS
from handgrad.train import Run, load_recipe


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    recipe = load_recipe("default").change(data=str(write_digits(home / "digits", 300, 50)), hidden=(16,), epochs=1)
    run = Run.start(home / "run", recipe.change(batch_size=50, batch_norm=True), thread_count=1)
    for _ in run.train():
        pass
    run.finish()
    return home


@pytest.mark.parametrize("ending", ENDINGS)
def test_out_and_in_again(ending: str, home: Path, tmp_path: Path) -> None:
    if ending == ".pt" and importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch, with which CI runs this file once more")
    file = tmp_path / f"net{ending}"
    said = call("export", home / "run", file, "--json")
    assert said.status == 0, said
    told = json.loads(said.out.splitlines()[-1])
    assert told["run"] == str(home / "run")
    assert told["files"][0] == str(file)
    assert told["check"]["rows"] == 50
    assert told["check"]["from_test_set"] is True
    assert told["check"]["largest_difference"] < 1e-5
    assert "largest difference over the 50 samples" in said.err

    source = told["files"][-1]  # of a program the weights beside it
    said = call("import", source, "--out", tmp_path / "back", "--data", home / "digits", "--json")
    assert said.status == 0, said
    back = json.loads(said.out.splitlines()[-1])
    expected = json.loads((home / "run" / "run.json").read_text())["result"]
    assert back["test_accuracy"] == expected["test_accuracy"]
    assert abs(back["test_loss"] - expected["test_loss"]) < 1e-5
    assert [layer[0] for layer in back["architecture"]] == ["fc1", "batchnorm1", "relu1", "fc2"]
    x = np.random.default_rng(0).random((9, 784))
    nets = [load_net(path / "model.safetensors") for path in (home / "run", tmp_path / "back")]
    np.testing.assert_allclose(nets[1](x), nets[0](x), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_an_imported_run_is_a_run(home: Path, tmp_path: Path) -> None:
    file, run = tmp_path / "net.onnx", tmp_path / "run"
    assert call("export", home / "run", file).status == 0
    assert call("import", file, "--out", run, "--data", home / "digits").status == 0
    Image.fromarray(np.pad(np.full((20, 6), 255, np.uint8), 10)).save(tmp_path / "one.png")
    assert call("evaluate", run).out.splitlines()[0] == call("evaluate", home / "run").out.splitlines()[0]
    ours, theirs = (call("predict", path, tmp_path / "one.png").out for path in (run, home / "run"))
    assert ours == theirs
    assert call("plot", run, "weights", "--out", tmp_path).status == 0
    assert call("export", run, tmp_path / "again.onnx").status == 0
    manifest = json.loads((run / "run.json").read_text())
    assert manifest["status"] == "imported"
    assert manifest["imported"]["file"] == "net.onnx"
    for arguments in (("rerun", run), ("train", "--resume", run)):
        said = call(*arguments)
        assert said.status == 2
        assert said.err.count("\n") == 1


def test_a_run_whose_data_are_gone_still_goes_out(home: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    manifest = json.loads((home / "run" / "run.json").read_text())
    manifest["recipe"]["data"] = str(tmp_path / "gone")
    (run / "run.json").write_text(json.dumps(manifest))
    (run / "model.safetensors").write_bytes((home / "run" / "model.safetensors").read_bytes())
    said = call("export", run, tmp_path / "net.onnx")
    assert said.status == 0
    assert "256 rows of random numbers" in said.out


def test_it_speaks_korean(home: Path, tmp_path: Path) -> None:
    said = call("export", home / "run", tmp_path / "net.html", lang="ko")
    assert "테스트 세트의 표본 50개에서 가장 큰 차이: 0" in said.out
    assert "스스로 계산을 검사합니다" in said.out
    said = call("import", tmp_path / "net.html", "--out", tmp_path / "run", "--data", home / "digits", lang="ko")
    assert "저장한 곳:" in said.out
