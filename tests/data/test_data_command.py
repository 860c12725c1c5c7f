"""handgrad data: what it prints for people, and the one JSON object that it prints for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from data_cases import Arrays, write_folder

from handgrad.cli.data import data, picture_lines
from handgrad.data import Dataset, Split, load_data
from handgrad.errors import DataError


def run(*arguments: str) -> Result:
    return CliRunner().invoke(data, arguments)


def told(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


def test_list() -> None:
    names = [entry["name"] for entry in told("list")["datasets"]]
    assert names[0] == "mnist"
    plain = run("list").stdout
    assert all(name in plain for name in names)
    where = {entry["name"]: entry["where"] for entry in told("list")["datasets"]}
    assert (where["mnist"], where["kmnist"]) == ("shipped", "remote")


def test_list_says_what_lies_in_the_data_folder(
    tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDGRAD_DATA", str(tmp_path))
    write_folder(tmp_path / "kmnist", arrays)
    where = {entry["name"]: entry["where"] for entry in told("list")["datasets"]}
    assert (where["mnist"], where["kmnist"], where["qmnist"]) == ("shipped", "local", "remote")


def test_show_mnist() -> None:
    shown = told("show", "mnist")
    assert (shown["train"], shown["test"], shown["features"]) == (60000, 10000, 784)
    assert (shown["picture_shape"], shown["minimum"], shown["maximum"]) == ([28, 28], 0, 255)
    assert sum(shown["train_counts"]) == 60000
    assert shown["test_counts"] == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert len(shown["sums"]["train_images"]) == 64
    plain = run("show", "mnist").stdout
    for words in ("60,000", "1,135", "28 x 28 uint8", "██"):
        assert words in plain


def test_show_a_path(tmp_path: Path, arrays: Arrays) -> None:
    shown = told("show", str(write_folder(tmp_path, arrays)))
    assert shown["train_counts"] == [10, 10, 10]
    assert shown["source"] == str(tmp_path)
    (tmp_path / "t.csv").write_text("\n".join(f"{i % 2},{i}.5" for i in range(12)))
    table = run("show", str(tmp_path / "t.csv"))
    assert "█" not in table.stdout
    assert "seed 0" in " ".join(table.stdout.split())


def test_show_in_korean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_LANG", "ko")
    assert "학습용" in run("show", "mnist").stdout
    assert "인터넷" in run("list").stdout


def test_fetch(tmp_path: Path) -> None:
    first = told("fetch", "mnist", "--to", str(tmp_path / "m"))
    assert [file["written"] for file in first["files"]] == [True] * 4
    assert first["files"][0]["bytes"] == (tmp_path / "m" / first["files"][0]["file"]).stat().st_size
    assert load_data(tmp_path / "m").sums() == load_data("mnist").sums()
    again = run("fetch", "mnist", "--to", str(tmp_path / "m"))
    assert again.stdout.count("there already") == 4


def test_errors_reach_the_caller() -> None:
    assert isinstance(run("show", "nothing-like-it").exception, DataError)
    assert run("fetch", "mnist").exit_code == 2  # without --to
    assert run("show").exit_code == 2


def test_pictures_are_drawn_as_they_are() -> None:
    corner = np.zeros((2, 3, 4), np.uint8)
    corner[:, 0, 0] = corner[:, 1, 1] = corner[:, 2, 2] = 255
    corner[1, :, 3] = 255
    both = Split(corner, np.array([0, 1]))
    lines = list(picture_lines(Dataset("d", both, both, ("first", "b")), 80))
    assert lines == ["firs  b", "▀▄    ▀▄ █", "  ▀     ▀▀"]
    assert list(picture_lines(Dataset("d", both, both, ("first", "b")), 3)) == []
