"""Plain descent and its relatives: every step is a fixed sum of the gradient, the step before and the weights.

SGD, momentum and Nesterov's are that in all their forms, so least squares find which one it is, exactly or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.optimizing.claims import Settings
from handgrad.audit.optimizing.path import Path, regress
from handgrad.core.arrays import Array

_SETS = (("g",), ("g", "theta"), ("g", "before"), ("g", "before", "theta"), ("g", "before", "g before"),
         ("g", "before", "g before", "theta"))  # fmt: skip


@dataclass(frozen=True)
class Linear:
    """step = g * gradient + before * the step before + g_before * the gradient before + theta * the weights.

    Attributes:
        g: what each step from the second on takes of its gradient, (K - 1,).
        before: the share of the step before, (K - 1,).
        g_before: what the steps take of the gradient before.
        theta: what they take of the weights themselves.
        first: what the very first step takes of its gradient.
        alike: how far apart two figures may lie that are the same.
    """

    g: Array
    before: Array
    g_before: float
    theta: float
    first: float
    alike: float = 1e-6

    @property
    def memory(self) -> bool:
        """Whether earlier gradients count."""
        return bool(np.abs(self.before).max() > self.alike or self.g_before)

    @property
    def mu(self) -> float:
        """The share of the velocity that stays, also where the learning rate is outside of it and changes."""
        outside = self.before[1:] * self.g[:-1] / self.g[1:] if np.all(self.g) else self.before
        return float(np.mean(outside if np.ptp(outside) < np.ptp(self.before) else self.before))

    @property
    def steady(self) -> bool:
        """Whether it is one rule for all steps, a learning rate that falls left aside."""
        fixed = np.ptp(self.before) <= self.alike
        outside = np.all(self.g) and np.ptp(self.before[1:] * self.g[:-1] / self.g[1:]) <= self.alike
        size = np.abs(self.g)
        return bool(
            (fixed or outside)
            and np.all(np.diff(size) <= self.alike * size[0])
            and abs(np.sign(self.g).sum()) == len(size)
        )


def fit_linear(path: Path) -> Linear | None:
    """The rule of this kind that gives these steps, the simplest; None where none does."""
    delta, theta = path.delta, path.theta[:-1]
    first, rest = regress([path.g[0]], delta[0], path.rounding(0))
    if rest > path.exact:
        first, rest = regress([path.g[0], theta[0]], delta[0], path.rounding(0))
    if rest > path.exact:
        return None
    columns = {"g": path.g[1:], "before": delta[:-1], "g before": path.g[:-1], "theta": theta[1:]}
    ones = np.ones(path.steps - 1)
    for used in _SETS:
        found, rest = regress([columns[name] for name in used], delta[1:], path.rounding(slice(1, None)))
        if rest <= path.exact:
            of = dict(zip(used, found, strict=True))
            return Linear(
                of["g"] * ones,
                of.get("before", 0.0) * ones,
                of.get("g before", 0.0),
                of.get("theta", 0.0),
                first[0],
                path.alike,
            )
    for used in _SETS[:4]:
        each = [
            regress([columns[name][k] for name in used], delta[k + 1], path.rounding(k + 1))
            for k in range(path.steps - 1)
        ]
        if max(rest for _, rest in each) <= path.exact:
            of = {name: np.array([found[j] for found, _ in each]) for j, name in enumerate(used)}
            line = Linear(
                of["g"],
                of.get("before", 0 * ones),
                0.0,
                float(np.mean(of.get("theta", 0 * ones))),
                first[0],
                path.alike,
            )
            return line if line.steady or not line.memory else None
    return None


def judge_linear(path: Path, claim: str, settings: Settings) -> list[Finding] | None:
    """What is to be said of steps that are of this kind, all in all or parameter by parameter; None if they are not."""
    whole = fit_linear(path)
    if whole is not None and whole.steady:
        return _read(whole, path.names, claim, settings)
    clipped = _clipped(path)
    if clipped is not None:
        return clipped
    each = [fit_linear(path.only(i)) for i in range(len(path.names))]
    lines = [line for line in each if line is not None]
    if len(lines) == len(each):
        per_parameter = _rate_per_parameter(lines, path.names)
        if per_parameter is not None:
            return per_parameter
    if len(lines) == len(each) and all(line.steady for line in lines):
        return _compared(lines, path.names, claim, settings)
    return _shared(path)


def _read(line: Linear, names: tuple[str, ...], claim: str, settings: Settings) -> list[Finding] | None:
    """What one rule says; None where it is none that has a name."""
    lr, mu = settings.named.get("lr"), settings.named.get("mu", 0.0)
    wants_memory = claim in ("momentum", "nesterov") or (claim == "sgd" and settings.named.get("momentum", 0.0) > 0)
    if not line.memory:
        found = [Finding("optimizer-climbs", "error", names, {}, {})] if line.g[0] > 0 else []
        if wants_memory:
            found.append(Finding("optimizer-memory-lost", "error", names, {"share": mu or 0.9, "carry": 0.0}, {}))
        return [*found, *_decayed(line, names), *([] if found else _scaled(line, names, lr))]
    carry, c, e = line.mu, float(line.g[0]), line.g_before
    if abs(c) <= line.alike * abs(e):
        return [Finding("optimizer-velocity-late", "error", names, {"carry": carry}, {})]
    if c > 0:
        return [Finding("optimizer-climbs", "error", names, {}, {})]
    if carry < 0:
        return [Finding("optimizer-velocity-sign", "error", names, {"carry": carry}, {"carry": -carry})]
    if carry >= 1 - line.alike / 100:
        return [Finding("optimizer-velocity-grows", "error", names, {"carry": carry}, {"carry": mu or 0.9})]
    if mu > 0.5 and abs(carry - (1 - mu)) < line.alike:
        return [Finding("optimizer-decay-swapped", "error", names, {"carry": carry, "share": mu}, {"carry": mu})]
    found = _decayed(line, names)
    if e and abs(e / c + carry / (1 + carry)) > 10 * line.alike:
        wrong, due = float(-e / c), carry / (1 + carry)
        if claim != "nesterov":
            return None
        measured = {"carry": carry, "ratio": wrong, "due": due}
        return [*found, Finding("optimizer-nesterov-wrong", "error", names, measured, {"ratio": due})]
    if claim == "nesterov" and not e:
        found.append(Finding("optimizer-plain-momentum", "warning", names, {"carry": carry}, {}))
    return found


def _decayed(line: Linear, names: tuple[str, ...]) -> list[Finding]:
    if line.theta * line.g[0] < 0:
        grows = {"share": abs(line.theta)}
        return [Finding("optimizer-weight-decay-sign", "error", names, grows, {"share": -abs(line.theta)})]
    return []


def _scaled(line: Linear, names: tuple[str, ...], lr: float | None) -> list[Finding]:
    if not lr or np.ptp(line.g) > 1e-6 * abs(line.g[0]):
        return []
    factor = -float(line.g[0]) / lr
    return (
        []
        if abs(factor - 1) < 1e-4
        else [Finding("optimizer-scaled", "note", names, {"factor": factor}, {"factor": 1.0})]
    )


def _clipped(path: Path) -> list[Finding] | None:
    """Whether the steps are plain descent with gradients that are cut off, number by number or by their norm."""
    ratio = np.abs(path.delta) / np.maximum(np.abs(path.g), 1e-300)
    lr = float(np.median(np.sort(ratio, axis=None)[-5:]))
    most = float(np.abs(path.delta).max())
    cut = -np.sign(path.g) * np.minimum(lr * np.abs(path.g), most)
    if np.linalg.norm(cut - path.delta) <= path.exact * np.linalg.norm(path.delta):
        return [Finding("optimizer-clipped", "note", path.names, {"most": most / lr}, {})]
    for paths in ([path], [path.only(i) for i in range(len(path.names))]):
        norms = np.array([np.linalg.norm(p.g, axis=1) for p in paths])
        moved = np.array([np.linalg.norm(p.delta, axis=1) for p in paths])
        along = all(
            np.allclose(np.sum(p.g * p.delta, axis=1), -g * d, rtol=1e-7)
            for p, g, d in zip(paths, norms, moved, strict=True)
        )
        full, top = (moved / norms).max(), moved.max()
        if along and top / full < norms.max() and np.allclose(moved, np.minimum(full * norms, top), rtol=1e-5):
            return [Finding("optimizer-clipped", "note", path.names, {"most": float(top / full)}, {})]
    return None


def _rate_per_parameter(lines: list[Linear], names: tuple[str, ...]) -> list[Finding] | None:
    """A learning rate that falls with each parameter and not with each step."""
    taken = np.array([[line.first, *line.g] for line in lines]).T.reshape(-1)  # in the order in which it was done
    if len(lines) < 2 or not np.all(taken) or any(line.memory for line in lines):
        return None
    falls, slows = taken[1:] / taken[:-1], np.diff(1 / taken)
    for law in (falls, slows):
        if np.allclose(law, law[0], rtol=1e-6) and 0 < falls[0] < 1 - 1e-9:
            return [Finding("optimizer-rate-per-parameter", "error", names, {"parameters": len(lines)}, {})]
    return None


def _compared(lines: list[Linear], names: tuple[str, ...], claim: str, settings: Settings) -> list[Finding]:
    """Rules that differ between parameters."""
    found: dict[tuple[str, str], list[int]] = {}
    said: dict[tuple[str, str], Finding] = {}
    for i, line in enumerate(lines):
        for one in _read(line, (names[i],), claim, settings) or []:
            if one.code != "optimizer-scaled":
                found.setdefault((one.code, one.severity), []).append(i)
                said.setdefault((one.code, one.severity), one)
    findings = [
        Finding(
            code, severity, tuple(names[i] for i in who), said[code, severity].measured, said[code, severity].expected
        )
        for (code, severity), who in found.items()
    ]
    if findings:
        return findings
    first = np.array([line.g[0] for line in lines])
    usual = float(first[0])
    odd = [i for i in range(len(lines)) if abs(first[i] / usual - 1) > 1e-6]
    if odd:
        measured = {"factor": float(first[odd[0]] / usual)}
        lr = settings.named.get("lr", 0.0)
        forgotten = abs(measured["factor"] * lr - 1) < 1e-6  # a rate of 1: the learning rate is missing
        severity = "warning" if forgotten else "note"
        return [Finding("optimizer-uneven", severity, tuple(names[i] for i in odd), measured, {"factor": 1.0})]
    carries = np.array([line.mu for line in lines])
    odd = [i for i in range(len(lines)) if abs(carries[i] - np.median(carries)) > 1e-6]
    if odd:
        measured = {"share": float(np.median(carries)), "carry": float(carries[odd[0]])}
        return [Finding("optimizer-memory-lost", "error", tuple(names[i] for i in odd), measured, {})]
    return []


def _shared(path: Path) -> list[Finding] | None:
    """One velocity for all parameters: each takes over that of the one before it. Needs arrays of one size."""
    count = len(path.names)
    if count < 2 or len(set(np.bincount(path.owner))) > 1:
        return None
    d, g = (a.reshape(path.steps * count, -1) for a in (path.delta, path.g))
    found, rest = regress([g[1:], d[:-1]], d[1:])
    if rest <= path.exact and found[1] > 1e-6:
        return [Finding("optimizer-shared-state", "error", path.names, {"carry": float(found[1])}, {})]
    return None
