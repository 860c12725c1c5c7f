"""Places: the line of an optimizer in which a mistake of its own stands, as far as the line's shape gives it away."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from itertools import product
from typing import Any

from handgrad.audit.findings import Finding
from handgrad.audit.place.handing import passing_over
from handgrad.audit.reading.source import Program

_MOMENT = r"(?:\w+\.)?\w*(?:v|m|s|h|c|r|cache|veloc|mom|acc|buf|sq|avg|sum|G|E)\w*(?:\[[^=]*?\])?"
_SHARE = r"(?:rho|beta|mom|\bmu\b|gamma|decay|alpha|\.b[12]\b|\bb[12]\b|0?\.9|1-)"
_SQUARE = r"(?:\*\*2|square|power|np\.abs)|\b(?P<g>[\w.]*g\w*(?:\[\w+\])?|dw|db|dW)\*(?P=g)"
_GRAD = r"(?:grad|\bg\b|d_?[wWb]\w*\b|dtheta|dx)"
_THETA = r"^(?:self\.)?(?:layers?|l|params?|parameters|model|w|W|b|p|x|theta|next_w|weights?|biases|var|value)\b[^=]*?"
_MEMORY = (rf"^{_MOMENT}\*=", rf"^{_MOMENT}\+?=(?!=).*{_SHARE}", rf"^{_MOMENT}\+?=(?!=).*{_GRAD}")
_SECOND = (rf"=.*(?:beta_?2|b2|0?\.999).*{_GRAD}", rf"=.*{_SQUARE}", *_MEMORY)
_DECAY = r"(?:decay|\bwd\b|l2|lambda|lambd|\blam\b|lmbda|\breg)"
_RATE = r"(?:lr|rate|alpha|eta|step|update|updt|vel|\bv\b|\bv\[|\.v\b|mom|delta)"
_POWER = r"1(?:\.0?)?-.*\*\*"
_COUNTER = r"^(?:self\.)?(?:t|iter\w*|steps?|timestep|time_step|n|count\w*|k|num\w*|i)(?:\[.*\])?"
_UNCORRECTED = r"^[\w.]*(?:hat|corr|mh|vh)\w*(?:\[.*?\])?=(?!.*\*\*)"
_LEFT_OUT = "optimizer-some-not-updated"
# Code -> what the line looks like, the surest first. Lines are searched without spaces.
_SHAPES: dict[str, tuple[str, ...]] = {
    "optimizer-climbs": (
        rf"{_THETA}\+=.*{_RATE}.*{_GRAD}", rf"{_THETA}\+=.*{_RATE}",
        rf"{_THETA}=.*\+.*{_RATE}", rf"{_THETA}-=.*{_RATE}",
    ),
    "optimizer-weight-decay-sign": (_DECAY,),
    "optimizer-weight-decay-coupled": (rf"=.*{_DECAY}",),
    "optimizer-not-squared": (rf"=(?!.*(?:{_SQUARE})).*(?:beta_?2|b2|0?\.999|rho|decay_rate).*{_GRAD}", *_SECOND),
    "optimizer-no-root": (rf"{_THETA}=.*/(?!.*sqrt)", rf"{_GRAD}.*/(?!.*sqrt)", r"/(?!.*sqrt)"),
    "optimizer-bias-compounded": (rf"^(.+)(?:=\1/|/=).*{_POWER}", rf"=.*/\(?{_POWER}"),
    "optimizer-bias-half": (_UNCORRECTED, "sqrt"),
    "optimizer-bias-uncorrected": (_UNCORRECTED, "sqrt"),
    "optimizer-bias-wrong": (_POWER,),
    "optimizer-no-epsilon": (r"/.*sqrt",),
    "optimizer-counter-per-parameter": (rf"{_COUNTER}\+=1", rf"{_COUNTER}=.*\+1"),
    "optimizer-counter-per-layer": (rf"{_COUNTER}\+=1", rf"{_COUNTER}=.*\+1"),
    "optimizer-setting-ignored": (),
    "optimizer-counter-late": (rf"{_COUNTER}\+=1", rf"{_COUNTER}=.*\+1", r"\+1\)"),
    "optimizer-counter-zero": (_POWER,),
    "optimizer-counter-stuck": (rf"{_COUNTER}=", _POWER),
    "optimizer-rate-per-parameter": (r"(?:lr|rate|alpha|eta)\w*(?:\*=|/=|=.*/)",),
    "optimizer-clipped": (r"clip|minimum|maximum|norm|min\(",),
    "optimizer-velocity-sign": (rf"^{_MOMENT}=-", *_MEMORY),
    "optimizer-velocity-late": (rf"{_THETA}[-+]?=.*{_RATE}",),
    "optimizer-plain-momentum": (rf"{_THETA}[-+]?=.*{_RATE}",),
    "optimizer-nesterov-wrong": (rf"{_THETA}[-+]?=.*(?:mu|mom|vel|\bv\b|\bv\[|beta|gamma)",),
    "optimizer-changes-gradient": (rf"^{_GRAD}[^=]*?[-+*/]=", rf"{_GRAD}\w*\[[^=]*\]=", r"out=", r"\[\.\.\.\]="),
    "optimizer-rebinds": (r"^(\w+)=\1[-+]", rf"^(?!self)\w+={_GRAD}?.*{_RATE}",),
    "optimizer-memory-lost": _MEMORY, "optimizer-velocity-grows": _MEMORY, "optimizer-shared-state": _MEMORY,
    "optimizer-decay-swapped": (rf"^{_MOMENT}=\(1-[^*]*\)\*", rf"^{_MOMENT}\*=\(?1-", *_MEMORY),
    "optimizer-no-decay": _SECOND, "optimizer-betas-swapped": _MEMORY,
    "optimizer-average-unweighted": (
        rf"^(?P<m>{_MOMENT})=(?!=)(?!.*(?:{_SQUARE})).*(?P=m).*{_GRAD}",
        rf"^{_MOMENT}\+?=(?!=)(?!.*(?:{_SQUARE})).*{_GRAD}", *_MEMORY,
    ),
}  # fmt: skip
_OF_A_MOMENT = {code for code, shapes in _SHAPES.items() if shapes is _MEMORY} | {"optimizer-average-unweighted"}
_COUNTED = {f"optimizer-counter-{how}" for how in ("per-parameter", "per-layer", "late")}
_SCHEDULE = re.compile(r"^(?:self\.)?(?:\w*_)?(?:learning_?rate|lr)(?:_\w+)?[*/]?=(?!.*\*\*)")
_STEP = (rf"{_THETA}[-+]=.*{_RATE}", rf"{_THETA}=.*[-+].*{_RATE}", rf"[-+]=.*{_RATE}", rf"=.*-.*{_RATE}")


def place(program: Program, target: Any, step: Callable[..., Any] | None, finding: Finding) -> tuple[str, int | None]:
    """(file, line) of a finding in an optimizer: of the line that is wrong, or of its step."""
    function = getattr(step, "__func__", step)
    found = getattr(function, "__code__", None)
    if found is None:
        return program.filename, None
    if found.co_filename != program.filename:
        return found.co_filename, found.co_firstlineno
    node = _node(program.tree, target, found.co_firstlineno)
    if finding.code == "optimizer-memory-lost" and isinstance(node, ast.FunctionDef) and not _keeps(node):
        return program.filename, node.lineno  # no line is wrong: one is missing
    own = next((one for one in ast.walk(program.tree) if getattr(one, "lineno", -1) == found.co_firstlineno), None)
    if finding.code == "optimizer-memory-lost" and isinstance(own, ast.FunctionDef) and _never_kept(own):
        return program.filename, own.lineno
    line = found.co_firstlineno if node is None else line_of(program, node, finding) or found.co_firstlineno
    return program.filename, line


def _keeps(node: ast.FunctionDef) -> bool:
    """Whether a function stores anything but names of its own, its first argument left aside."""
    first = node.args.args[0].arg if node.args.args else ""
    targets = [
        target
        for one in ast.walk(node)
        if isinstance(one, ast.Assign | ast.AugAssign)
        for target in (one.targets if isinstance(one, ast.Assign) else [one.target])
    ]
    outer = [t for t in targets if isinstance(t, ast.Attribute | ast.Subscript) and first not in _names(t)]
    inside = {one.arg for one in node.args.args[2:]} & {
        name for one in ast.walk(node) if isinstance(one, ast.AugAssign) for name in _names(one.target)
    }
    returned = {n for one in ast.walk(node) if isinstance(one, ast.Return) and one.value for n in _names(one.value)}
    return bool(outer or inside or returned & {n for t in targets if isinstance(t, ast.Name) for n in _names(t)})


def _never_kept(node: ast.FunctionDef) -> bool:
    """Whether a function makes memories of zeros and never gives them another value."""
    zeros: set[str] = set()
    others: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Assign):
            starts = isinstance(one.value, ast.Call) and "zeros" in ast.unparse(one.value.func)
            (zeros if starts else others).update(ast.unparse(target) for target in one.targets)
        elif isinstance(one, ast.AugAssign):
            others.add(ast.unparse(one.target))
    return bool(zeros) and not any(other.startswith(zero) for zero in zeros for other in others)


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _node(tree: ast.Module, target: Any, line: int) -> ast.AST | None:
    for node in ast.walk(tree):
        if isinstance(target, type) and isinstance(node, ast.ClassDef) and node.name == target.__name__:
            last = node.end_lineno or node.lineno
            if node.lineno <= line <= last:
                return node
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first == line:
                return node
    return None


def _only_begins(text: str) -> bool:
    """Whether a statement without its spaces only sets up a memory: `v = zeros_like(w)`, but not `... + 0.1 * dw`."""
    begins = re.search(r"zeros|=\{\}$|=None$", text) is not None
    return begins and not re.search(rf"[-+].*{_GRAD}", text.partition("=")[2])


def as_function(*statements: ast.stmt) -> ast.FunctionDef:
    """A loop as a function, in which places are looked for."""
    none = ast.arguments([], [], None, [], [], None, [])
    return ast.FunctionDef("loop", none, list(statements), [], lineno=statements[0].lineno if statements else 1)


def _counted(tree: ast.Module, node: ast.AST) -> int | None:
    """The line that counts on what is an exponent in a node: there, or else the only one elsewhere in the file."""
    powers = {ast.unparse(one.right) for one in ast.walk(node)
              if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Pow)}  # fmt: skip
    for there in (node, tree):
        counting = {
            one.lineno
            for one in ast.walk(there)
            if isinstance(one, ast.AugAssign) and isinstance(one.op, ast.Add) and ast.unparse(one.target) in powers
        }
        if len(counting) == 1:
            return counting.pop()
    return None


def line_of(program: Program, node: ast.AST, finding: Finding, *, by_name: bool = False) -> int | None:
    """The line of a function that a finding is about. `by_name`: each parameter may have its own lines: vdw1, vdb1."""
    if finding.code in _COUNTED and (counted := _counted(program.tree, node)):
        return counted
    lines = program.text.splitlines()
    statements = sorted(
        {
            (one.lineno, one.end_lineno or one.lineno)
            for function in ast.walk(node)
            if isinstance(function, ast.FunctionDef) and function.name != "__init__"
            for one in ast.walk(function)
            if isinstance(one, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return)
        }
    )
    texts = {
        first: re.sub(r"\s+", "", "".join(part.partition("#")[0] for part in lines[first - 1 : last]))
        for first, last in statements
    }
    texts = {first: text for first, text in texts.items() if not _only_begins(text)}
    if finding.code != "optimizer-rate-per-parameter":  # a schedule is no step
        texts = {first: text for first, text in texts.items() if not _SCHEDULE.search(text)}
    shapes = _SHAPES.get(finding.code, ())
    if finding.measured.get("moment") == "second" and finding.code in _OF_A_MOMENT:
        shapes = _SECOND if shapes is _MEMORY else (rf"^{_MOMENT}\+?=(?!=).*{_SQUARE}", *_SECOND)
    biased = {first: text for first, text in texts.items() if re.search(r"(?:\b|_|\.|d)b(?:\b|ias|_|\[|\d)", text)}
    left_out = finding.code == _LEFT_OUT  # of which nothing is written
    only_biases = all(name.startswith("b") for name in finding.where) and not left_out
    short = [re.escape(name.rpartition(".")[2]) for name in finding.where] if by_name else []
    mine = {first: text for first, text in texts.items() if any(re.search(rf"{n}(?!\d)", text) for n in short)}
    forms = (*shapes, *_STEP)
    if only_biases:  # whose lines come first, whatever they look like
        ways = list(product((mine, biased, texts), forms))
    else:
        ways = [(some, shape) for shape, some in product(forms, (mine, texts))]
    for some, shape in ways:
        for first, text in some.items():
            if re.search(shape, text):
                return next(passing_over(program.tree, first), first) if left_out else first
    return None
