"""Optimizers that people write: right ones are silent in all conventions, wrong ones get their mistake's name."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from handgrad.audit.findings import Finding, codes
from handgrad.audit.optimizing.driving import Plan, runs
from handgrad.audit.optimizing.optimizers import check_namespace, targets
from handgrad.audit.optimizing.stage import SHAPES
from handgrad.audit.reading.source import Program, read_program

HERE = Path(__file__).parent


def sections(name: str) -> dict[str, str]:
    """The parts of a file of samples, by their titles."""
    text = (HERE / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", text, re.S | re.M))


RIGHT = sections("optimizers_right.txt")
WRONG = {tuple(title.split(" -> ")): text for title, text in sections("optimizers_wrong.txt").items()}


def opened(text: str, folder: Path) -> tuple[Program, dict[str, Any]]:
    """A file with this text, read and run."""
    path = folder / "mine.py"
    path.write_text("import copy\nimport numpy as np\n" + text, encoding="utf-8")
    program = read_program(path)
    return program, program.execute().namespace


def judged(text: str, folder: Path) -> list[Finding]:
    """What is found in a file with this text."""
    program, namespace = opened(text, folder)
    with program.guarded():
        return check_namespace(program, namespace)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_optimizer_is_silent(name: str, tmp_path: Path) -> None:
    assert [(f.code, f.measured) for f in judged(RIGHT[name], tmp_path)] == []


@pytest.mark.parametrize(("name", "code"), WRONG)
def test_a_wrong_optimizer_gets_its_name(name: str, code: str, tmp_path: Path) -> None:
    text = WRONG[name, code]
    findings = judged(text, tmp_path)
    assert [f.code for f in findings] == [code], findings
    marked = [i + 3 for i, line in enumerate(text.splitlines()) if "# <-" in line]
    if marked:
        assert findings[0].line in marked, (findings[0].line, marked)


@pytest.mark.parametrize("name", sorted(RIGHT.keys() - {"amsgrad_is_left_alone", "not_an_optimizer", "sgd_with_noise"}))
def test_silence_is_not_for_lack_of_understanding(name: str, tmp_path: Path) -> None:
    program, namespace = opened(RIGHT[name], tmp_path)
    with program.guarded():
        for _, target, claim in targets(namespace):
            plan = Plan(SHAPES, 1e3 if claim.startswith(("ad", "rms")) else 1.0)
            made = [run for run in runs(target, plan) if run.moved]
            assert made
            break
        else:
            raise AssertionError("no optimizer was seen")


ODD = """
import numpy as np

class AdamThatNeverEnds:
    def __init__(self, params, lr=0.1):
        self.params = params
    def step(self):
        while True:
            pass

class SGDThatExits:
    def update(self, params, grads):
        exit()

class MomentumThatReads:
    def __init__(self):
        self.text = open("/nowhere/at/all").read()
    def step(self, params, grads):
        pass

class RMSpropOfNothing:
    def step(self):
        return None

class AdamOfProperties:
    @property
    def lr(self):
        raise RuntimeError("no")
    def __getattribute__(self, name):
        if name == "step":
            raise KeyError(name)
        return object.__getattribute__(self, name)
    def update(self, *args, **kwargs):
        return args

class SGDThatShrinks:
    def update(self, params, grads):
        for k in list(params):
            params[k] = params[k][:1]

class NesterovOfWords:
    def update(self, w, dw):
        return "w"

def adam(params, grads):
    raise SystemExit

def sgd(w, dw, lr):
    return [w, dw]
"""


def test_odd_ones_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.audit.optimizing.optimizers.SECONDS", 0.3)
    assert judged(ODD, tmp_path) == []


def test_a_file_without_optimizers_costs_nothing(tmp_path: Path) -> None:
    assert judged("def forward(x, W):\n    return x @ W\n", tmp_path) == []


def test_every_code_has_its_sentences(tmp_path: Path) -> None:
    samples = {code: text for (_, code), text in WRONG.items()}
    assert samples.keys() <= set(codes())
    for text in list(samples.values())[::3]:
        for finding, language in product(judged(text, tmp_path), ("en", "ko")):
            assert "{" not in finding.cause(language) + finding.remedy(language)
