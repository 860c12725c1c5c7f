"""The published recipes give the notebooks' own numbers, held against plain NumPy that knows nothing of handgrad."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from published_reference import Outcome, clipped_sigmoid, modular, unrolled

from handgrad.cli import main
from handgrad.data.load import SHIPPED
from handgrad.train import Run, load_recipe
from handgrad.train.checkpoint import read_net

RELATIVE = 1e-9


def run_recipe(folder: Path, name: str, **changes: Any) -> Run:
    run = Run.start(folder, load_recipe(name).change(rng="legacy", **changes), thread_count=1)
    for _ in run.train():
        pass
    run.finish()
    return run


def check(run: Run, expected: Outcome) -> None:
    result = run.manifest["result"]
    np.testing.assert_allclose(result["reported_loss"], expected.losses, rtol=RELATIVE, atol=0)
    np.testing.assert_allclose(result["train_accuracy"], expected.accuracies, rtol=RELATIVE, atol=0)
    assert result["test_accuracy"] == pytest.approx(expected.test_accuracy, rel=RELATIVE)
    for (name, parameter), weight in zip(run.training().net.named_parameters(), expected.weights, strict=True):
        assert parameter.value.dtype == np.float64, name
        np.testing.assert_allclose(parameter.value, weight, rtol=RELATIVE, atol=1e-9 * np.abs(weight).max() / 1e3)


@pytest.mark.parametrize("seed", [0, 7])
def test_modular_on_a_part(digits: Path, tmp_path: Path, seed: int) -> None:
    run = run_recipe(tmp_path / "run", "modular", data=str(digits), epochs=3, seed=seed)
    check(run, modular(digits, seed=seed, epochs=3))


def test_modular_with_its_sigmoid(digits: Path, tmp_path: Path) -> None:
    run = run_recipe(tmp_path / "run", "modular", data=str(digits), epochs=3, seed=1, activation="sigmoid")
    check(run, modular(digits, seed=1, epochs=3, sigmoid=True))


def test_the_sigmoid_of_modular_holds_its_input_within_30() -> None:
    net = load_recipe("modular").change(activation="sigmoid").net(2, 2, np.random.RandomState(0))
    x = np.array([[-1000.0, -30.5, -30.0, -29.5, 0.0, 29.5, 1000.0]])
    np.testing.assert_allclose(net.layers[1](x), clipped_sigmoid(x), rtol=1e-13)


@pytest.mark.parametrize("seed", [0, 7])
def test_unrolled_on_a_part(digits: Path, tmp_path: Path, seed: int) -> None:
    run = run_recipe(tmp_path / "run", "unrolled", data=str(digits), seed=seed)
    check(run, unrolled(digits, seed=seed))


def test_unrolled_orders_compose(digits: Path, tmp_path: Path) -> None:
    """With a fresh order each epoch it would come out otherwise, so the test above can fail."""
    run = run_recipe(tmp_path / "run", "unrolled", data=str(digits), seed=0, shuffle="fresh", epochs=3)
    expected = unrolled(digits, seed=0, epochs=3)
    assert run.manifest["result"]["reported_loss"][0] == pytest.approx(expected.losses[0], rel=RELATIVE)
    assert run.manifest["result"]["reported_loss"][2] != pytest.approx(expected.losses[2], rel=1e-6)


def test_an_incomplete_last_batch_of_unrolled_counts(few_digits: Path, tmp_path: Path) -> None:
    run = run_recipe(tmp_path / "run", "unrolled", data=str(few_digits), seed=3)
    check(run, unrolled(few_digits, seed=3))


@pytest.mark.slow
def test_unrolled_on_all_of_mnist(tmp_path: Path) -> None:
    run = run_recipe(tmp_path / "run", "unrolled", seed=0)
    check(run, unrolled(SHIPPED, seed=0))
    assert run.manifest["result"]["test_accuracy"] < 0.2  # as published, it does not learn


@pytest.mark.slow
def test_modular_on_all_of_mnist(tmp_path: Path) -> None:
    run = run_recipe(tmp_path / "run", "modular", seed=0, epochs=2)
    assert run.training().steps_per_epoch == 937
    check(run, modular(SHIPPED, seed=0, epochs=2))


# -- what the command prints


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    with pytest.raises(SystemExit) as leaving:
        main(["train", "--rng", "legacy", "--no-plots", "--threads", "1", "--json", *arguments])
    assert leaving.value.code == 0
    out, err = capsys.readouterr()
    return [*err.splitlines(), out.splitlines()[-1]]


def test_modular_prints_its_report(few_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "--recipe", "modular", "--data", str(few_digits), "--out", str(tmp_path / "run"))
    expected = modular(few_digits, seed=0, epochs=20)
    wanted = [
        f"[{epoch:2d}/20] loss: {expected.losses[epoch - 1]:.4f}, acc: {expected.accuracies[epoch - 1]:.4f}"
        for epoch in (1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20)
    ]
    assert wanted[0].startswith("[ 1/20] loss: ")
    assert [line for line in lines if line.startswith("[")] == wanted
    assert not [line for line in lines if line.startswith("Batch")]
    assert json.loads(lines[-1])["test_accuracy"] == pytest.approx(expected.test_accuracy, rel=RELATIVE)


def test_a_report_of_fewer_than_ten_epochs_has_them_all(
    few_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--recipe", "modular", "--data", str(few_digits), "--out", str(tmp_path / "run"), "--epochs", "3"]
    lines = [line for line in printed(capsys, *arguments) if line.startswith("[")]
    assert [line[:6] for line in lines] == ["[ 1/3]", "[ 2/3]", "[ 3/3]"]


@pytest.mark.parametrize("verbose", [True, False])
def test_unrolled_prints_its_batches_and_epochs(
    few_digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verbose: bool
) -> None:
    arguments = ["--recipe", "unrolled", "--data", str(few_digits), "--out", str(tmp_path / "run")]
    lines = printed(capsys, *arguments, *(["--verbose"] if verbose else []))
    told = [line for line in lines if re.match("Batch|Epoch", line)]
    batches = ["Batch from 0 to 125:", "Batch from 125 to 250:", "Batch from 250 to 300:"] if verbose else []
    assert [line for line in told if line.startswith("Batch")] == batches * 2
    losses = [line for line in told if line.startswith("Epoch")]
    assert told == [*batches, losses[0], *batches, losses[1]]
    for epoch, (line, loss) in enumerate(zip(losses, unrolled(few_digits, seed=0).losses, strict=True), 1):
        before, _, number = line.partition(" Loss: ")
        assert before == f"Epoch {epoch}/2"
        assert float(number) == pytest.approx(loss, rel=RELATIVE)


# -- quirks are switches, not a second implementation


def test_a_net_with_quirks_is_saved_as_the_plain_net_it_is(few_digits: Path, tmp_path: Path) -> None:
    run = run_recipe(tmp_path / "run", "modular", data=str(few_digits), epochs=1)
    trained = run.training().net
    net, _ = read_net(tmp_path / "run" / "model.safetensors")
    assert [type(layer).__name__ for layer in trained.layers] == ["AveragingLinear", "ReLU", "AveragingLinear",
                                                                 "PassingSoftmax"]  # fmt: skip
    assert [type(layer).__name__ for layer in net.layers] == ["Linear", "ReLU", "Linear", "Softmax"]
    x = run.data().test.images[:5].reshape(5, 784) / 255
    np.testing.assert_array_equal(net(x), trained.eval()(x))
