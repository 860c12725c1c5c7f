"""Lockstep with strangers' networks: right ones agree to the last digits, wrong ones differ where they are wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handgrad.errors import DataError
from handgrad.explain.diff.lockstep import diff_file

ROOT = Path(__file__).parents[3]
NETS = ROOT / "tests" / "museum" / "nets"
# One of each dialect that computes with arrays.
CLEAN = [
    "closures/begin_update", "columns/network", "dictionaries/two_layer_net", "function_pairs/fc_layers",
    "modules/mlp_gz", "nnfs/mnist_classes", "script/softmax_relu", "unrolled/three_layers",
]  # fmt: skip


def rows(found: dict[str, Any]) -> dict[str, Any]:
    return {row["name"]: row for row in found["rows"]}


@pytest.mark.slow
@pytest.mark.parametrize("net", CLEAN)
def test_right_networks_agree(net: str) -> None:
    found = diff_file({"path": str(NETS / f"{net}.py")})
    assert found["ok"], found["first"]
    guarded = any(row["status"] == "near" for row in found["rows"])  # by log(p + 1e-8), 1 / (p + 1e-12)
    assert found["digits"] > (5 if guarded else 12)
    gradients = [row for row in found["rows"] if row["name"].startswith(("dL/dW", "dL/db"))]
    assert gradients
    assert all(row["status"] in ("same", "near") for row in gradients)


NET = """
import numpy as np
rng = np.random.default_rng(0)
W1, b1 = rng.standard_normal((12, 8)) * 0.3, np.zeros(8)
W2, b2 = rng.standard_normal((8, 4)) * 0.3, np.zeros(4)

def forward(x):
    z1 = x @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    return z1, a1, e / e.sum(axis=1, keepdims=True)

def loss(x, y):
    p = forward(x)[2]
    return -np.log(p[np.arange(len(y)), y]).mean()

def gradients(x, y):
    z1, a1, p = forward(x)
    dz2 = p.copy()
    dz2[np.arange(len(y)), y] -= 1
    dz2 /= len(y)
    dW2 = a1.T @ dz2
    db2 = dz2.sum(axis=0)
    da1 = dz2 @ W2.T
    dz1 = da1 * (z1 > 0)
    return {"W1": x.T @ dz1, "b1": dz1.sum(axis=0), "W2": dW2, "b2": db2}

def parameters():
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
"""


def diff_of(tmp_path: Path, *edits: tuple[str, str]) -> dict[str, Any]:
    text = NET
    for old, new in edits:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = tmp_path / "net.py"
    path.write_text(text)
    return diff_file({"path": str(path)})


def test_every_number_of_a_right_step(tmp_path: Path) -> None:
    found = diff_of(tmp_path)
    assert found["ok"]
    assert found["network"]["sizes"] == [12, 8, 4]
    seen = {name: (row["theirs"], row["status"]) for name, row in rows(found).items()}
    assert seen["z1"] == ("z1", "same")
    assert seen["L"][1] == "same"
    assert seen["dL/da1"] == ("da1", "same")
    assert seen["dL/dz1"] == ("dz1", "same")
    assert seen["dL/da2"] == ("", "unseen")  # softmax and loss are one step in this file
    assert rows(found)["dL/dz1"]["line"] == NET[: NET.index("dz1 =")].count("\n") + 1


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (("da1 * (z1 > 0)", "da1 * 1.0"), "dL/dz1"),
        (("dz2 @ W2.T", "dz2 @ np.roll(W2.T, 1, axis=0)"), "dL/da1"),
        (("a1.T @ dz2", "a1.T @ dz2 / len(y)"), "dL/dW2"),
        (("dz2[np.arange(len(y)), y] -= 1", "dz2[np.arange(len(y)), y] -= 0.5"), "dL/dz2"),
    ],
)
def test_the_first_wrong_number_and_its_line(tmp_path: Path, edit: tuple[str, str], name: str) -> None:
    line = NET[: NET.index(edit[0])].count("\n") + 1
    found = diff_of(tmp_path, edit)
    assert not found["ok"]
    assert (found["first"]["name"], found["first"]["line"]) == (name, line), found["first"]
    assert found["first"]["text"] in NET.replace(*edit)
    row = rows(found)[found["first"]["noticed"]]
    assert row["difference"] > 1e6 * row["bound"]
    theirs, ours = row["values"]
    assert abs(theirs - ours) == pytest.approx(row["difference"])


def test_a_sum_over_the_batch_is_a_convention(tmp_path: Path) -> None:
    found = diff_of(tmp_path, ("    dz2 /= len(y)\n", ""))
    assert found["ok"]
    assert found["scale"] == found["network"]["rows"]
    assert rows(found)["dL/dW1"]["status"] == "same"


def test_a_small_number_in_the_logarithm_is_told_and_no_mistake(tmp_path: Path) -> None:
    found = diff_of(tmp_path, ("np.log(p[np.arange(len(y)), y])", "np.log(p[np.arange(len(y)), y] + 1e-7)"))
    assert found["ok"]
    assert rows(found)["L"]["status"] == "near"
    assert 1e-8 < rows(found)["L"]["difference"] < 1e-6


def test_a_network_without_a_twin(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        diff_of(tmp_path, ("a1 = np.maximum(z1, 0)", "a1 = np.maximum(z1, 0) * np.cos(z1)"))
    assert raised.value.key == "diff.unknown"


def handgrad(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "handgrad", *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.mark.slow
def test_command_line() -> None:
    wrong = str(ROOT / "examples" / "averaged_twice.py")
    english, korean = handgrad("diff", wrong, "--json"), handgrad("diff", wrong, "--lang", "ko")
    assert (english.returncode, korean.returncode) == (1, 1)
    told = json.loads(english.stdout.splitlines()[-1])
    assert (told["first"]["name"], told["first"]["line"]) == ("dL/dW2", 20)
    assert "The first number that differs is dL/dW2, made in line 20:" in english.stderr
    assert "처음으로 달라지는 수는 20번째 줄에서 만든 dL/dW2입니다" in korean.stdout
    missing = handgrad("diff", "nope.py")
    assert missing.returncode == 2
    assert "There is no file" in missing.stderr
    assert missing.stderr.count("\n") == 1
