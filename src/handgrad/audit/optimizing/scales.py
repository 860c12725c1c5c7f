"""Scales: what the learning rates say that are left of an adaptive optimizer's steps where their direction is right.

A correction of the averages' start that is missing or counted wrongly leaves rates that change from step to step, or
from parameter to parameter, in a way that only it gives.
"""

from __future__ import annotations

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.optimizing.averages import Numbers, corrections
from handgrad.audit.optimizing.claims import Settings
from handgrad.audit.optimizing.path import Path
from handgrad.core.arrays import Array

_BIAS = {
    "none": "optimizer-bias-uncorrected",
    "per parameter": "optimizer-counter-per-parameter",
    "late per parameter": "optimizer-counter-per-parameter",
    "along parameters": "optimizer-counter-per-parameter",
    "late along parameters": "optimizer-counter-per-parameter",
    "per layer": "optimizer-counter-per-layer",
    "first only": "optimizer-bias-half",
    "second only": "optimizer-bias-half",
    "late": "optimizer-counter-late",
    "no root": "optimizer-bias-wrong",
    "multiplied": "optimizer-bias-wrong",
    "by the first": "optimizer-bias-wrong",
    "by the second": "optimizer-bias-wrong",
    "exchanged": "optimizer-bias-wrong",
}
_ONE_ALONE = {"first only", "second only"}


def scale(path: Path, n: Numbers, rate: Array, claim: str, settings: Settings) -> list[Finding] | None:
    """What the learning rates say that a right direction leaves."""
    names, lr = path.names, settings.named.get("lr")
    if claim not in ("adam", "adamw"):
        return _plain_scale(path, n, rate, claim, settings)
    told = (settings.named.get("beta1", 0.9), settings.named.get("beta2", 0.999))
    if n.first > n.second and (n.first, n.second) == told[::-1]:
        return [Finding("optimizer-betas-swapped", "error", names, {"first": n.first, "second": n.second}, {})]
    known = corrections(n.first, n.second, *rate.shape)
    if any("correct" in name.lower() or "debias" in name.lower() for name in settings.extra):
        known["right"] = known["none"]  # it says itself that it may go without
    for name, scale in known.items():
        left = _in_order(rate) / _in_order(scale)
        if np.ptp(left) > path.alike * abs(left.mean()):
            continue
        factor = float(left.mean()) / lr if lr else float(np.sign(left.mean()))
        if factor < 0 and name in ("right", "none"):
            return [Finding("optimizer-climbs", "error", names, {}, {})]
        if name == "none":
            return _constant(path, factor, n, round_rate=None if lr else float(left.mean()))
        if name in _BIAS:
            figures = _figures(name, n, path)
            if lr and name in _ONE_ALONE and abs(factor - 1) > 1e-4:  # the other's is always that of one step
                figures["first_step"] = factor * float(figures["first_step"])
                return [Finding("optimizer-bias-wrong", "error", names, figures, {})]
            return [Finding(_BIAS[name], "error", names, figures, {})]
        taken = 1 - (lr or 0.0) * settings.named.get("wd", 0.0)  # AdamW may take its share after the step just as well
        return _by_factor(names, 1.0 if claim == "adamw" and abs(factor / taken - 1) < 1e-6 else factor, n)
    mixed = _mixed(rate, n, lr, told, path)
    if mixed is not None:
        return [mixed]
    if _counts_on(rate, n, lr, path):
        return [Finding(_BIAS["per parameter"], "error", names, _figures("per parameter", n, path), {})]
    left = rate / known["right"]
    return [] if falls(left, path) else None


def _mixed(rate: Array, n: Numbers, lr: float | None, told: tuple[float, float], path: Path) -> Finding | None:
    """One average with the share of the other, where it is corrected by its own; and how new values are weighted."""
    if lr is None or (n.first == told[0]) == (n.second == told[1]):
        return None
    left = rate / corrections(*told, *rate.shape)["right"] / lr
    if np.ptp(left) > path.alike * abs(left.mean()):
        return None
    factor, moment = float(left.mean()), "first" if n.second == told[1] else "second"
    due = (1 - told[0]) / (1 - n.first) if moment == "first" else float(np.sqrt((1 - n.second) / (1 - told[1])))
    if abs(factor / due - 1) < 1e-6:
        measured: dict[str, float | str] = {"factor": factor, "moment": moment}
        return Finding("optimizer-average-unweighted", "error", path.names, measured, {})
    if abs(factor - 1) < 1e-6:
        share = corrections(*told, 1, 1)["right"] / corrections(n.first, n.second, 1, 1)["right"]
        measured = {"first_step": float(share[0, 0])}
        return Finding("optimizer-bias-wrong", "error", path.names, measured, {})
    return None


def _counts_on(rate: Array, n: Numbers, lr: float | None, path: Path) -> bool:
    """Whether the steps are counted on at each parameter, some of which are not among those that are looked at."""
    ordered = _in_order(rate)
    steps, seen = ordered.shape
    for total in range(seen + 1, 3 * seen + 1):
        counts = np.arange(1, total * steps + 1)
        known = (np.sqrt(1 - n.second**counts) / (1 - n.first**counts)).reshape(steps, total)
        for scale in [lr] if lr else ordered[0, 0] / known[0]:
            turns = np.abs(scale * known[:1].T - ordered[0]).argmin(axis=0)
            alike = np.abs(ordered / (scale * known[:, turns]) - 1).max() <= path.alike
            if alike and len(set(turns)) == seen > 1:
                return True
    return False


def _in_order(rate: Array) -> Array:
    """Rates (steps, parameters) with the parameters by the size of their first: nobody says whose turn comes when."""
    return rate[:, np.argsort(np.abs(rate[0]), kind="stable")]


def falls(rate: Array, path: Path) -> bool:
    """Whether a rate is the same for all parameters and falls from step to step: a schedule."""
    even = float(np.ptp(rate, axis=1).max()) <= path.alike * abs(rate[0, 0])
    return bool(even and np.all(np.diff(rate.mean(axis=1)) <= path.alike * abs(rate[0, 0])) and rate.min() > 0)


def _figures(name: str, n: Numbers, path: Path) -> dict[str, float | str | int]:
    """The first step beside what it should be, and what else a sentence about a correction tells."""
    known = corrections(n.first, n.second, 1, len(path.names))
    share = float(known[name][0, -1] / known["right"][0, -1])
    return {
        "first_step": share,
        "corrected": name.partition(" ")[0],
        "parameters": len(path.names),
        "layers": len(path.names) // 2,
    }


def _constant(path: Path, factor: float, n: Numbers, round_rate: float | None) -> list[Finding]:
    """A learning rate that never changes: no correction at all, or one that is always that of the same step."""
    frozen = float(np.sqrt(1 - n.second) / (1 - n.first))
    names = path.names
    uncorrected = [Finding("optimizer-bias-uncorrected", "error", names, _figures("none", n, path), {})]
    if round_rate is not None:
        stuck = _is_round(round_rate / frozen) and not _is_round(round_rate)
        return [Finding("optimizer-counter-stuck", "error", names, {"count": 1}, {})] if stuck else uncorrected
    if abs(factor - 1) < 1e-5:
        return uncorrected
    counts = np.arange(1, 1001)
    at = np.sqrt(1 - n.second**counts) / (1 - n.first**counts)
    near = np.flatnonzero(np.abs(at / factor - 1) < 1e-6)
    if len(near):
        return [Finding("optimizer-counter-stuck", "error", names, {"count": int(counts[near[0]])}, {})]
    unweighted = _unweighted(factor, names, n)
    return uncorrected if unweighted is None else [*uncorrected, unweighted]


def _unweighted(factor: float, names: tuple[str, ...], n: Numbers) -> Finding | None:
    """Steps of a factor that an average gives which adds new values whole, or weighted by the other one's share."""
    first, second = 1 - n.first, 1 - n.second
    known = [(1 / first, "first"), (np.sqrt(second), "second"), (np.sqrt(second) / first, "first")]
    if 0 < n.first != n.second:
        mixed = second / first
        known += [(mixed, "first"), (np.sqrt(mixed), "second"), (mixed**1.5, "first")]
    for due, moment in known:
        if abs(factor / due - 1) < 1e-6:
            measured = {"factor": float(due), "moment": moment}
            return Finding("optimizer-average-unweighted", "error", names, measured, {})
    return None


def _is_round(number: float) -> bool:
    """Whether a number looks like one that somebody has written down."""
    return abs(float(f"{number:.1e}") / number - 1) < 1e-4


def _by_factor(names: tuple[str, ...], factor: float, n: Numbers) -> list[Finding]:
    if factor < 0:
        return [Finding("optimizer-climbs", "error", names, {}, {})]
    if abs(factor - 1) < 1e-4:
        return []
    unweighted = _unweighted(factor, names, n)
    if unweighted is not None:
        return [unweighted]
    return [Finding("optimizer-scaled", "note", names, {"factor": factor}, {"factor": 1.0})]


def _plain_scale(path: Path, n: Numbers, rate: Array, claim: str, settings: Settings) -> list[Finding] | None:
    """For RMSprop and Adagrad."""
    names, lr, told = path.names, settings.named.get("lr"), settings.numbers
    if (
        claim == "rmsprop"
        and n.second < 0.5
        and any(abs(1 - n.second - t) < 1e-9 for t in told)
        and n.second not in told
    ):
        share = {"carry": n.second, "share": 1 - n.second}
        return [Finding("optimizer-decay-swapped", "error", names, share, {"carry": 1 - n.second})]
    t = np.arange(1, path.steps + 1)[:, None]
    for scale in (np.ones_like(rate), np.sqrt(1 - n.second**t) * np.ones_like(rate)):  # some correct RMSprop as well
        left = rate / scale
        if np.ptp(left) <= path.alike * abs(left.mean()):
            factor = float(left.mean()) / lr if lr else float(np.sign(left.mean()))
            return _by_factor(names, factor, Numbers(0.0, n.second if claim == "rmsprop" else 0.0))
    return [] if falls(rate, path) else None
