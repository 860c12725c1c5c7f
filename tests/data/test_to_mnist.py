"""to_mnist: MNIST's own digits, enlarged, inverted, moved and saved in many ways, come back as they were."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_cases import error_of
from PIL import Image, PngImagePlugin

from handgrad.core.arrays import Array
from handgrad.data import load_data, to_mnist


@pytest.fixture(scope="module")
def digits() -> Array:
    return load_data("mnist").test.images[:60]


def enlarge(digit: Array, method: Image.Resampling = Image.Resampling.NEAREST) -> Array:
    return np.asarray(Image.fromarray(digit).resize((224, 224), method))


def move(picture: Array, rng: np.random.Generator) -> Array:
    canvas = np.zeros((400, 500), np.uint8)
    top, left = rng.integers(0, 170), rng.integers(0, 270)
    canvas[top : top + 224, left : left + 224] = picture
    return canvas


def likeness(a: Array, b: Array) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def nearest_place(picture: Array, digit: Array) -> float:
    """The likeness at the best of nine places: rounding may put the centre a pixel further."""
    return max(likeness(np.roll(picture, step, (0, 1)), digit) for step in itertools.product((-1, 0, 1), repeat=2))


def black_on_transparent(p: Array) -> Image.Image:
    return Image.fromarray(np.dstack([np.zeros_like(p)] * 3 + [p]))


def white_on_transparent(p: Array) -> Image.Image:
    return Image.fromarray(np.dstack([np.full_like(p, 255)] * 3 + [p]))


SAVED: dict[str, Callable[[Array], Image.Image]] = {
    "as it is": Image.fromarray,
    "inverted": lambda p: Image.fromarray(255 - p),
    "black on transparent": black_on_transparent,
    "white on transparent": white_on_transparent,
    "grey with alpha": lambda p: Image.fromarray(np.dstack([255 - p, np.full_like(p, 255)])),
    "palette": lambda p: Image.fromarray(255 - p).convert("P"),
    "16 bits": lambda p: Image.fromarray((255 - p).astype(np.uint16) * 257),
    "blue on yellow": lambda p: Image.merge("RGB", [Image.fromarray(255 - p)] * 2 + [Image.fromarray(p)]),
    "pale": lambda p: Image.fromarray((200 - p * 0.3).astype(np.uint8)),
}


@pytest.mark.parametrize("way", SAVED)
def test_digits_come_back(way: str, digits: Array, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    likenesses = []
    for digit in digits[:30]:
        SAVED[way](move(enlarge(digit), rng)).save(tmp_path / "d.png")
        back = to_mnist(tmp_path / "d.png")
        assert (back.shape, str(back.dtype), back.max()) == ((28, 28), "uint8", 255)
        likenesses.append(likeness(back, digit))
    assert np.quantile(likenesses, 0.05) > 0.97
    assert np.mean(likenesses) > 0.99


@pytest.mark.parametrize("quality", [50, 90])
def test_jpeg_and_soft_edges(quality: int, digits: Array, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    likenesses = []
    for digit in digits[:30]:
        soft = 255 - move(enlarge(digit, Image.Resampling.BICUBIC), rng)
        Image.fromarray(soft).save(tmp_path / "d.jpg", quality=quality)
        likenesses.append(nearest_place(to_mnist(tmp_path / "d.jpg"), digit))
    assert np.mean(likenesses) > 0.96


def test_a_photograph_of_paper_is_still_the_same_digit(digits: Array) -> None:
    """Uneven light and grain: the nearest of all sixty digits must be the one that was photographed."""
    rng = np.random.default_rng(3)
    right = 0
    for place, digit in enumerate(digits):
        light = 90 + np.linspace(0, 40, 500) + rng.normal(0, 5, (400, 500))
        photo = light + 0.45 * (255 - move(enlarge(digit, Image.Resampling.BICUBIC), rng).astype(float))
        back = to_mnist(np.clip(photo, 0, 255).astype(np.uint8))
        right += int(np.argmax([nearest_place(back, other) for other in digits]) == place)
    assert right >= 57


def test_the_form_is_that_of_mnist(digits: Array) -> None:
    """What holds for all of MNIST: a box of 20, and a centre of mass within half a pixel of pixel 14."""
    rng = np.random.default_rng(4)
    for digit in digits[:20]:
        back = to_mnist(255 - move(enlarge(digit), rng)).astype(float)
        rows, columns = np.flatnonzero(back.any(1)), np.flatnonzero(back.any(0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        for axis in (0, 1):
            centre = (back.sum(1 - axis) * np.arange(28)).sum() / back.sum()
            assert 13.4 < centre < 14.6


def test_proportions_are_kept() -> None:
    tall = np.zeros((300, 200))
    tall[50:250, 90:110] = 1.0
    back = to_mnist(tall)
    assert back.any(1).sum() == 20
    assert back.any(0).sum() == 2


def test_arrays_of_every_kind_agree(digits: Array) -> None:
    grey = enlarge(digits[0])
    same = to_mnist(grey)
    colours = np.dstack([grey] * 3)
    for other in (grey / 255, grey[:, :, None], colours, np.dstack([colours, np.full_like(grey, 255)])):
        np.testing.assert_allclose(to_mnist(other).astype(int), same.astype(int), atol=1)
    bright = grey > 127
    np.testing.assert_array_equal(to_mnist(bright), to_mnist(bright.astype(np.uint8) * 255))


def test_a_picture_on_its_side_is_turned_as_its_note_says(digits: Array, tmp_path: Path) -> None:
    picture = Image.fromarray(255 - enlarge(digits[2]))
    exif = picture.getexif()
    exif[0x0112] = 6  # shown, it must be turned by 90 degrees to the right
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "side.jpg", exif=exif, quality=95)
    assert nearest_place(to_mnist(tmp_path / "side.jpg"), digits[2]) > 0.97


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_large_picture_takes_little(ending: str, digits: Array, tmp_path: Path) -> None:
    Image.fromarray(255 - enlarge(digits[1])).resize((6000, 6000)).save(tmp_path / f"large.{ending}")
    assert nearest_place(to_mnist(tmp_path / f"large.{ending}"), digits[1]) > 0.95


def test_a_small_picture_is_enlarged() -> None:
    dot = np.zeros((3, 3), np.uint8)
    dot[1, 1] = 200
    assert to_mnist(dot)[14, 14] == 255
    assert to_mnist(np.array([[0, 255]], np.uint8)).max() == 255


def test_what_cannot_be_a_digit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def key(path: Path) -> str:
        error = error_of(lambda: to_mnist(path))
        assert str(path) in str(error)
        return error.key.removeprefix("data.")

    path = tmp_path / "p.png"
    assert key(path) == "file_missing"
    assert key(tmp_path) == "file_unreadable"
    for broken in (b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"):
        path.write_bytes(broken)
        assert key(path) == "picture_unreadable"
    Image.effect_noise((64, 64), 90).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    assert key(path) == "picture_unreadable"
    for size, colour in (((1, 1), 7), ((200, 100), 255), ((200, 100), 0)):
        Image.new("L", size, colour).save(path)
        assert key(path) == "picture_blank"
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(path)
    assert key(path) == "picture_blank"
    Image.new("L", (90, 90)).save(path)
    for most in (5000, 1000):  # from once to twice the limit Pillow warns, beyond it refuses
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        assert key(path) == "picture_huge"


def test_a_text_chunk_that_unpacks_to_too_much(tmp_path: Path) -> None:
    note = PngImagePlugin.PngInfo()
    note.add_text("k", "x" * (70 << 20), zip=True)
    Image.new("L", (9, 9)).save(tmp_path / "p.png", pnginfo=note)
    assert error_of(lambda: to_mnist(tmp_path / "p.png")).key == "data.picture_unreadable"


@pytest.mark.parametrize(
    ("array", "key"),
    [
        (np.zeros(784), "picture_array"),
        (np.zeros((0, 5)), "picture_array"),
        (np.zeros((5, 5, 2)), "picture_array"),
        (np.array([["a"]]), "picture_array"),
        (np.full((5, 5), np.nan), "picture_not_finite"),
        (np.full((5, 5), 0.5), "picture_blank"),
    ],
)
def test_arrays_that_are_no_picture(array: Array, key: str) -> None:
    assert error_of(lambda: to_mnist(array)).key == f"data.{key}"
