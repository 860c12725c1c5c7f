"""Scores are given for what was said, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import scores

from handgrad.errors import DataError
from museum import Exhibit, clean, planted

WRONG = Exhibit(
    "slip@script/net", "script", "signs", "slip", ("sign-flipped",), "error", "x = 1\n", ".py", frozenset({3})
)
RIGHT = replace(WRONG, name="script/net", family="clean", mistake="", codes=(), severity="", lines=frozenset())


def said(monkeypatch: pytest.MonkeyPatch, exhibit: Exhibit, *findings: tuple[str, str, int | None]) -> scores.Score:
    told = [{"severity": s, "code": c, "line": n} for s, c, n in findings]
    answer = {"findings": told, "subject": {"found": {}}}
    monkeypatch.setattr(scores, "run_in_child", lambda *_: answer)
    return scores.score(exhibit)


@pytest.mark.parametrize(
    ("findings", "detected", "named", "placed"),
    [
        ([("error", "sign-flipped", 3)], True, True, True),
        ([("error", "sign-flipped", 4)], True, True, False),
        ([("error", "sign-flipped", None)], True, True, False),
        ([("error", "unnamed", 3)], True, False, True),
        ([("error", "unnamed", 3), ("error", "sign-flipped", 9)], True, True, False),  # the place is that of the name
        ([("warning", "network-unknown", 3)], False, False, False),
        ([("note", "sign-flipped", 3)], False, False, False),
        ([], False, False, False),
    ],
)
def test_a_mistake(findings: Any, detected: bool, named: bool, placed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    found = said(monkeypatch, WRONG, *findings)
    assert (found.detected, found.named, found.placed) == (detected, named, placed)
    assert not found.needless


def test_where_a_warning_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    mild = replace(WRONG, severity="warning")
    assert said(monkeypatch, mild, ("warning", "network-unknown", 1)).detected
    assert said(monkeypatch, mild, ("warning", "sign-flipped", 3)).placed


def test_a_clean_net(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, RIGHT, ("error", "unnamed", 1)).detected
    assert said(monkeypatch, RIGHT, ("warning", "network-unknown", 1)).needless
    quiet = said(monkeypatch, RIGHT, ("note", "summed", 1))
    assert (quiet.detected, quiet.needless, quiet.failed) == (False, False, False)


def test_what_could_not_be_audited(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise DataError("audit_file.child_exit")

    monkeypatch.setattr(scores, "run_in_child", refuse)
    found = scores.score(WRONG)
    assert found.failed
    assert (found.detected, found.named, found.placed) == (False, False, False)


def test_lines_of_edits() -> None:
    exhibits = {exhibit.name: exhibit for exhibit in planted()}
    for name, words in {
        "update-climbs@modules/mlp_gz": {"p += self.lr * g", "return grad / n"},  # either sign mends it
        "derivative-missing@nnfs/mnist_classes": {
            "def backward(self, dvalues):",
            "self.dinputs = dvalues.copy()",
            "# Softmax activation",
        },
        "adam-root-missing@script/tanh_adam": {"params[i] -= lr * m_hat / (v_hat + eps)"},
    }.items():
        text = exhibits[name].text.split("\n")
        assert {text[line - 1].strip() for line in exhibits[name].lines} == words
    assert all(not exhibit.lines for exhibit in clean())
