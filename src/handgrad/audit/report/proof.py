"""The proof in a report: two trainings side by side, as two small curves in text or as one picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from handgrad.words import say

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT, _LEFT, _BELOW = 400, 190, 48, 28  # of the picture, in pixels


def sentence(proof: Mapping[str, Any], lang: str | None = None) -> str:
    """27 % as written, 91 % mended: what the two trainings ended with."""
    ends = {key: f"{100 * proof[key][-1]:.0f}" for key in ("written", "mended")}
    return say("audit.proof", lang, steps=proof["steps"][-1], rows=proof["rows"], lr=f"{proof['lr']:.3g}",
               test=proof["test"], **ends)  # fmt: skip


def curves(proof: Mapping[str, Any], lang: str | None = None) -> Iterator[tuple[str, str, str]]:
    """(name, curve, share at the end) of each training; the curves are rows of bars from 0 to 100 %."""
    for key in ("written", "mended"):
        bars = "".join(_BARS[min(int(share * len(_BARS)), len(_BARS) - 1)] for share in proof[key])
        yield say(f"audit.proof_{key}", lang), bars, f"{100 * proof[key][-1]:.0f} %"


def picture(proof: Mapping[str, Any], lang: str | None = None) -> str:
    """Both curves as one SVG, with axes."""
    last = proof["steps"][-1] or 1

    def at(step: float, share: float) -> tuple[float, float]:
        return _LEFT + (_WIDTH - _LEFT - 12) * step / last, 8 + (_HEIGHT - 8 - _BELOW) * (1 - share)

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        x, y = at(0, share)
        parts.append(f'<line class="rule" x1="{x:.1f}" x2="{at(last, 0)[0]:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{x - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{100 * share:.0f} %</text>')
    for step in (0, last // 2, last):
        x, y = at(step, 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{step}</text>')
    for key in ("written", "mended"):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, proof["steps"], proof[key]))
        parts.append(f'<polyline class="{key}" points="{points}"/>')
    label = escape(sentence(proof, lang), quote=True)
    return f'<svg class="proof" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
