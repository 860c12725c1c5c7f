"""The page in a real browser: its arithmetic is the library's, its drawings become what `predict` makes of them, and it
can be used by mouse, finger, keyboard and ear, in both languages, offline.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_cases import CASES, net_of
from playwright.sync_api import Browser, Page, sync_playwright

import handgrad
from handgrad import MLP, InputError, Linear, Sequential, import_net, load_data, probabilities, to_mnist
from handgrad.export.page import MOST_BYTES
from handgrad.train import load_recipe
from handgrad.train.checkpoint import encode_net
from handgrad.train.run import training_of

DATA = load_data("mnist")
NET = MLP(784, 128, 10, rng=0).eval()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("HANDGRAD_BROWSER") == "required":
            pytest.fail("no browser here, and CI installs one")
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a network that was trained for a moment, so that it answers with some confidence."""
    net = MLP(784, 128, 10, rng=0)
    training = handgrad.fit(
        net, DATA.train.images[:4000], DATA.train.labels[:4000], handgrad.SoftmaxCrossEntropy(),
        handgrad.Adam(net, lr=0.003), epochs=2, batch_size=50, rng=0,
    )  # fmt: skip
    for _ in training:
        pass
    NET.load_state(net.state())
    path = tmp_path_factory.mktemp("page") / "net.html"
    exported = handgrad.export(NET, path, data=DATA)
    assert (exported.rows, exported.largest_difference) == (10_000, 0)
    return path


def opened(browser: Browser, file: Path, **context: Any) -> Page:
    """The page without a network; whatever it complains about fails the test."""
    page = browser.new_context(offline=True, **context).new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("console", lambda message: pytest.fail(message.text))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or pytest.fail(request.url))
    page.goto(file.as_uri())
    return page


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    page = opened(browser, file, locale="en-US")
    yield page
    page.context.close()


FORWARD = """({net, x, columns}) => {
    const layers = readNet(net);
    return Array.from({length: x.length / columns}, (_, row) =>
        Array.from(forward(layers, Float64Array.from(x.slice(row * columns, (row + 1) * columns))).at(-1)));
}"""


def in_javascript(page: Page, net: Sequential, x: Any) -> Any:
    given = {"net": base64.b64encode(encode_net(net)).decode(), "x": x.ravel().tolist(), "columns": x[0].size}
    return np.array(page.evaluate(FORWARD, given))


def test_every_layer_computes_what_the_librarys_does(page: Page) -> None:
    assert set(page.evaluate("Object.keys(LAYERS)")) == set(handgrad.core.layers.LAYERS)
    for name, case in CASES.items():
        for dtype, atol in ((np.float32, 1e-5), (np.float64, 1e-12)):
            net, x = net_of(name, dtype), 3 * case.x(20, dtype)
            x[0] *= 100  # where an exponential overflows if it is written carelessly
            y = net.forward(x)
            given = in_javascript(page, net, x).reshape(y.shape)
            if dtype == np.float64:
                np.testing.assert_allclose(given, y, rtol=1e-12, atol=atol, err_msg=name)
            else:
                np.testing.assert_allclose(given, y, rtol=1e-5, atol=atol, err_msg=name)


WHOLE = """(pixels) => {
    const bytes = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
    const rows = [];
    for (let i = 0; i < bytes.length; i += 784) {
        const given = forward(NET, toInput(bytes.subarray(i, i + 784))).at(-1);
        rows.push([Array.from(given), Array.from(probabilities(NET, given))]);
    }
    return rows;
}"""


def whole_test_set(page: Page, images: Any) -> tuple[Any, Any]:
    rows = np.array(page.evaluate(WHOLE, base64.b64encode(images.tobytes()).decode()))
    return rows[:, 0], rows[:, 1]


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_outputs_on_the_test_set(page: Page, count: int) -> None:
    images = DATA.test.images[:count]
    outputs, chances = whole_test_set(page, images)
    assert outputs.shape == (count, 10)
    np.testing.assert_allclose(outputs, NET(images.reshape(-1, 784) * np.float32(1 / 255)), rtol=0, atol=1e-5)
    np.testing.assert_allclose(chances, probabilities(NET, images), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_outputs_of_the_default_network(browser: Browser, tmp_path: Path) -> None:
    """Its scores reach 36, where the library's float32 itself is 1e-5 off: they are held to the same net in float64."""
    training = training_of(load_recipe("default"), DATA)
    for _ in training.records():
        pass
    net = training.net.eval()
    handgrad.export(net, tmp_path / "net.html", data=DATA)
    page = opened(browser, tmp_path / "net.html")
    outputs, chances = whole_test_set(page, DATA.test.images)
    page.context.close()
    exact = MLP(784, 256, 10, dtype=np.float64).eval()
    exact.load_state(net.state())
    x = DATA.test.images.reshape(-1, 784) * np.float32(1 / 255)
    np.testing.assert_allclose(outputs, exact(x.astype(np.float64)), rtol=0, atol=1e-9)
    np.testing.assert_allclose(outputs, net(x), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(chances, probabilities(net, DATA.test.images), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_page_checks_itself_when_it_is_opened(page: Page, browser: Browser, file: Path, tmp_path: Path) -> None:
    assert re.search(r"on 10 images this page and the library differ by at most \d", page.inner_text("#check"))
    changed = tmp_path / "changed.html"
    changed.write_text(file.read_text().replace("Math.max(z, 0))", "Math.max(z, -0.1))"))
    other = opened(browser, changed, locale="en-US")
    assert "The check failed" in other.inner_text("#check")
    other.context.close()


# -- a drawing in the form of MNIST


def sheets() -> Iterator[Any]:
    """Ink of every size and shape on black paper, soft and hard, some of it faint; all edges are paper."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        height, width = rng.integers(3, 200, 2)
        grey = np.zeros((height + 40, 240), np.uint8)
        ink = rng.integers(0, 256, (height, width)) * (rng.random((height, width)) < rng.uniform(0.05, 1))
        grey[20 : 20 + height, 20 : 20 + width] = ink
        grey[20 + height // 2, 20 + width // 2] = 255
        yield grey
    for size in (1, 2, 5, 19, 20, 21, 40, 41, 60, 200):  # boxes and lines: all that is symmetric
        for other in (1, 7, 20, 50):
            grey = np.zeros((size + 40, 240), np.uint8)
            grey[20 : 20 + size, 20 : 20 + other] = 200
            yield grey


def test_the_form_of_a_drawing_is_that_of_predict(page: Page) -> None:
    call = "([pixels, width]) => Array.from(toMnist(Uint8Array.from(atob(pixels), (c) => c.charCodeAt(0)), width))"
    for grey in sheets():
        given = page.evaluate(call, [base64.b64encode(grey.tobytes()).decode(), grey.shape[1]])
        np.testing.assert_array_equal(np.array(given).reshape(28, 28), to_mnist(grey), err_msg=str(grey.shape))
    assert page.evaluate("toMnist(new Uint8Array(100), 10)") is None


THREE = [(0.3, 0.25), (0.55, 0.18), (0.7, 0.3), (0.5, 0.45), (0.7, 0.62), (0.55, 0.8), (0.28, 0.75)]


def points(page: Page, path: list[tuple[float, float]]) -> list[tuple[float, float]]:
    box = page.locator("#paper").bounding_box()
    assert box is not None
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in path]


def draw_by_mouse(page: Page, path: list[tuple[float, float]]) -> None:
    first, *others = points(page, path)
    page.mouse.move(*first)
    page.mouse.down()
    for point in others:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def answer(page: Page) -> tuple[str, list[float]]:
    shares = [float(text.rstrip("%")) / 100 for text in page.locator("#bars .percent").all_inner_texts()]
    return page.inner_text("#best"), shares


@pytest.mark.slow
def test_a_drawing_gives_what_predict_gives(page: Page) -> None:
    draw_by_mouse(page, THREE)
    best, shares = answer(page)
    sheet = page.evaluate("(() => { const {grey, width} = sheet(); return [Array.from(grey), width]; })()")
    grey = np.array(sheet[0], np.uint8).reshape(-1, sheet[1])
    assert grey.max() == 255
    picture = to_mnist(grey)
    np.testing.assert_array_equal(np.array(page.evaluate("Array.from(last.pixels)")).reshape(28, 28), picture)
    likely = probabilities(NET, picture[None])[0]
    np.testing.assert_allclose(shares, likely, atol=6e-4)
    assert best == str(likely.argmax()) == "3"
    assert page.inner_text("#spoken").startswith("The network says 3, ")


@pytest.mark.slow
def test_undo_clear_and_test_images(page: Page) -> None:
    assert page.locator("#undo").is_disabled()
    draw_by_mouse(page, THREE)
    draw_by_mouse(page, [(0.1, 0.1), (0.2, 0.1)])
    two = answer(page)[1]
    page.click("#undo")
    assert answer(page)[1] != two
    page.click("#clear")
    assert page.inner_text("#best") == "–"
    assert page.inner_text("#spoken") == "The drawing area is empty."
    for image in DATA.test.images[:3]:
        page.click("#sample")
        np.testing.assert_allclose(answer(page)[1], probabilities(NET, image[None])[0], atol=6e-4)
    draw_by_mouse(page, THREE)  # takes the place of the test image
    assert page.evaluate("strokes.length") == 1


@pytest.mark.slow
def test_drawing_by_keyboard(page: Page) -> None:
    page.focus("#paper")
    assert page.locator("#pen").is_visible()
    page.keyboard.press("Space")
    for key, times in (("ArrowDown", 16),):
        for _ in range(times):
            page.keyboard.press(key)
    page.keyboard.press("Space")
    assert page.inner_text("#best") == "1"
    assert page.inner_text("#spoken").startswith("The network says 1")
    page.keyboard.press("Delete")
    assert page.inner_text("#best") == "–"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "sample"  # the two others have nothing to do now


@pytest.mark.slow
def test_drawing_by_touch_on_a_phone(browser: Browser, file: Path) -> None:
    for width in (320, 380):
        context = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2, "locale": "ko-KR"}
        page = opened(browser, file, viewport={"width": width, "height": 720}, **context)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        session = page.context.new_cdp_session(page)
        steps = [(a, b, k / 5) for a, b in pairwise(points(page, THREE)) for k in range(6)]
        fine = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b, t in steps]
        for i, (x, y) in enumerate(fine):
            kind = "touchStart" if i == 0 else "touchMove"
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.wait_for_function("document.getElementById('best').textContent === '3'")
        assert page.evaluate("window.scrollY") == 0  # the finger drew, and did not scroll
        buttons = page.locator("button:visible").all()
        assert min(box["height"] for button in buttons if (box := button.bounding_box())) >= 44
        page.context.close()


# -- languages, colours, ears


@pytest.mark.slow
def test_both_languages_and_the_switch(browser: Browser, file: Path) -> None:
    for locale, lang, title in (("ko-KR", "ko", "그리면"), ("en-GB", "en", "Draw"), ("de-DE", "en", "Draw")):
        page = opened(browser, file, locale=locale)
        assert page.get_attribute("html", "lang") == lang
        assert page.title().startswith(title)
        page.context.close()
    page = opened(browser, file, locale="en-US")
    page.click("button[data-lang=ko]")
    assert page.get_attribute("html", "lang") == "ko"
    body = page.inner_text("body")
    english = [word for word in re.findall(r"[A-Za-z]{4,}", body) if word not in WORDS_OF_CODE]
    assert english == []
    assert "{" not in body
    page.click("button[data-lang=en]")
    assert not re.search("[가-힣]", page.inner_text("body").replace("한국어", ""))
    page.context.close()


WORDS_OF_CODE = {"English", "Linear", "ReLU", "relu", "Delete", "Shift", "handgrad", "NumPy"}


@pytest.mark.slow
def test_everything_that_can_be_reached_has_a_name(page: Page) -> None:
    draw_by_mouse(page, THREE)
    for role in ("button", "img", "application", "slider"):
        found = page.get_by_role(role).all()  # type: ignore[arg-type]
        assert found
        snapshot = page.locator("body").aria_snapshot()
        assert not re.search(rf"- {role}(:|$)", snapshot, re.MULTILINE), snapshot
    assert page.locator("#bars").get_by_role("row").count() == 11
    assert page.locator("[aria-live=polite]").count() == 1


def contrast(one: str, two: str) -> float:
    """The ratio of WCAG 2, section 1.4.3, for two colours as the browser gives them."""
    lights = []
    for colour in (one, two):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(scheme: Any, browser: Browser, file: Path) -> None:
    page = opened(browser, file, color_scheme=scheme, locale="en-US")
    style = "(element, what) => getComputedStyle(element)[what]"
    for selector in ("h1", "#intro", ".quiet", "#best", "button[aria-pressed=true]", "th[scope=row]"):
        element = page.locator(selector).first
        behind = element.evaluate("""(element) => {
            while (getComputedStyle(element).backgroundColor === 'rgba(0, 0, 0, 0)') element = element.parentElement;
            return getComputedStyle(element).backgroundColor; }""")
        assert contrast(element.evaluate(style, "color"), behind) >= 4.5, selector
    light = contrast(page.locator("body").evaluate(style, "backgroundColor"), "rgb(0, 0, 0)")
    assert light > 15 if scheme == "light" else light < 2
    page.context.close()


# -- what can and what cannot become a page


def test_a_page_comes_back_as_a_net(file: Path, tmp_path: Path) -> None:
    assert file.stat().st_size < MOST_BYTES
    back = import_net(file)
    assert back.config() == NET.config()
    np.testing.assert_array_equal(back.theta, NET.theta)
    (tmp_path / "other.html").write_text("<html></html>")
    with pytest.raises(handgrad.DataError, match="no network in this page"):
        import_net(tmp_path / "other.html")


def test_a_float64_net_is_rounded_and_the_check_says_so(tmp_path: Path) -> None:
    net = Sequential(MLP(784, 256, 10, rng=0, dtype=np.float64), Linear(10, 10, rng=1, dtype=np.float64))
    exported = handgrad.export(net, tmp_path / "net.html")
    assert 0 < exported.largest_difference < 1e-5
    assert import_net(tmp_path / "net.html").dtype == np.float32


@pytest.mark.slow
def test_names_cannot_break_out_of_the_page(browser: Browser, tmp_path: Path) -> None:
    evil = "</script><script>document.title = 'evil'</script><img src=x onerror=alert(1)>"
    classes = (evil, *"123456789")
    data = handgrad.data.Dataset("evil", DATA.train, DATA.test, classes)
    net = Sequential(Linear(784, 10, rng=0, name=evil))
    handgrad.export(net, tmp_path / "evil.html", data=data)
    page = opened(browser, tmp_path / "evil.html", locale="en-US")
    assert page.title() == "Draw, and a network guesses"
    assert page.locator("#bars th[scope=row]").first.inner_text() == evil
    assert page.locator("img").count() == 0
    page.context.close()


def test_nets_that_make_no_page(tmp_path: Path) -> None:
    for net, says in (
        (MLP(20, 8, 10), "pictures of 28 x 28 pixels"), (MLP(784, 500, 10), "2 MB is the most"),
        (MLP(784, 8, 1), "two or more classes"), (MLP(784, 10, dtype=np.float16), "float16"),
    ):  # fmt: skip
        with pytest.raises(InputError) as error:
            handgrad.export(net, tmp_path / "net.html")
        assert says in str(error.value), error.value
    assert list(tmp_path.iterdir()) == []
