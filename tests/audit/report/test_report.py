"""The faces of a report, each held against something that is no part of it: difflib, an HTML parser, the standard."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handgrad
from handgrad.audit.findings import Finding
from handgrad.audit.report import Report, Unaudited
from handgrad.audit.report.diff import replacements
from handgrad.audit.report.excerpt import excerpt, shown
from handgrad.audit.report.figures import figures, number
from handgrad.audit.report.page import fragment, page
from handgrad.audit.report.sarif import sarif
from handgrad.audit.report.terminal import cells, wrapped

CODE = """\
class Linear:
    def forward(self, x):
        self.x = x
        return x @ self.W  # <b> & "quoted"

    def backward(self, dout):
        self.dW = self.x.T @ dout / len(dout)
        return dout @ self.W.T
"""
WRONG = "self.x.T @ dout / len(dout)"


def unified(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), "a/net.py", "b/net.py")
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my nets" / "net.py"
    path.parent.mkdir()
    path.write_text(CODE)
    return path


@pytest.fixture
def report(net: Path) -> Report:
    mistake = Finding(
        "averaged-twice", "error", ("W1", "W2"), {"factor": 0.125, "rows": 8}, {"factor": 1.0}, str(net), 7,
        unified(CODE, CODE.replace(" / len(dout)", "")),
    )  # fmt: skip
    spread = {"factor": {"W1": 6.5, "b1": -0.01}, "residual": {"W1": 0.31, "b1": 2e-10}}
    other = Finding("activation-derivative-missing", "error", ("W1",), spread, {"factor": 1.0, "residual": 0.0})
    convention = Finding("summed", "note", ("W1",), {"factor": 8.0, "rows": 8}, {"factor": 1.0}, str(net), None)
    subject = {
        "file": str(net), "dialect": "modules", "found": {"loss": "CE"}, "sizes": [20, 5], "hidden": "relu",
        "output": "softmax", "loss": "cross-entropy",
    }  # fmt: skip
    return Report(False, subject, 88, (mistake, other, convention), 0.1)


def test_a_report_comes_back_from_its_plain_values(report: Report) -> None:
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.ok = True  # type: ignore[misc]


def test_the_text_shows_the_line_itself_and_its_neighbours(report: Report) -> None:
    text = report.text("en")
    marked = [line for line in text.splitlines() if line.startswith("  > ")]
    assert marked == ["  > 7 |         self.dW = self.x.T @ dout / len(dout)"]
    assert "    6 |     def backward(self, dout):" in text
    assert "    8 |         return dout @ self.W.T" in text
    assert "my nets/net.py:7" in text
    assert "factor  0.125   should be 1" in text
    assert "2 error(s), 0 warning(s), 1 note(s)" in text
    assert "배치 크기로 두 번" in report.text("ko")
    assert str(report) == report.text()
    assert "\x1b" not in text


def test_a_line_that_is_gone_is_left_out(report: Report, net: Path) -> None:
    net.write_text("x = 1\n")
    assert excerpt(report.findings[0]) == []
    assert "averaged-twice" in str(report)
    net.unlink()
    assert excerpt(report.findings[0]) == []


def test_figures_are_those_of_the_finding(report: Report) -> None:
    found = figures(report.findings[1])
    assert [(one.key, one.of, one.measured, one.expected) for one in found] == [
        ("factor", "W1", 6.5, 1.0), ("factor", "b1", -0.01, 1.0),
        ("residual", "W1", 0.31, 0.0), ("residual", "b1", 2e-10, 0.0),
    ]  # fmt: skip
    assert [one.ratio for one in found] == [6.5, None, None, None]
    assert [number(value) for value in (1 / 3, 8.0, 2e-10, 12, True, None, [1, 2.5])] == [
        "0.3333", "8", "2e-10", "12", "true", "", "1, 2.5",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [20, 40, 100])
def test_wrapped_lines_fit_and_lose_nothing(width: int) -> None:
    text = "The gradients of W1 are 1/8 of what they should be. 배치 크기로 두 번 나눕니다. " * 3
    lines = wrapped(text, width)
    assert " ".join(lines).split() == text.split()
    assert max(map(cells, lines)) <= width
    assert cells("가a") == 3


# -- the patch

_LINES = st.lists(st.sampled_from(["a", "  b", "", "-- c", "++ d", "e = 1"]), max_size=12)


@settings(max_examples=50)
@given(_LINES, _LINES)
def test_replacements_do_what_the_diff_says(old: list[str], new: list[str]) -> None:
    """Done from the last to the first on the old lines they give the new ones, whatever the two are."""
    lines = [line + "\n" for line in old]
    for first, count, text in reversed(replacements(unified("".join(lines), "".join(line + "\n" for line in new)))):
        lines[first - 1 : first - 1 + count] = text.splitlines(True)
    assert lines == [line + "\n" for line in new]


# -- SARIF


def test_sarif_has_what_the_standard_asks_for(report: Report, net: Path) -> None:
    log = json.loads(json.dumps(sarif([report], "en")))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "handgrad"
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", driver["version"])
    assert driver["informationUri"].startswith("https://")
    assert [rule["id"] for rule in driver["rules"]] == ["averaged-twice", "activation-derivative-missing", "summed"]
    for rule in driver["rules"]:
        assert rule["helpUri"].endswith(f"docs/findings/{rule['id']}.md")
        texts = [rule[part]["text"] for part in ("shortDescription", "fullDescription", "help")]
        assert all(texts)
        assert not any("{" in text for text in texts)
    assert [result["level"] for result in run["results"]] == ["error", "error", "note"]
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
    first, second, third = run["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20nets/net.py"
    assert place["region"] == {"startLine": 7}
    assert second["locations"] == []
    assert "region" not in third["locations"][0]["physicalLocation"]
    assert run["invocations"] == [{"executionSuccessful": True}]


def test_the_fix_of_a_sarif_result_mends_the_file(report: Report) -> None:
    change = sarif([report], "en")["runs"][0]["results"][0]["fixes"][0]["artifactChanges"][0]
    (replacement,) = change["replacements"]
    region, lines = replacement["deletedRegion"], CODE.splitlines(True)
    assert (region["startColumn"], region["endColumn"]) == (1, 1)
    lines[region["startLine"] - 1 : region["endLine"] - 1] = [replacement["insertedContent"]["text"]]
    assert "".join(lines) == CODE.replace(" / len(dout)", "")


def test_sarif_outside_the_working_directory_and_of_what_failed(
    report: Report, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = sarif([report, Unaudited(str(net), "No network.")], "en")["runs"][0]
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == net.as_uri()
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"]
    assert invocation["toolExecutionNotifications"][0]["message"]["text"] == "No network."


def test_sarif_of_a_notebook_names_no_line_of_the_file(report: Report, tmp_path: Path) -> None:
    finding = dataclasses.replace(report.findings[0], file=str(tmp_path / "net.ipynb"))
    (result,) = sarif([dataclasses.replace(report, findings=(finding,))], "en")["runs"][0]["results"]
    assert "region" not in result["locations"][0]["physicalLocation"]
    assert "fixes" not in result


def test_a_notebook_is_told_by_cell_and_line(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "net.ipynb"
    cells = [
        {"cell_type": "markdown", "source": "# A net"},
        {"cell_type": "code", "source": "import numpy as np"},
        {"cell_type": "code", "source": CODE.splitlines(True)},
    ]
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    patch = "--- a/net.ipynb [cell 2]\n+++ b/net.ipynb [cell 2]\n" + unified(CODE, CODE.replace(" / len(dout)", ""))
    finding = dataclasses.replace(report.findings[0], file=str(path), patch=patch)
    report = dataclasses.replace(report, findings=(finding,), subject={"file": str(path)})
    assert "net.ipynb, cell 2, line 7" in report.text("en")
    assert "  > 7 |         self.dW = self.x.T @ dout / len(dout)" in report.text("en")
    (result,) = sarif([report], "en")["runs"][0]["results"]
    assert result["message"]["text"].startswith("net.ipynb, cell 2, line 7: ")
    tags = Tags(page([report], "en"))
    assert [attrs["data-n"] for tag, attrs in tags.found if tag == "mark"] == ["7", "7"]
    assert "Cell 1" in tags.words["details"]


# -- the page


class Tags(HTMLParser):
    """What a page is made of; fails where a tag is not closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, Any]]] = []
        self.words: dict[str, str] = {}
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            self.words[tag] = self.words.get(tag, "") + data

    def count(self, tag: str) -> int:
        return sum(found == tag for found, _ in self.found)


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_page_is_whole_and_loads_nothing(lang: str, report: Report) -> None:
    text = page([report], lang)
    tags = Tags(text)
    assert tags.found[0] == ("html", {"lang": lang})
    assert all(tags.count(tag) == 1 for tag in ("header", "main", "footer", "h1", "title"))
    assert tags.count("article") == 3
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags.found}
    assert not re.search(r"https?:|url\(|@import", text)
    assert all(attrs.get("scope") in ("row", "col") for tag, attrs in tags.found if tag == "th")
    assert tags.count("caption") == tags.count("table") == 3
    assert report.findings[0].cause(lang) in tags.words["main"]
    levels = [int(tag[1]) for tag, _ in tags.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1


def test_the_page_marks_the_wrong_lines_and_escapes_the_code(report: Report) -> None:
    tags = Tags(page([report], "en"))
    assert [attrs["data-n"] for tag, attrs in tags.found if tag == "mark"] == ["7", "7"]  # the finding, the whole file
    assert tags.words["mark"].count(WRONG) == 2
    assert '<b> & "quoted"' in tags.words["details"]
    assert tags.count("b") == 2  # the labels of two remedies, and nothing from the code


def test_a_page_of_several_files(report: Report) -> None:
    right = dataclasses.replace(report, ok=True, findings=())
    text = page([report, right, Unaudited("/x/none.py", "none.py holds <nothing>.")], "en")
    tags = Tags(text)
    assert tags.count("section") == tags.count("h2") == 3
    names = [attrs["id"] for _, attrs in tags.found if "id" in attrs]
    assert len(names) == len(set(names))
    assert "Nothing wrong" in text
    assert "none.py holds <nothing>." in tags.words["section"]


def test_a_notebook_shows_the_report(report: Report) -> None:
    tags = Tags(report._repr_html_())
    assert tags.found[0][0] == "div"
    assert tags.count("article") == 3
    assert tags.count("details") == 0
    assert fragment(report, "ko") != fragment(report, "en")


def test_colours_can_be_read() -> None:
    """Each text colour on each ground that it stands on has a contrast of 4.5 or more (WCAG 2.1, 1.4.3)."""
    css = (Path(handgrad.__file__).parent / "house.css").read_text()
    light, dark = re.findall(r"^\s*\.handgrad \{(.*?)\}", css, re.MULTILINE | re.DOTALL)[:2]
    for block in (light, dark):
        colour = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        pairs = [(tone, f"{tone}-tint") for tone in ("error", "warning", "good", "added", "removed")]
        pairs += [(tone, "paper") for tone in ("ink", "quiet", "error", "warning", "note", "good")]
        pairs += [("quiet", "panel"), *(("ink", f"{tone}-tint") for tone in ("error", "warning", "note"))]
        for front, back in pairs:
            a, b = sorted((luminance(colour[front]), luminance(colour[back])))
            assert (b + 0.05) / (a + 0.05) >= 4.5, (front, back)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# -- names of files


def test_a_typed_cell_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_LANG", "en")
    monkeypatch.chdir(tmp_path)
    assert shown("<ipython-input-12-0a1b>") == "In [12]"
    assert shown("/tmp/ipykernel_77/1234.py") == "typed in this session"
    assert shown(str(tmp_path / "a" / "net.py")) == "a/net.py"
    assert shown("/somewhere/else.py") == "/somewhere/else.py"
