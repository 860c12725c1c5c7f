"""Grids of images: each image at its place, with its own caption, and the wrong ones marked twice."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from handgrad.core.arrays import Array
from handgrad.errors import InputError
from handgrad.plots import mistakes_gallery, predictions_grid
from handgrad.train.evaluation import Evaluation, evaluate

NAMES = ["0", "1", "2"]
LABELS = np.array([0, 1, 2] * 4)


@pytest.fixture
def p() -> Array:
    """Right for all twelve images but number 1, which is a 1 and called a 2 with 75 %."""
    rows = 0.1 + 0.7 * np.eye(3)[LABELS]
    rows[1] = [0.125, 0.125, 0.75]
    return rows


class Echo:
    """A net that looks its answer up by the image's number, which all its pixels hold."""

    dtype = np.dtype(np.float64)

    def __init__(self, answers: Array) -> None:
        self.answers = answers

    def __call__(self, x: Array) -> Array:
        return self.answers[np.rint(x[:, 0] * 255).astype(int) - 1]


def captions(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def shown(figure: Figure) -> Array:
    return np.ma.getdata(figure.axes[0].images[0].get_array())


def seen(pictures: Array, p: Array) -> Evaluation:
    return evaluate(Echo(p), pictures, LABELS)


def test_captions_and_marks(pictures: Array, p: Array) -> None:
    figure = predictions_grid(pictures, LABELS, p, NAMES)
    assert captions(figure)[:3] == ["0 → 0\n80.0 %", "1 → 2\n75.0 % ✗", "2 → 2\n80.0 %"]
    assert len(captions(figure)) == 12
    (frame,) = figure.axes[0].patches
    assert frame.get_bbox().bounds == (5.5, -0.5, 4, 5)  # around the second picture, 4 wide and 5 high, after a gap
    assert "wrong, 1 of 12" in figure.texts[1].get_text()


def test_each_picture_lies_under_its_place(pictures: Array, p: Array) -> None:
    figure = predictions_grid(pictures, LABELS, p, NAMES, indices=[7, 1, 4])
    image = shown(figure)
    for i, number in enumerate([7, 1, 4]):
        assert (image[:5, 6 * i : 6 * i + 4] == pictures[number, 0, 0]).all()
        assert np.isnan(image[:5, 6 * i + 4 : 6 * i + 6]).all()
    assert [c.split()[0] for c in captions(figure)] == ["1", "1", "1"]


def test_rows_bound_the_number_of_pictures(pictures: Array, p: Array) -> None:
    assert len(captions(predictions_grid(pictures, LABELS, p, NAMES, rows=1))) == 10


def test_square_images_may_come_as_rows(p: Array) -> None:
    images = np.random.default_rng(0).random((12, 9))
    image = shown(predictions_grid(images, LABELS, p, NAMES))
    np.testing.assert_allclose(image[:3, :3], images[0].reshape(3, 3), rtol=1e-6)


def test_long_names_take_lines_of_their_own(pictures: Array, p: Array) -> None:
    names = ["앵클부츠", "Ankle boot", "a name that has no end and no room"]
    first, second, third = captions(predictions_grid(pictures, LABELS, p, names, indices=[0, 1, 2], lang="ko"))
    assert first == "앵클부츠\n→ 앵클부츠\n80.0 %"
    assert second == "Ankle boot\n→ a name that has…\n75.0 % ✗"
    assert third.startswith("a name that has…\n")


def test_gallery_of_mistakes(pictures: Array, p: Array) -> None:
    figure = mistakes_gallery(pictures, seen(pictures, p), NAMES)
    assert captions(figure) == ["1 → 2\n75.0 %"]
    assert (shown(figure)[:5, :4] == pictures[1]).all()
    assert "1 of 1 mistakes on 12 images" in figure.texts[1].get_text()


def test_gallery_without_mistakes(pictures: Array) -> None:
    evaluation = evaluate(Echo(np.eye(3)[LABELS]), pictures, LABELS)
    figure = mistakes_gallery(pictures, evaluation, NAMES, lang="ko")
    assert not figure.axes
    assert figure.texts[1].get_text() == "없습니다. 이미지 12장을 모두 맞혔습니다."


def test_what_does_not_fit_is_refused(pictures: Array, p: Array) -> None:
    with pytest.raises(InputError, match="do not fit together"):
        predictions_grid(pictures, LABELS[:5], p, NAMES)
    with pytest.raises(InputError, match="do not fit together"):
        predictions_grid(pictures, LABELS, p, NAMES[:2])
    with pytest.raises(InputError, match="square images as rows"):
        predictions_grid(pictures.reshape(12, 20), LABELS, p, NAMES)
    with pytest.raises(InputError, match="square images as rows"):
        predictions_grid(pictures[0, 0], LABELS, p, NAMES)
    with pytest.raises(InputError, match="rows"):
        predictions_grid(pictures, LABELS, p, NAMES, rows=0)
    with pytest.raises(InputError, match="of 12 images and 3 classes"):
        mistakes_gallery(pictures[:4], seen(pictures, p), NAMES)
