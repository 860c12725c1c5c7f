"""Glue: networks of any kind, through a few functions in their own file; layers and optimizers are found in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handgrad.audit.reading.sandbox import run_in_child

HERE = Path(__file__).parent / "glue_files"


def audited(name: str, folder: Path, *edits: tuple[str, str]) -> dict[str, Any]:
    """The report on a sample, or on a copy with each text replaced once."""
    text = (HERE / f"{name}.py").read_text(encoding="utf-8")
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file = folder / f"{name}.py"
    file.write_text(text, encoding="utf-8")
    return run_in_child("handgrad.audit.session:audit_file", {"path": str(file)}, seconds=60)


def errors(report: dict[str, Any]) -> dict[str, int]:
    """Code -> line."""
    return {f["code"]: f["line"] for f in report["findings"] if f["severity"] == "error"}


def line(name: str, text: str) -> int:
    """The line of a sample that holds a text."""
    return next(i for i, row in enumerate((HERE / f"{name}.py").read_text().splitlines(), 1) if text in row)


def test_a_network_that_nobody_knows_is_right(tmp_path: Path) -> None:
    report = audited("convolution", tmp_path)
    assert report["findings"] == []
    assert report["checks"] > 30
    assert "sizes" not in report["subject"]


MASKED = "\n        return x * self.mask\n\n    def backward(self, dout):\n        return dout"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (" - self.hat * (g * self.hat).mean(axis=0)) /", ") /", "norm-variance-constant"),
        pytest.param(
            f"x > 0{MASKED} * self.mask",
            f"x > 0{MASKED}",
            "activation-derivative-missing",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            f"(1 - self.rate){MASKED} * self.mask",
            f"(1 - self.rate){MASKED}",
            "dropout-mask-not-applied",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_layer_that_is_wrong_is_found_and_named(old: str, new: str, code: str, tmp_path: Path) -> None:
    found = errors(audited("convolution", tmp_path, (old, new)))
    assert list(found) == [code]


def test_a_factor_needs_no_known_network(tmp_path: Path) -> None:
    report = audited("convolution", tmp_path, ("    d /= len(y)\n    for", "    d /= len(y) ** 2\n    for"))
    (finding,) = report["findings"]
    assert finding["code"] == "averaged-twice"
    assert finding["measured"]["factor"] == pytest.approx(1 / 8, rel=1e-4)


def test_a_right_adam(tmp_path: Path) -> None:
    assert errors(audited("adam", tmp_path)) == {}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (' / (1 - 0.9 ** moments["t"])', "", "optimizer-bias-half"),
        ("0.001 * g**2", "0.001 * np.abs(g)", "optimizer-not-squared"),
        ("0.9 * moments", "-0.9 * moments", "optimizer-unnamed"),
    ],
)
def test_a_wrong_adam(old: str, new: str, code: str, tmp_path: Path) -> None:
    report = audited("adam", tmp_path, (old, new))
    assert code in {finding["code"] for finding in report["findings"] if finding["severity"] != "note"}
