"""What all figures share: in both languages each text is large enough, on the sheet, and pyplot is left alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from handgrad import plots
from handgrad.core.mlp import MLP
from handgrad.records import EpochRecord
from handgrad.train.evaluation import evaluate, probabilities

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 6, 6), dtype=np.uint8)
LABELS = RNG.integers(0, 10, 60)
NET = MLP(36, 12, 10, rng=0)
SHORT, LONG, KOREAN = "0123456789", ["Ankle boot or the like"] * 10, ["앵클부츠와 비슷한 것"] * 10
RECORDS = [EpochRecord(i, 9 * i, 2.0**-i, 1.0, 1 - 0.4**i, 2.0**-i + 0.1, 1 - 0.5**i, 0.1, 1.0) for i in range(1, 8)]
BARE = EpochRecord(1, 9, 1.0, 1.0, None, None, None, 0.1, 1.0)

DRAWN: dict[str, Callable[[str], Figure]] = {
    "curves": lambda lang: plots.learning_curves(RECORDS, lang=lang),
    "one epoch": lambda lang: plots.learning_curves(RECORDS[:1], lang=lang),
    "no validation": lambda lang: plots.learning_curves([BARE], lang=lang),
    "predictions": lambda lang: plots.predictions_grid(IMAGES, LABELS, probabilities(NET, IMAGES), SHORT, lang=lang),
    "long names": lambda lang: plots.predictions_grid(IMAGES, LABELS, probabilities(NET, IMAGES), LONG, lang=lang),
    "Korean names": lambda lang: plots.predictions_grid(IMAGES, LABELS, probabilities(NET, IMAGES), KOREAN, lang=lang),
    "one picture": lambda lang: plots.predictions_grid(
        IMAGES[:1], LABELS[:1], probabilities(NET, IMAGES[:1]), SHORT, lang=lang
    ),
    "mistakes": lambda lang: plots.mistakes_gallery(IMAGES, evaluate(NET, IMAGES, LABELS), SHORT, lang=lang),
    "confusion": lambda lang: plots.confusion_matrix(RNG.integers(0, 99999, (10, 10)), KOREAN, lang=lang),
    "47 classes": lambda lang: plots.confusion_matrix(np.eye(47, dtype=int), range(47), lang=lang),
    "weights": lambda lang: plots.first_layer_weights(NET, (6, 6), lang=lang),
    "one unit": lambda lang: plots.first_layer_weights(NET, (6, 6), units=1, lang=lang),
    "activations": lambda lang: plots.activations(lang=lang),
}  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("name", DRAWN)
def test_every_text_is_large_enough_and_on_the_sheet(
    name: str, lang: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drawn: list[Text] = []
    draw = Text.draw
    monkeypatch.setattr(Text, "draw", lambda text, renderer: (drawn.append(text), draw(text, renderer))[1])
    canvas = FigureCanvasAgg(DRAWN[name](lang))
    canvas.draw()
    width, height = canvas.get_width_height()
    texts = [text for text in drawn if text.get_text()]
    assert len(texts) >= 3
    assert not caplog.records  # matplotlib logs a font that it does not find
    for text in texts:
        box = text.get_window_extent()
        assert text.get_fontsize() >= 8, text
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("name", ["predictions", "long names", "Korean names", "mistakes"])
def test_captions_do_not_touch(name: str, lang: str) -> None:
    figure = DRAWN[name](lang)
    FigureCanvasAgg(figure).draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_pyplot_and_settings_are_left_alone(tmp_path: Path) -> None:
    code = """
import sys, matplotlib
before = matplotlib.rcParams.copy()
from handgrad import plots
plots.save(plots.activations(lang="ko"), sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
assert matplotlib.rcParams.copy() == before
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(tmp_path / "a.svg")], check=True)
