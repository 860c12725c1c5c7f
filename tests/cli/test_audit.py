"""`handgrad audit`: from a stranger's file to a named mistake, in a process of its own."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handgrad.audit.findings import Finding
from handgrad.audit.report.report import Report
from handgrad.cli.audit import _proved

RIGHT = """
import numpy as np

rng = np.random.default_rng(1)
W1, b1 = rng.standard_normal((20, 12)) * 0.3, np.zeros(12)
W2, b2 = rng.standard_normal((12, 5)) * 0.3, np.zeros(5)


def forward(x):
    h = np.tanh(x @ W1 + b1)
    z = h @ W2 + b2
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return h, e / e.sum(axis=1, keepdims=True)


def parameters():
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def loss(x, y):
    return -np.log(np.maximum(forward(x)[1][np.arange(len(y)), y], 1e-12)).mean()


def step(x, y, lr):
    h, p = forward(x)
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    d /= len(y)
    dh = d @ W2.T * (1 - h * h)
    for w, dw in ((W2, h.T @ d), (b2, d.sum(axis=0)), (W1, x.T @ dh), (b1, dh.sum(axis=0))):
        w -= lr * dw
"""
MISTAKES = {
    "averaged-twice": ("w -= lr * dw", "w -= lr * dw / len(y)"),
    "summed": ("    d /= len(y)\n", ""),
    "sign-flipped": ("w -= lr * dw", "w += lr * dw"),
    "activation-derivative-missing": (" * (1 - h * h)", ""),
    "derivative-at-output": ("(1 - h * h)", "(1 - np.tanh(h) ** 2)"),
    "sigmoid-derivative-everywhere": ("(1 - h * h)", "h * (1 - h)"),
    "never-updated": ("(b2, d.sum(axis=0)), ", ""),
}


def audit(path: Path, *options: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "handgrad", "audit", str(path), *options], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def report(path: Path) -> tuple[int, dict[str, Any]]:
    status, out, _ = audit(path, "--json")
    return status, json.loads(out.splitlines()[-1])


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "my_net.py"
    path.write_text(RIGHT)
    return path


def test_a_right_network_is_right(net: Path) -> None:
    status, found = report(net)
    assert status == 0
    assert found["ok"]
    assert found["findings"] == []
    assert found["subject"]["sizes"] == [20, 12, 5]
    assert (found["subject"]["hidden"], found["subject"]["loss"]) == ("tanh", "cross-entropy")
    assert found["checks"] >= 8  # four parameters at two batch sizes
    assert net.read_text() == RIGHT
    assert [path.name for path in net.parent.iterdir()] == ["my_net.py"]


@pytest.mark.parametrize("code", MISTAKES)
def test_a_mistake_has_its_name_and_status(code: str, net: Path) -> None:
    old, new = MISTAKES[code]
    assert RIGHT.count(old) == 1
    net.write_text(RIGHT.replace(old, new))
    status, found = report(net)
    assert [finding["code"] for finding in found["findings"]] == [code]
    finding = found["findings"][0]
    assert status == (0 if finding["severity"] == "note" else 1)
    assert finding["file"] == str(net)
    if finding["severity"] == "error":
        lines = net.read_text().splitlines()
        planted = next(i for i, (a, b) in enumerate(zip(lines, RIGHT.splitlines(), strict=False), 1) if a != b)
        assert abs(finding["line"] - planted) <= 1  # the update is two lines, and both are meant
    assert set(finding) == {
        "code", "severity", "file", "line", "where", "measured", "expected", "cause", "remedy", "patch"
    }  # fmt: skip


def test_a_second_average_is_found_in_its_line(tmp_path: Path) -> None:
    sample = Path(__file__).parents[1] / "audit/dialects/samples/modules_criterion.py"
    text = sample.read_text()
    right = "self.dW = self.x.T @ dout"
    assert text.count(right) == 1, "the sample has changed"
    path = tmp_path / "net.py"
    path.write_text(text.replace(right, "self.dW = self.x.T @ dout / len(dout)"))
    _, found = report(path)
    assert [finding["code"] for finding in found["findings"]] == ["averaged-twice"]
    assert "self.dW" in path.read_text().splitlines()[found["findings"][0]["line"] - 1]


def test_both_languages(net: Path) -> None:
    net.write_text(RIGHT.replace("w -= lr * dw", "w -= lr * dw / len(y)"))
    assert "divided by the batch size twice" in audit(net, "--lang", "en")[1]
    assert "배치 크기로 두 번" in audit(net, "--lang", "ko")[1]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("def f(:\n", "line 1"),
        ("x = 1\n", "no network"),
        (RIGHT.replace("np.tanh(x @ W1", "np.tanh(x @ W2"), "running it failed"),
    ],
)
def test_what_cannot_be_audited_gets_one_sentence(content: str, word: str, net: Path) -> None:
    net.write_text(content)
    status, out, err = audit(net)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1 or "def parameters():" in err  # the glue, where no network was found
    assert "Traceback" not in err
    assert word in err


def test_a_missing_file(tmp_path: Path) -> None:
    status, out, err = audit(tmp_path / "none.py")
    assert (status, out) == (2, "")
    assert "none.py" in err


def test_the_report_shows_the_wrong_line_itself(net: Path) -> None:
    net.write_text(RIGHT.replace("w -= lr * dw", "w -= lr * dw / len(y)"))
    status, out, err = audit(net)
    assert (status, err) == (1, "")
    place = re.search(r"my_net\.py:(\d+)", out)
    assert place is not None
    assert f"  > {place[1]} | {net.read_text().splitlines()[int(place[1]) - 1]}" in out


def test_several_files(net: Path, tmp_path: Path) -> None:
    """Each has its report, and the highest status of all is the one that counts."""
    wrong, none = tmp_path / "wrong.py", tmp_path / "none.py"
    wrong.write_text(RIGHT.replace("w -= lr * dw", "w += lr * dw"))
    none.write_text("x = 1\n")
    status, out, _ = audit(net, str(wrong), "--json")
    found = json.loads(out.splitlines()[-1])
    assert status == 1
    assert (found["ok"], [one["ok"] for one in found["files"]]) == (False, [True, False])
    assert [Path(one["subject"]["file"]).name for one in found["files"]] == ["my_net.py", "wrong.py"]
    status, out, _ = audit(net, str(none), str(wrong), "--json")
    found = json.loads(out.splitlines()[-1])
    assert status == 2
    assert "no network" in found["files"][1]["error"]
    assert [one["code"] for one in found["files"][2]["findings"]] == ["sign-flipped"]


def test_the_glue_that_is_shown_is_code(tmp_path: Path) -> None:
    """What stands after the sentence can be pasted; with its blanks filled in it is read."""
    none = tmp_path / "none.py"
    none.write_text("x = 1\n")
    for lang in ("en", "ko"):
        glue = audit(none, "--lang", lang)[2].partition("def parameters")
        tree = ast.parse(glue[1] + glue[2])
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert [node.name for node in functions] == ["parameters", "loss", "step"]
        assert [len(node.args.args) for node in functions] == [0, 2, 3]


def test_reports_are_written_and_the_audited_file_is_not(net: Path, tmp_path: Path) -> None:
    text = RIGHT.replace("w -= lr * dw", "w += lr * dw")
    net.write_text(text)
    sarif, html = tmp_path / "out.sarif", tmp_path / "out.html"
    status, _, _ = audit(net, "--sarif", str(sarif), "--html", str(html))
    assert status == 1
    log = json.loads(sarif.read_text())
    assert [result["ruleId"] for result in log["runs"][0]["results"]] == ["sign-flipped"]
    assert "sign-flipped" in html.read_text()
    for option in ("--sarif", "--html"):
        status, _, err = audit(net, option, str(net))
        assert status == 2
        assert "not written to" in err
        status, _, err = audit(net, option, str(tmp_path / "no" / "folder"))
        assert status == 2
        assert err.count("\n") == 1
    assert net.read_text() == text


def test_nothing_to_audit_is_wrong_usage() -> None:
    done = subprocess.run([sys.executable, "-m", "handgrad", "audit"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_patch_in_another_file_is_not_proven(capsys: pytest.CaptureFixture[str]) -> None:
    patch = "--- a/layers.py\n+++ b/layers.py\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"
    report = Report(True, {"file": "/net.py"}, 1, (Finding("summed", "note", (), file="/layers.py", patch=patch),), 0.1)
    assert _proved(report, "/net.py") is report
    assert "layers.py" in capsys.readouterr().err
