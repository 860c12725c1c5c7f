"""Saving: the two formats, and a file that is there as a whole or not at all."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from handgrad.errors import DataError, InputError
from handgrad.plots import activations, save


@pytest.fixture(scope="module")
def figure() -> Figure:
    return activations(lang="ko")


def test_png_has_150_dots_an_inch(figure: Figure, tmp_path: Path) -> None:
    path = save(figure, tmp_path / "a.PNG")
    assert path == tmp_path / "a.PNG"
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.size == tuple(int(150 * side) for side in figure.get_size_inches())


def test_svg_is_xml(figure: Figure, tmp_path: Path) -> None:
    root = ET.fromstring(save(figure, str(tmp_path / "a.svg")).read_text(encoding="utf-8"))
    assert root.tag.endswith("svg")


def test_only_the_file_itself_is_left_behind(figure: Figure, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("an older one")
    save(figure, tmp_path / "a.png")
    assert os.listdir(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["a.pdf", "a", ".png"])
def test_another_ending_is_refused(figure: Figure, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"neither \.png nor \.svg"):
        save(figure, tmp_path / name)


def test_a_figure_that_cannot_be_drawn_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("an older one")
    broken = Figure()
    broken.draw = lambda renderer: 1 / 0
    with pytest.raises(ZeroDivisionError):
        save(broken, path)
    assert path.read_text() == "an older one"
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("name", ["missing/a.png", "file/a.png"])
def test_a_folder_that_is_none_is_told(figure: Figure, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"a\.png"):
        save(figure, tmp_path / name)
