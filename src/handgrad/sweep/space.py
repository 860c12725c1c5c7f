"""What a sweep varies: `--vary NAME=SPEC` read into settings of a recipe, wrong ones told before anything is trained.

A spec is a list of choices, `64,128,256`, or a range, `log:1e-4:1e-1` or `uniform:0:0.5`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from handgrad.errors import InputError
from handgrad.train.recipe import KINDS, Recipe
from handgrad.words import say

# Settings that are parts of a table in the recipe, under the name that people use for them.
TABLES = {"lr": "optimizer.lr", "optimizer": "optimizer.name", "schedule": "schedule.name"}
FIXED = ("name", "data", "validation", "report", "report_times", "report_line", "step_line", "quirks")
KIND_OF = {
    field.name: str(field.type) for field in fields(Recipe) if field.name not in (*FIXED, "optimizer", "schedule")
}
WHOLE = ("int", "int | None", "tuple[int, ...]")
TEXT = ("str", "bool", "tuple[str, ...]")


class Suggests(Protocol):
    """What is asked of one of Optuna's trials."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number of this range."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number of this range."""

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> Any:
        """One of these."""


@dataclass(frozen=True)
class Setting:
    """One setting and what it may be: `choices`, or else a range from low to high.

    Attributes:
        name: as it was given, such as "lr".
        spec: as it was given, such as "log:1e-4:1e-1".
        kind: of the values, as `KINDS` has them; "any" for those of an optimizer or a schedule.
    """

    name: str
    spec: str
    kind: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False

    def suggest(self, trial: Suggests) -> Any:
        """A value for this trial, as Optuna chooses it."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        if self.kind in WHOLE:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)

    def ends(self) -> list[Any]:
        """Every choice, or both ends of the range: what must all be fit for a recipe."""
        return list(self.choices) or ([int(self.low), int(self.high)] if self.kind in WHOLE else [self.low, self.high])

    def put(self, recipe: Recipe, value: Any) -> Recipe:
        """The recipe with this value of the setting."""
        value = _as_kind(self, value)
        table, _, key = TABLES.get(self.name, self.name).partition(".")
        if not key:
            return recipe.change(**{self.name: value})
        if key == "name":  # of another optimizer or schedule, and what it does not know stays behind
            kept = {"lr": recipe.optimizer["lr"]} if table == "optimizer" and "lr" in recipe.optimizer else {}
            same = getattr(recipe, table).get("name") == value
            return recipe if same else recipe.change(**{table: {"name": value} | kept})
        return recipe.change(**{table: getattr(recipe, table) | {key: value}})


class Space:
    """All settings that a sweep varies, over one recipe.

    Args:
        recipe: what is trained where nothing is varied.
        vary: texts of the form NAME=SPEC.

    Raises:
        InputError: for a text that cannot be read, a setting that there is not, or a value that it cannot have.
    """

    def __init__(self, recipe: Recipe, vary: Sequence[str]) -> None:
        if not vary:
            raise InputError("sweep.nothing")
        self.recipe, self.vary = recipe, tuple(vary)
        self.settings = sorted((_read(text) for text in vary), key=_order)
        names = [setting.name for setting in self.settings]
        for name in names:
            if names.count(name) > 1:
                raise InputError("sweep.twice", name=name)
        self._try_ends()

    def recipe_of(self, trial: Suggests) -> Recipe:
        """The recipe of one trial."""
        return self.with_values({setting.name: setting.suggest(trial) for setting in self.settings})

    def with_values(self, values: dict[str, Any]) -> Recipe:
        """The recipe with these values of the settings."""
        recipe = self.recipe
        for setting in self.settings:
            recipe = setting.put(recipe, values[setting.name])
        return recipe

    def _try_ends(self) -> None:
        """Build what each end of each setting asks for, on a tiny net, so that no trial fails for a slip of the pen."""
        first = {setting.name: setting.ends()[0] for setting in self.settings}
        for setting in self.settings:
            for end in setting.ends():
                recipe = self.with_values(first | {setting.name: end})
                net = recipe.change(hidden=recipe.hidden and (2,)).net(2, 2, np.random.default_rng(0))
                recipe.criterion()
                recipe.make_optimizer(net)
                recipe.make_schedule(100)
                for name in ("epochs", "batch_size", "accumulate"):
                    if getattr(recipe, name) < 1:
                        raise InputError("sweep.value", name=name, got=end, needs=say("train.kind_whole"))


def _order(setting: Setting) -> tuple[bool, str]:
    """Names of optimizers and schedules come first: they start a table anew, to which the others add."""
    return not TABLES.get(setting.name, "").endswith(".name"), setting.name


def _read(text: str) -> Setting:
    name, _, spec = text.partition("=")
    name, spec = name.strip().replace("-", "_"), spec.strip()
    if not name or not spec:
        raise InputError("sweep.form", got=text)
    kind = _kind(name)
    if spec.startswith(("log:", "uniform:")):
        return _range(name, spec, kind)
    choices = tuple(part.strip() for part in spec.split(","))
    if "" in choices or len(set(choices)) < len(choices):
        raise InputError("sweep.form", got=text)
    return Setting(name, spec, kind, choices)


def _kind(name: str) -> str:
    known = [*KIND_OF, *TABLES]
    table, _, key = name.partition(".")
    if name == "lr":
        return "float"
    if name in ("optimizer", "schedule"):
        return "str"
    if table in ("optimizer", "schedule") and key:
        return "any"
    if name not in KIND_OF:
        near = difflib.get_close_matches(name, known, 1)
        raise InputError("sweep.name", got=name, near=near[0] if near else "lr", known=", ".join(sorted(known)))
    return KIND_OF[name]


def _range(name: str, spec: str, kind: str) -> Setting:
    way, *ends = spec.split(":")
    if kind in TEXT:
        raise InputError("sweep.no_range", name=name, got=spec)
    try:
        low, high = (float(end) for end in ends)
        whole = kind in WHOLE
        if not low < high < math.inf or (way == "log" and low <= 0) or (whole and (low % 1 or high % 1)):
            raise ValueError
    except ValueError:
        raise InputError("sweep.whole_range" if kind in WHOLE else "sweep.range", name=name, got=spec) from None
    return Setting(name, spec, kind, (), low, high, way == "log")


def _as_kind(setting: Setting, value: Any) -> Any:
    """A choice, which is text, as the kind of thing that the setting holds."""
    kind = setting.kind
    try:
        if kind == "tuple[int, ...]":
            return tuple(int(part) for part in str(value).split("x"))
        if not isinstance(value, str) or kind == "str":
            return value
        if value.lower() == "none" and kind.endswith("None"):
            return None
        if kind == "bool":
            return {"true": True, "false": False}[value.lower()]
        if kind.startswith("int"):
            return int(value)
        if kind.startswith("float"):
            return float(value)
    except (ValueError, KeyError):
        needs = say("sweep.kind_sizes") if kind.startswith("tuple") else say(f"train.{KINDS[kind][1]}")
        raise InputError("sweep.value", name=setting.name, got=value, needs=needs) from None
    return _as_it_looks(value)


def _as_it_looks(value: str) -> Any:
    """A setting of an optimizer or a schedule: true, false, a number, or else text."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        return float(value)
    except ValueError:
        return value
