"""What a sweep has found, as plain data: for the table, the plots and the best recipe."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from handgrad.sweep.study import Sweep
from handgrad.sweep.worker import WHY
from handgrad.train.recipe import Recipe

STATES = {
    TrialState.COMPLETE: "done", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed", TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}  # fmt: skip
ENOUGH = 8  # trials that ended, below which it means nothing to say which setting matters


@dataclass(frozen=True)
class Tried:
    """One trial: its number from 0, its settings, its state, its value (None unless done), its curve, why it failed."""

    number: int
    settings: dict[str, Any]
    state: str
    value: float | None
    curve: dict[int, float]
    why: str


@dataclass(frozen=True)
class Summary:
    """All trials in their order, the best first in `ranked`, and how much each setting matters (shares of 1)."""

    goal: str
    names: tuple[str, ...]
    choices: dict[str, tuple[str, ...]]
    logarithmic: tuple[str, ...]
    trials: tuple[Tried, ...]
    importance: dict[str, float]
    best_recipe: Recipe | None

    @property
    def ranked(self) -> list[Tried]:
        """The trials that are done, the best first."""
        sign = -1 if self.goal == "accuracy" else 1
        done = [t for t in self.trials if t.value is not None and math.isfinite(t.value)]
        return sorted(done, key=lambda t: (sign * (t.value or 0.0), t.number))

    def count(self, state: str) -> int:
        """How many trials are in a state."""
        return sum(t.state == state for t in self.trials)


def summary(sweep: Sweep) -> Summary:
    """What the sweep has found so far."""
    tried = tuple(_tried(trial) for trial in sweep.trials())
    settings = sweep.space.settings
    found = Summary(
        sweep.goal,
        tuple(setting.name for setting in settings),
        {setting.name: setting.choices for setting in settings if setting.choices},
        tuple(setting.name for setting in settings if setting.log),
        tried,
        _importance(sweep, tried),
        None,
    )
    if not found.ranked:
        return found
    recipe = sweep.space.with_values(found.ranked[0].settings)
    return Summary(**vars(found) | {"best_recipe": recipe})


def _tried(trial: FrozenTrial) -> Tried:
    return Tried(
        trial.number, dict(trial.params), STATES[trial.state],
        trial.value if trial.state == TrialState.COMPLETE else None,
        dict(sorted(trial.intermediate_values.items())), trial.user_attrs.get(WHY, ""),
    )  # fmt: skip


def _importance(sweep: Sweep, tried: tuple[Tried, ...]) -> dict[str, float]:
    """The share of each setting in what decides whether a trial is good (Watanabe et al. 2023, PED-ANOVA)."""
    done = [t for t in tried if t.value is not None]
    if len(done) < ENOUGH or len(sweep.space.settings) < 2 or len({t.value for t in done}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        shares = get_param_importances(sweep.study, evaluator=PedAnovaImportanceEvaluator())
    return {name: float(share) for name, share in shares.items() if math.isfinite(share)}
