"""Layers and losses alone: the right ones, in many styles, give no finding; planted mistakes have name and line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from handgrad.audit.dialects import Reading
from handgrad.audit.findings import Finding, codes
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.pieces.layers import check
from handgrad.audit.reading.source import read_program
from handgrad.audit.subject import Subject

DATA = Path(__file__).parent / "layers_alone"
CLEAN: dict[str, str] = {k: v["code"] for k, v in tomllib.loads((DATA / "clean.toml").read_text()).items()}
WRONG: list[dict[str, Any]] = tomllib.loads((DATA / "wrong.toml").read_text())["case"]
HEAD = "import numpy as np\n"


def found(path: Path, text: str, *said: Finding) -> list[Finding]:
    """What is found in a file of layers whose network nobody knows, or is said to be wrong in a certain way."""
    path.write_text(HEAD + text)
    program = read_program(path)
    subject = Subject(dict, lambda x, y: 0.0, None, lambda x, y: {}, 4, 3)
    reading = Reading(subject, "glue", {}, {})
    diagnosis = Diagnosis(None, 0, (Finding("network-unknown", "warning", ()), *said), 0.0)
    return check(Inspection(program, program.execute().namespace, reading, diagnosis))


@pytest.mark.parametrize("name", CLEAN)
def test_right_layers_give_no_finding(name: str, tmp_path: Path) -> None:
    notes = {"gradient-edited-in-place"} if name.endswith("_in_place") else set()
    assert {finding.code for finding in found(tmp_path / "net.py", CLEAN[name])} == notes


@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case['of']}-{case['code']}")
def test_planted_mistakes_have_name_and_line(case: dict[str, Any], tmp_path: Path) -> None:
    text = CLEAN[case["of"]]
    for old, new in case["edits"]:
        assert old in text, f"{case['of']} has no {old!r}"
        text = text.replace(old, new)
    said = [Finding(code, "error", ()) for code in case.get("said", [])]
    findings = found(tmp_path / "net.py", text, *said)
    assert [finding.code for finding in findings] == [case["code"]]
    finding = findings[0]
    assert finding.severity == case.get("severity", "error")
    mark = case["line"] if "line" in case else case["edits"][-1][1]
    lines = [i for i, line in enumerate((HEAD + text).splitlines(), 1) if mark.strip().splitlines()[0] in line]
    assert finding.line in lines, (finding.line, lines)
    assert finding.code in codes()
    assert all([finding.cause("en"), finding.cause("ko"), finding.remedy("en"), finding.remedy("ko")])


WHOLE = """
W = np.random.randn(4, 3)

class Top:
    def shares(self, z):
        e = np.exp(z - np.max(z))
        return e / np.sum(e)

    def loss(self, x, t):
        return -np.log(self.shares(x @ W)[range(len(t)), t]).mean()

top = Top()
"""


def test_shares_of_a_single_1_for_a_whole_batch(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(HEAD + WHOLE)
    program = read_program(tmp_path / "net.py")
    names = program.execute().namespace
    subject = Subject(lambda: {"W": names["W"]}, names["top"].loss, None, lambda x, y: {}, 4, 3)
    unknown = Diagnosis(None, 0, (Finding("network-unknown", "warning", ()),), 0.0)
    (finding,) = check(Inspection(program, names, Reading(subject, "modules", {}, {}), unknown))
    assert (finding.code, finding.line, finding.where) == ("softmax-over-batch", 8, ("Top.shares",))


STRANGE = """
class Lies:
    def __getattribute__(self, name):
        if name in ("forward", "backward"):
            raise ValueError(name)
        return object.__getattribute__(self, name)

class NoCopy:
    def __deepcopy__(self, memo): raise TypeError
    def forward(self, x): return x
    def backward(self, d): return d

class Leaves:
    def forward(self, x): raise SystemExit(3)
    def backward(self, d): return d

class Hangs:
    def forward(self, x):
        while True: pass
    def backward(self, d): return d

class ReLU:
    def forward(self, x): return np.maximum(x, 0)
    def backward(self, d): return d

def sigmoid(*a, **k): return "s"
def sigmoid_prime(*a, **k): return None

things = [Lies(), NoCopy(), Leaves(), Hangs(), ReLU()]
"""


def test_strange_classes_spoil_no_others(tmp_path: Path) -> None:
    findings = found(tmp_path / "net.py", STRANGE)
    assert [finding.where for finding in findings] == [("ReLU",)]


def test_what_the_whole_network_proves_right_is_silent(tmp_path: Path) -> None:
    text = CLEAN["relu"].replace("return dout * self.mask", "return dout")
    (tmp_path / "net.py").write_text(HEAD + text + "relu = ReLU()\n")
    program = read_program(tmp_path / "net.py")
    namespace = program.execute().namespace

    def gradients(x: Any, y: Any) -> dict[str, Any]:
        namespace["relu"].forward(x)
        return {"w": namespace["relu"].backward(x).sum(axis=0)}

    subject = Subject(dict, lambda x, y: 0.0, None, gradients, 4, 3)
    right = Diagnosis(None, 1, (), 0.0, frozenset({"w"}))
    reading = Reading(subject, "glue", {}, {"backward": gradients})
    assert check(Inspection(program, namespace, reading, right)) == []
    unsure = Diagnosis(None, 1, (Finding("unnamed", "error", ("w",)),), 0.0, frozenset({"w"}))
    findings = check(Inspection(program, namespace, reading, unsure))
    assert [finding.code for finding in findings] == ["activation-derivative-missing"]
