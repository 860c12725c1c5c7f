"""Excuse: why no network was found in a file, as far as that can be told in one sentence.

A package may be missing, a network may be there whose forward pass fails, or a line that builds it could not run.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from functools import partial
from symtable import symtable
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import FORWARD, method
from handgrad.audit.dialects.cast import models
from handgrad.audit.dialects.gradients import likely_weights
from handgrad.audit.dialects.making import asks_for_layers, broken
from handgrad.audit.dialects.witness import quietly
from handgrad.audit.objects import own_classes, slots
from handgrad.audit.reading.execution import Execution
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.reading.source import Program
from handgrad.errors import DataError

SECONDS = 1.0
_MOST = 200  # characters of somebody's error message


def excuse(program: Program, execution: Execution) -> DataError:
    """The error to raise where nothing in a file could be read as a network. Call it within `program.guarded()`."""
    file = str(program.path)
    if execution.missing:
        return DataError("audit.no_network_import", file=file, module=execution.missing[0])
    try:
        with time_limit(SECONDS):
            kinds = filter(asks_for_layers, own_classes(execution.namespace).values())
            reason = _failing_forward(execution.namespace) or next(filter(None, map(broken, kinds)), "")
    except (Exception, SystemExit, OutOfTime):  # the code is a stranger's
        reason = ""
    if reason:
        return DataError("audit.forward_fails", file=file, reason=_short(reason))
    failed = [(one.line, one.reason.detail) for one in execution.skipped if one.reason.code == "failed"]
    for number, reason in (*failed, *_unset(program)):
        _, line, cell = program.place(number)
        where = f"[{cell}]:{line}" if cell is not None else str(line)
        return DataError("audit.no_network_failed", file=file, line=where, reason=_short(reason))
    return DataError("audit.no_network", file=file)


def _short(reason: str) -> str:
    """An error message as it stands within a sentence of ours."""
    return reason[:_MOST].rstrip(". ")


def _unset(program: Program) -> Iterator[tuple[int, str]]:
    """(line, what Python would say) of names that a function reads and nothing in the file ever sets."""
    nodes = list(ast.walk(program.tree))
    if any(alias.name == "*" for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names):
        return
    top = symtable(program.text, program.filename, "exec")
    waiting, known, read = [top], {"__file__", "__name__"}, set[tuple[int, str]]()
    while waiting:
        scope = waiting.pop()
        waiting += scope.get_children()
        for symbol in scope.get_symbols():
            if (scope is top or symbol.is_declared_global()) and (symbol.is_assigned() or symbol.is_imported()):
                known.add(symbol.get_name())
            elif symbol.is_global() and symbol.is_referenced() and scope is not top:
                read.add((scope.get_lineno(), symbol.get_name()))
    lost = sorted((line, name) for line, name in read if name not in known and not hasattr(builtins, name))
    for line, name in lost:
        for owner in (one for one in nodes if isinstance(one, ast.FunctionDef | ast.Lambda) and one.lineno == line):
            reads = [n.lineno for n in ast.walk(owner) if isinstance(n, ast.Name) and n.id == name]
            yield min(reads, default=line), f"NameError: name '{name}' is not defined"


def _failing_forward(namespace: Mapping[str, Any]) -> str:
    """What the forward pass of a network in the file raises, for rows of as many numbers as its first matrix takes."""
    for model in models(namespace):
        forward, weights = method(model, FORWARD), likely_weights(list(slots(model)))
        if forward is None or not weights:
            continue
        reasons = []
        for features in dict.fromkeys(weights[0].shape):
            for x in (np.ones((5, features)), np.ones((features, 5))):
                try:
                    quietly(partial(forward, x))
                except Exception as error:
                    reasons.append(f"{type(error).__name__}: {error}")
                else:
                    return ""
        return reasons[0] if reasons else ""
    return ""
