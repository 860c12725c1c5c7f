"""Inside of a training step: an optimizer whose settings nobody tells, judged by what it does to the parameters.

The gradient before each step is known; learning rate, shares and epsilon are found from the steps themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.optimizing.claims import Settings, says
from handgrad.audit.optimizing.judge import apart, judge, unnamed
from handgrad.audit.optimizing.linear import fit_linear
from handgrad.audit.optimizing.path import Path, path_of
from handgrad.core.arrays import Array


def judge_optimizer_step(
    parameters: Callable[[], Mapping[str, Array]],
    gradients: Callable[[int], Mapping[str, Array]],
    step: Callable[[int], Any],
    name: str,
    *,
    steps: int = 8,
    exact: float = 1e-5,
    lr: float | None = None,
) -> list[Finding]:
    """Judge an optimizer inside of somebody's training step, from its first step on.

    Args:
        parameters: name to live array, looked up afresh after each step.
        gradients: the true gradient of batch k at the present parameters, by name; NaN for numbers that are not known.
        step: one training step on batch k. The parameters are put back where they were at the end.
        name: what the optimizer says that it is.
        steps: how many to make; batches should differ from step to step.
        exact: relative: what rounding and the gradients' own error may leave over.
        lr: the learning rate, where it is known.
    """
    claim = says(name)
    if not claim:
        return []
    values, seen = [_copies(parameters())], []
    for k in range(steps):
        seen.append(_copies(gradients(k)))
        step(k)
        values.append(_copies(parameters()))
    narrow = any(np.asarray(value).dtype == np.float32 for value in parameters().values())
    path = path_of(values, seen, max(exact, 1e-4) if narrow else exact)
    path = sampled(replace(path, ulp=float(np.finfo(np.float32).eps)) if narrow else path)
    if not path.names:
        return []
    settings = Settings({} if lr is None else {"lr": lr}, set(_USUAL), guessed=True)
    found = judge(path, claim, settings)
    if found is None and claim == "nesterov" and _looks_ahead(parameters, gradients, values, path):
        found = []
    found = apart(path, claim, settings) if found is None else found
    for live, start in zip(parameters().values(), values[0].values(), strict=True):
        live[...] = start
    findings = [unnamed(path, claim, settings)] if found is None else found
    return [
        replace(f, measured={"optimizer": name, "parameters_told": ", ".join(f.where)} | f.measured) for f in findings
    ]


def _looks_ahead(
    parameters: Callable[[], Mapping[str, Array]],
    gradients: Callable[[int], Mapping[str, Array]],
    values: list[dict[str, Array]],
    path: Path,
) -> bool:
    """Whether the steps are Nesterov's with gradients taken where the velocity leads: v = mu v - lr g(w + mu v)."""
    for mu in (0.9, 0.95, 0.99, 0.5, 0.8, 0.85, 0.7, 0.6):
        seen = []
        for k in range(path.steps):
            for name, live in parameters().items():
                ahead = values[k][name] - values[k - 1][name] if k else 0.0
                live[...] = values[k][name] + mu * ahead
            seen.append(_copies(gradients(k)))
        there = sampled(replace(path_of(values, seen, path.exact), ulp=path.ulp))
        line = fit_linear(there) if there.names else None
        if line is not None and not line.g_before and abs(line.mu - mu) < 0.01:
            return True
    return False


# Settings that people use, for code whose own are not known.
_USUAL = (0.9, 0.999, 0.99, 0.95, 0.98, 0.8, 0.5, 0.85, 0.9999, 0.995, 0.7, 0.6, 1e-8, 1e-7, 1e-6, 1e-10, 1e-5)
_MOST_NUMBERS = 30  # of one parameter


def _copies(values: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.array(value, np.float64) for name, value in values.items()}


def sampled(path: Path) -> Path:
    """Some numbers of each parameter, those whose gradients are known and farthest from 0 at every step."""
    least = np.abs(path.g).min(axis=0)
    least[~np.isfinite(least)] = 0.0
    kept = np.zeros(len(path.owner), bool)
    for i in range(len(path.names)):
        mine = np.flatnonzero(path.owner == i)
        largest = mine[np.argsort(-least[mine], kind="stable")][:_MOST_NUMBERS]
        kept[largest[least[largest] > 0]] = True
    few = replace(path, owner=path.owner[kept], theta=path.theta[:, kept], g=path.g[:, kept])
    return few.without([i for i in range(len(path.names)) if kept[path.owner == i].sum() < 3])
