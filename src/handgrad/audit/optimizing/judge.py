"""Judging: the steps of an optimizer against what its name promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.optimizing.adaptive import right_adaptive, wrong_adaptive
from handgrad.audit.optimizing.averages import Form, Numbers, corrections, direction
from handgrad.audit.optimizing.claims import TITLES, Settings
from handgrad.audit.optimizing.linear import fit_linear, judge_linear
from handgrad.audit.optimizing.path import Path
from handgrad.core.arrays import Array

_ADAPTIVE = ("rmsprop", "adagrad", "adam", "adamw")


def judge(path: Path, claim: str, settings: Settings) -> list[Finding] | None:
    """What is to be said of some steps under a claim; None where no rule that is known gives them."""
    broken = ~np.isfinite(path.theta).all(axis=0)
    if broken.any():
        return _not_finite(path, claim, settings)
    still = [i for i in range(len(path.names)) if not path.delta[:, path.owner == i].any()]
    if len(still) == len(path.names):
        return None
    if still:
        rest = judge(path.without(still), claim, settings)
        never = Finding("optimizer-some-not-updated", "error", tuple(path.names[i] for i in still), {}, {})
        return [never, *(rest or [])]
    adaptive = (right_adaptive, _other_linear, wrong_adaptive, _other_adaptive)
    rules = adaptive if claim in _ADAPTIVE else (judge_linear, _other_adaptive, _only_signs)
    return next((found for rule in rules if (found := rule(path, claim, settings)) is not None), None)


def apart(path: Path, claim: str, settings: Settings) -> list[Finding] | None:
    """What is to be said of each parameter by itself, where some are updated rightly and others in one wrong way, known
    or not: as with a slip in the line for the weights beside a right one for the biases. None where it is otherwise.
    """
    each = [judge(path.only(i), claim, settings) for i in range(len(path.names))]
    wrong = [finding for found in each for finding in found or [] if finding.severity != "note"]
    lost = [i for i, found in enumerate(each) if found is None]
    right = any(found is not None and all(one.severity == "note" for one in found) for found in each)
    if not right or len({one.code for one in wrong}) + bool(lost) != 1:
        return None
    if lost:
        return [unnamed(path.without([i for i in range(len(each)) if i not in lost]), claim, settings)]
    return [replace(wrong[0], where=tuple(name for one in wrong for name in one.where))]


def unnamed(path: Path, claim: str, settings: Settings) -> Finding:
    """Steps that nothing known gives: the first that leaves the definition, in which parameter, and by how much."""
    due = _definition(path, claim, settings)
    for k in range(path.steps):
        for i, name in enumerate(path.names):
            mine = path.owner == i
            off = float(np.linalg.norm(path.delta[k, mine] - due[k, mine]) / np.linalg.norm(due[k, mine]))
            if off > path.exact:
                measured = {"claimed": TITLES[claim], "step": k + 1, "first": name, "off": off}
                return Finding("optimizer-unnamed", "warning", path.names, measured, {"off": 0.0})
    measured = {"claimed": TITLES[claim], "step": 1, "first": path.names[0], "off": 0.0}
    return Finding("optimizer-unnamed", "warning", path.names, measured, {"off": 0.0})


def _definition(path: Path, claim: str, settings: Settings) -> Array:
    """The steps that an optimizer of this name makes, with its settings as far as they are known."""
    told = settings.named
    lr, g = told.get("lr", 0.0), path.g
    if claim in _ADAPTIVE:
        form = {"rmsprop": Form("gradient"), "adagrad": Form("gradient", "sum")}.get(claim, Form())
        second = told.get("rho", 0.9) if claim == "rmsprop" else told.get("beta2", 0.999)
        n = Numbers(told.get("beta1", 0.9), second)
        found = -direction(g, form, n)
        if claim in ("adam", "adamw"):
            found = found * corrections(n.first, n.second, path.steps, 1)["right"]
    else:
        mu = told.get("mu", 0.9 if claim != "sgd" else 0.0)
        found = np.empty_like(g)
        velocity = np.zeros_like(g[0])
        for k in range(path.steps):
            velocity = mu * velocity - g[k]
            found[k] = mu * velocity - g[k] if claim == "nesterov" else velocity
    if not lr or claim not in _ADAPTIVE:  # not known, or inside or outside of an average: what fits the first step
        lr = float(np.vdot(found[0], path.delta[0]) / np.vdot(found[0], found[0]))
    due: Array = lr * found
    return due


def _other_linear(path: Path, claim: str, settings: Settings) -> list[Finding] | None:
    """An adaptive name on steps that are plain descent, or momentum."""
    line = fit_linear(path)
    if line is None or not line.steady:
        return None
    actual = TITLES["momentum"] if line.memory else TITLES["sgd"]
    return [Finding("optimizer-is-another", "error", path.names, {"claimed": TITLES[claim], "actual": actual}, {})]


def _other_adaptive(path: Path, claim: str, settings: Settings) -> list[Finding] | None:
    """The name of another optimizer on steps that are adaptive."""
    for other in ("rmsprop", "adagrad", "adam"):
        if other[:4] == claim[:4]:
            continue
        found = right_adaptive(path, other, settings)
        if found is not None and all(one.severity == "note" for one in found):
            measured = {"claimed": TITLES[claim], "actual": TITLES[other]}
            return [Finding("optimizer-is-another", "error", path.names, measured, {})]
    return None


def _only_signs(path: Path, claim: str, settings: Settings) -> list[Finding] | None:
    """Steps of one size, up or down, in which the gradient's own size is lost; or of a velocity of such steps."""
    signs = replace(path, g=np.sign(path.g))
    line = fit_linear(signs)
    if line is None or not line.steady or (line.memory and claim == "sgd"):
        return None
    return [Finding("gradient-sign-only", "warning", path.names, {}, {})]


def _not_finite(path: Path, claim: str, settings: Settings) -> list[Finding] | None:
    """Numbers that become infinite or none: which, and when, tells why."""
    bad = ~np.isfinite(path.theta[1:])
    if claim in _ADAPTIVE and bad[0].all():
        return [Finding("optimizer-counter-zero", "error", path.names, {}, {})]
    spoilt = [i for i in range(len(path.names)) if bad[:, path.owner == i].any()]
    where = tuple(path.names[i] for i in spoilt)
    rest = path.without(spoilt)
    others = judge(rest, claim, settings) or [] if rest.names else []
    mine = np.isin(path.owner, spoilt)
    negative: Array = path.g[0, mine] < 0
    if claim in _ADAPTIVE and np.array_equal(bad[0, mine], negative):
        return [Finding("optimizer-not-squared", "error", where, {"share": float(negative.mean())}, {}), *others]
    step = int(np.argmax(bad[:, mine].any(axis=1))) + 1
    return [Finding("optimizer-not-finite", "error", where, {"step": step}, {}), *others]
