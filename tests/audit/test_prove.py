"""The proof: the patch is applied as a diff says, digits fit any net, and the mended training ends better."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

import numpy as np
import pytest

from handgrad.audit.prove import Digits, patched, prove_file
from handgrad.audit.reading.sandbox import run_in_child
from handgrad.audit.reading.source import read_program
from handgrad.data import load_data

EXAMPLE = Path(__file__).parents[2] / "examples" / "averaged_twice.py"
RIGHT = (("@ dout / batch_size", "@ dout"), ("sum(axis=0) / batch_size", "sum(axis=0)"))


def mended(text: str) -> str:
    for old, new in RIGHT:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def diff(before: str, after: str, name: str = "net.py") -> str:
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), f"a/{name}", f"b/{name}", lineterm="")
    return "\n".join(lines) + "\n"


def test_a_patch_is_applied() -> None:
    program = read_program(EXAMPLE)
    after = mended(program.text)
    assert patched(program, diff(program.text, after)) == after


def test_a_patch_of_another_text_is_refused() -> None:
    program = read_program(EXAMPLE)
    other = program.text.replace("return dout @ self.W.T", "return np.dot(dout, self.W.T)")
    with pytest.raises(ValueError, match=r"np\.dot"):
        patched(program, diff(other, mended(other)))


def test_a_patch_of_a_cell_is_applied_to_that_cell(tmp_path: Path) -> None:
    cells = ["import numpy as np\nx = 1", "y = 2\nz = 3\n", "y = 2\nz = 4"]
    code = [{"cell_type": "code", "source": one, "metadata": {}, "outputs": []} for one in cells]
    path = tmp_path / "net.ipynb"
    path.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    program = read_program(path)
    patch = diff(cells[2], "y = 5\nz = 4", "net.ipynb [cell 3]")
    assert patched(program, patch) == program.text.replace("y = 2\nz = 4", "y = 5\nz = 4")


@pytest.mark.parametrize(
    ("features", "classes", "labels"), [(784, 10, 10), (64, 10, 10), (12, 6, 6), (20, 1, 2), (30, 26, 10)]
)
def test_digits_fit_the_net(features: int, classes: int, labels: int) -> None:
    digits = Digits(features, classes)
    for x, y in (digits.train, digits.test):
        assert x.shape == (len(y), features)
        assert set(y.tolist()) == set(range(labels))
        assert 0 <= x.min() <= x.max() <= 1
    assert len(digits.test[1]) == 500


def test_shrunken_digits_keep_their_ink() -> None:
    whole = load_data("mnist").test.images[:50] / 255.0
    small, _ = Digits(49, 10).test  # 7 x 7: each number the mean of 4 x 4 pixels
    np.testing.assert_allclose(small[:50].mean(axis=1), whole.mean(axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(small[0].reshape(7, 7)[3, 2], whole[0, 12:16, 8:12].mean(), rtol=1e-12)


@pytest.mark.slow
def test_the_mended_training_ends_better(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    request = {"path": str(path), "patch": diff(text, mended(text))}
    proof = run_in_child("handgrad.audit.prove:prove_file", request, seconds=120)
    assert path.read_text(encoding="utf-8") == text
    assert proof["steps"][0] == 0
    assert proof["steps"][-1] == 300
    assert proof["written"][0] == proof["mended"][0] < 0.3  # one start for both
    assert proof["mended"][-1] > 0.85 > proof["written"][-1]


def test_where_nothing_was_wrong_both_are_the_same(tmp_path: Path) -> None:
    text = "import numpy as np\nW = np.zeros((16, 3))\n\n\ndef parameters():\n    return {'W': W}\n\n\n"
    text += "def p(x):\n    e = np.exp(x @ W)\n    return e / e.sum(axis=1, keepdims=True)\n\n\n"
    text += "def loss(x, y):\n    return -np.log(p(x)[np.arange(len(y)), y]).mean()\n\n\n"
    text += "def gradients(x, y):\n    return {'W': x.T @ (p(x) - np.eye(3)[y]) / len(y)}\n"
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    proof = prove_file({"path": str(path), "patch": diff(text, text.replace("return {'W': W}", "return dict(W=W)"))})
    assert proof["written"] == proof["mended"]
    assert proof["mended"][-1] > 0.8
