"""Making: the lines of a file where weights get their first values, and where a network is put together of layers.

What a property finds holds for the whole network; the line that is told is the one at which people would mend it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from types import FunctionType

import numpy as np

from handgrad.audit.dialects.calling import FORWARD
from handgrad.audit.inspection import Inspection
from handgrad.audit.objects import own_classes, own_functions
from handgrad.audit.place.observe import GIVEN, MADE, NAMED, Noted, observe
from handgrad.audit.properties.forward import batch
from handgrad.audit.properties.naming import last_name
from handgrad.audit.properties.places import line_of

_DRAWS = {"randn", "rand", "normal", "standard_normal", "uniform", "random", "random_sample", "truncnorm"} | {
    "integers", "gauss", "randint", "glorot_uniform", "xavier",
}  # fmt: skip
_CONSTANT = {"zeros", "ones", "full", "zeros_like", "ones_like", "full_like"}
_LATER = re.compile(r"updat|step|backw|backprop|grad|train|fit|optim|save|load", re.IGNORECASE)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_ROWS = 6
_PROBE = np.array([[-1.5, -0.5, 0.25, 2.0], [1.0, -3.0, 0.5, -0.125]])


def made_at(inspection: Inspection, weight: str, *, constant: bool) -> int | None:
    """The line that gives a weight its first value: a random one, or a constant, whichever is looked for first."""
    tree = inspection.program.tree
    kinds = [_CONSTANT, _DRAWS] if constant else [_DRAWS, _CONSTANT]
    names = [name for name in _IDENTIFIER.findall(weight)[::-1] if name not in ("value", "data")]
    statements = list(_settings(tree))
    for kind in kinds:
        makes = [(node, said) for node, said in statements if _calls(node, kind)]
        for name in names:
            fitting = [node.lineno for node, said in makes if _means(said, name)]
            if fitting:
                return fitting[0]
        vague = [node for node, said in makes if not any(re.match(r"_*(d|grad|v|m|b|bias\w*)$", one) for one in said)]
        if len({node.lineno for node in vague}) == 1:
            return vague[0].lineno
    return line_of(inspection, "init", "model", "forward", "step")


def _settings(tree: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, list[str]]]:
    """(assignment or entry of a written dict, names it gives a value to) outside of functions that change weights."""
    later = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and _LATER.search(node.name)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in later:
            continue
        if isinstance(node, ast.Assign):
            targets = [one for target in node.targets for one in _each(target)]
            yield node, [name for target in targets for name in _said(target)]
        elif isinstance(node, ast.AnnAssign):
            yield node, _said(node.target)
        elif isinstance(node, ast.Call) and len(node.args) == 2:  # register("weight", value)
            yield node, _text(node.args[0])
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield value, [key.value]


def _each(target: ast.expr) -> list[ast.expr]:
    return list(target.elts) if isinstance(target, ast.Tuple | ast.List) else [target]


def _said(target: ast.expr) -> list[str]:
    """W of W, of self.W, of params["W"] and of params["W" + str(i)] or params[f"W{i}"], then params."""
    match target:
        case ast.Subscript(value=value, slice=index):
            return [*_text(index), *_said(value)]
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return [name]
    return []


def _text(index: ast.expr) -> list[str]:
    match index:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.BinOp(left=left):
            return [f"{text}#" for text in _text(left)]
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return [f"{text}#"]
    return []


def _means(said: list[str], name: str) -> bool:
    return any(one == name or (one.endswith("#") and re.fullmatch(rf"{re.escape(one[:-1])}\d+", name)) for one in said)


def _calls(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(part, ast.Call) and last_name(part.func) in names for part in ast.walk(node))


def pieces_at(inspection: Inspection) -> list[tuple[int, str]]:
    """(line, name) of each layer in the order in which the file puts them together, by what makes it."""
    makers = _makers(inspection)
    found: list[tuple[int, int, str]] = []
    for node in ast.walk(inspection.program.tree):
        if isinstance(node, ast.Call) and last_name(node.func) in makers:
            found.append((node.lineno, node.col_offset, last_name(node.func)))
    return [(line, name) for line, _, name in sorted(found)]


def _makers(inspection: Inspection) -> set[str]:
    """Classes of layers, and functions that give back functions."""
    forward = {*FORWARD, "begin_update"}
    kinds = own_classes(inspection.namespace)
    made = {name for name, kind in kinds.items() if any(hasattr(kind, one) for one in forward)}
    for node in ast.walk(inspection.program.tree):
        if isinstance(node, ast.FunctionDef):
            inner = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
            back = {ast.unparse(one.value) for one in node.body if isinstance(one, ast.Return) and one.value}
            made |= {node.name} if inner & (back | {*FORWARD, node.name}) else set()
    return made


def loops(inspection: Inspection) -> bool:
    """Whether the way forward is a loop over layers, so that the network is what was put together elsewhere."""
    line = line_of(inspection, "forward")
    scope = next((node for node in _functions(inspection.program.tree) if node.lineno == line), None)
    return scope is not None and any(isinstance(node, ast.For | ast.While) for node in ast.walk(scope))


def unbent_at(inspection: Inspection, lower: str, above: str) -> int | None:
    """Where an activation is missing between two layers: between the lines that use them, or in what is put together.

    An activation of the file that gives back what it gets is the place itself.
    """
    idle = next((f for f in own_functions(inspection.namespace).values() if _idle(f)), None)
    line = _hands_on(inspection) if idle is None else _last_line(inspection, idle)
    if line is not None:
        return line
    if not loops(inspection):
        first, last = (_used_at(inspection, name) for name in (lower, above))
        if first is not None and last is not None and first < last:
            between = [
                node.lineno
                for node in ast.walk(inspection.program.tree)
                if isinstance(node, ast.stmt) and first < node.lineno < last
            ]
            return min(between, default=last)
    tree, pieces = inspection.program.tree, pieces_at(inspection)
    whole = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and _calls(node, _makers(inspection))
    }
    many = {last_name(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) > 1}
    for kinds in (_with_weights(inspection), many):  # that draw weights, or are handed them and biases
        weighty = [line for line, name in pieces if name in kinds - whole]
        if weighty:
            return weighty[0]
    return line_of(inspection, "forward", "loss", "step")


def _hands_on(inspection: Inspection) -> int | None:
    """The line that gives hidden units another name, or of a way forward that does nothing but copy them."""
    subject = inspection.reading.subject
    sizes = {size for value in subject.parameters().values() for size in value.shape}
    sizes -= {subject.features, subject.classes}
    x, y = batch(subject, _ROWS, 5)
    notes = [
        note for note in observe(lambda: subject.loss(x, y), {inspection.program.filename, "<audit>"})
        if note.line > 0 and note.value.dtype.kind == "f"
        and _ROWS in note.value.shape and len(set(note.value.shape) & sizes) == 1
    ]  # fmt: skip
    made = {note.array: note for note in notes[::-1] if note.how == MADE}
    for note in notes:  # h = z
        first = made.get(note.array, note)
        if note.how == NAMED and note.call == first.call and note.line > first.line:
            return note.line
    calls: dict[int, list[Noted]] = {}
    for note in notes:
        if note.function in FORWARD:
            calls.setdefault(note.call, []).append(note)
    for first, *rest in calls.values():
        copies = [note for note in rest if note.array != first.array]
        if first.how == GIVEN and copies and all(np.array_equal(note.value, first.value) for note in rest):
            return copies[0].line
    return None


def _with_weights(inspection: Inspection) -> set[str]:
    """The makers that draw or set arrays, or hold a matrix: those of layers with weights."""
    tree = inspection.program.tree
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and _calls(node, _DRAWS)
    }


def _used_at(inspection: Inspection, weight: str) -> int | None:
    """The line of the way forward that multiplies with a weight."""
    name = _IDENTIFIER.findall(weight)[-1]
    start = line_of(inspection, "forward", "step", "loss")
    lines = [
        node.lineno
        for node in ast.walk(inspection.program.tree)
        if isinstance(node, ast.stmt) and start is not None and node.lineno >= start and not hasattr(node, "body")
        if any(name in _said(part) for part in ast.walk(node) if isinstance(part, ast.expr))
    ]
    return min(lines, default=None)


def _idle(function: FunctionType) -> bool:
    """Whether a function that is called as activations are gives back what it gets."""
    if not re.fullmatch(r"_*(relu|leaky_?relu|sigmoid|tanh|activat\w*|act|elu|gelu|f|g)", function.__name__.lower()):
        return False
    try:
        return bool(np.array_equal(function(_PROBE.copy()), _PROBE))
    except Exception:  # it takes another form
        return False


def _last_line(inspection: Inspection, function: FunctionType) -> int | None:
    for node in _functions(inspection.program.tree):
        if node.lineno == function.__code__.co_firstlineno:
            returns = [inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Return)]
            return returns[-1] if returns else node.lineno
    return None


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.Lambda]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda))
