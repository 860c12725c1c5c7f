"""Own slips: what is wrong with one parameter's gradient in an unknown network, where the error it gets is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.audit.judging.measure import fit_beside
from handgrad.audit.place.chart import Chart
from handgrad.audit.place.handing import passing_over
from handgrad.audit.place.numbers import EXACT, Product, Scale, multiple
from handgrad.audit.place.observe import Noted
from handgrad.core.arrays import Array

UNNAMED = "unnamed"


@dataclass(frozen=True)
class Told:
    """A mistake, or only its place.

    Attributes:
        code: its name; "unnamed" for none.
        line: of the program's text; None where it is not known.
        where: what it is about, by the names in the code; empty for the parameters that it spoils.
        measured: figures.
        spoilt: parameters whose gradients it makes wrong.
        also: further lines in which it may stand.
    """

    code: str
    line: int | None
    where: tuple[str, ...] = ()
    measured: dict[str, Any] = field(default_factory=dict)
    spoilt: tuple[str, ...] = ()
    also: tuple[int, ...] = ()


def of_product(chart: Chart, one: Product, error: Array) -> Iterator[Told]:
    """What is wrong with the gradients of a layer z = x @ W + b, where its error dL/dz is right."""
    if one.name in chart.crooked:
        yield from _weights(chart, one, error)
    if one.bias in chart.crooked:
        yield from _bias(chart, one, error)


def of_scale(chart: Chart, one: Scale, error: Array) -> Iterator[Told]:
    """What is wrong with the gradients of z = gain * x + shift, where its error dL/dz is right."""
    if one.gain in chart.crooked:
        yield from _gain(chart, one, error)
    if one.shift in chart.crooked and (line := _made_at(chart, one.shift)) is not None:
        yield Told(UNNAMED, line, (), {}, (one.shift,))


def _weights(chart: Chart, one: Product, error: Array) -> Iterator[Told]:
    """What is wrong with the gradient of a layer's weights, whose error is right."""
    gradient = one.laid(chart.gradient[one.name])
    line = _made_at(chart, one.name)
    seen = chart.true.directions.get(one.name)
    right = one.x.T @ error
    if seen is not None:  # a penalty
        flat = [one.laid(v) for v in seen]
        due = chart.true.values[one.name] - np.array([np.vdot(v, right) for v in flat])
        own = np.array([np.vdot(v, one.W) for v in flat])
        charge = multiple(due, own, 1e-3)
        fit = fit_beside(gradient, right, one.W, 1e-5)
        if charge is not None and fit.exact and fit.factor and np.linalg.norm(due) > 1e-9:
            share = fit.decay / fit.factor
            code = "penalty-missing" if abs(share) < 1e-9 else "weight-decay-sign" if share < 0 else "penalty-scaled"
            if abs(share / charge - 1) > 1e-3:
                measured = {"share": share, "due": charge, "ratio": share / charge}
                yield Told(code, None, (one.name,), measured, (one.name,))
                return
    if multiple(gradient, right) is not None:  # it is right but for a factor
        return
    for n in chart.numbers:
        if (
            n.rows.shape == one.x.shape
            and multiple(n.rows, one.x) is None
            and multiple(gradient, n.rows.T @ error) is not None
        ):
            ahead = one.below is not None and one.below.at in chart.links[n.at]
            yield Told(
                "weights-from-preactivation" if ahead else "weights-from-another-layer",
                line,
                (one.name,),
                {},
                (one.name,),
            )
            return
    tried = [("gradient-sign-only", np.sign(right)), ("gradient-absolute", np.abs(right)),
             ("averaged-before-product", np.outer(one.x.mean(axis=0), error.sum(axis=0)))]  # fmt: skip
    tried += [("one-row-only", np.outer(a, b)) for a, b in zip(one.x, error, strict=True)]
    tried += [("gradient-transposed", right.T)] if right.shape == right.T.shape else []
    for code, wrong in tried:
        if multiple(gradient, wrong) is not None:
            yield Told(code, line, (one.name,), {}, (one.name,))
            return
    if line is not None:
        yield Told(UNNAMED, line, (), {}, (one.name,))


def _bias(chart: Chart, one: Product, error: Array) -> Iterator[Told]:
    """What is wrong with a bias's gradient, where its error is right."""
    assert one.bias is not None
    gradient, line = chart.gradient[one.bias].reshape(-1), _made_at(chart, one.bias)
    if multiple(gradient, error.sum(axis=0)) is not None:  # it is right but for a factor
        return
    tried = [("bias-summed-over-everything", np.full_like(gradient, error.sum()))]
    for n in chart.numbers:
        if n.at in chart.links[one.z.at] and (above := chart.error(n)) is not None:
            tried.append(("bias-skips-derivative", above.sum(axis=0)))
    tried += [("one-row-only", row) for row in error]
    tried += [("gradient-sign-only", np.sign(error.sum(axis=0))), ("gradient-absolute", np.abs(error.sum(axis=0)))]
    code = next((code for code, wrong in tried if gradient.size > 1 and multiple(gradient, wrong) is not None), UNNAMED)
    if code != UNNAMED or line is not None:
        yield Told(code, line, (one.bias,) if code != UNNAMED else (), {}, (one.bias,))


def _gain(chart: Chart, scale: Scale, error: Array) -> Iterator[Told]:
    """What is wrong with a gain's gradient, where its error is right."""
    gradient, line = chart.gradient[scale.gain].reshape(-1), _made_at(chart, scale.gain)
    if multiple(gradient, (error * scale.x.rows).sum(axis=0)) is not None:
        return
    others = [n.rows for n in chart.numbers if n.rows.shape == error.shape]
    by_input = any(multiple(gradient, (error * other).sum(axis=0)) is not None for other in others)
    code = "norm-gain-by-input" if by_input else UNNAMED
    yield Told(code, line, (scale.gain,) if by_input else (), {}, (scale.gain,))


def _made_at(chart: Chart, name: str) -> int | None:
    """The line that first made a parameter's gradient."""
    gradient = chart.gradient[name]
    for note in chart.notes:
        if note.value.size == gradient.size and note.value.dtype.kind == "f" and note.line > 0:
            for view in (note.value, note.value.T):
                if view.size > 1 and multiple(view.reshape(-1), gradient.reshape(-1), EXACT) is not None:
                    return note.line
    return None


def elsewhere(chart: Chart) -> Iterator[Told]:
    """Lines, without a name, for parameters whose gradients are only multiples of the right ones, or 0.

    And those of updates that come before the way back is at its end.
    """
    last = max((back.note.order for back in chart.backs), default=0)
    for one in reversed(chart.products):
        moved = _moved(chart, one.name)
        if one.below is not None and moved is not None and moved.order < last:
            yield Told(UNNAMED, moved.line, (), {}, tuple(p.name for p in chart.products if p.z.at < one.z.at))
    for name in (name for name in chart.parameters if name in chart.wrong and not chart.gradient[name].any()):
        moved = next((m for kin in _kin(chart, name) if (m := _moved(chart, kin)) is not None), None)
        if moved is not None:
            yield Told(UNNAMED, next(passing_over(chart.tree, moved.line), moved.line), (), {}, (name,))
    for name, k in chart.scaled.items():
        if abs(k - 1) < EXACT:
            continue
        z = next((one.z for one in chart.products if name in one.names), None)
        errors = [b for b in chart.backs if z is not None and _near(chart.factor(b.rows, z), k)]
        if errors:  # it comes from above: a sign from the first number that has it
            turned = (b for b in chart.backs for n in chart.numbers if k < 0 and (chart.factor(b.rows, n) or 0) < 0)
            yield Told(UNNAMED, next(turned, errors[0]).note.line, (), {}, (name,))
        elif (line := _made_at(chart, name)) is not None:
            yield Told(UNNAMED, line, (), {}, (name,))


def _near(k: float | None, other: float) -> bool:
    return k is not None and abs(k - other) < EXACT * abs(other)


def _kin(chart: Chart, name: str) -> Iterator[str]:
    """The parameters whose updates stand next to that of another: of its layer, then its neighbours."""
    for one in chart.products:
        if name in (one.name, one.bias):
            yield from (other for other in (one.name, one.bias) if other not in (None, name))
    names = list(chart.parameters)
    yield from sorted(names, key=lambda other: abs(names.index(other) - names.index(name)))


def _moved(chart: Chart, name: str) -> Noted | None:
    """The note that makes a parameter what it is after the step."""
    new, old = chart.after[name], chart.parameters[name]
    if np.array_equal(new, old):
        return None
    for note in chart.notes:
        if note.value.shape == new.shape and note.line > 0 and np.allclose(note.value, new, rtol=1e-12, atol=0):
            return note
    return None
