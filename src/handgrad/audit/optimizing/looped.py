"""Looped: an optimizer that stands in the training loop itself, among forward and backward, judged by its steps.

The loop's own names say whose gradients are whose, and which optimizer it should be; each turn of it is one step.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import CodeType, FunctionType

import numpy as np

from handgrad.audit.dialects.claimed import by_form
from handgrad.audit.dialects.edits import callee, forgiven, reads
from handgrad.audit.dialects.flow import runnable
from handgrad.audit.dialects.turns import Loop
from handgrad.audit.dialects.world import copies
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.optimizing.claims import role_of
from handgrad.audit.optimizing.inside import judge_optimizer_step
from handgrad.audit.optimizing.places import as_function, line_of
from handgrad.core.arrays import Array

_ROWS, _RATE = 6, 2.0**-20  # small, for steps without a root are large
_NO_EPSILON = 1e-30
_SMALL = 1e-4  # no number that is added and smaller is anything but an epsilon
_UNSURE = {"optimizer-unnamed", "optimizer-setting-ignored", "optimizer-some-not-updated", "optimizer-scaled"}


def check_looped(inspection: Inspection) -> list[Finding]:
    """What the optimizer of a training loop is not, though its names say so. The loop is put back as it was."""
    subject = inspection.reading.subject
    loop = getattr(subject.gradients, "__self__", None)
    if not isinstance(loop, Loop) or not inspection.diagnosis.ok or not (claim := loop.claim()):
        return []

    def gradients(k: int) -> Mapping[str, Array]:
        held = loop.state
        loop.state = copies(held)
        try:
            one = batch(subject, _ROWS, k)
            return loop.gradients(one.x, one.y)
        finally:
            loop.state = held

    def step(k: int) -> None:
        one, loop.turned = batch(subject, _ROWS, k), {name: first + k for name, first in counts.items()}
        loop.step(one.x, one.y, _RATE)

    first, program = loop.cut.lines[0], inspection.program
    lines = [n for n in ast.walk(program.tree) if isinstance(n, ast.stmt) and n.lineno == first]
    counts = {name: start for one in lines for name, start in _counts(one) if name in loop.cut.targets}
    held, code, rng = loop.state, loop.code, np.random.default_rng(7)
    loop.state = copies(loop.fresh)
    names = {**loop.namespace, **loop.state}
    loop.state |= {n: _NO_EPSILON for n, v in names.items() if isinstance(v, float) and role_of(n) == "eps"}
    loop.code = runnable(forgiven([_Bare().visit(copy.deepcopy(one)) for one in loop.kept]), once=True)
    loop.state |= _bare_functions(loop)
    try:
        for value in loop.parameters().values():
            value[...] = rng.standard_normal(value.shape) / np.sqrt(max(value.shape))
        found = judge_optimizer_step(loop.parameters, gradients, step, claim, lr=_RATE)
    finally:
        loop.state, loop.code, loop.turned = held, code, {}
    node = as_function(*lines[:1])
    functions = sorted(loop.called(), key=lambda one: not by_form(ast.unparse(one).lower()))
    placed = []
    for one in found:
        some = len(one.where) < len(loop.parameters())  # the rest shows the rule
        unsure = one.code in _UNSURE and not (some and one.code == "optimizer-unnamed")
        if not unsure and one.severity != "note":
            line = next(
                filter(None, (line_of(program, there, one, by_name=some) for there in (node, *functions))), first
            )
            told = one.measured | {"optimizer": f"the loop in line {first}"}
            placed.append(replace(one, measured=told, file=program.filename, line=line))
    return placed


def _counts(node: ast.stmt) -> Iterator[tuple[str, int]]:
    """(name, first number) of what a loop counts, where something is taken to its power, as Adam counts its steps."""
    powers = {name for n in ast.walk(node) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow)
              for name in reads(n.right)}  # fmt: skip
    match node:
        case ast.For(target=ast.Name(id=name), iter=ast.Call(args=[ast.Constant(value=int(start)), _, *_]) as call):
            known = callee(call) in ("range", "trange")
        case ast.For(target=ast.Name(id=name), iter=ast.Call() as call):
            known, start = callee(call) in ("range", "trange") and len(call.args) == 1, 0
        case ast.For(target=ast.Tuple(elts=[ast.Name(id=name), _]), iter=ast.Call(args=[_, *more]) as call):
            known, start = callee(call) == "enumerate", next((getattr(one, "value", 0) for one in more), 0)
        case _:
            return
    if known and name in powers:
        yield name, start


def _bare_functions(loop: Loop) -> dict[str, FunctionType]:
    """The file's own functions that the loop calls, without such epsilons."""
    names, made = loop.namespace, dict[str, FunctionType]()
    for node in loop.called():
        old = names.get(node.name)
        if isinstance(old, FunctionType) and old.__code__.co_firstlineno == node.lineno and old.__closure__ is None:
            bare = ast.fix_missing_locations(ast.Module([_Bare().visit(copy.deepcopy(node))], []))
            code = next(
                one for one in compile(bare, old.__code__.co_filename, "exec").co_consts if isinstance(one, CodeType)
            )
            made[node.name] = FunctionType(code, names, node.name, old.__defaults__)
            made[node.name].__kwdefaults__ = old.__kwdefaults__
    return made


class _Bare(ast.NodeTransformer):
    """Statements without the epsilons that are written in them as numbers: sqrt(v) + 1e-8."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add):
            node.left, node.right = _bare(node.left), _bare(node.right)
        return node


def _bare(node: ast.expr) -> ast.expr:
    small = isinstance(node, ast.Constant) and isinstance(node.value, float) and 0 < node.value < _SMALL
    return ast.copy_location(ast.Constant(_NO_EPSILON), node) if small else node
