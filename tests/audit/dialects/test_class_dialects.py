"""Networks of classes are read, right ones are called right, and each planted mistake gets its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from class_cases import CLEAN, PLANTED, SAMPLES, Case, judged
from quick_first import quick_first


@pytest.mark.parametrize("sample", CLEAN)
def test_a_right_network_is_called_right(sample: str) -> None:
    reading, diagnosis = judged(SAMPLES / f"{sample}.py")
    assert diagnosis.ok, diagnosis.findings
    assert all(finding.severity == "note" for finding in diagnosis.findings), diagnosis.findings
    assert reading.dialect == sample.partition("_")[0]
    assert reading.facts.keys() >= {"parameters", "loss", "labels", "update"}
    assert any(hasattr(function, "__code__") for function in reading.functions.values())


@pytest.mark.parametrize(
    "planted", quick_first(PLANTED, lambda c: c.sample, lambda c: c.code), ids=lambda c: f"{c.sample}-{c.code}"
)
def test_a_planted_mistake_has_its_name(planted: Case, tmp_path: Path) -> None:
    path = tmp_path / f"{planted.sample}.py"
    path.write_text(planted.text)
    reading, diagnosis = judged(path)
    found = {finding.code: finding for finding in diagnosis.findings}
    wrong = {code for code, finding in found.items() if finding.severity != "note"}
    assert wrong == ({planted.code} if planted.severity != "note" else set()), (diagnosis.findings, reading.facts)
    assert found[planted.code].severity == planted.severity
    if planted.where:
        assert set(found[planted.code].where) == set(planted.where)
