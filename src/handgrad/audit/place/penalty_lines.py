"""Penalty lines: where a gradient leaves the penalty out, or has it in another size, found by the gradient's name.

A term that is missing leaves nothing behind to point at; the statement that makes the weight's gradient is its place.
"""

from __future__ import annotations

import ast
import re

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection

_CODES = {"penalty-missing", "penalty-scaled", "weight-decay-sign", "weight-decay"}
_ROLES = ("backward", "gradients", "loss", "update", "step")


def penalty_line(inspection: Inspection, finding: Finding) -> int | None:
    """The last statement that makes the gradient of a weight that a finding names; None where none is told."""
    if finding.code not in _CODES or not finding.where:
        return None
    program = inspection.program
    for role in _ROLES:
        code = getattr(inspection.reading.functions.get(role), "__code__", None)
        if code is None or code.co_filename != program.filename:
            continue
        functions = [n for n in ast.walk(program.tree) if isinstance(n, ast.FunctionDef)]
        for node in (n for n in functions if n.lineno == code.co_firstlineno):
            lines = [line for name in finding.where if (line := _makes(node, name))]
            if lines:
                return max(lines)
    return None


def _makes(node: ast.FunctionDef, weight: str) -> int | None:
    own = re.findall(r"\w+", weight)[-1].lower().replace("_", "")
    short = re.sub(r"^(weights?|w)", "", own)
    found: dict[str, int] = {}
    for one in (n for n in ast.walk(node) if isinstance(n, ast.Assign | ast.AugAssign)):
        line = one.lineno
        for target in one.targets if isinstance(one, ast.Assign) else [one.target]:
            for inner in target.elts if isinstance(target, ast.Tuple) else [target]:
                name = _name(inner).lower().replace("_", "")
                if own in name and (name != own or isinstance(inner, ast.Subscript)):
                    found["own"] = max(found.get("own", 0), line)
                elif len(short) > 1 and re.match(r"(d|g|grad|delta|nabla)\w*w?" + re.escape(short) + "$", name):
                    found.setdefault("short", line)
    return found.get("own", found.get("short"))


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""
