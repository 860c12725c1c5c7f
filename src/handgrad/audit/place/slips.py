"""Slips: what people mistake on the way back past one number of an unknown network, as the numbers that this gives."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np

from handgrad.audit.pieces.bends import KNOWN, Bend, bend_and_mask, bend_of, mistakes
from handgrad.audit.place.chart import Chart
from handgrad.audit.place.numbers import Number, laid, rows_of
from handgrad.core.arrays import Array
from handgrad.core.layers.activations import sigmoid


def wrong_slopes(chart: Chart, chain: list[Number]) -> Iterator[tuple[str, Array, Array, Array, dict[str, Any]]]:
    """(code, what is taken for the slope of one link of a chain, the slopes above it, those below it, figures)."""
    slopes = [chart.links[a.at][b.at] for a, b in pairwise(chain)]
    for i, (a, b) in enumerate(pairwise(chain)):
        above, below = np.ones_like(slopes[i]), np.ones_like(slopes[i])
        for s in slopes[i + 1 :]:
            above = above * s
        for s in slopes[:i]:
            below = below * s
        for code, wrong, more in _mistaken(chart, a, b, slopes[i]):
            rest = above * below
            if np.linalg.norm(rest * (wrong - slopes[i])) > 1e-3 * np.linalg.norm(rest * slopes[i]):
                yield code, wrong, above, below, more


def _mistaken(chart: Chart, z: Number, a: Number, s: Array) -> Iterator[tuple[str, Array, dict[str, Any]]]:
    """(code, what is taken for the slope s of a by z, figures)."""
    if (both := bend_and_mask(z.rows, a.rows)) is not None:  # a dropout in the line of the activation
        yield from _dropped(chart, *both, z.rows)
        return
    mask = 1.0 * (np.abs(s) > 1e-6)
    scale = float(s.sum() / max(mask.sum(), 1.0))
    if not mask.all() and np.allclose(s, scale * mask, atol=1e-6) and (mask != (z.rows > 0)).any():  # dropout
        yield "dropout-mask-not-applied", np.ones_like(s), {}
        yield "dropout-scale-differs", mask, {"scale": f"{scale:.4g}"}
        return
    bend = bend_of(z.rows, a.rows)
    if bend is not None:
        yield from (("derivative-incomplete", part, {}) for part in _parts(bend.name, a.rows))
        yield from ((code, wrong, {"activation": bend.name, **more}) for code, wrong, more in mistakes(bend, z.rows))
    yield "activation-derivative-missing", np.ones_like(s), {}
    yield "derivative-applied-twice", s * s, {}
    yield "derivative-sign", -s, {}
    yield from ((code, wrong, {}) for code, wrong in _elsewhere(chart, z, a, s))
    yield "derivative-is-value", a.rows, {}
    yield "derivative-is-value", z.rows, {}
    for at in (a.rows, sigmoid(z.rows), z.rows):
        yield "sigmoid-derivative-everywhere", at * (1 - at), {}
    for known, at in product(KNOWN, (z.rows, a.rows)):
        yield "derivative-of-another-activation", known.slope(at), {"other": known.name}
    for n in chart.numbers:
        if n.rows.shape == s.shape and n.at in chart.links[z.at]:
            for part in (n.rows, 1 - n.rows, n.rows * (1 - n.rows)):
                yield "derivative-incomplete", part, {}


def _dropped(chart: Chart, bend: Bend, mask: Array, z: Array) -> Iterator[tuple[str, Array, dict[str, Any]]]:
    """The same of an activation behind which a dropout multiplies by a mask."""
    slope = bend.slope(z)
    yield "dropout-mask-not-applied", slope, {}
    yield "dropout-scale-differs", slope * (mask > 0), {"scale": f"{mask.max():.4g}"}
    lit = bend.f(z) != 0  # where it is 0 in any case, the mask is only known if the code keeps it
    noted = (rows for n in chart.probe.notes if (rows := rows_of(n.value, chart.count)) is not None)
    drawn = [
        m
        for m in noted
        if m.shape == z.shape and np.array_equal(m[lit] != 0, mask[lit] != 0) and np.ptp(m[m != 0]) == 0
    ]
    for code, wrong, more in mistakes(bend, z):
        for one in (mask, *(mask.max() * (m != 0) for m in drawn)):
            yield code, wrong * one, {"activation": bend.name, **more}


def _parts(activation: str, y: Array) -> tuple[Array, ...]:
    """What is left of y (1 - y) or 1 - y^2 where a part of it is missing."""
    return {"sigmoid": (y, 1 - y), "tanh": (y * y, 1 - y)}.get(activation, ())


def _elsewhere(chart: Chart, z: Number, a: Number, s: Array) -> Iterator[tuple[str, Array]]:
    """(code, slope) taken at the numbers of another layer, or at the activation's own output."""
    for at, links in chart.links.items():
        for other in links.values() if at != z.at else ():
            if other.shape == s.shape:
                yield "derivative-of-another-layer", other
    for n in chart.numbers:
        if n.rows.shape == s.shape and n is not z and n is not a:
            yield "derivative-of-another-layer", 1.0 * (n.rows > 0)
    for n in (a, *(n for n in chart.numbers if n.rows.shape == s.shape and n is not z and n is not a)):
        wrong = _slope_at(chart, z, a, n.rows)
        if wrong is not None:
            yield "derivative-at-output" if n is a else "derivative-of-another-layer", wrong


def _slope_at(chart: Chart, z: Number, a: Number, other: Array) -> Array | None:
    """The slope of a by z where other numbers stand in the place of z."""
    bend = bend_of(z.rows, a.rows)
    if bend is not None:
        return bend.slope(other)
    if z.at != z.note.order:
        return None
    ones = laid(np.ones_like(z.rows), z.note)
    found = chart.probe.response(z.note, ones, [a.note], laid(other - z.rows, z.note))
    return None if found is None else rows_of(found[a.note.order], chart.count)


def wrong_masks(chart: Chart, chain: list[Number], error: Array) -> Iterator[tuple[str, Array, Array, Array]]:
    """(code, where the error is above 0 in place of a link's slope of 0 and 1, the slopes above it, those below it)."""
    slopes = [chart.links[a.at][b.at] for a, b in pairwise(chain)]
    for i, slope in enumerate(slopes):
        if np.isclose(slope, np.round(slope)).all() and set(np.unique(np.round(slope))) == {0.0, 1.0}:
            above = np.prod([np.ones_like(slope), *slopes[i + 1 :]], axis=0)
            below = np.prod([np.ones_like(slope), *slopes[:i]], axis=0)
            yield "mask-from-error", 1.0 * (error * above > 0), above, below


def wrong_ways(chart: Chart, end: Number) -> Iterator[tuple[str, Array]]:
    """(code, what is taken for the derivative by a number) where the error is handed down to it."""
    ways = chart.ways(end)
    if len(ways) > 1:
        for left in ways:
            yield "skip-gradient-missing", np.sum([one for one in ways if one is not left], axis=0)
    layers = [one for one in chart.products if one.below is end]
    others = [one.W for one in chart.products]
    errors = [e for one in chart.products if (e := chart.error(one.z)) is not None]
    for one in layers:
        above = chart.error(one.z)
        if above is None:
            continue
        true = above @ one.W.T
        rest = [np.zeros_like(true)]
        if len(ways) > 1:
            rest.append(np.sum(ways, axis=0) - true)
        early = [e for n in chart.numbers if n.at in chart.links[one.z.at] and (e := chart.error(n)) is not None]
        for more in rest:
            yield from (("derivative-not-handed-down", e @ one.W.T + more) for e in early)
            if one.W.shape[0] == one.W.shape[1]:
                yield "weights-not-transposed", above @ one.W + more
                yield "weights-left-out", above + more
            for W in others:
                if W is not one.W and W.shape == one.W.shape:
                    yield "weights-of-another-layer", above @ W.T + more
            for e in errors:
                if e is not above and e.shape == above.shape:
                    yield "error-of-another-layer", e @ one.W.T + more
