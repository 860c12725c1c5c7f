"""Which step it is: a step of the run's own training, to the bit, or the one after it; and which images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handgrad.errors import InputError
from handgrad.explain import moment_of, story_of
from handgrad.records import StepRecord
from handgrad.train import Run


@pytest.mark.parametrize("step", [1, 2, 6, 7, 13, 18])
def test_a_step_of_the_training_is_that_very_step(run_path: Path, step: int) -> None:
    """Its loss and rate are those that the run noted, and the weights after the last are those that it kept."""
    run = Run.open(run_path)
    moment = moment_of(run, at_step=step)
    noted = {r.step: r for r in run.history() if isinstance(r, StepRecord)}[step]
    assert (moment.trace.loss.value, moment.trace.lr, len(moment.labels)) == (noted.loss, noted.lr, noted.samples)
    assert moment.trace.steps == step
    if step == 18:
        kept = run.net().state()
        for name, after in moment.trace.after.items():
            assert after.tobytes() == kept[name].tobytes()


def test_the_names_are_those_of_the_data_set(run_path: Path) -> None:
    """Rows that are kept apart to validate are not counted away."""
    run = Run.open(run_path)
    moment = moment_of(run, at_step=9)
    assert len(set(moment.names)) == 50
    for name, image, label in zip(moment.names, moment.images, moment.labels, strict=True):
        row = int(name.removeprefix("train:"))
        assert np.array_equal(image, run.data().train.images[row] * np.float32(1 / 255))
        assert label == run.data().train.labels[row]


def test_without_a_step_it_is_the_next_one(run_path: Path) -> None:
    moment = moment_of(Run.open(run_path))
    state = Run.open(run_path).net().state()
    for name, before in moment.trace.before.items():
        assert before.tobytes() == state[name].tobytes()
    assert moment.trace.steps == 19
    assert moment.trace.lr == Run.open(run_path).recipe.optimizer["lr"]


def test_an_image_of_the_data_set(run_path: Path) -> None:
    run = Run.open(run_path)
    moment = moment_of(run, image="test:7", batch=4)
    assert moment.names[0] == "test:7"
    assert moment.labels[0] == run.data().test.labels[7]
    assert np.array_equal(moment.images[0], run.data().test.images[7] * np.float32(1 / 255))
    assert moment.names[1:] == moment_of(Run.open(run_path)).names[:3]
    assert len(moment_of(Run.open(run_path), image="train:5").labels) == 2  # BatchNorm needs two


def test_a_picture_of_ones_own_has_the_nets_answer_or_the_label(run_path: Path, tmp_path: Path) -> None:
    pixels = np.full((60, 60), 255, np.uint8)
    pixels[10:50, 25:32] = 0
    Image.fromarray(pixels).save(tmp_path / "one.png")
    run = Run.open(run_path)
    moment = moment_of(run, image=str(tmp_path / "one.png"))
    assert not moment.own_label
    assert moment.names[0] == "one.png"
    assert "--label" in story_of(moment)["input"].about[1].text("en")
    labelled = moment_of(Run.open(run_path), image=str(tmp_path / "one.png"), label=3)
    assert labelled.own_label
    assert labelled.labels[0] == 3


def test_nothing_is_written(run_path: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in run_path.rglob("*")}
    moment_of(Run.open(run_path), image="test:0")
    moment_of(Run.open(run_path), at_step=3)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in run_path.rglob("*")} == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image": "test:40"}, "test:0 to test:39"),
        ({"image": "train:9999999"}, "train:0 to train:319"),
        ({"image": "validation:1"}, "neither an image"),
        ({"image": "no.png"}, "neither an image"),
        ({"image": "test:0", "label": 10}, "0 to 9"),
        ({"at_step": 0}, "1 to 18"),
        ({"at_step": 19}, "1 to 18"),
        ({"batch": 51}, "1 to 50"),
    ],
)
def test_what_is_not_there(run_path: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        moment_of(Run.open(run_path), **options)  # type: ignore[arg-type]
