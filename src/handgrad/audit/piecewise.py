"""Piecewise: what can be said of a file that holds no network, but layers, losses or optimizers, as packages do.

Each is judged alone. What belongs together in a network, such as the one place for 1/B, cannot be seen here, and is
not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import FunctionType, ModuleType
from typing import Any

from handgrad.audit.dialects import Reading
from handgrad.audit.dialects.calling import BACKWARD, FORWARD, method
from handgrad.audit.findings import Finding, worst_first
from handgrad.audit.gathering import somewhere
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.objects import own_classes
from handgrad.audit.optimizing import optimizers
from handgrad.audit.pieces import layers
from handgrad.audit.reading.neighbours import home_of
from handgrad.audit.reading.source import Program, read_program
from handgrad.audit.subject import Subject
from handgrad.errors import DataError

PIECES = "pieces"  # what a report calls the dialect of such a file
SECONDS = 8.0  # for all layers and losses
CLIMBS = "optimizer-climbs"
MOST_FILES = 60  # of a package, that are read
_MINUS = re.compile(
    r"-\s*(?:[\d.]+\s*\*\s*)?\(\s*\w*(?:pred|out|hat)\w*\s*-\s*\w*(?:y|true|target|label|expect)\w*\s*\)"
)


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


def judge_pieces(program: Program, namespace: Mapping[str, Any]) -> Pieces | None:
    """Every piece that is written in the file, alone; None where there is none that can be run."""
    own = _written_here(namespace)
    inspection = Inspection(program, own, _nothing_known(), Diagnosis(None, 0, (), 0.0))
    survey = layers.survey(inspection, alone=True, seconds=SECONDS)
    beside = list(_beside(program)) if any(optimizers.targets(own)) else []
    driven = optimizers.judged(program, own, [one.tree for one in beside])
    judged = {kind: list(names) for kind, names in survey.judged.items()}
    if driven.names:
        judged["optimizers"] = driven.names
    if not judged:
        return None
    named = {name for names in judged.values() for name in names}
    unjudged = [*_unjudged(own, named), *(name for name in driven.left if name not in named)]
    facts = {kind: ", ".join(names) for kind, names in judged.items()}
    facts |= {"unjudged": ", ".join(unjudged)} if unjudged else {}
    found = [somewhere(program, finding) for finding in (*survey.findings(), *_surely(driven, beside))]
    return Pieces(facts, survey.checks + driven.checks, worst_first(found))


def _written_here(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The file's names without classes, functions and modules that it imports."""
    home = namespace.get("__name__")
    return {
        name: value
        for name, value in namespace.items()
        if not isinstance(value, (type, FunctionType, ModuleType)) or getattr(value, "__module__", None) == home
    }


def _unjudged(namespace: Mapping[str, Any], judged: set[str]) -> list[str]:
    """Classes with a way forward and a way back that could not be run. What others are derived from does not count."""
    kinds = own_classes(namespace)
    bases = {base for kind in kinds.values() for base in kind.__mro__[1:]}
    left = {name: kind for name, kind in kinds.items() if name not in judged and kind not in bases}
    return [name for name, kind in left.items() if method(kind, FORWARD) and method(kind, BACKWARD)]


def _surely(driven: optimizers.Driven, beside: list[Program]) -> list[Finding]:
    """The findings of optimizers without those that climb where the package may hand them gradients that point down."""
    climbs = {finding.where for finding in driven.findings if finding.code == CLIMBS}
    all_climb = climbs and len(climbs) == len(driven.names)
    if all_climb and any(optimizers.takes_negative(one.tree) or _MINUS.search(one.text) for one in beside):
        return [finding for finding in driven.findings if finding.code != CLIMBS]
    return driven.findings


def _beside(program: Program) -> Iterator[Program]:
    """The modules of the file's package: they show the sign of its gradients, and how its optimizers are called."""
    home = home_of(program)
    folder = home.folders[0] if home.folders else program.path.parent
    for path in islice(sorted(folder.rglob("*.py")), MOST_FILES):
        with suppress(DataError, OSError):
            yield read_program(path)


def _nothing_known() -> Reading:
    return Reading(Subject(parameters=dict, loss=lambda x, y: 0.0), PIECES, {})
