"""The page without a browser: its arithmetic works out, its keys lead somewhere, it loads nothing, both languages."""

from __future__ import annotations

import html
import json
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explain_cases import story
from page_reader import Element, check_equation, read
from recompute import agrees, calculated
from test_equations_close import CASES

import handgrad
from handgrad.explain import Sentence, Story
from handgrad.explain.page import frame, page
from handgrad.explain.page.text import name, number

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> tuple[Story, Element]:
    told = story(**request.param)
    return told, read(page(told, "en"))


def data_of(root: Element) -> dict[str, Any]:
    script = next(e for e in root.all("script") if e.attributes.get("id") == "data")
    return dict(json.loads("".join(map(str, script.children))))


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_equation_works_out_as_it_is_seen(case: tuple[Story, Element], lang: str) -> None:
    equations = list(case[1].all("div", "eq"))
    assert len(equations) == len(case[0].equations)
    for equation in equations:
        check_equation(equation, lang)


def test_a_wrong_digit_is_noticed() -> None:
    whole = page(story(), "en")
    result = re.search(r'<b class="result"><span[^>]*>[^<]*?(\d)</span>', whole)
    assert result is not None
    wrong = whole[: result.start(1)] + str((int(result[1]) + 5) % 10) + whole[result.end(1) :]
    before, after = (list(read(html).all("div", "eq")) for html in (whole, wrong))
    changed = next(b for a, b in zip(before, after, strict=True) if a.text("en") != b.text("en"))
    with pytest.raises(AssertionError):
        check_equation(changed, "en")


def test_what_is_told_at_a_cell_is_the_nets_number_and_works_out(case: tuple[Story, Element]) -> None:
    for picture in data_of(case[1])["pictures"]:
        assert len(picture["told"]) == picture["rows"] * picture["columns"]
        array, _, index = picture["key"].partition(":")
        for cell, told in enumerate(picture["told"]):
            *lead, value = told.split(" = ")
            if " × " in told:
                assert agrees(calculated(lead[-1]), value), told
            if array:
                at = tuple(cell if i == "*" else int(i) for i in index.split(","))
                held = case[0].arrays[array]
                exact = held[at] if held.ndim == len(at) else held[at[0]].reshape(-1)[at[1]]
                # Of a product the told number may be a factor: that of the image.
                assert any(agrees(float(exact), n) for n in re.findall(r"(?<![\[\d,.])-?[\d.]+(?:e-?\d+)?", told)), told


def test_every_key_and_link_leads_somewhere(case: tuple[Story, Element]) -> None:
    root = case[1]
    ids = [e.attributes["id"] for e in root.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    links = [e.attributes["href"] for e in root.all("a")]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids)
    for mark in ("aria-labelledby", "aria-describedby"):
        assert {e.attributes[mark] for e in root.all() if mark in e.attributes} <= set(ids)
    pictures = data_of(root)["pictures"]
    assert [e.attributes["data-cells"] for e in root.all("svg", "cells")] == [str(i) for i in range(len(pictures))]


def test_both_languages_say_the_whole_story(case: tuple[Story, Element]) -> None:
    main = next(case[1].all("main"))
    for lang in ("en", "ko"):
        seen = " ".join(main.text(lang).split())
        for chapter in case[0].chapters:
            for block in (chapter.title, *chapter.about, *chapter.blocks):
                if isinstance(block, Sentence):
                    assert " ".join(block.text(lang).replace("−", "-").split()) in seen


@pytest.fixture(scope="module")
def told() -> Story:
    return story()


def test_it_loads_nothing_and_runs_one_script_of_its_own(told: Story) -> None:
    whole = page(told, "ko")
    assert whole.startswith('<!doctype html>\n<html lang="ko">')
    assert set(re.findall(r"url\(([^)]{0,16})", whole)) == {"data:font/woff2;"}
    assert not re.search(r"\b(src|srcset|action)=|@import|<link|<img|<iframe|fetch\(|XMLHttp|import\(", whole)
    urls = set(re.findall(r"https?://[^\"' )<]+", whole))
    assert urls <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"}


def test_katex_is_named_with_its_licence(told: Story) -> None:
    assert "Khan Academy" in page(told)
    assert "Permission is hereby granted" in page(told)


def test_every_formula_is_typeset() -> None:
    formulas = runpy.run_path(str(ROOT / "tools/typeset_formulas.py"))["formulas"]()
    table = json.loads((ROOT / "src/handgrad/explain/page/katex/formulas.json").read_text(encoding="utf-8"))
    missing = sorted(set(formulas) - set(table))
    assert not missing, "new formulas: run tools/typeset_formulas.py"
    assert len(formulas) > 20


def test_a_formula_that_katex_was_not_given_is_plain_text(told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.explain.page.document._formulas", dict)
    assert "<code>y[j] = Σᵢ x[i] W[i,j] + b[j]" in page(told)


def test_a_class_name_with_signs_of_html_stays_text() -> None:
    net = handgrad.MLP(4, 3, 2, rng=np.random.default_rng(0))
    labels, classes = np.array([1]), ("<b>", "</script><script>alert(1)</script>")
    told = handgrad.explain(
        net, np.ones((1, 4), np.float32), labels, handgrad.SoftmaxCrossEntropy(), classes=classes
    )  # fmt: skip
    whole = page(told)
    assert "<script>alert" not in whole
    assert whole.count("</script>") == 2


NAMES = [
    "y[35]", "W_new[460,35]", "-log p[9]", "β₁", "dW[1,2]", "total", "x[0,3]", "self.running_mean[0,0,41]",
    "W_out[2,1]", "h1", "-log p of train:5",
]  # fmt: skip


@pytest.mark.parametrize("text", NAMES)
def test_a_name_reads_as_it_is_typed(text: str) -> None:
    assert read(f"<p>{name(text)}</p>").text("en") == text.replace("₁", "1")


@pytest.mark.parametrize("text", ["-0.25", "1.25e-6", "7"])
def test_a_number_reads_as_it_is_typed(text: str) -> None:
    assert read(f"<p>{number(text)}</p>").text("en") == text


def test_the_call_tells_a_step_of_a_net_at_hand() -> None:
    rng = np.random.default_rng(1)
    net = handgrad.MLP(12, 5, 3, rng=rng)
    x, y, before = rng.random((2, 12), np.float32), np.array([2, 0]), net.theta.copy()
    told = handgrad.explain(net, x, y, handgrad.SoftmaxCrossEntropy(), handgrad.SGD(net, 0.1), row=1)
    assert np.array_equal(told.arrays["fc1.x"], x)
    assert told.row == 1
    assert not np.array_equal(net.theta, before)
    assert repr(told).startswith("One training step on")


def test_a_notebook_shows_the_page_in_a_frame(told: Story) -> None:
    shown = told._repr_html_()
    assert shown == frame(told)
    source = re.search('srcdoc="([^"]*)"', shown)
    assert source is not None
    assert html.unescape(source[1]) == page(told)
