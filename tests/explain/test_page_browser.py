"""The page in headless Chromium, without a network: pointing, keyboard, both languages, a phone, paper, the dark."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad
from handgrad.explain import Story
from handgrad.explain.page import frame, page

pytestmark = pytest.mark.slow
LIMIT = 2_000_000  # bytes of a page for the default net


@pytest.fixture(scope="module")
def told() -> Story:
    """The default net on one digit, a step after the first."""
    data = handgrad.load_data("mnist")
    net = handgrad.MLP(784, 256, 10, rng=np.random.default_rng(0))
    criterion, optimizer = handgrad.SoftmaxCrossEntropy(), handgrad.Adam(net)
    x, y = data.test.images[7:8], data.test.labels[7:8]
    handgrad.explain(net, x, y, criterion, optimizer)
    return handgrad.explain(net, x, y, criterion, optimizer, classes=data.classes)


@pytest.fixture(scope="module")
def file(told: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "seven.html"
    path.write_text(page(told, "en"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    assert chromium, "these tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


class Reader:
    """Opens a page as somebody would, and notes what went wrong on it."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        settings: dict[str, Any] = {"viewport": {"width": 1400, "height": 900}, "offline": True} | options
        self.context = browser.new_context(**settings)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))
        self.page.goto(file.as_uri())

    def _note(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "about:")):
            self.complaints.append(f"asked for {url}")

    def over(self, svg: Any, cell: int, columns: int, rows: int) -> None:
        """Point at a cell of a picture."""
        svg.scroll_into_view_if_needed()
        box = svg.bounding_box()
        x, y = (cell % columns + 0.5) / columns, (cell // columns + 0.5) / rows
        self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])

    def lit(self, svg: Any, kind: str = "lit") -> list[int]:
        """The cells of a picture that are lit."""
        width = int(svg.get_attribute("viewBox").split()[2])
        rings = svg.locator(f".ring.{kind}").all()
        return [int(r.get_attribute("x")) + width * int(r.get_attribute("y")) for r in rings]


@pytest.fixture
def reader(browser: Any, file: Path) -> Iterator[Reader]:
    opened = Reader(browser, file)
    yield opened
    assert opened.complaints == []
    opened.context.close()


def followed(told: Story) -> tuple[int, int]:
    """(pixel, unit) that the story follows: of the largest term of the first sum."""
    number = told["forward-fc1"].equations[0].expression.args[0].args[0]
    return number.ref.index[1], told["forward-fc1"].equations[0].result.ref.index[1]


def test_the_file_is_small_enough_to_be_sent(file: Path) -> None:
    assert file.stat().st_size < LIMIT


def test_pointing_at_a_pixel_lights_its_weight_its_term_and_the_arithmetic(reader: Reader, told: Story) -> None:
    pixel, unit = followed(told)
    figure = reader.page.locator("#forward-fc1 figure.several")
    image, weights, terms = figure.locator("svg").all()
    reader.over(image, pixel, 28, 28)
    assert reader.lit(image) == reader.lit(weights) == reader.lit(terms) == [pixel]
    said = figure.locator(".readout").text_content()
    x, w = told.arrays["fc1.x"][0, pixel], told.arrays["fc1.weight"][pixel, unit]
    numbers = re.search(r"= ([\d.]+) × (\(?−?[\d.e−]+\)?) = (−?[\d.e−]+)$", said)
    assert numbers, said
    values = [float(n.strip("()").replace("−", "-")) for n in numbers.groups()]
    assert values == pytest.approx([x, w, x * w], rel=1e-3)
    assert f"row {pixel // 28}, column {pixel % 28}" in figure.locator(".readout").inner_text()
    # The same pixel is lit where it is seen elsewhere, and so are both factors in the sum, row and all.
    assert reader.lit(reader.page.locator(".opening svg").first) == [pixel]
    row = reader.page.locator("#forward-fc1-1 tbody tr").first
    assert row.get_attribute("class") == "lit-row"
    assert row.locator(".n.lit").count() == 2


def test_pointing_at_a_term_shows_its_factors(reader: Reader, told: Story) -> None:
    figure = reader.page.locator("#forward-fc1 figure.several")
    image, weights, terms = figure.locator("svg").all()
    reader.over(terms, 300, 28, 28)
    assert reader.lit(image) == reader.lit(weights) == reader.lit(terms) == [300]
    reader.page.mouse.move(5, 5)
    assert reader.page.locator(".ring").count() == 0


def test_pointing_at_a_number_lights_the_cells_that_it_came_from(reader: Reader, told: Story) -> None:
    pixel, _ = followed(told)
    # The result of the sum: its terms' pixels, and the unit's bar in the next layer.
    reader.page.locator("#forward-fc1-1 .result .n").hover()
    weights = reader.page.locator("#forward-fc1 figure.several svg").nth(1)
    sources = [number.ref.index[0] for term in told["forward-fc1"].equations[0].expression.args[:5]
               for number in getattr(term, "args", ()) if number.ref.array == "fc1.weight"]  # fmt: skip
    assert sources[0] == pixel
    assert sorted(reader.lit(weights, "from")) == sorted(sources)
    # The gradient of that weight, in the picture of the way back.
    reader.page.locator("#backward-fc1-1 .result .n").hover()
    image, gradient = reader.page.locator("#backward-fc1 figure.several svg").all()
    assert reader.lit(gradient) == [pixel]
    assert reader.lit(image, "from") == [pixel]
    # And pointing at the picture: pixel and gradient are lit, and the one factor of all as where it came from.
    reader.over(gradient, pixel, 28, 28)
    assert reader.lit(gradient) == reader.lit(image) == [pixel]
    assert reader.page.locator("#backward-fc1 .sign .n.from").count() == 1


def test_a_bar_names_its_unit_and_what_went_in(reader: Reader, told: Story) -> None:
    bars = reader.page.locator("#forward-relu1 svg.columns")
    reader.over(bars, 17, 256, 1)
    assert reader.lit(bars) == [17]
    said = reader.page.locator("#forward-relu1 .readout").inner_text()
    assert said.startswith("number 17")
    assert "y17" in "".join(said.split())


def test_by_keyboard(reader: Reader, told: Story) -> None:
    """Tab reaches each picture once, arrows walk its cells, and a screen reader gets words."""
    page_ = reader.page
    svg = page_.locator("#forward-fc1 figure.several svg").nth(1)
    assert svg.locator('[tabindex="0"]').count() == 1
    svg.locator(".cursor").focus()
    page_.keyboard.press("Home")
    page_.keyboard.press("ArrowRight")
    page_.keyboard.press("ArrowDown")
    focused = page_.evaluate("[document.activeElement.getAttribute('role'), document.activeElement.ariaLabel]")
    cell = reader.lit(svg)[0]
    _, unit = followed(told)
    assert cell % 28 == 1
    assert focused[0] == "img"
    assert focused[1].startswith(f"row {cell // 28}, column 1: x[{cell}] × W[{cell},{unit}] = ")
    page_.keyboard.press("Tab")
    assert not page_.evaluate("(svg) => svg.contains(document.activeElement)", svg.element_handle())
    # In an equation: one stop, and arrows from number to number.
    sum_ = page_.locator("#forward-fc1-1")
    assert sum_.locator('[tabindex="0"]').count() == 1
    sum_.locator('[tabindex="0"]').focus()
    page_.keyboard.press("ArrowLeft")
    assert page_.locator("#forward-fc1-1 .n.lit").count() == 1
    assert page_.evaluate("document.activeElement.closest('tr').rowIndex") == 6  # the bias, above the result
    page_.keyboard.press("ArrowUp")
    assert page_.evaluate("document.activeElement.dataset.k") != ""


def test_there_are_few_stops_for_the_tab_key(reader: Reader) -> None:
    stops = (
        "[...document.querySelectorAll('a[href], input, summary, [tabindex]')].filter((e) => e.tabIndex >= 0).length"
    )
    assert reader.page.evaluate(stops) < 120


def test_a_number_leads_to_where_it_was_worked_out(reader: Reader) -> None:
    page_ = reader.page
    page_.evaluate("document.getElementById('forward-fc1').open = false")
    page_.locator("#forward-relu1-1 a.n").first.click()
    assert page_.url.endswith("#forward-fc1-1")
    assert page_.locator("#forward-fc1-1").is_visible()


def test_the_other_language(reader: Reader, told: Story) -> None:
    page_ = reader.page
    english = page_.locator("main").inner_text()
    assert not re.search("[가-힣]", english)
    page_.locator("#language-en").focus()
    page_.keyboard.press("ArrowRight")
    korean = page_.locator("main").inner_text()
    for chapter in told.chapters:
        assert chapter.title.text("ko") in korean
        assert chapter.title.text("en") not in korean
    assert page_.evaluate("document.documentElement.lang") == "ko"
    assert page_.title() == told.title.text("ko")
    # Every equation is there as it was, with its words in the other language.
    assert page_.locator(".eq").count() == len(told.equations)
    assert "나머지" in page_.locator("#forward-fc1-1").inner_text()
    image = page_.locator("#forward-fc1 figure.several svg").first
    reader.over(image, 0, 28, 28)
    assert page_.locator("#forward-fc1 .readout").inner_text().startswith("0행 0열")


def test_without_a_script_all_is_there_and_the_language_changes(browser: Any, file: Path, told: Story) -> None:
    reader = Reader(browser, file, java_script_enabled=False)
    page_ = reader.page
    assert page_.locator(".formula .katex-html").first.is_visible()
    assert page_.locator("svg.cells path").count() > 100
    page_.locator("label", has_text="한국어").click()
    assert page_.locator("#input h2").inner_text() == told["input"].title.text("ko")
    reader.context.close()


@pytest.mark.parametrize("width", [320, 380, 768])
def test_nothing_is_wider_than_a_phone(browser: Any, file: Path, width: int) -> None:
    reader = Reader(browser, file, viewport={"width": width, "height": 800})
    for language in ("en", "ko"):
        reader.page.check(f"#language-{language}", force=True)
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
        for selector in ("figure", "p", "h2", ".map", *([".eq"] if width > 320 else [])):
            ends = reader.page.evaluate(f"""[...document.querySelectorAll('{selector}')].filter((e) => !e.matches(
                '.unseen')).map((e) => e.scrollWidth - e.clientWidth)""")
            assert max(ends) <= 1, (selector, ends)
    reader.context.close()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_on_paper_every_chapter_is_unfolded(reader: Reader, told: Story, lang: str, tmp_path: Path) -> None:
    page_ = reader.page
    page_.check(f"#language-{lang}", force=True)
    page_.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = false))")
    assert not page_.locator("#forward-fc1-1").is_visible()
    pdf = page_.pdf(path=tmp_path / "story.pdf", format="A4", outline=True, tagged=True)
    # The outline holds the headings, chapter by chapter, as text.
    titles = [bytes.fromhex(t.decode()) if t else b"" for t in re.findall(rb"/Title <([0-9A-Fa-f]*)>", pdf)]
    heads = [t.removeprefix(b"\xfe\xff").decode("utf-16-be") for t in titles]
    heads += [t.decode("latin-1").replace("\\(", "(").replace("\\)", ")") for t in re.findall(rb"/Title \((.*?)\)\n",
                                                                                                   pdf)]  # fmt: skip
    for chapter in told.chapters:
        assert chapter.title.text(lang) in heads
    page_.emulate_media(media="print")
    hidden = page_.evaluate("""[...document.querySelectorAll('.eq, main figure, .formula')].filter((e) =>
        !e.checkVisibility() || e.getBoundingClientRect().height < 5).length""")
    assert hidden == 0
    assert not page_.locator(".language").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_ground(browser: Any, file: Path, scheme: str) -> None:
    reader = Reader(browser, file, color_scheme=scheme)
    colours = """(selector) => {
        const seen = getComputedStyle(document.querySelector(selector));
        return [seen.color, getComputedStyle(document.body).backgroundColor];
    }"""
    for selector in ("main p", ".eq", "figcaption", ".readout", ".verdict", ".map small", "footer", "tfoot th"):
        text, ground = (_luminance(c) for c in reader.page.evaluate(colours, selector))
        contrast = (max(text, ground) + 0.05) / (min(text, ground) + 0.05)
        assert contrast >= 4.5, (selector, contrast)
    assert (_luminance(reader.page.evaluate(colours, "main p")[1]) > 0.5) == (scheme == "light")
    reader.context.close()


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of "rgb(29, 35, 41)"."""
    channels = [int(n) / 255 for n in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_in_a_notebooks_frame(browser: Any, told: Story, tmp_path: Path) -> None:
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><title>notebook</title><h1>Cell</h1>{frame(told, 'en')}", encoding="utf-8")
    reader = Reader(browser, notebook)
    inner = reader.page.frame_locator("iframe")
    inner.locator("#forward-relu1-1 a.n").first.click()
    assert reader.page.frames[1].evaluate("document.getElementById('forward-fc1-1') !== null")
    assert reader.page.frames[1].evaluate("scrollY") > 0
    svg = inner.locator("#forward-fc1 figure.several svg").first
    svg.scroll_into_view_if_needed()
    svg.hover()
    assert inner.locator("#forward-fc1 .readout b").inner_text() != ""
    assert reader.complaints == []
    reader.context.close()
