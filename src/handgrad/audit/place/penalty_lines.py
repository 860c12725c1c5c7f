"""Penalty lines: where a gradient leaves the penalty out, or has it in another size, found by the gradient's name.

A term that is missing leaves nothing behind to point at; the statement that makes the weight's gradient is its place.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.identify import random_point
from handgrad.audit.judging.measure import fit
from handgrad.audit.place.observe import CHANGED, MADE, NAMED, Noted, observe
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.core.arrays import Array

_CODES = {"penalty-missing", "penalty-scaled", "weight-decay-sign", "weight-decay"}
_ROLES = ("backward", "gradients", "loss", "update", "step")
_STRENGTH = re.compile(
    r"^((weight|bias|kernel)_reg|l2|reg|lambd|lmbda|lam|wd|weight_?decay|decay|alpha|penalty|beta)", re.I
)
_SECONDS = 0.5  # to see a gradient made
_SMALL = 0.1  # a number that is no larger may be a strength
_LEAST = 1e-6  # of a parameter: what a step takes of it, at least
_SIZES = re.compile(r"\*\* ?2|\b(sum|norm|square|vdot|abs)\(")


def penalty_line(inspection: Inspection, finding: Finding) -> int | None:
    """The statement that adds a multiple of a weight that a finding names to its gradient; else what makes that.

    None where neither is told.
    """
    if finding.code not in _CODES or not finding.where:
        return None
    tree, names = inspection.program.tree, [_own(name) for name in finding.where]
    parts = list(_parts(inspection))
    there = finding.code != "penalty-missing"
    found = [one for node in (*parts, tree) if there and (one := _shares(node, names))]
    own = list(dict.fromkeys(line for other, line in found if not other))
    made, shrunk = _by_numbers(inspection, finding) if there and len(own) != 1 else ([], None)
    shrunk = None if own else shrunk
    told = [*(line for line in made if line in own), *own, shrunk, *made, *(line for _, line in found)]
    if any(told):
        return next(line for line in told if line)
    for node in parts:
        lines = [line for name in names if (line := _makes(node, name))]
        if lines:
            return max(lines)
    return _made(inspection, finding) if finding.code == "penalty-missing" else None


def _made(inspection: Inspection, finding: Finding) -> int | None:
    """The line that first makes the gradient of a weight; where layers share that, the one that keeps it apart; of a
    gradient that nobody keeps, the line that changes the weight.
    """
    try:
        notes, gradients = _seen(inspection)
    except (Exception, OutOfTime):  # it wants a batch of another form
        return None
    live = {name: {id(v), id(v.base)} for name, v in inspection.reading.subject.parameters().items()}
    places = {
        name: [n for n in notes if _is(n, gradient)] for name, gradient in gradients.items() if gradient.ndim == 2
    }
    own = places.get(finding.where[0])
    if not own:
        changed = (n.line for n in notes if n.how == CHANGED and n.line and n.array in live[finding.where[0]])
        return next(changed, None)
    first = own[0]
    shared = any(n.line == first.line and n.call != first.call for others in places.values() for n in others[:1])
    kept = [n.line for n in own if n.how == NAMED and re.fullmatch(r"\w+(\[[^\]]*\])?", n.name)]  # grads['W1']
    return kept[0] if shared and kept else first.line


def _seen(inspection: Inspection, at: Mapping[str, Array] | None = None) -> tuple[list[Noted], Mapping[str, Array]]:
    """(what happens while gradients are made, or a step is taken; these gradients), at a point or where it stands.

    Raises what the code does.
    """
    found: list[Mapping[str, Array]] = []
    subject, filename = inspection.reading.subject, inspection.program.filename
    one, saved = batch(subject, 5, 3), subject.snapshot()
    try:
        if subject.afresh is not None:  # a velocity from before would be in the step
            subject.afresh()
        subject.restore(at or saved)
        with inspection.program.guarded(), time_limit(_SECONDS):
            notes = observe(lambda: found.append(subject.gradient(one.x, one.y)), {filename, "<audit>"})
    finally:
        subject.restore(saved)
    return notes, found[0]


def _by_numbers(inspection: Inspection, finding: Finding) -> tuple[list[int], int | None]:
    """(the lines with a gradient of a parameter that a finding names, as it is judged, in their order; the line that
    first makes such a parameter a little smaller, or larger, and nothing else).
    """
    try:
        values = random_point(inspection.reading.subject, np.random.default_rng(4))
        notes, gradients = _seen(inspection, values)
    except (Exception, OutOfTime):  # it wants a batch of another form
        return [], None
    made = [note.line for note in notes if any(_is(note, gradients[name]) for name in finding.where)]
    named = [values[name] for name in finding.where if values[name].size > 1]
    changes = (note for note in notes if note.line > 0 and note.how in (MADE, CHANGED))
    return made, next((note.line for note in changes if any(_is_shrunk(note.value, one) for one in named)), None)


def _is_shrunk(value: Array, parameter: Array) -> bool:
    """Whether a value is a parameter times a number near 1."""
    if value.shape != parameter.shape or value.dtype.kind != "f" or not value.any():
        return False
    times = fit(value, parameter, 1e-6)
    return times.exact and _LEAST < abs(times.factor - 1) < _SMALL


def _is(note: Noted, gradient: Array) -> bool:
    """Whether a line of the file made, or named, this gradient, times any factor: a rate, or a sign for `W += ...`."""
    views = [view for view in (note.value, note.value.T) if view.shape == gradient.shape and view.dtype.kind == "f"]
    there = note.line > 0 and bool(gradient.any())
    return there and any(fit(view, gradient, 1e-6).exact for view in views if view.any())


def _parts(inspection: Inspection) -> Iterator[ast.FunctionDef | ast.Module]:
    """The functions of the file that take part, that which goes back first; of a loop of a script the whole file."""
    tree = inspection.program.tree
    for role in _ROLES:
        code = getattr(inspection.reading.functions.get(role), "__code__", None)
        if code is None or code.co_filename not in (inspection.program.filename, "<audit>"):
            continue
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.lineno == code.co_firstlineno]
        yield from nodes
        if not nodes and not code.co_name.isidentifier():
            yield tree


def _own(parameter: str) -> str:
    """The last name in what a parameter is called: b of layers[0].b, weights of weights[0]."""
    words: list[str] = re.findall(r"\w+", parameter)
    return next((word for word in reversed(words) if not word.isdigit()), parameter)


def _shares(tree: ast.FunctionDef | ast.Module, names: list[str]) -> tuple[bool, int] | None:
    """A strength of regularisation times an array, not squared: that of one of these names, or the first at all.

    As (whether it is of another name, its line). What is called b2 may be written 'b' + str(i).
    """
    stems = {name.rstrip("0123456789") for name in names}
    found: list[tuple[bool, bool, int]] = []

    def look(body: list[ast.stmt], around: str) -> None:
        for one in body:
            text = ast.unparse(one) if isinstance(one, ast.Assign | ast.AugAssign | ast.Return) else ""
            if text and any(map(_is_share, ast.walk(one))):
                words = set(re.findall(r"\w+", text + around))
                found.append((not words & set(names), not words & stems, one.lineno))
            over = ast.unparse(one.iter) if isinstance(one, ast.For) else ""
            for part in ("body", "orelse", "finalbody"):
                look(getattr(one, part, []), around + " " + over)

    look(tree.body, "")
    best = min(found, default=None)
    return (best[0] and best[1], best[2]) if best else None


def _is_share(node: ast.AST) -> bool:
    """reg * W, and not reg * 0.5 or lr * reg alone; 1e-3 * W, where it is added to something."""
    match node:
        case (
            ast.AugAssign(op=ast.Add(), value=ast.BinOp(left=share, op=ast.Mult(), right=of))
            | ast.BinOp(op=ast.Add(), right=ast.BinOp(left=share, op=ast.Mult(), right=of))
        ) if isinstance(share, ast.Constant) and isinstance(share.value, float):
            held = isinstance(of, ast.Call) and _name(of.func) == "getattr"
            return (held or isinstance(of, ast.Name | ast.Attribute | ast.Subscript)) and share.value < _SMALL
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult) or _SIZES.search(ast.unparse(node)):
        return False
    sides = [{_name(part) for part in ast.walk(side)} - {""} for side in (node.left, node.right)]
    strong = [any(_STRENGTH.match(name) for name in side) for side in sides]
    array = [any(not _STRENGTH.match(name) and name not in ("self", "np") for name in side) for side in sides]
    return (strong[0] and array[1]) or (strong[1] and array[0])


def _makes(node: ast.FunctionDef | ast.Module, weight: str) -> int | None:
    own = weight.lower().replace("_", "")
    short = re.sub(r"^(weights?|w)", "", own)
    found: dict[str, int] = {}
    for one in (n for n in ast.walk(node) if isinstance(n, ast.Assign | ast.AugAssign)):
        line = one.lineno
        for target in one.targets if isinstance(one, ast.Assign) else [one.target]:
            for inner in target.elts if isinstance(target, ast.Tuple) else [target]:
                name = _name(inner).lower().replace("_", "")
                if _says(name, own) and (name != own or isinstance(inner, ast.Subscript)):
                    found["own"] = max(found.get("own", 0), line)
                elif len(short) > 1 and re.match(r"(d|g|grad|delta|nabla)\w*w?" + re.escape(short) + "$", name):
                    found.setdefault("short", line)
    return found.get("own", found.get("short"))


def _says(name: str, own: str) -> bool:
    """Whether a name holds that of a weight; one of a letter only as a whole, with what says gradient beside it."""
    beside = r"(?:d|g|grad|delta|nabla)?"
    return own in name if len(own) > 1 else re.fullmatch(beside + re.escape(own) + beside, name) is not None


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""
