"""Helpers: the file's own little functions, run on small cases whose answer is known."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.objects import own_classes, own_functions
from handgrad.audit.properties.axes import outputs
from handgrad.audit.properties.places import found, line_in
from handgrad.core.arrays import Array

_ACCURACY = re.compile(r"acc(uracy)?($|_)|_acc|accuracy|^evaluate|^score$|^calc_score")
_ONE_HOT = re.compile(
    r"one_?hot|onehot|to_categorical|^categorical|vectori[sz]ed?_(result|label)|encode_labels?|^encode$"
)
_FORWARD = re.compile(r"forward|predict|feed|^net|model|propagat|infer")
_NETWORK = re.compile(r"model|net|param|weight|nn|mlp|layer")
_COUNT = re.compile(r"class|num|size|depth|^n|^k$|^c$|dim|labels_count|categories")
_ROWS, _CLASSES, _MIXTURES = 7, 5, 6
_SHARES = (1, 100, _CLASSES / _ROWS, 1 / _ROWS)  # what a sum or mean over the wrong number of answers makes of it


class _Echo:
    """Plays a network whose inputs are its own outputs."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        return next(one for one in (*given, *named.values()) if isinstance(one, np.ndarray))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


@dataclass(frozen=True)
class _Helper:
    """A function of the file, with its parameters that need a value, a method without its self."""

    name: str
    function: FunctionType
    asked: tuple[str, ...]
    bound: bool

    def __call__(self, *given: Any) -> Any:
        echo = {name: _Echo() for name in self.function.__code__.co_names if _FORWARD.search(name.lower())}
        own = self.function.__globals__
        echo = {name: one for name, one in echo.items() if isinstance(own.get(name), FunctionType)}
        f = self.function
        run = FunctionType(f.__code__, {**own, **echo}, f.__name__, f.__defaults__, f.__closure__) if echo else f
        return run(*((_Echo(), *given) if self.bound else given))


def _helpers(inspection: Inspection, pattern: re.Pattern[str]) -> Iterator[_Helper]:
    functions: list[tuple[str, Any, bool]] = [(k, f, False) for k, f in own_functions(inspection.namespace).items()]
    for kind in own_classes(inspection.namespace).values():
        for name, thing in vars(kind).items():
            inner = getattr(thing, "__func__", thing)
            functions.append((name, inner, not isinstance(thing, staticmethod)))
    for name, function, bound in functions:
        if not isinstance(function, FunctionType) or not pattern.search(name.lower()):
            continue
        asked = [
            p.name
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        yield _Helper(name, function, tuple(asked[1:] if bound else asked), bound)


def layout(inspection: Inspection) -> str:
    """How the network lays its samples: "rows", "columns", or "" where they come one by one or that is not known."""
    told = inspection.reading.facts.get("labels", "")
    if any(word in told for word in ("one sample", "one column", "one row", "one vector", "a sample", "a call")):
        return ""
    return "columns" if "columns" in told else "rows"


def accuracy(inspection: Inspection) -> list[Finding]:
    """Accuracy functions that compare along the wrong axis: run on mixtures of right and wrong answers."""
    lies = layout(inspection)
    if not lies or inspection.reading.subject.classes < 2:
        return []
    findings = []
    for helper in _helpers(inspection, _ACCURACY):
        claimed = _claims(helper, columns=lies == "columns")
        if claimed is not None and not _transposes_calls(inspection, helper.name) and _lie(inspection, lies):
            line = line_in(inspection, helper.function)
            measured = {"function": helper.name, "claimed": claimed[0], "right": claimed[1], "samples": lies}
            findings.append(
                found(inspection, "accuracy-wrong-axis", "warning", line, measured, {"claimed": claimed[1]})
            )
    return findings


def _lie(inspection: Inspection, lies: str) -> bool:
    """Whether no outputs in a run lie the other way: data may come as rows and be turned round on their way in."""
    other = 0 if lies == "columns" else 1
    return not any(other in axes for axes in outputs(inspection).values())


def _transposes_calls(inspection: Inspection, name: str) -> bool:
    """Whether the file turns anything round where it calls the function."""
    calls = [line for line in inspection.program.text.split("\n") if f"{name}(" in line]
    return any(".T" in line or "transpose" in line for line in calls)


def _claims(helper: _Helper, *, columns: bool) -> tuple[float, float] | None:
    """(what it says, what is true) of a function that compares along the wrong axis; None for any other."""
    rng = np.random.default_rng(2)
    mixtures = []
    for i in range(_MIXTURES):
        y = rng.permutation(_ROWS) % _CLASSES
        scores = rng.random((_ROWS, _CLASSES))
        scores[np.arange(_ROWS), np.where(np.arange(_ROWS) <= i, y, (y + 1) % _CLASSES)] += 1
        mixtures.append((scores, y))
    t = np.eye(_CLASSES)
    if _right_on_numbers(helper, mixtures):
        return None
    for one_hot in (True, False):
        for order in _orders(helper.asked):
            said: list[list[float]] = []
            try:
                for scores, y in mixtures:
                    given = [scores, t[y] if one_hot else y]
                    output, target = [np.array(one.T if columns else one, order="C") for one in given]
                    values = {"scores": output, "target": target, "echo": _Echo()}
                    said.append(_numbers(helper(*(values[role] for role in order))))
            except Exception:  # it takes another form
                continue
            truth = [float((s.argmax(axis=1) == y).mean()) for s, y in mixtures]
            wrong = [float((s.argmax(axis=0) == t[y].argmax(axis=0)).mean()) for s, y in mixtures]
            flat = [float(s.argmax() == t[y].argmax()) for s, y in mixtures]
            for each in zip(*said, strict=False):
                if any(np.allclose(each, [scale * one for one in truth]) for scale in (1, 100, _ROWS)):
                    return None
                for other in (wrong, flat):
                    if np.ptp(other) > 0 and any(np.allclose(each, [k * one for one in other]) for k in _SHARES):
                        worst = int(np.argmax(np.abs(np.array(each) - truth)))
                        return float(each[worst]), truth[worst]
    return None


def _right_on_numbers(helper: _Helper, mixtures: list[tuple[Array, Array]]) -> bool:
    """Whether the function takes whole numbers for both, and tells the truth about them."""
    for order in _orders(helper.asked):
        try:
            said = [
                _numbers(helper(*({"scores": s.argmax(axis=1), "target": y, "echo": _Echo()}[role] for role in order)))
                for s, y in mixtures
            ]
        except Exception:  # it takes another form
            continue
        truth = [float((s.argmax(axis=1) == y).mean()) for s, y in mixtures]
        for each in zip(*said, strict=False):
            if any(np.allclose(each, [scale * one for one in truth]) for scale in (1, 100, _ROWS)):
                return True
    return False


def _orders(asked: tuple[str, ...]) -> list[tuple[str, ...]]:
    """What to give for each parameter: scores, target, or what plays the network."""
    if len(asked) == 2:
        return [("scores", "target"), ("target", "scores")]
    if len(asked) == 3:
        at = next((i for i, name in enumerate(asked) if _NETWORK.search(name.lower())), -1)
        rest = [("scores", "target"), ("target", "scores")]
        return [] if at < 0 else [(*pair[:at], "echo", *pair[at:]) for pair in rest]
    return []


def _numbers(value: Any) -> list[float]:
    """The single numbers in what a function gave back."""
    values = value if isinstance(value, tuple) else (value,)
    return [float(one) for one in values if np.ndim(one) == 0 and isinstance(one, (int, float, np.number, np.ndarray))]


def one_hot(inspection: Inspection) -> list[Finding]:
    """One-hot functions that give two labels the same row, or one label two different ones; `t[:, y] = 1` anywhere."""
    findings = []
    columns = dict(_whole_columns(inspection.program.tree))
    for helper in _helpers(inspection, _ONE_HOT):
        mixed = _mixed_up(helper)
        if mixed is not None:
            first = line_in(inspection, helper.function)
            own = [node for node in ast.walk(inspection.program.tree) if getattr(node, "lineno", -1) == first]
            last = max((getattr(node, "end_lineno", 0) for node in own), default=0)
            lines = [line for line in columns if first is not None and first <= line <= last]
            line = lines[0] if lines else first
            measured = {"function": helper.name, "labels": 10, "apart": mixed}
            findings.append(found(inspection, "one-hot-wrong", "error", line, measured, {"apart": 10}))
            columns = {line: name for line, name in columns.items() if line not in lines}
    for line, name in columns.items():
        measured = {"function": f"{name} = 1", "labels": 10, "apart": 0}
        findings.append(found(inspection, "one-hot-wrong", "error", line, measured, {"apart": 10}))
    return findings


def _whole_columns(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, name) of each `t[:, y] = 1` where t was made with a row for each of y: all rows get all labels."""
    scopes: list[ast.Module | ast.FunctionDef] = [tree]
    scopes += (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    for scope in scopes:
        made: dict[str, str] = {}
        for node in scope.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    made[name] = ast.unparse(value) if re.search(r"\b(zeros|ones|full)\(", ast.unparse(value)) else ""
                case ast.Assign(
                    targets=[
                        ast.Subscript(
                            value=ast.Name(id=name),
                            slice=ast.Tuple(elts=[ast.Slice(lower=None, upper=None), ast.Name(id=y)]),
                        )
                    ],
                    value=ast.Constant(value=1),
                ) if re.search(rf"\(\(?(len\({y}\)|{y}\.size|{y}\.shape\[0\])", made.get(name, "")):
                    yield node.lineno, f"{name}[:, {y}]"


def _mixed_up(helper: _Helper) -> int | None:
    """How many of ten labels a function keeps apart, if it is fewer; None where it is right, or no such function."""
    y = np.array([3, 0, 9, 1, 8, 2, 7, 4, 6, 5, 3, 3, 9])
    if len(helper.asked) not in (1, 2):
        return None
    asked = [name.lower() for name in helper.asked]
    turned = len(asked) == 2 and _COUNT.search(asked[0]) and not _COUNT.search(asked[1])
    order = ("count", "y") if turned else ("y", "count")[: len(asked)]
    least: int | None = None
    for labels in (y, y[:, None], y[None, :], y.tolist()):
        try:
            given: dict[str, Any] = {"y": labels, "count": 10}
            rows = np.squeeze(np.asarray(helper(*(given[role] for role in order)), np.float64))
        except Exception:  # it takes another form
            continue
        if sorted(rows.shape) != [10, 13]:
            continue
        apart = _kept_apart(rows if rows.shape == (13, 10) else rows.T, y)
        if apart == 10:
            return None
        least = apart if least is None else max(least, apart)
    return least


def _kept_apart(rows: Array, y: Array) -> int:
    """How many labels have one row of their own, the same wherever they stand."""
    kept = 0
    for label in range(10):
        own, others = rows[y == label], rows[y != label]
        kept += bool((own == own[0]).all() and not (others == own[0]).all(axis=1).any())
    return kept
