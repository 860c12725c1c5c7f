"""Claimed: which optimizer some statements are of, told by their names or by their form, from their text in lower case.

Only what is claimed is judged by its steps; plain descent and momentum need no name.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

from handgrad.audit.dialects.edits import assigned

# What names in a loop say that its optimizer is, the more special first.
_SIGNS = {
    "adam": r"adam(?!w)|beta_?2|\bb2 ?\*\*|[mv]_?hat|_corrected",
    "rmsprop": r"rms_?prop|\brho\b|decay_?rate|mean_?sq",
    "adagrad": r"adagrad",
}


def by_name(text: str) -> str:
    """The optimizer of which the names in some statements are; "" for none."""
    return next((claim for claim, sign in _SIGNS.items() if re.search(sign, text)), "")


def by_form(text: str) -> str:
    """The optimizer of which statements have the form: an average, or sum, of squares, which divides something;
    with another average in what it divides Adam's.
    """
    try:
        tree = ast.parse(re.sub(r"\.get\((\w+)(?:, \(?0[^()]*\)?)?\)", r"[\1]", textwrap.dedent(text)))
    except SyntaxError:
        return ""
    kept = list(_kept(tree))
    averages = {name for name, way, square in kept if way == "average" and not square}
    squares = {name for name, way, square in kept if way == "average" and square}
    sums = {name for name, way, square in kept if way == "sum" and square}
    for divided, by in _divisions(tree):
        if _names(by) & _made_of(tree, squares):
            return "adam" if _names(divided) & _made_of(tree, averages) else "rmsprop"
        if not averages and not squares and _names(by) & _made_of(tree, sums):
            return "adagrad"
    return ""


def _kept(tree: ast.AST) -> Iterator[tuple[str, str, bool]]:
    """(name, "average" or "sum", whether squares are taken) of everything to which steps add what they see."""
    changed = [n for n in ast.walk(tree) if isinstance(n, ast.AugAssign)]
    shrunk = {ast.unparse(n.target) for n in changed if isinstance(n.op, ast.Mult)}
    for node in ast.walk(tree):
        for target, value in assigned(node):
            name, sums = ast.unparse(target), isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub)
            if sums and any(name in _factors(n) for n in ast.walk(value)):
                yield name, "average", _squares(value, name)
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            name = ast.unparse(node.target)
            taken = (n.right for n in ast.walk(node.value) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub))
            weighed = any(name in {ast.unparse(one)} | _factors(one) for one in taken)
            yield name, "average" if name in shrunk or weighed else "sum", _squares(node.value, name)


def _factors(node: ast.AST) -> set[str]:
    match node:
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            return {ast.unparse(left), ast.unparse(right)}
    return set()


def _squares(node: ast.expr, name: str) -> bool:
    """Whether something but the name itself is squared, or taken by its size, in what is added to it."""
    for one in ast.walk(node):
        match one:
            case ast.BinOp(op=ast.Pow(), left=left, right=ast.Constant(value=2)) if ast.unparse(left) != name:
                return True
            case ast.BinOp(op=ast.Mult(), left=left, right=right):
                last = left.right if isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mult) else left
                if ast.unparse(last) == ast.unparse(right) != name:
                    return True
            case ast.Call(func=function) if re.search(r"square|power|abs$", ast.unparse(function)):
                return True
    return False


def _divisions(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not _corrects(node):
            yield node.left, node.right


def _corrects(node: ast.BinOp) -> bool:
    """Whether a division is by 1 - share ** t."""
    return re.match(r"\(?1(?:\.0?)? - ", ast.unparse(node.right)) is not None


def _made_of(tree: ast.AST, names: set[str]) -> set[str]:
    """Some names, and those that are given values out of them: averages that are corrected, steps. Not what is stepped,
    w = w - step, for the whole network is made of that.
    """
    found = set(names)
    for node in ast.walk(tree):
        made = ((one.id, _names(value)) for one, value in assigned(node) if isinstance(one, ast.Name))
        found |= {name for name, of in made if of & found and name not in of}
    return found


def _names(node: ast.AST) -> set[str]:
    """Everything below a node that can hold a value, as it is written."""
    return {ast.unparse(n) for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute | ast.Subscript)}
