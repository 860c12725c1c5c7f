"""Chart: the numbers of a network that no one knows, by what the loss does when each of them is moved.

Which array of the way back is the derivative by which array of the way there is told by their slopes along a few random
directions; which is made from which, by moving one and looking at the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.identify import random_point
from handgrad.audit.judging.measure import fit_beside, steady
from handgrad.audit.judging.stillness import held
from handgrad.audit.judging.truth import Slopes, slopes
from handgrad.audit.pieces.bends import bend_of
from handgrad.audit.pieces.norms import normalised
from handgrad.audit.place.numbers import EXACT, Back, Number, Product, Scale, laid, multiple, printed, rows_of
from handgrad.audit.place.observe import CHANGED, MADE, NAMED, RETURNED, Noted, observe
from handgrad.audit.place.order import rows_taken
from handgrad.audit.place.probe import DIRECTIONS, Probe
from handgrad.core.arrays import Array

_RATE = 2.0**-6
_ROWS = (5, 7, 11, 3)
_MOST = 48  # numbers whose slopes are taken
_TWINS = 3  # arrays of the same numbers that are tried
_AFTER = 3  # numbers after another one that may be its activation, normalised
_WAYS = 8  # errors of later numbers that are tried as shares
_LARGE = 20_000  # elements


class Chart:
    """One batch through a network and back, at a random point. Raises what the code raises."""

    def __init__(self, inspection: Inspection, wrong: frozenset[str], seconds: float) -> None:
        subject, self.wrong, self.tree = inspection.reading.subject, wrong, inspection.program.tree
        rng = np.random.default_rng(6)
        sizes = {n for value in subject.parameters().values() for n in value.shape}
        self.count = next(n for n in _ROWS if n not in sizes)
        one, other = (batch(subject, self.count, seed) for seed in (6, 7))
        files = {inspection.program.filename, "<audit>"}
        saved = subject.snapshot()
        try:
            subject = held(subject, rng)  # dropout, and the order of the rows
            subject.restore(random_point(subject, rng))
            self.parameters = subject.snapshot()
            self.gradient = steady(subject, one.x, one.y, _RATE).gradient
            subject.gradient(other.x, other.y, _RATE)  # what is left over in the code is that of another batch

            def run() -> None:
                if subject.step is not None:
                    subject.step(one.x, one.y, _RATE)
                else:
                    subject.gradient(one.x, one.y, _RATE)

            self.notes = observe(run, files)
            self.after = subject.snapshot()
            subject.restore(self.parameters)
            self.true: Slopes = slopes(subject, one.x, one.y, rng, 0.2)
            self.x, self.y = rows_of(one.x, self.count), None if one.flat is None else one.flat[1]
            if self.x is not None:
                order = rows_taken(self.notes, self.x)
                self.x, self.y = self.x[order], None if self.y is None else self.y[order]
                self.count = len(order)
            self.probe = Probe(lambda: self._loss(subject, one), files)
            self.directions: dict[tuple[int, ...], Array] = {}
            self.numbers = self._numbers(time.thread_time() + seconds)
            self.links = {one.at: dict(self._elementwise(one)) for one in self.numbers}
            self.numbers = sorted([*self.numbers, *self._unnoted()], key=lambda one: one.at)
            self.numbers = sorted([*self.numbers, *self._normalised()], key=lambda one: one.at)
        finally:
            subject.restore(saved)

    @cached_property
    def scaled(self) -> dict[str, float]:
        """The wrong parameters whose gradients are multiples of the right ones: name -> factor; the top ones first."""
        found: dict[str, float] = {}
        for name in reversed(list(self.parameters)):
            seen, gradient = self.true.directions.get(name), self.gradient[name]
            if name in self.wrong and seen is not None and gradient.size > 1:
                k = multiple(np.array([np.vdot(v, gradient) for v in seen]), self.true.values[name])
                found |= {} if k is None else {name: k}
        return found

    @cached_property
    def crooked(self) -> frozenset[str]:
        """The others: wrong by more than a factor, and not 0."""
        return frozenset(n for n in self.wrong if n not in self.scaled and self.gradient[n].any())

    def _loss(self, subject: Any, one: Any) -> float:
        value = float(subject.loss(one.x, one.y))
        subject.restore(self.parameters)
        return value

    def along(self, shape: tuple[int, ...]) -> Array:
        """The directions (n, *shape) for arrays of a shape."""
        if shape not in self.directions:
            self.directions[shape] = np.random.default_rng(9).standard_normal((DIRECTIONS, *shape))
        return self.directions[shape]

    def _numbers(self, until: float) -> list[Number]:
        """The numbers of the way there that the loss depends on, in order; those near the loss are taken first."""
        known = [self.x, *map(np.asarray, self.parameters.values())]
        seen = {printed(value) for value in known if value is not None}
        chosen: dict[Any, list[tuple[Noted, Array]]] = {}
        for note in self.probe.notes:
            rows = rows_of(note.value, self.count)
            if rows is None or note.how == NAMED or note.value.dtype != np.float64:
                continue
            mark = printed(rows)
            if mark not in seen and rows.size <= _LARGE and note.value.size > 1:
                chosen.setdefault(mark, []).append((note, rows))
        found: list[Number] = []
        for same in list(chosen.values())[-_MOST:][::-1]:
            for note, rows in same[-_TWINS:]:  # where a forward pass runs twice, one of them leads to the loss
                if time.thread_time() > until:
                    return sorted(found, key=lambda one: one.at)
                moved = self.probe.slopes(note, np.array([laid(v, note) for v in self.along(rows.shape)]))
                if moved is not None and np.isfinite(moved).all() and np.abs(moved).max() > 1e-12:
                    found.append(Number(note, rows, moved, note.order))
                    break
        return sorted(found, key=lambda one: one.at)

    def _unnoted(self) -> Iterator[Number]:
        """What goes into an activation in the line that makes it, and is never kept: the z of a = tanh(x @ W + b)."""
        inputs = [(-1.0, self.x)] if self.x is not None else []
        inputs += [(n.at, n.rows) for n in self.numbers]
        vectors = [v.reshape(-1) for v in self.parameters.values() if max(v.shape, default=1) == v.size]
        for value in self.parameters.values():
            for (at, x), W in product(inputs, (value, value.T) if value.ndim == 2 else ()):
                if x.shape[1] != W.shape[0]:
                    continue
                bare = x @ W
                for b in (np.zeros(1), *(v for v in vectors if v.size == W.shape[1])):
                    same = (n for n in self.numbers if n.at > at and n.rows.shape == bare.shape)
                    y = next((n for n in same if bend_of(bare + b, n.rows) is not None), None)
                    known = any(n.rows.shape == bare.shape and np.allclose(n.rows, bare + b) for n in self.numbers)
                    if y is not None and not known and (one := self._before(y, bare + b)) is not None:
                        yield one

    def _normalised(self) -> Iterator[Number]:
        """The same of what a normalisation gives: the h of a = tanh(h), h = (z - mean) / spread."""
        for i, z in enumerate(self.numbers):
            for y in self.numbers[i + 1 : i + 1 + _AFTER]:
                if y.rows.shape == z.rows.shape and min(z.rows.shape) > 1 and y.at not in self.links[z.at]:
                    h = normalised(z.rows, y.rows)
                    if h is not None and (one := self._before(y, h)) is not None:
                        yield one

    def _before(self, y: Number, z: Array) -> Number | None:
        bend = bend_of(z, y.rows)
        assert bend is not None
        s = bend.slope(z)
        moved = self.probe.slopes(y.note, np.array([laid(v * s, y.note) for v in self.along(z.shape)]))
        if moved is None:
            return None
        self.links[y.at - 0.5] = {y.at: s} | {at: s * more for at, more in self.links[y.at].items()}
        return Number(y.note, z, moved, y.at - 0.5)

    def _elementwise(self, one: Number) -> Iterator[tuple[float, Array]]:
        """(place, f') of every later number of the same shape that is f of this one, each number by its own."""
        later = [n for n in self.numbers if n.at > one.at and n.rows.shape == one.rows.shape]
        if not later:
            return
        v = self.along(one.rows.shape)[0]
        notes = [n.note for n in later]
        each, some = (self.probe.response(one.note, laid(by, one.note), notes) for by in (np.ones_like(v), v))
        if each is None or some is None:
            return
        for n in later:
            slope, other = rows_of(each[n.note.order], self.count), rows_of(some[n.note.order], self.count)
            if slope is None or other is None or not np.abs(slope).max() > 1e-9:
                continue
            if np.allclose(other, slope * v, rtol=0, atol=1e-4 * np.abs(other).max()):
                yield n.at, slope

    @cached_property
    def products(self) -> list[Product]:
        """The layers z = x @ W + b of the network, from the input up."""
        found = []
        inputs: list[tuple[Number | None, Array]] = [] if self.x is None else [(None, self.x)]
        inputs += [(n, n.rows) for n in self.numbers]
        for name, value in self.parameters.items():
            for turned, W in ((False, value), (True, value.T)) if value.ndim == 2 else ():
                for (below, x), z in product(inputs, self.numbers):
                    fits = x.shape[1] == W.shape[0] and z.rows.shape[1] == W.shape[1]
                    if not fits or (below is not None and below.at >= z.at):
                        continue
                    told = self.added(z.rows - x @ W, float(np.abs(z.rows).max()))
                    if told is not None and told != name:
                        found.append(Product(name, W, told or None, x, below, z, turned))
        return sorted(found, key=lambda one: one.z.note.order)

    @cached_property
    def scales(self) -> list[Scale]:
        """The gains and shifts y = gain * h + shift of the network."""
        found = []
        for name, value in self.parameters.items():
            for h, y in product(self.numbers, self.numbers) if value.size > 1 else ():
                if h.at < y.at and h.rows.shape == y.rows.shape and value.size == h.rows.shape[1]:
                    told = self.added(y.rows - h.rows * value.reshape(-1), float(np.abs(y.rows).max()))
                    if told is not None and told != name:
                        found.append(Scale(name, told or None, h, y))
        return found

    def added(self, rest: Array, size: float) -> str | None:
        """The parameter that is added to every row; "" for none; None where it is no such thing."""
        if np.abs(rest).max() <= 1e-9 * size:
            return ""
        same = (name for name, v in self.parameters.items() if v.size == rest.shape[1])
        return next((name for name in same if np.allclose(rest, self.parameters[name].reshape(-1), atol=1e-9)), None)

    @cached_property
    def backs(self) -> list[Back]:
        """The notes of the way back, in order: no number of the way there, and no parameter."""
        seen = {printed(n.rows) for n in self.numbers} | {printed(v) for v in self.parameters.values()}
        if self.x is not None:
            seen.add(printed(self.x))
        found = []
        for note in self.notes:
            rows = rows_of(note.value, self.count)
            if rows is None or note.how not in (MADE, CHANGED, RETURNED, NAMED) or note.value.dtype.kind != "f":
                continue
            if rows.size <= _LARGE and printed(rows) not in seen and np.isfinite(rows).all():
                found.append(Back(note, rows))
        return found

    def factor(self, rows: Array, number: Number) -> float | None:
        """The k for which an array is k times the derivative of the loss by a number; None where it is another."""
        if rows.shape != number.rows.shape:
            return None
        seen = np.tensordot(self.along(rows.shape), rows, axes=rows.ndim)
        return multiple(seen, number.slopes)

    def error(self, number: Number) -> Array | None:
        """The true derivative of the loss by a number, where the code has it or has what it is made from."""
        if number.at not in self._errors:
            self._errors[number.at] = self._error(number)
        return self._errors[number.at]

    @cached_property
    def _errors(self) -> dict[float, Array | None]:
        return {}

    def _error(self, number: Number) -> Array | None:
        made = self.made(number)
        if made is not None:
            return made[0].rows / made[1]
        ways = self.ways(number)
        return sum(ways) if ways else None  # type: ignore[return-value]

    def ways(self, number: Number) -> list[Array]:
        """The shares of the derivative by a number, one for each way that leads on from it, as far as these are known.

        Through each layer that takes it, and past layers to later numbers of its shape, as it is or multiplied by one.
        """
        through = [self.error(one.z) for one in self.products if one.below is number]
        if any(one is None for one in through):
            return []
        layers = [p for p in self.products if p.below is number]
        base = [e @ p.W.T for e, p in zip(through, layers, strict=True) if e is not None]
        if base and self.factor(np.sum(base, axis=0), number) is not None:
            return base
        later = [n for n in self.numbers if n.at > number.at and n.rows.shape == number.rows.shape]
        past = [e for n in later if (e := self.error(n)) is not None]
        bent = self.links[number.at]
        past += [e * bent[n.at] for n in later if n.at in bent and (e := self.error(n)) is not None]
        past += [
            e * f for e in past[:_WAYS] for n in self.numbers if n.rows.shape == e.shape for f in (n.rows, 1 - n.rows)
        ]
        seen = self.along(number.rows.shape)
        rest = number.slopes - sum(np.tensordot(seen, one, axes=2) for one in base)
        for one in past:
            if np.linalg.norm(np.tensordot(seen, one, axes=2) - rest) <= EXACT * np.linalg.norm(number.slopes):
                return [*base, one]
        return []

    def made(self, number: Number) -> tuple[Back, float] | None:
        """The first note of the way back that is a multiple of the derivative by a number, and which one."""
        for back in self.backs:
            k = self.factor(back.rows, number)
            if k is not None:
                return back, k
        return None

    def used(self, one: Product | Scale) -> Back | None:
        """The note that the code has made the gradients of a layer's parameters from.

        The gradient of weights may hold a share of the weights as well.
        """
        same = [b for b in self.backs if b.rows.shape == one.z.rows.shape]
        if isinstance(one, Scale):
            gain = self.gradient[one.gain].reshape(-1)
            by_gain = (b for b in same if multiple((b.rows * one.x.rows).sum(axis=0), gain, 1e-6) is not None)
            return next(by_gain, None) or self._summed(same, one.shift)
        gradient = one.laid(self.gradient[one.name])
        mixed = np.random.default_rng(0).standard_normal((len(gradient), min(len(gradient), 8)))
        wanted, x, own = mixed.T @ gradient, (one.x @ mixed).T, mixed.T @ one.W
        return next((b for b in same if fit_beside(wanted, x @ b.rows, own, 1e-6).exact), None)

    def _summed(self, same: list[Back], shift: str | None) -> Back | None:
        if shift is None:
            return None
        wanted = self.gradient[shift].reshape(-1)
        return next((b for b in same if multiple(b.rows.sum(axis=0), wanted, 1e-6) is not None), None)
