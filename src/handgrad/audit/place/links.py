"""Links: which link of the chain is wrong in a network that no one knows, and by which mistake.

Where the code has the right derivative by one number and a wrong one by the number that this is made from, the mistake
is made in between. What people mistake there is tried, and it is named if it gives the very numbers of the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from handgrad.audit.pieces.norms import wrong_errors
from handgrad.audit.place.chart import Chart
from handgrad.audit.place.numbers import Back, Number, Product, Scale, multiple, rows_of
from handgrad.audit.place.observe import CHANGED, MADE, NAMED, RETURNED, Noted
from handgrad.audit.place.own_slips import UNNAMED, Told, elsewhere, of_product, of_scale
from handgrad.audit.place.slips import wrong_masks, wrong_slopes, wrong_ways
from handgrad.core.arrays import Array

_MOST_BETWEEN = 6  # lines
_GIVEN = {"derivative-at-output", "derivative-fed-input", "derivative-of-another-layer"}


def told(chart: Chart) -> list[Told]:
    """The mistakes in an unknown network, from the loss down, as far as they can be told apart."""
    found: list[Told] = []
    lost: list[str] = []
    stations: list[Product | Scale] = [*chart.products, *chart.scales]
    for one in sorted(stations, key=lambda one: one.z.at, reverse=True):
        names = [name for name in one.names if name in chart.crooked]
        used, right = chart.used(one), chart.error(one.z)
        if names and not lost and (alone := _ignored(chart, one)) is not None:
            found.append(alone)
            lost += names
        elif names and used is not None and chart.factor(used.rows, one.z) is None:
            found += list(_wrong_error(chart, one, used))[:1] if not lost else []
            lost += names
        elif names and right is not None:
            found += of_scale(chart, one, right) if isinstance(one, Scale) else of_product(chart, one, right)
    found += elsewhere(chart)
    spoilt = tuple(dict.fromkeys(lost))
    return [one if one.spoilt else replace(one, spoilt=spoilt) for one in found]


def _ignored(chart: Chart, one: Product | Scale) -> Told | None:
    """A slope alone that was taken for the error, in the line that last handed it back."""
    if isinstance(one, Scale):
        return None
    gradient = one.laid(chart.gradient[one.name])
    for slope in chart.links[one.z.at].values():
        if np.ptp(slope) == 0 or multiple(gradient, one.x.T @ slope) is None:
            continue
        first = min((back.note.order for back in chart.backs), default=0)
        same = [n for n in chart.notes[first:] if (rows := rows_of(n.value, chart.count)) is not None
                and n.line > 0 and rows.shape == slope.shape and multiple(rows, slope) is not None]  # fmt: skip
        handed = [n for n in same if n.how == RETURNED] or same
        return Told("error-ignored", handed[0].line if handed else None)
    return None


def _wrong_error(chart: Chart, one: Product | Scale, used: Back) -> Iterator[Told]:
    """What made the error wrong that reaches a layer's weights."""
    links = chart.links[one.z.at]
    ends: list[tuple[Number, Array, list[Number]]] = [(one.z, np.ones_like(one.z.rows), [])]
    ends += [(n, links[n.at], _chain(chart, one.z, n)) for n in chart.numbers if n.at in links]
    for end, slope, chain in ends:
        for code, wrong in wrong_ways(chart, end):
            if multiple(used.rows, wrong * slope) is not None:
                alike = any(chart.factor(wrong, n) is not None for n in chart.numbers)  # it is right, elsewhere
                line = _handed(chart, wrong, used) if alike else _line(chart, wrong, used)
                line = _begun(chart, wrong) or line if code == "skip-gradient-missing" and not alike else line
                yield Told(code, line, (end.name,))
        error = chart.error(end)
        if error is None:
            continue
        for code, wrong, above, below in wrong_masks(chart, chain, error):
            if multiple(used.rows, error * above * wrong * below) is not None:
                yield Told(code, _line(chart, error * above * wrong, used))
        for code, wrong, above, below, more in wrong_slopes(chart, chain):
            if multiple(used.rows, error * above * wrong * below) is not None:
                if float(np.ptp(wrong)) == 0:
                    line = _handed(chart, error * above, used)
                else:
                    reached = _line(chart, error * above * wrong, used)
                    line = _line(chart, wrong, used, given=code in _GIVEN, otherwise=reached)
                yield Told(code, line, (), {"activation": "activation", **more})
    yield from _wrong_norm(chart, one, used)
    yield from _wrong_loss(chart, one, used)
    yield Told(UNNAMED, used.note.line, also=_between(chart, used))


def _line(chart: Chart, own: Array, used: Back, *, given: bool = False, otherwise: int | None = None) -> int:
    """The line that first made an array, else `otherwise`, else that of the error in use.

    `given`: where a function made it, it did right by what it was given, and the line that called it is meant.
    """
    varies = own.size > 1 and float(np.ptp(own)) > 0
    before = [b for b in chart.backs if b.note.order <= used.note.order and b.rows.shape == own.shape] if varies else []
    for back in reversed(before) if given else before:
        if back.note.line > 0 and multiple(back.rows, own) is not None:
            return back.note.stack[0] if given and back.note.stack else back.note.line
    first = min((back.note.order for back in chart.backs), default=0)
    for note in chart.notes[first : used.note.order] if varies else ():  # a number of the way there under a new name
        rows = rows_of(note.value, chart.count) if note.how == NAMED and note.name.isidentifier() else None
        if rows is not None and rows.shape == own.shape and np.array_equal(rows, own):
            return note.line
    return used.note.line if otherwise is None else otherwise


def _begun(chart: Chart, total: Array) -> int | None:
    """The line that made an array to which more was added in place until it was this total."""
    for back in chart.backs:
        if back.note.how == CHANGED and back.rows.shape == total.shape and multiple(back.rows, total) is not None:
            return next((n.line for n in chart.notes if n.array == back.note.array and n.how == MADE), None)
    return None


def _handed(chart: Chart, error: Array, used: Back) -> int:
    """The line that hands an error on as it is: the last to return, copy or name it."""
    same = [b.note for b in chart.backs if b.rows.shape == error.shape and multiple(b.rows, error) is not None]
    if not same:
        return used.note.line
    first = same[0]
    through = [n for n in same[1:] if n.how == RETURNED and n.call != first.call and n.line > 0]
    copied = [n for n in same[1:] if n.how in (MADE, CHANGED) and n.array != first.array]
    named = [n for n in same[1:] if n.how == NAMED and n.name.isidentifier() and n.call == first.call]
    return (through + copied[::-1] + named[::-1])[0].line if through or copied or named else _by_itself(chart, first)


def _by_itself(chart: Chart, note: Noted) -> int:
    """The line of a note; where its function is called for several layers, the call that is made only once."""
    calls: dict[int, set[int]] = {}
    for other in chart.notes:
        calls.setdefault(other.line, set()).add(other.call)
        for line in other.stack[:1]:
            calls.setdefault(line, set()).add(-other.call)
    shared = [n for n in chart.notes if n.line == note.line and n.how == note.how and n.call != note.call]
    once = [line for line in note.stack[:1] if len({one for one in calls[line] if one < 0}) == 1]
    return once[0] if shared and once else note.line


def _between(chart: Chart, used: Back) -> tuple[int, ...]:
    """The lines after the last right derivative that lead to a wrong one, the last first."""
    since = 0
    for back in chart.backs:
        right = any(chart.factor(back.rows, n) is not None for n in chart.numbers)
        if right and back.note.order < used.note.order:
            since = back.note.order
    made = (n for n in chart.notes[since + 1 : used.note.order] if n.how in (MADE, CHANGED) and n.line > 0)
    return tuple(dict.fromkeys(n.line for n in reversed(list(made))))[:_MOST_BETWEEN]


def _chain(chart: Chart, start: Number, end: Number) -> list[Number]:
    """start, what stands between, end, each made from the one before alone; the two where there is nothing between."""
    links = chart.links
    between = [
        n for n in chart.numbers
        if n.at in links[start.at] and end.at in links[n.at]
    ]  # fmt: skip
    chain = [start]
    for n in between:
        if n.at in links[chain[-1].at]:
            chain.append(n)
    chain.append(end)
    whole = np.ones_like(start.rows)
    for a, b in pairwise(chain):
        whole = whole * links[a.at][b.at]
    return chain if np.allclose(whole, links[start.at][end.at], rtol=1e-4, atol=1e-6) else [start, end]


def _wrong_norm(chart: Chart, one: Product | Scale, used: Back) -> Iterator[Told]:
    """Mistakes on the way back through a normalisation h = (z - mean) / spread that follows a layer."""
    z = one.z.rows
    for h in chart.numbers:
        if h.rows.shape != z.shape or h.at <= one.z.at:
            continue
        for axis in (0, 1):
            for centre in (z.mean(axis=axis, keepdims=True), np.zeros((1, 1))):
                spread = _spread(z - centre, h.rows, axis)
                if spread is None:
                    continue
                gains = [s for s in chart.scales if s.x is h]
                tops = [(s.z, chart.parameters[s.gain].reshape(-1)) for s in gains] or [(h, np.ones(z.shape[1]))]
                for top, gain in tops:
                    dy = chart.error(top)
                    if dy is None:
                        g = chart.error(h)
                        dy = None if g is None else g / gain
                    if dy is None:
                        continue
                    for code, wrong in wrong_errors(dy, gain, h.rows, spread, z, (axis,), centred=bool(centre.any())):
                        if multiple(used.rows, wrong) is None:
                            continue
                        if code in ("norm-spread-missing", "norm-gain-missing"):
                            line = _handed(chart, wrong if code == "norm-spread-missing" else dy, used)
                        else:
                            alike = any(chart.factor(wrong * spread, n) is not None for n in chart.numbers)
                            line = used.note.line if alike else _line(chart, wrong * spread, used)
                        yield Told(code, line, (h.name,))


def _spread(centred: Array, h: Array, axis: int) -> Array | None:
    """The spread that a number was divided by, one for each row or column; None where it is no normalisation."""
    spread = np.abs(centred).sum(axis=axis, keepdims=True) / np.abs(h).sum(axis=axis, keepdims=True)
    usual = np.sqrt(np.mean(centred**2, axis=axis, keepdims=True))
    same = np.allclose(h * spread, centred, rtol=1e-7, atol=1e-9 * float(np.abs(centred).max()))
    return spread if same and np.allclose(spread, usual, rtol=0.2) else None


def _wrong_loss(chart: Chart, one: Product | Scale, used: Back) -> Iterator[Told]:
    """What is wrong with the derivative of the loss by the scores."""
    if one is not chart.products[-1]:
        return
    later = [n for n in chart.numbers if n.rows.shape == one.z.rows.shape and n.at >= one.z.at]
    t = _targets(chart, one.z.rows.shape[1])
    right = chart.error(one.z)
    if right is None and t is not None:
        differences = (n.rows - t for n in later if n is not one.z)
        right = next((d for d in differences if chart.factor(d, one.z) is not None), None)
    for n in later:  # the right derivative by the output, or by the scores and the output's own on top of it
        if n is not one.z and chart.factor(used.rows, n) is not None:
            yield Told("output-derivative-missing", used.note.line, (n.name,))
        if right is not None and multiple(used.rows, right * n.rows * (1 - n.rows)) is not None:
            yield Told("gradient-of-squared-error", used.note.line)
    if any(chart.made(n) for n in chart.numbers if n.at >= one.z.at):
        return
    for n in later if t is not None else ():
        error = n.rows - t
        s = chart.links[one.z.at].get(n.at)
        if s is not None and multiple(used.rows, error) is not None and chart.factor(error * s, one.z) is not None:
            yield Told("output-derivative-missing", used.note.line)
        kinds = [("cross-entropy" if n is not one.z else "squared error", error)]
        kinds += [("absolute error", np.sign(error))]
        if s is not None:
            kinds += [("squared error", error * s), ("absolute error", np.sign(error) * s)]
        for other, wrong in kinds:
            if multiple(used.rows, wrong) is not None:
                yield Told("gradient-of-another-loss", used.note.line, (used.note.name,), {"other": other})
    yield Told("loss-gradient-wrong", used.note.line, (used.note.name,), {"residual": 1.0})


def _targets(chart: Chart, classes: int) -> Array | None:
    if chart.y is None or (classes > 1 and chart.y.max() >= classes):
        return None
    return np.eye(classes)[chart.y] if classes > 1 else chart.y.reshape(-1, 1).astype(np.float64)
