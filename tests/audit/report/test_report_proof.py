"""The proof as people see it: rows of bars in text, two curves in a page, one sentence with the same numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from handgrad.audit.report import Report
from handgrad.audit.report.page import page
from handgrad.audit.report.proof import curves, picture, sentence

PROOF: dict[str, Any] = {
    "steps": [0, 150, 300], "lr": 0.3, "rows": 32, "test": 500,
    "written": [0.0, 0.125, 0.27], "mended": [0.1, 0.5, 1.0],
}  # fmt: skip
REPORT = Report(False, {"file": "net.py", "dialect": "modules"}, 8, (), 1.0, PROOF)


def test_bars_go_from_nothing_to_all() -> None:
    assert list(curves(PROOF, "en")) == [("as written", "▁▂▃", "27 %"), ("mended", "▁▅█", "100 %")]


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_sentence_holds_the_numbers(lang: str) -> None:
    numbers = re.findall(r"[\d.]+\d|\d", sentence(PROOF, lang))
    assert sorted(numbers) == sorted(["300", "32", "0.3", "27", "500", "100"])


def test_the_picture_has_a_point_for_each_number() -> None:
    drawn = re.findall(r'<polyline class="(\w+)" points="([^"]*)"', picture(PROOF, "en"))
    assert [name for name, _ in drawn] == ["written", "mended"]
    heights = [[float(point.split(",")[1]) for point in points.split()] for _, points in drawn]
    assert heights[0][0] > heights[0][1] > heights[0][2]  # more digits known is further up
    assert heights[0][0] - heights[1][2] == pytest.approx(2 * (heights[0][0] - heights[1][1]))  # 100 % is twice 50 %


def test_a_report_keeps_its_proof_and_shows_it() -> None:
    assert Report.from_json(REPORT.to_json()) == REPORT
    assert "▁▅█" in REPORT.text("en")
    assert sentence(PROOF, "ko") in page([REPORT], "ko")
    assert "proof" not in Report(True, {"file": "net.py"}, 8, (), 1.0).to_json()
