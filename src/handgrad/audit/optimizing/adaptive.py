"""Adagrad, RMSprop, Adam and AdamW: whether steps are theirs, and if not, which known mistake gives them.

The right forms are tried first, all of them; then the mistakes. What fits to the last digits has its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.optimizing.averages import PLACES, Form, Numbers, corrections, direction
from handgrad.audit.optimizing.claims import TITLES, Settings
from handgrad.audit.optimizing.path import Path, Rates, rates, regress
from handgrad.audit.optimizing.refine import refined
from handgrad.audit.optimizing.scales import falls, scale
from handgrad.core.arrays import Array

_RIGHT = {"rmsprop": Form("gradient"), "adagrad": Form("gradient", "sum"), "adam": Form(), "adamw": Form()}
# Forms that are wrong -> the code of the finding, by what the optimizer says that it is.
_WRONG: dict[str, tuple[tuple[Form, str], ...]] = {
    "rmsprop": (
        (Form("gradient", "sum"), "optimizer-no-decay"),
        (Form("gradient", "gradient"), "optimizer-memory-lost"),
        (Form("gradient", "average", 1), "optimizer-no-root"),
        (Form("gradient", "square of average"), "optimizer-not-squared"),
        (Form("gradient", "size of average"), "optimizer-not-squared"),
        (Form("gradient", "average of size"), "optimizer-not-squared"),
        (Form("gradient", "sum", 1), "optimizer-no-root"),
    ),
    "adagrad": (
        (Form("gradient", "gradient"), "optimizer-memory-lost"),
        (Form("gradient", "sum", 1), "optimizer-no-root"),
        (Form("gradient", "square of sum"), "optimizer-not-squared"),
        (Form("gradient", "average"), "optimizer-is-another"),
    ),
    "adam": (
        (Form("average", "average", 1), "optimizer-no-root"),
        (Form("average", "sum"), "optimizer-no-decay"),
        (Form("average", "gradient"), "optimizer-memory-lost"),
        (Form("gradient", "average"), "optimizer-memory-lost"),
        (Form("gradient", "gradient"), "optimizer-memory-lost"),
        *(
            (Form(compounded=which, going_in=going_in), "optimizer-bias-compounded")
            for going_in in (False, True)
            for which in ("both", "first", "second")
        ),
        (Form("average", "square of average"), "optimizer-not-squared"),
        (Form("average", "size of average"), "optimizer-not-squared"),
        (Form("average", "average of size"), "optimizer-not-squared"),
        (Form("average", "of first"), "optimizer-not-squared"),
        (Form("sum", "average"), "optimizer-velocity-grows"),
        (Form("late", "average"), "optimizer-velocity-late"),
    ),
}


@dataclass(frozen=True)
class _Match:
    form: Form
    numbers: Numbers
    rates: Rates
    coupled: float = 0.0


def right_adaptive(path: Path, claim: str, settings: Settings) -> list[Finding] | None:
    """What is to be said of steps whose averages are those that an adaptive optimizer has; None where they are not."""
    right = _RIGHT[claim]
    match = _search(path, right, settings)
    if match is not None and match.coupled == 0:
        findings = scale(path, match.numbers, match.rates.rate, claim, settings)
        return None if findings is None else [*findings, *_shrunk(path, match)]
    if claim == "rmsprop" and _is_known_rmsprop(path, settings):
        return []
    if claim == "adamw" and _shrinks_with_rate(path, settings):
        return []
    return _coupled(path, match, claim, settings)


def _shrinks_with_rate(path: Path, settings: Settings) -> bool:
    """Whether steps are AdamW's with a learning rate that falls, and with it what is taken of the weights."""
    for n in _numbers(Form(), settings):
        scale = corrections(n.first, n.second, path.steps, 1)["right"]
        for decay in sorted(number for number in settings.numbers if 0 < number <= 0.5):
            found = rates(path, scale * direction(path.g, Form(), n) + decay * path.theta[:-1])
            if found.rest <= path.exact and falls(found.rate, path):
                return True
    return False


def wrong_adaptive(path: Path, claim: str, settings: Settings) -> list[Finding] | None:
    """The known mistake in an adaptive optimizer that gives these steps; None where none does."""
    for form, code in _WRONG["adam" if claim == "adamw" else claim]:
        deep = (form.power == 1 or claim == "adamw") and not settings.guessed  # its weights decay beside it
        match = _search(path, form, settings, deep=deep)
        if match is not None:
            if form == Form("gradient", "average") and _is_whole(match, settings):
                code = "optimizer-is-another"
            return [_wrong(path, match, code, claim, settings)]
    return _shared(path, _RIGHT[claim], settings)


def _is_whole(match: _Match, settings: Settings) -> bool:
    """Whether steps take the gradient itself, corrected or not, and not a first average that forgets."""
    rate, lr = match.rates.rate, settings.named.get("lr")
    t = np.arange(1, len(rate) + 1)[:, None]
    scales = (np.ones_like(rate), np.sqrt(1 - match.numbers.second**t) * np.ones_like(rate))
    return lr is not None and any(np.allclose(rate / scale, lr, rtol=1e-4) for scale in scales)


def _numbers(form: Form, settings: Settings) -> Iterator[Numbers]:
    """Settings to try with a form, from the numbers that stand in the code."""
    shares = settings.shares()
    firsts = shares if form.above in ("average", "late") or form.below == "of first" else [0.0]
    if settings.guessed and form.above == "gradient":  # a share next to 1 cannot be told from a sum within a few steps
        shares = [share for share in shares if share < 0.9995]
    averaged = "average" in form.below or form.below in ("centered", "of first", "late", "largest")
    seconds = shares if averaged else [0.0]
    starts = [0.0, 0.1, 1.0] if form.above == "gradient" and form.below in ("average", "sum") else [0.0]
    named = (settings.named.get("beta1", 0.9), settings.named.get("beta2", settings.named.get("rho", 0.999)))
    order = sorted(product(firsts, seconds), key=lambda pair: abs(pair[0] - named[0]) + abs(pair[1] - named[1]))
    for (first, second), start in product(order[: 400 if settings.guessed else 64], starts):
        yield Numbers(first, second, start=start)


def _search(path: Path, form: Form, settings: Settings, *, deep: bool = True) -> _Match | None:
    """The settings with which a form gives these steps."""
    near: list[_Match] = []
    for n in _numbers(form, settings):
        found = _fit(path, form, n)
        if found is not None and found.rates.rest <= path.exact:
            return found
        if found is not None:
            near.append(found)
    # Near, but not it: an epsilon that is not small beside these gradients, or a share of the weights that goes too.
    if not deep or not near:
        return None
    near.sort(key=lambda match: match.rates.rest)
    if settings.guessed:
        found_more = refined(path, form, [match.numbers for match in near])
        return None if found_more is None else _Match(form, found_more[0].numbers, found_more[1], found_more[0].coupled)
    for match in list(near):
        found = _fit(path, form, match.numbers, decay=True)
        if found is not None and _fits(path, found):
            return found
        near += [] if found is None else [found]
    near = [match for match in near if match.rates.rest < 0.05]
    for best in sorted(near, key=lambda match: match.rates.rest)[:3]:
        for eps, place, decay in product(settings.offsets(), PLACES, (False, True)):
            found = _fit(path, form, replace(best.numbers, eps=eps, place=place), decay=decay)
            if found is not None and _fits(path, found):
                return found
    return None


def _fits(path: Path, match: _Match) -> bool:
    """Whether nothing is left over."""
    return match.rates.rest <= path.exact


def _fit(path: Path, form: Form, n: Numbers, *, decay: bool = False) -> _Match | None:
    d = direction(path.g, form, n)
    if form.above == "late":
        if path.delta[0].any():
            return None
        d, path = d[1:], _later(path)
    if not np.isfinite(d).all():
        return None
    return _Match(form, n, rates(path, d, decay=decay))


def _later(path: Path) -> Path:
    return replace(path, theta=path.theta[1:], g=path.g[1:])


def _shrunk(path: Path, match: _Match) -> list[Finding]:
    """Weight decay beside the gradient: whether it takes away."""
    sizes = np.bincount(path.owner, np.abs(path.theta[0]))
    share = float(match.rates.decay[0, int(np.argmax(sizes))])
    if share < -max(1e-7, path.exact / 100):
        return [Finding("optimizer-weight-decay-sign", "error", path.names, {"share": -share}, {"share": share})]
    return []


def _coupled(path: Path, match: _Match | None, claim: str, settings: Settings) -> list[Finding] | None:
    """Weight decay that is part of the gradient: Adam's convention, and what AdamW is there to avoid."""
    told = sorted({n for n in settings.numbers if 0 < n <= 0.5}, key=lambda n: n != settings.named.get("wd"))[:8]
    for decay in [] if settings.guessed else told:
        for signed in (decay, -decay, 2 * decay):
            found = _search(path.with_decay(signed), _RIGHT[claim], settings, deep=False)
            if match is None and found is not None:
                match = replace(found, coupled=signed)
    if match is None:
        return None
    share = {"share": abs(match.coupled)}
    if match.coupled < 0:
        return [Finding("optimizer-weight-decay-sign", "error", path.names, share, {})]
    if claim == "adamw":
        return [Finding("optimizer-weight-decay-coupled", "error", path.names, share, {})]
    return scale(path, match.numbers, match.rates.rate, claim, settings)


def _is_known_rmsprop(path: Path, settings: Settings) -> bool:
    """RMSprop with momentum or centred, which frameworks have too."""
    for below in ("average", "centered"):
        form = Form("gradient", below)
        for n in _numbers(form, settings):
            d = direction(path.g, form, n)
            if not np.isfinite(d).all():
                continue
            first = regress([d[0]], path.delta[0])[1]
            found, rest = regress([d[1:], path.delta[:-1]], path.delta[1:])
            if max(first, rest) <= path.exact and found[0] < 0 <= found[1] < 1:
                return True
            if rates(path, d).rest <= path.exact:
                return True
    return False


def _wrong(path: Path, match: _Match, code: str, claim: str, settings: Settings) -> Finding:
    first_moment = match.form.above != "average" and claim.startswith("adam")
    usual = settings.named.get("beta1", 0.9) if first_moment else settings.named.get("beta2", 0.999)
    share = (match.numbers.first if first_moment else match.numbers.second) or usual
    measured: dict[str, float | str] = {"share": share, "carry": 0.0, "moment": "first" if first_moment else "second"}
    if code == "optimizer-is-another":
        measured |= {"claimed": TITLES[claim], "actual": TITLES["rmsprop"]}
    return Finding(code, "error", path.names, measured, {})


def _shared(path: Path, right: Form, settings: Settings) -> list[Finding] | None:
    """One set of averages for all parameters. Needs arrays of one size."""
    count = len(path.names)
    if count < 2 or len(set(np.bincount(path.owner))) > 1:
        return None
    size = len(path.owner) // count
    g: Array = path.g.reshape(path.steps * count, size)
    for n in _numbers(right, settings):
        d = direction(g, right, n).reshape(path.g.shape)
        if np.isfinite(d).all() and rates(path, d).rest <= path.exact:
            return [Finding("optimizer-shared-state", "error", path.names, {"carry": n.first or n.second}, {})]
    return None
