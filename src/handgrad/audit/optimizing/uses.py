"""Uses: what the modules of a program tell of its optimizers where they call them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from handgrad.audit.dialects.calling import UPDATE, roles
from handgrad.audit.findings import Finding
from handgrad.audit.reading.source import Program

_CLIMBS = "optimizer-climbs"
_MINUS = re.compile(
    r"-\s*(?:[\d.]+\s*\*\s*)?\(\s*\w*(?:pred|out|hat)\w*\s*-\s*\w*(?:y|true|target|label|expect)\w*\s*\)"
)


def serves_many(tree: ast.Module, target: Any) -> bool:
    """Whether one optimizer is called for one parameter or layer after the other: in a loop, or line by line."""
    kinds = target.__mro__[:-1] if isinstance(target, type) else ()
    names = {name for name in UPDATE if any(name in vars(kind) for kind in kinds)}
    for loop in ast.walk(tree):
        if not isinstance(loop, ast.For | ast.FunctionDef):
            continue
        own = _names(loop.target) if isinstance(loop, ast.For) else set()
        said: dict[str, set[str]] = {}
        for call in (one for one in ast.walk(loop) if isinstance(one, ast.Call) and one.args):
            called = _called(call, names)
            if called is None or _names(called) & own:
                continue
            receiver = ast.unparse(called)
            used = {name for value in call.args for name in _names(value)}
            if used & own and receiver.split(".")[-1].lower().startswith(("opt", "self.opt", "sgd", "adam")):
                return True
            said.setdefault(receiver, set()).add(ast.unparse(call.args[0]))
        if any(len(arguments) > 1 and "opt" in receiver.lower() for receiver, arguments in said.items()):
            return True
    return False


def _called(call: ast.Call, names: set[str]) -> ast.expr | None:
    """The optimizer of which a call asks for an update: `opt.update(...)`, and `self.optimizer(...)` of one that can be
    called itself.
    """
    match call.func:
        case ast.Attribute(value=receiver, attr=name) if name in names:
            return receiver
        case ast.Attribute(attr=name) | ast.Name(id=name) if "__call__" in names and name.lower().startswith("opt"):
            return call.func
    return None


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def takes_negative(tree: ast.Module) -> bool:
    """Whether the file works with target minus output somewhere, so that its gradients may point downhill."""

    def name(node: ast.AST) -> str:
        match node:
            case ast.Name(id=found) | ast.Attribute(attr=found):
                return found
        return ""

    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            left, right = roles(name(node.left)), roles(name(node.right))
            if "y" in left[:1] and ({"pred", "x"} & set(right[:2]) or not right) and name(node.right):
                return True
    return False


def surely(
    findings: list[Finding],
    names: Collection[str],
    programs: Iterable[Program] = (),
    down: Callable[[], bool] = lambda: False,
) -> list[Finding]:
    """The findings of optimizers, called so, without those that climb where the program may hand them gradients that
    point down, or where its own steps are known to go `down`.
    """
    climbs = {finding.where for finding in findings if finding.code == _CLIMBS}
    if not climbs or len(climbs) != len(names):
        return findings
    if any(takes_negative(one.tree) or _MINUS.search(one.text) for one in programs) or down():
        return [finding for finding in findings if finding.code != _CLIMBS]
    return findings
