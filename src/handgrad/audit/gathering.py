"""Gathering: all that can be said about one network, with one finding for one mistake and each in its place.

The gradients speak first. Single layers, the first wrong number and a patch that was tried tell where it is; properties
and optimizers are looked at beside.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Sequence
from dataclasses import replace
from math import inf

from handgrad.audit import properties
from handgrad.audit.dialects.edits import callee
from handgrad.audit.findings import Finding, worst_first
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.diagnose import diagnose
from handgrad.audit.judging.rates import TWICE
from handgrad.audit.optimizing import optimizers
from handgrad.audit.optimizing.downhill import goes_down
from handgrad.audit.optimizing.optimizer_step import of_glue
from handgrad.audit.pieces import layers
from handgrad.audit.place import dropped, masked_step
from handgrad.audit.place.files import Files
from handgrad.audit.place.first_wrong import first_wrong
from handgrad.audit.place.fixed_batch import fixed_batch_line
from handgrad.audit.place.forgotten import forgotten
from handgrad.audit.place.handing import Suspect
from handgrad.audit.place.operator_line import operator_line
from handgrad.audit.place.penalty_lines import penalty_line
from handgrad.audit.place.unknown import explained
from handgrad.audit.properties.updating import rate_line, velocity_line
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.reading.source import Program
from handgrad.audit.repair import repair

_NAMELESS = {"unnamed", "network-unknown"}
_OF_LOSSES = {"gradient-of-another-loss", "loss-gradient-wrong"}
_OF_STEPS = {
    "sign-flipped",
    "averaged-twice",
    "never-updated",
    "never-reset",
    "gradient-sign-only",
    "uneven-scale",
    TWICE,
}
_UNBENT = {"activation-derivative-missing", "output-derivative-missing"}
_TELL = (penalty_line, fixed_batch_line, rate_line, velocity_line, operator_line)  # lines that are found by reading
_STEP_SECONDS = 1.0
_OF_UPDATES = ("optimizer_step", "update", "step")
_ROLES = ("backward", "gradients", "step", "update", "loss", "forward", "optimizer_step")


def gather(inspection: Inspection, until: float = inf) -> tuple[Finding, ...]:
    """Everything that was found, the worst first. After `until`, on the performance counter, no patch is looked for."""
    inspection = _with_its_step(inspection)
    whole = inspection.diagnosis.findings
    alone = layers.check(inspection)
    found, wrong_links = explained(inspection, with_layers(whole, alone))
    judged = (*whole, *(finding for finding in found if finding not in alone))
    if any(finding.severity == "error" and not finding.code.startswith("optimizer-") for finding in judged):
        observed = first_wrong(inspection, found, everywhere=True)
        home = _home(inspection, observed)
        observed = [one for one in observed if (one.file or inspection.program.filename) == home.program.filename]
        suspects = _suspects(home, found, observed) + (wrong_links if home is inspection else [])
        found = repair(home, found, suspects=suspects) if time.perf_counter() < until else found
        found = [_suspected(home, _where_called(home, finding, observed), suspects) for finding in found]
        found = [_with_all_lines(home, finding, observed) for finding in found]
    found = _of_dropout(found, dropped.check(inspection))
    found = _of_masks(found, masked_step.check(inspection))
    found += _news(found, properties.check(inspection))
    if any(finding.code in properties.EXPLAINS for finding in found):  # why the network was not known
        found = [finding for finding in found if finding.code not in _NAMELESS | _OF_LOSSES]
    steps = [*optimizers.check(inspection), *of_glue(inspection)]
    if any(one.code == "never-updated" for one in (*found, *steps)):  # the same, of all that is moved by it
        steps = [one for one in steps if one.code != "optimizer-some-not-updated"]
    if any(one.code == "optimizer-climbs" for one in steps):
        steps = [one for one in steps if one.code != "sign-flipped"]
        if inspection.reading.subject.gradients is None:  # the gradients were judged by its steps
            found = [one for one in found if one.code != "sign-flipped"]
    turned = {name for one in found if one.code == "sign-flipped" for name in one.where}
    if turned and inspection.reading.subject.whole is not None and goes_down(inspection, turned):
        found = [one for one in found if one.code != "sign-flipped"]  # its optimizer adds what points down
    closer = {one.code for one in steps if one.code.startswith("optimizer-")}
    found = [finding for finding in found if finding.code not in closer]  # of which only the steps were seen
    still = {name for one in steps if one.code == "never-updated" for name in one.where}
    found = [one for one in found if not one.where or set(one.where) - still]  # what never moves, nothing else spoils
    found += _news(found, steps)
    return worst_first(_somewhere(inspection, finding) for finding in found)


def _of_dropout(found: list[Finding], said: Sequence[Finding]) -> list[Finding]:
    """With what is wrong with a dropout, which has one name, in place of what it was taken for; what has none behind a
    dropout gives way to a name that its gradients have.
    """
    explained = {name for one in found if one.severity == "error" and one.code not in _NAMELESS for name in one.where}
    said = [one for one in said if one.code not in _NAMELESS or not set(one.where) <= explained]
    if any(one.code not in dropped.NAMELESS for one in said):
        found = [one for one in found if one.code not in dropped.NAMELESS]
    return found + [one for one in said if one.code not in {other.code for other in found}]


def _of_masks(found: list[Finding], said: Sequence[Finding] | None) -> list[Finding]:
    """With what is said of gradients behind a dropout that only the step draws, where that could be told."""
    if said is None:
        return found
    found = [one for one in found if one.code != masked_step.NOT_JUDGED]
    return found + [one for one in said if one.code not in {other.code for other in found}]


def _with_its_step(inspection: Inspection) -> Inspection:
    """The same, through its step, where its gradients are right and a plain step does something else with them.

    What an optimizer with a memory makes of right gradients is no multiple of them, and is not judged here.
    """
    subject = inspection.reading.subject
    if subject.step is None or subject.gradients is None or not inspection.diagnosis.ok:
        return inspection
    subject = replace(subject, gradients=None)
    try:
        with time_limit(_STEP_SECONDS):
            diagnosis = diagnose(subject)
    except (Exception, OutOfTime):  # a step that makes no sense says nothing of the gradients
        return inspection
    errors = {f.code for f in diagnosis.findings if f.severity == "error" or f.code == TWICE}
    if not errors or errors - _OF_STEPS:
        return inspection
    functions = {name: one for name, one in inspection.reading.functions.items() if name != "gradients"}
    return replace(
        inspection, diagnosis=diagnosis, reading=replace(inspection.reading, subject=subject, functions=functions)
    )


def _home(inspection: Inspection, observed: Sequence[Suspect]) -> Inspection:
    """The same, of the user's module in which the first wrong number appears."""
    file = observed[0].file if observed else None
    if file is None:
        return inspection
    program, namespace = Files(inspection, everywhere=True).homes[file]
    return replace(inspection, program=program, namespace=namespace)


def _suspects(inspection: Inspection, found: Sequence[Finding], observed: Sequence[Suspect]) -> list[int]:
    """Lines of the program's text: of layers that are wrong alone, then those with the first wrong numbers."""
    file = inspection.program.filename
    named = [one.line for one in found if one.line is not None and one.file == file]
    return [*named, *(suspect.line for suspect in observed)]


def _with_all_lines(inspection: Inspection, finding: Finding, observed: Sequence[Suspect]) -> Finding:
    """An average that is taken twice, with every line that takes one: either may go."""
    lines = sorted({suspect.line for suspect in observed if suspect.factor is not None} & _dividing(inspection))
    if finding.code != "averaged-twice" or len(lines) < 2 or inspection.program.cells:
        return finding
    return replace(finding, measured=finding.measured | {"lines": ", ".join(map(str, lines))})


def _dividing(inspection: Inspection) -> set[int]:
    """The lines that divide or take a mean: a sum that might have been one is no place to take a division out."""
    found: set[int] = set()
    for node in ast.walk(inspection.program.tree):
        divides = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
        averages = isinstance(node, ast.Call) and callee(node) in ("mean", "average", "divide", "true_divide")
        if isinstance(node, ast.expr | ast.stmt) and (divides or averages):
            found |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found


def with_layers(whole: Sequence[Finding], alone: Sequence[Finding]) -> list[Finding]:
    """What the whole network says and what single layers say, each mistake once.

    A name that explains all gradients to the last digit stands, and a layer with the same mistake is its place. What
    has no name gives way to a layer that has one.
    """
    found = [_placed(finding, alone) for finding in whole]
    taken = {finding.code for finding in whole}
    errors = [finding for finding in alone if finding.severity == "error" and finding.code not in taken]
    rest = [finding for finding in alone if finding.severity != "error" and finding.code not in taken]
    nameless = [finding for finding in found if finding.code in _NAMELESS]
    if nameless and errors:
        return [finding for finding in found if finding.code not in _NAMELESS] + errors + rest
    explained = any(finding.severity == "error" for finding in found)
    return found + rest if explained else found + errors + rest


def _placed(finding: Finding, alone: Sequence[Finding]) -> Finding:
    same = next((one for one in alone if one.code == finding.code and one.line is not None), None)
    return finding if same is None else replace(finding, file=same.file, line=same.line)


def _news(found: Sequence[Finding], more: Sequence[Finding]) -> list[Finding]:
    """What was not said already."""
    kept: list[Finding] = []
    for finding in more:
        same = [one for one in (*found, *kept) if one.code == finding.code]
        here = [one for one in same if one.line is not None and (one.file, one.line) == (finding.file, finding.line)]
        if not here and not any(one.where == finding.where or one.code.startswith("optimizer-") for one in same):
            kept.append(finding)
    return kept


def _where_called(inspection: Inspection, finding: Finding, observed: Sequence[Suspect]) -> Finding:
    """An activation that is passed over, at the call that does so: a patch elsewhere would do its work twice."""
    past = [one.line for one in observed[:2] if one.past]
    if not past or finding.code not in _UNBENT or finding.line in past:
        return finding
    return replace(finding, file=inspection.program.filename, line=past[0], patch=None)


def _suspected(inspection: Inspection, finding: Finding, suspects: Sequence[int]) -> Finding:
    """An error without a patch, at the line that forgets something, or where the first wrong number appears."""
    if finding.severity != "error" or finding.patch is not None or finding.line is not None:
        return finding
    line = penalty_line(inspection, finding) or forgotten(inspection, finding) or next(iter(suspects), None)
    return finding if line is None else replace(finding, file=inspection.program.filename, line=line)


def _somewhere(inspection: Inspection, finding: Finding) -> Finding:
    """A finding with its place as people count: a line of the file, or of a notebook's cell.

    One that has no line stands at the function that it is about, of the file or else of another of the user's modules.
    """
    program = inspection.program
    homes = Files(inspection, everywhere=True).homes.items() if finding.line is None else ()
    for file, (other, names) in homes:
        there = inspection if other is program else replace(inspection, program=other, namespace=names)
        line = next((line for tell in _TELL if (line := tell(there, finding)) is not None), None)
        if line is not None:
            finding = replace(finding, file=file, line=line)
            break
    roles: tuple[str, ...] = _ROLES
    if finding.code.startswith("optimizer-"):
        roles = _OF_UPDATES
    elif finding.code == "momentum":
        roles = (*_OF_UPDATES, *_ROLES)
    codes = [getattr(inspection.reading.functions.get(role), "__code__", None) for role in roles]
    for file, (other, _) in homes if finding.line is None else ():
        if other is not program and finding.severity != "error":
            break  # what is no mistake in a function need not be looked for in modules
        begun = [code.co_firstlineno for code in codes if code is not None and code.co_filename == file]
        if begun:
            finding = replace(finding, file=file, line=begun[0])
            break
    return somewhere(program, finding)


def somewhere(program: Program, finding: Finding) -> Finding:
    """A finding whose line is one of the file, or of a notebook's cell."""
    if finding.line is None or finding.file != program.filename:
        return replace(finding, file=finding.file or program.filename)
    file, line, cell = program.place(finding.line)
    return replace(finding, file=file, line=line, cell=cell)
