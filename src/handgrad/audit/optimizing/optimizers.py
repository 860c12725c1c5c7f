"""Optimizers that somebody wrote by hand: some steps of each, with gradients that are known, against its definition.

A right one is silent, in whichever of the published conventions; a wrong one gets the name of the mistake that gives
the same numbers. One whose calls cannot be understood is left alone.
"""

from __future__ import annotations

import ast
import inspect
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import plain
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.objects import counters, own_classes, own_functions
from handgrad.audit.optimizing.amid import check_amid
from handgrad.audit.optimizing.claims import config_of, role_of, says
from handgrad.audit.optimizing.downhill import goes_down
from handgrad.audit.optimizing.driving import Plan, Run, runs
from handgrad.audit.optimizing.factories import is_factory, is_step
from handgrad.audit.optimizing.inside import judge_optimizer_step
from handgrad.audit.optimizing.judge import apart, judge, unnamed
from handgrad.audit.optimizing.looped import check_looped
from handgrad.audit.optimizing.places import place
from handgrad.audit.optimizing.stage import ALIKE, ROLES, SHAPES
from handgrad.audit.optimizing.stepped import check_stepped
from handgrad.audit.optimizing.steps import steps
from handgrad.audit.optimizing.uses import serves_many, surely, takes_negative
from handgrad.audit.optimizing.whole_step import check_whole_step
from handgrad.audit.optimizing.within import check_within, memory_lost
from handgrad.audit.reading.fence import OutOfTime, work_limit
from handgrad.audit.reading.source import Program

__all__ = ["check", "check_namespace", "judge_optimizer_step", "judged", "takes_negative", "targets", "within"]

SECONDS = 2.0  # for one optimizer
ALL_SECONDS = 4.0
_ADAPTIVE = ("rmsprop", "adagrad", "adam", "adamw")
_SINGLE = 3e-6  # relative: what is left over of averages in single precision
_SMALL = 0.1  # gradients that nobody clips
_LARGE = 1e3  # gradients beside which no epsilon counts
_AHEAD = {"optimizer-plain-momentum", "optimizer-memory-lost", "optimizer-nesterov-wrong"}
_BROAD = {"forward", "predict", "fit", "feedforward", "forwardpass", "loss", "backward", "backprop"}


def check(inspection: Inspection) -> list[Finding]:
    """What the optimizers of a file are not, though they say so, and the update of a network that is its own."""
    with inspection.program.guarded():
        driven = judged(inspection.program, inspection.namespace)
        found = surely(driven.findings, driven.names, down=lambda: goes_down(inspection))
    return [*found, *within(inspection, driven.names)]


def within(inspection: Inspection, driven: Collection[str] = ()) -> list[Finding]:
    """What the update of a network that is its own optimizer is not, though it says so. `driven`: judged alone."""
    stepped = partial(check_stepped, driven=driven)
    try:
        with inspection.program.guarded(), work_limit(SECONDS):
            checks = (check_within, check_looped, check_amid, memory_lost, stepped, check_whole_step)
            return next((found for check in checks if (found := check(inspection))), [])
    except (Exception, SystemExit, OutOfTime):  # what fails in a stranger's code says nothing of its numbers
        return []


def check_namespace(program: Program, namespace: Mapping[str, Any]) -> list[Finding]:
    """The same for a file's names, inside of its fence."""
    return judged(program, namespace).findings


@dataclass
class Driven:
    """What came of all optimizers of a file.

    Attributes:
        names: of those whose steps were judged.
        left: of those that could not be driven, or moved nothing however they were called.
        checks: how many of their steps were looked at.
        findings: what is wrong with them.
    """

    names: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    checks: int = 0
    findings: list[Finding] = field(default_factory=list)


def judged(
    program: Program, namespace: Mapping[str, Any], beside: Iterable[ast.Module] = (), seconds: float = ALL_SECONDS
) -> Driven:
    """Every optimizer among a file's names, driven and judged. Call it within `program.guarded()`.

    `beside` are other modules, in which the optimizers may be used.
    """
    trees = [program.tree, *beside]
    driven = Driven()
    end = time.thread_time() + seconds
    called = {getattr(one.func, "id", getattr(one.func, "attr", "")) for one in _calls(program.tree)}
    for name, target, claim in targets(namespace):
        if not _written_in(program, target) and name not in called:
            continue  # somebody else's, and not used
        if time.thread_time() > end:
            break
        run: Run | None = None
        findings: list[Finding] = []
        with (
            suppress(Exception, SystemExit, OutOfTime),
            work_limit(seconds * SECONDS / ALL_SECONDS),
        ):  # its failing says nothing of its numbers
            run, findings = _judged(program, target, claim, trees)
        understood = run is not None and (run.moved or bool(findings))
        (driven.names if understood else driven.left).append(name)
        driven.checks += len(run.path.delta) if run is not None and understood else 0
        for finding in findings:
            file, line = place(program, target, run.step if run else None, finding)
            told = {"optimizer": name, "parameters_told": ", ".join(finding.where)} | finding.measured
            driven.findings.append(replace(finding, measured=told, where=(name,), file=file, line=line))
    return driven


def _calls(tree: ast.Module) -> list[ast.Call]:
    return [one for one in ast.walk(tree) if isinstance(one, ast.Call)]


def _written_in(program: Program, target: Any) -> bool:
    """Whether a class or function stands in the file itself."""
    kinds = target.__mro__ if isinstance(target, type) else ()
    own = [one for kind in kinds for one in vars(kind).values()] if kinds else [target]
    return any(one.__code__.co_filename == program.filename for one in own if inspect.isfunction(one))


def targets(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """(name, class or function, claim) of everything that says that it is an optimizer which is known here."""
    for name, kind in own_classes(namespace).items():
        claim = says(name)
        broad = any(plain(one) in _BROAD for one in dir(kind) if not one.startswith("_"))
        if claim and not broad and next(steps(kind), None) is not None:
            yield name, kind, claim
    for name, function in own_functions(namespace).items():
        claim = says(name)
        if claim and (is_step(function.__code__) or is_factory(function)):
            yield name, function, claim


def _judged(program: Program, target: Any, claim: str, trees: Sequence[ast.Module]) -> tuple[Run | None, list[Finding]]:
    """The way of calling it that makes most sense, and what is to be said."""
    negative = takes_negative(program.tree)
    scale = _LARGE if claim in _ADAPTIVE else 1.0
    config = {} if isinstance(target, type) else config_of(program.tree, target)
    together = bool(counters([target])) or any(serves_many(tree, target) for tree in trees)
    plan = Plan(SHAPES, scale, together=together, config=config, over=_large_epsilons(target))
    run, found = _best(target, plan, claim, negative=negative)
    if run is None:
        run, found = _best(target, replace(plan, shapes=ALIKE), claim, negative=negative)
        shared = found is not None and any(one.code == "optimizer-shared-state" for one in found)
        return (run, found) if shared and found is not None else (None, [])
    if not run.moved:
        return run, _nothing(run, target, program)
    plan = replace(plan, flavour=run.flavour)
    if found is None and claim in _ADAPTIVE:
        small = _best(target, replace(plan, scale=_SMALL), claim, negative=negative)
        if small[0] is not None and small[1] is not None:
            run, found = small[0], small[1]
    found = apart(run.path, claim, run.settings) if found is None else found
    if found is None or [one.code for one in found] == ["optimizer-unnamed"]:
        alone = _each_number_alone(target, plan, run)
        found = found or [unnamed(run.path, claim, run.settings)]
        return run, found if alone and not run.settings.extra else []
    if any("clip" in name.lower() or "norm" in name.lower() for name in run.settings.extra):
        found = [one for one in found if one.code != "optimizer-clipped"]
    if run.spoilt:
        found = [*found, Finding("optimizer-changes-gradient", "note", run.spoilt, {}, {})]
    if not any(one.severity == "error" for one in found):
        found = [*found, *_further(target, plan, claim, run, negative=negative)]
    if claim == "nesterov" and _may_look_ahead(target, run):
        found = [one for one in found if one.code not in _AHEAD]
    return run, list({one.code: one for one in reversed(found)}.values())[::-1]


def _best(target: Any, plan: Plan, claim: str, *, negative: bool) -> tuple[Run | None, list[Finding] | None]:
    """The best of all ways of calling it, where its steps are counted from 1, and where they are from 0."""
    run, found = _first(target, plan, claim, negative=negative)
    if run is None or found == [] or not _asks_for_step(run.step):
        return run, found
    other, more = _first(target, replace(plan, first=0), claim, negative=negative)
    unknown = found is None and apart(run.path, claim, run.settings) is None
    better = other is not None and more is not None and (unknown or more == [])
    return (other, more) if better else (run, found)


def _asks_for_step(step: Any) -> bool:
    return any(plain(name) in ROLES["time"] for name in inspect.signature(step).parameters)


def _first(target: Any, plan: Plan, claim: str, *, negative: bool) -> tuple[Run | None, list[Finding] | None]:
    """Of all ways of calling it the first that is right, else the first that is known, else the first."""
    first: tuple[Run | None, list[Finding] | None] = (None, None)
    for run in runs(target, plan):
        found = judge(run.path, claim, run.settings) if run.moved else None
        if found is None and run.moved:  # some keep their averages in single precision
            found = judge(replace(run.path, exact=_SINGLE), claim, run.settings)
        if found is not None and negative and any(one.code == "optimizer-climbs" for one in found):
            found = judge(replace(run.path, g=-run.path.g), claim, run.settings)
        if found == []:
            return run, found
        worse = first[0] is not None and (first[1] is not None or found is None) and first[0].moved >= run.moved
        if not worse:
            first = run, found
    return first


def _each_number_alone(target: Any, plan: Plan, run: Run) -> bool:
    """Whether no number looks at another's gradient. One that does may want gradients of another shape than ours."""
    for other in runs(target, replace(plan, bumped=True)):
        if other.step.__qualname__ == run.step.__qualname__ and other.path.theta.shape == run.path.theta.shape:
            differs = (other.path.theta != run.path.theta).any(axis=0)
            first = np.isin(np.arange(len(differs)), run.path.starts)
            return not (differs & ~first).any()
    return False


def _may_look_ahead(target: Any, run: Run) -> bool:
    """Whether a class has methods beside its step in which it could move the weights to where the velocity leads."""
    if not isinstance(target, type):
        return False
    own = {name for kind in target.__mro__[:-1] for name, one in vars(kind).items() if inspect.isfunction(one)}
    other = {name for name in own if not name.startswith("_") and name != run.step.__name__}
    return any(
        not re.match(r"zero|reset|clear|set_|get_|state|load|save|init|config|build|add|update$|step$", n)
        for n in other
    )


def _further(target: Any, plan: Plan, claim: str, usual: Run, *, negative: bool) -> list[Finding]:
    """What other settings than the usual ones, and gradients of 0, bring to light."""
    found: list[Finding] = []
    for over, says_so in _settings(target, claim):
        run, more = _best(target, replace(plan, over={**plan.over, **over}), says_so, negative=negative)
        if run is None or more is None or not run.moved:
            continue
        found += [one for one in more if one.severity != "note"]
        if not more and np.array_equal(run.path.theta, usual.path.theta) and says_so == claim:
            setting = next(iter(over))
            severity = "error" if role_of(setting) == "lr" else "note"
            found.append(Finding("optimizer-setting-ignored", severity, run.path.names, {"setting": setting}, {}))
    if claim in _ADAPTIVE:
        run = next((one for one in runs(target, replace(plan, still=True)) if one.moved), None)
        lost = None if run is None else ~np.isfinite(run.path.theta).all(axis=0)
        if run is not None and lost is not None and lost.any() and np.array_equal(lost, ~run.path.g.any(axis=0)):
            found.append(Finding("optimizer-no-epsilon", "error", run.path.names, {}, {}))
    return found


def _large_epsilons(target: Any) -> dict[str, float]:
    """Epsilons that are so large by default that they would count beside our gradients: they may be chosen."""
    try:
        defaults = {p.name: p.default for p in inspect.signature(target).parameters.values()}
    except (TypeError, ValueError):
        return {}
    large = [name for name, value in defaults.items() if isinstance(value, float) and 1e-4 < value < 1]
    return {name: 1e-8 for name in large if role_of(name) == "eps"}


def _settings(target: Any, claim: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Settings that are off by default, switched on, and the claim that goes with each."""
    try:
        defaults = {p.name: p.default for p in inspect.signature(target).parameters.values()}
    except (TypeError, ValueError):
        return
    off = [name for name, value in defaults.items() if isinstance(value, (int, float)) and value == 0]
    lr = next((name for name in defaults if role_of(name) == "lr"), None)
    if lr is not None and isinstance(target, type):
        yield {lr: 0.02 if not isinstance(defaults[lr], float) else 2 * defaults[lr]}, claim
    speed = next((name for name in defaults if role_of(name) == "mu"), None)
    for name in off:
        if role_of(name) == "wd":
            yield {name: 0.1}, claim
        elif (
            role_of(name) == "mu"
            and ("mom" in plain(name) or claim != "sgd")
            and claim in ("sgd", "momentum", "nesterov")
        ):
            yield {name: 0.9}, claim
        elif plain(name) in ("nesterov", "usenesterov") and speed is not None and claim in ("sgd", "momentum"):
            yield {name: True, speed: 0.9}, "nesterov"


def _nothing(run: Run, target: Any, program: Program) -> list[Finding]:
    """Why nothing moved: a loop that gives its own variable another array."""
    function = getattr(run.step, "__func__", run.step)
    for node in ast.walk(program.tree):
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__ and _rebinds(node):
            inside = (
                function.__code__.co_filename == program.filename and function.__code__.co_firstlineno <= node.lineno
            )
            if inside and node.lineno - function.__code__.co_firstlineno < 3:
                return [Finding("optimizer-rebinds", "error", run.path.names, {}, {})]
    return []


def _rebinds(node: ast.FunctionDef) -> bool:
    """Whether all that a function does to its loop's variables, or to the array that it is given, is to bind them anew.

    `for w, dw in ...: w = w - dw`
    """
    loops = [one for one in ast.walk(node) if isinstance(one, ast.For)]
    names = {name.id for loop in loops for name in ast.walk(loop.target) if isinstance(name, ast.Name)}
    given = {one.arg for one in node.args.args if plain(one.arg) in ROLES["w"] | ROLES["params"]}
    for one in ast.walk(node):
        if isinstance(one, ast.Return) and one.value is not None:
            if names:
                return False
            given -= {name.id for name in ast.walk(one.value) if isinstance(name, ast.Name)}
        elif isinstance(one, ast.AugAssign):
            if names:
                return False
            given -= {name.id for name in ast.walk(one.target) if isinstance(name, ast.Name)}
    for one in ast.walk(node):
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and one.targets[0].id in names | given:
            match one.value:
                case ast.BinOp(left=ast.Name(id=name), op=ast.Sub() | ast.Add()) if name == one.targets[0].id:
                    return plain(name) not in ROLES["dw"] | ROLES["db"] - ROLES["w"]
    return False
