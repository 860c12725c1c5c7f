"""Piecewise: what can be said of a file that holds no network, but layers, losses or optimizers, as packages do.

Each is judged alone. What belongs together in a network, such as the one place for 1/B, cannot be seen here, and is
not asked for.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import islice
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from handgrad.audit import properties
from handgrad.audit.dialects import Reading
from handgrad.audit.dialects.calling import BACKWARD, FORWARD, method
from handgrad.audit.dialects.making import broken
from handgrad.audit.dialects.witness import quietly
from handgrad.audit.findings import Finding, worst_first
from handgrad.audit.gathering import somewhere
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.objects import own_classes
from handgrad.audit.optimizing import optimizers
from handgrad.audit.optimizing.uses import surely
from handgrad.audit.pieces import layers, losses
from handgrad.audit.pieces.places import place
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.reading.neighbours import home_of
from handgrad.audit.reading.pruning import MARK
from handgrad.audit.reading.source import Program, read_program
from handgrad.audit.subject import Subject
from handgrad.errors import DataError

PIECES = "pieces"  # what a report calls the dialect of such a file
SECONDS = 8.0  # for all layers and losses, and as many for the optimizers
LOSS_SECONDS = 2.0  # for the import of a module with losses
MOST_FILES = 60  # of a package, that are read


@dataclass(frozen=True)
class Pieces:
    """What the pieces of a file told.

    Attributes:
        facts: kind of piece -> names of those that were judged; "unjudged" -> of those that could not be run.
        checks: how many comparisons were made.
        findings: the worst first.
    """

    facts: dict[str, str]
    checks: int
    findings: tuple[Finding, ...]


def judge_pieces(program: Program, namespace: Mapping[str, Any], left: float = 2 * SECONDS) -> Pieces | None:
    """Every piece that is written in the file, alone, in the seconds that are left; None where none can be run."""
    seconds = min(SECONDS, max(left / 2, 0.5))
    _widen()
    own = _written_here(namespace)
    inspection = Inspection(program, own, _nothing_known(), Diagnosis(None, 0, (), 0.0))
    survey = layers.survey(inspection, alone=True, seconds=seconds)
    beside = list(_beside(program)) if survey.divided or any(optimizers.targets(own)) else []
    driven = optimizers.judged(program, own, [one.tree for one in beside], seconds)
    judged = {kind: list(names) for kind, names in survey.judged.items()}
    if driven.names:
        judged["optimizers"] = driven.names
    if not judged:
        return None
    named = {name for names in judged.values() for name in names}
    unjudged = [*_unjudged(own, named), *(name for name in driven.left if name not in named)]
    facts = {kind: ", ".join(names) for kind, names in judged.items()}
    facts |= {"unjudged": ", ".join(unjudged)} if unjudged else {}
    found = [*survey.findings(), *_twice(program, survey, beside), *surely(driven.findings, driven.names, beside)]
    found = [somewhere(program, finding) for finding in found]
    return Pieces(facts, survey.checks + driven.checks, worst_first(found))


def judge_text(program: Program, namespace: Mapping[str, Any]) -> Pieces | None:
    """What reading alone tells of a training program whose network was not found; None where that is nothing."""
    inspection = Inspection(program, dict(namespace), _nothing_known(), Diagnosis(None, 0, (), 0.0))
    found = [somewhere(program, finding) for finding in properties.check(inspection, properties.READING)]
    return Pieces({}, 0, worst_first(found)) if any(one.severity != "note" for one in found) else None


def _widen() -> None:
    """Let the user's modules work in float64, where they keep float32 under a name: DTYPE = np.float32."""
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and MARK in vars(module):
            narrow = [name for name, value in vars(module).items() if value is np.float32]
            vars(module).update(dict.fromkeys(narrow, np.float64))


def _written_here(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The file's names without classes, functions and modules that it imports."""
    home = namespace.get("__name__")
    return {
        name: value
        for name, value in namespace.items()
        if not isinstance(value, (type, FunctionType, ModuleType)) or getattr(value, "__module__", None) == home
    }


def _unjudged(namespace: Mapping[str, Any], judged: set[str]) -> list[str]:
    """Classes with a way forward and a way back that could not be run, and why, where their constructor tells. What
    others are derived from does not count.
    """
    kinds = own_classes(namespace)
    bases = {base for kind in kinds.values() for base in kind.__mro__[1:]}
    known = {_ways(kind) for name, kind in kinds.items() if name in judged}  # MSE = MeanSquaredError
    left = {name: kind for name, kind in kinds.items() if name not in judged and kind not in bases}
    both = {name: kind for name, kind in left.items() if None not in _ways(kind) and _ways(kind) not in known}
    return [f"{name} ({why})" if (why := broken(kind)) else name for name, kind in both.items()]


def _ways(kind: type) -> tuple[Any, Any]:
    return method(kind, FORWARD), method(kind, BACKWARD)


def _twice(program: Program, survey: layers.Survey, beside: list[Program]) -> list[Finding]:
    """Averages within layers, where every loss of the package that can be judged averages as well."""
    said = [losses.averages(unit) for unit in _losses(program, beside)] if survey.divided else []
    if not any(said) or False in said:
        return []
    found = []
    for unit, names, rows in survey.divided:
        file, line = place(program, unit.backward, names[0])
        where = tuple(f"{unit.name}.{name}" for name in names)
        measured = {"factor": 1 / rows, "rows": rows}
        found.append(Finding("averaged-twice", "error", where, measured, {"factor": 1.0}, file, line))
    return found


def _losses(program: Program, beside: list[Program]) -> Iterator[losses.LossUnit]:
    """The losses of the package, from the modules that speak of any."""
    home = home_of(program)
    for one in beside:
        if not re.search(r"loss|cost|entropy|criterion", one.text, re.IGNORECASE):
            continue
        inner = one.path.relative_to(home.root).with_suffix("").parts if home.folders else (one.path.stem,)
        name = ".".join([*home.package.split(".")[:1], *inner[1:]] if home.folders else inner)
        with suppress(Exception, SystemExit, OutOfTime), time_limit(LOSS_SECONDS):
            module = quietly(partial(import_module, name.removesuffix(".__init__")))
            yield from losses.loss_units(_written_here(vars(module)), [])


def _beside(program: Program) -> Iterator[Program]:
    """The modules of the file's package: they show the sign of its gradients, and how its optimizers are called."""
    home = home_of(program)
    folder = home.folders[0] if home.folders else program.path.parent
    for path in islice(sorted(folder.rglob("*.py")), MOST_FILES):
        with suppress(DataError, OSError):
            yield read_program(path)


def _nothing_known() -> Reading:
    return Reading(Subject(parameters=dict, loss=lambda x, y: 0.0), PIECES, {})
