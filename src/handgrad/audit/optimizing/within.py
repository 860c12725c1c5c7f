"""Within: an optimizer that is no class of its own, but the update of a network that somebody wrote as one object.

The network gives its gradients, its own update uses them, and what that remembers from step to step is set back to what
a new network has. Which optimizer it should be, its own names say; whether it is, the steps.
"""

from __future__ import annotations

import ast
import copy
import gc
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import roles, updates
from handgrad.audit.dialects.claimed import by_form
from handgrad.audit.dialects.edits import assigned, base
from handgrad.audit.dialects.making import made
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.turns import Loop
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.optimizing.claims import role_of, settings_of
from handgrad.audit.optimizing.inside import sampled
from handgrad.audit.optimizing.judge import judge
from handgrad.audit.optimizing.path import Path, path_of
from handgrad.audit.optimizing.places import place
from handgrad.core.arrays import Array

_VELOCITY = re.compile(r"\bvel|_vel|velocit|\bv_?[wWbd]|\.v\b|^v\b")
_MOMENTUM = re.compile(r"momentum|\bmu$|\.mu$")
_BETA = re.compile(r"\b(beta|gamma|rho|decay)_?1?$")
_STEPS, _ROWS = 8, 6
_EXACT = 1e-5  # relative: gradients are of all sizes, and epsilon is small beside those that are looked at
_RATE = 2.0**-20  # small, for steps without a root are large
_NO_EPSILON = 1e-30
# What names in an update say that it is, the more special first.
_SIGNS = (
    ("adamw", r"adam_?w\b"),
    ("adam", r"adam(?!_?w)|beta_?2|\bb2 ?\*\*|[mv]_?hat|_corrected"),
    ("rmsprop", r"rms_?prop|\brho\b|decay_?rate|mean_?sq"),
    ("adagrad", r"adagrad"),
    ("momentum", r"velocit|momentum"),
)
UNSURE = {"optimizer-unnamed", "optimizer-setting-ignored", "optimizer-some-not-updated"}


def check_within(inspection: Inspection) -> list[Finding]:
    """What the update of a network that keeps its own averages is not, though it says so. Everything is put back."""
    reading, program = inspection.reading, inspection.program
    model = _model(reading)
    if model is None or reading.subject.gradients is None:
        return []
    for update in updates(model):
        claim = claim_of(update, program.text)
        code = getattr(update, "__code__", None)
        if not claim or code is None or code.co_filename != program.filename:
            continue
        kept = copy.deepcopy(vars(model))
        try:
            _set(model)
            path = _walked(inspection, model, update)
            settings = settings_of(model, [update], {"lr": _RATE} if _rate_of(update) else {})
        finally:
            _put_back(model, kept, reading.subject.parameters)
        if path is None:
            continue
        found = [one for one in judge(path, claim, settings) or [] if one.code not in UNSURE]
        name = f"{type(model).__name__}.{update.__name__}"
        findings = []
        for one in found:
            file, line = place(program, update, update, one)
            told = {"optimizer": name, "parameters_told": ", ".join(one.where)} | one.measured
            findings.append(replace(one, measured=told, where=(name,), file=file, line=line))
        return [one for one in findings if one.severity != "note"]
    return []


def memory_lost(inspection: Inspection) -> list[Finding]:
    """A network that has a momentum and writes velocities, of which its steps carry nothing from one to the next."""
    reading, diagnosis = inspection.reading, inspection.diagnosis
    update, identity = reading.functions.get("update"), diagnosis.identity
    if reading.subject.step is None or reading.subject.gradients is not None or identity is None or not diagnosis.ok:
        return []
    if not diagnosis.judged:  # its steps say nothing, such as those of dropout
        return []
    code = getattr(update, "__code__", None)
    kept = any(finding.code == "momentum" for finding in diagnosis.findings)
    if kept or update is None or code is None or code.co_filename != inspection.program.filename:
        return []
    loop = getattr(reading.subject.step, "__self__", None)
    node = next((n for n in ast.walk(inspection.program.tree)
                 if isinstance(n, ast.FunctionDef) and n.lineno == code.co_firstlineno), None)  # fmt: skip
    body: list[ast.stmt] = loop.cut.body if isinstance(loop, Loop) else [] if node is None else node.body
    written = [n for one in body for n in ast.walk(one) if isinstance(n, ast.Assign)]
    velocities = [n for n in written if _VELOCITY.search(ast.unparse(n.targets[0]))]
    if isinstance(loop, Loop):  # in which a v may be anything: one that a parameter is changed by
        roots = {place.root for place in loop.places}
        steps = [n for one in body for n in ast.walk(one) if isinstance(n, ast.AugAssign) and base(n.target) in roots]
        used = {ast.unparse(part) for one in steps for part in ast.walk(one.value)}
        velocities = [n for n in velocities if ast.unparse(n.targets[0]) in used]
    factors = [one.measured.get("factor") for one in diagnosis.findings if one.code == "constant-factor"]
    shares = _shares(inspection.program.tree, _MOMENTUM)
    # A mean of the velocity and the gradient, of which the share of the gradient alone is left.
    shares += [one for one in _shares(inspection.program.tree, _BETA) if any(_is(1 - one, f) for f in factors)]
    if not velocities or not shares:
        return []
    line = min(n.lineno for n in velocities)
    told = ", ".join(reading.subject.parameters())
    name = f"the loop in line {loop.cut.lines[0]}" if isinstance(loop, Loop) else update.__name__
    measured = {"optimizer": name, "parameters_told": told, "share": shares[0], "carry": 0.0}
    where = (update.__name__,)
    return [Finding("optimizer-memory-lost", "warning", where, measured, {}, inspection.program.filename, line)]


def _is(share: float, factor: object) -> bool:
    return isinstance(factor, float) and abs(factor - share) < 1e-9


def _shares(tree: ast.Module, meant: re.Pattern[str]) -> list[float]:
    """The values between 0 and 1 that the file gives to such names, as an attribute, an argument or a default."""
    found: list[Any] = []
    for node in ast.walk(tree):
        match node:
            case ast.Assign():
                found += [getattr(v, "value", None) for one, v in assigned(node) if meant.search(ast.unparse(one))]
            case ast.keyword(arg=str(name), value=ast.Constant(value=value)):
                found += [value] if meant.search(name) else []
            case ast.arguments():
                named = zip(node.args[len(node.args) - len(node.defaults) :], node.defaults, strict=True)
                found += [getattr(v, "value", None) for one, v in named if meant.search(one.arg)]
    return [value for value in found if isinstance(value, float) and 0 < value < 1]


def _model(reading: Reading) -> Any:
    """The object that holds the parameters; None where no single one does."""
    ids = {id(value) for value in reading.subject.parameters().values()}
    kinds = tuple(one for one in reading.functions.values() if isinstance(one, type))
    model = getattr(reading.functions.get("backward"), "__self__", None)
    if model is not None and not isinstance(model, type):
        return model
    there = [one for one in gc.get_objects() if type(one) in kinds] if kinds else []
    return next((one for one in there if any(_holds(value, ids) for value in vars(one).values())), None)


def claim_of(update: Callable[..., Any], text: str) -> str:
    """The optimizer that the names in an update are of; for a running average of squares what the file calls it."""
    try:
        source = inspect.getsource(update).lower()
    except (OSError, TypeError):
        return ""
    for claim, sign in _SIGNS:
        if re.search(sign, source):
            return claim
    if formed := by_form(source):
        return formed
    averages = re.search(r"0?\.9|decay|beta|gamma", source)
    known = (claim for claim, sign in _SIGNS if claim != "momentum" and re.search(sign, text.lower()))
    return next(known, "") if averages else ""


def signs_of(function: Callable[..., Any]) -> set[str]:
    """All optimizers of which the names in a function are."""
    try:
        source = inspect.getsource(function).lower()
    except (OSError, TypeError):
        return set()
    return {claim for claim, sign in _SIGNS if re.search(sign, source)}


def _set(model: Any) -> None:
    """The network's own settings, where it keeps them: a small learning rate, and no epsilon."""
    for name, value in list(vars(model).items()):
        given = {"lr": _RATE, "eps": _NO_EPSILON}.get(role_of(name))
        if given is not None and isinstance(value, float):
            setattr(model, name, given)


def _rate_of(update: Callable[..., Any]) -> str:
    """The parameter by which an update is told its learning rate; "" where it takes none."""
    return next((name for name in inspect.signature(update).parameters if "lr" in roles(name)), "")


def _walked(inspection: Inspection, model: Any, update: Callable[..., Any]) -> Path | None:
    """Some steps from the first one on; None where they cannot be made."""
    subject = inspection.reading.subject
    gradients = subject.gradients
    wanted = [name for name, p in inspect.signature(update).parameters.items() if p.default is p.empty]
    rate = _rate_of(update)
    if gradients is None or set(wanted) - {rate}:
        return None
    arguments = {rate: _RATE} if rate else {}

    def begin() -> None:
        rng = np.random.default_rng(7)
        for value in subject.parameters().values():
            value[...] = rng.standard_normal(value.shape) / np.sqrt(max(value.shape))

    def gradient(k: int) -> dict[str, Array]:
        one = batch(subject, _ROWS, k)
        return {name: np.array(value, np.float64) for name, value in gradients(one.x, one.y).items()}

    begin()
    gradient(0)
    ours = {id(value) for value in subject.parameters().values()}
    before = copy.deepcopy(vars(model))
    update(**arguments)
    now = {name: value for name, value in vars(model).items() if not _holds(value, ours)}
    memory = {name for name, value in now.items() if name not in before or not _same(value, before[name])}
    state = _first(model, memory)
    if state is None:
        return None
    _remember(model, memory, state)
    begin()  # what it remembered may have been no numbers at all
    values, seen = [subject.snapshot()], []
    for k in range(_STEPS):
        seen.append(gradient(k))
        _remember(model, memory, state)  # to look at the gradients may itself have been a step
        update(**arguments)
        state = {name: copy.deepcopy(vars(model)[name]) for name in memory if name in vars(model)}
        values.append(subject.snapshot())
    if any(set(one) != set(values[0]) for one in seen):
        return None
    path = sampled(path_of(values, seen, _EXACT))
    return path if path.names and path.delta.any() else None


def _first(model: Any, memory: set[str]) -> dict[str, Any] | None:
    """What a new network remembers, in the sizes of this one; None where nobody knows."""
    fresh = next((vars(one) for one in made(type(model))), None)
    if fresh is None:
        return None
    found = {name: _started(fresh[name], vars(model)[name]) for name in memory if name in fresh}
    return None if any(one is _UNKNOWN for one in found.values()) else found


def _remember(model: Any, memory: set[str], state: Mapping[str, Any]) -> None:
    for name in memory:
        if name in state:
            setattr(model, name, copy.deepcopy(state[name]))
        elif name in vars(model):
            delattr(model, name)


_UNKNOWN = object()


def _started(fresh: Any, now: Any) -> Any:
    """The first value of something that an update changes: of a new network, arrays of zeros as large as they are."""
    if isinstance(fresh, np.ndarray):
        return np.zeros_like(now) if isinstance(now, np.ndarray) and not fresh.any() else _UNKNOWN
    if isinstance(fresh, list | tuple):
        many = [_started(a, b) for a, b in zip(fresh, now, strict=True)] if len(fresh) == len(now) else []
        known = len(many) == len(fresh) and not any(one is _UNKNOWN for one in many)
        return type(fresh)(many) if known else [] if not fresh else _UNKNOWN
    if isinstance(fresh, dict):
        some = {key: _started(value, now.get(key)) for key, value in fresh.items()}
        return _UNKNOWN if any(one is _UNKNOWN for one in some.values()) else some
    return fresh if fresh is None or isinstance(fresh, int | float) else _UNKNOWN


def _holds(value: Any, ids: set[int]) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
    return any(id(one) in ids for one in inner)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(np.array_equal(a, b)) if isinstance(a, np.ndarray | int | float) else type(a) is type(b)


def _put_back(model: Any, kept: Mapping[str, Any], parameters: Callable[[], Mapping[str, Array]]) -> None:
    """Attributes as they were, and the parameters' values in whatever arrays are live."""
    vars(model).clear()
    vars(model).update(kept)
    parameters()
