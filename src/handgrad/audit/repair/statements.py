"""Edits of whole statements: assigned or added, put elsewhere, left out, or written once more for a sibling."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from handgrad.audit.repair.edits import Change, Edit
from handgrad.audit.repair.expressions import product_sides
from handgrad.audit.repair.places import Place, joined
from handgrad.audit.repair.source_text import is_simple

_WORD = re.compile(r"[A-Za-z_]\w*")
_FAR = 6  # statements that one is moved past
_RESET = re.compile(r"def ((?:zero|reset|clear)_?grads?\w*)\(self\)")


def assignments(place: Place) -> Iterator[Edit]:
    """= for +=, += for =, and in place what re-binds a name."""
    one = place.statement
    if isinstance(one, ast.AugAssign) and isinstance(one.op, ast.Add | ast.Sub):
        text = place.text(one.value)
        if isinstance(one.op, ast.Sub):
            text = f"-{joined(place, one.value, '', '').strip()}"
        yield place.rewrite(f"{place.text(one.target)} = {text}", "assign")
    if not isinstance(one, ast.Assign) or len(one.targets) != 1:
        return
    target, value = one.targets[0], one.value
    if isinstance(target, ast.Tuple | ast.List):
        return
    if isinstance(target, ast.Subscript) and isinstance(value, ast.Constant):
        for leak in place.hints.leaks:
            yield place.rewrite(f"{place.text(target)} *= {leak}", "rewrite-slope")
    yield place.rewrite(f"{place.text(target)} += {place.text(value)}", "accumulate")
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
        sign = "+=" if isinstance(value.op, ast.Add) else "-="
        if ast.unparse(value.left) == ast.unparse(target):
            yield place.rewrite(f"{place.text(target)} {sign} {place.text(value.right)}", "in-place")


def dropped(place: Place) -> Iterator[Edit]:
    """A statement left out."""
    one = place.statement
    item = isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Subscript)
    if isinstance(one, ast.AugAssign) or item or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Call)):
        yield place.rewrite("", "drop-statement", 1.5)
    elif isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
        yield place.rewrite("", "drop-statement", 2)


def moved(place: Place) -> Iterator[Edit]:
    """A statement after others that it stood before; the value of a `return` worked out ahead of an update."""
    one, source = place.statement, place.source
    if not is_simple(one) or isinstance(one, ast.Return | ast.Nonlocal | ast.Global | ast.Import):
        return
    block = source.parents[one][1]
    at = block.index(one)
    for i, other in enumerate(block[at + 1 : at + 1 + _FAR], 1):
        if isinstance(other, ast.Return):
            yield from _hoisted(place, other)
            break
        text = place.text(one)
        if "\n" not in text:
            changes = (Change(one, ""), Change(other, text, None, "after"))
            yield Edit(changes, "order", place.line, 1 + 0.2 * i)


def _hoisted(place: Place, last: ast.Return) -> Iterator[Edit]:
    if last.value is None or isinstance(last.value, ast.Name | ast.Constant):
        return
    text = place.source.of(last.value)
    name = next(
        n for n in ("dx", "grad_input", "passed_down") if not re.search(rf"\b{n}\b", place.source.text) or n[0] == "p"
    )
    changes = (Change(place.statement, f"{name} = {text}", None, "before"), Change(last, name, last.value))
    yield Edit(changes, "hoist", place.line, 1.5)


def resets(place: Place) -> Iterator[Edit]:
    """What an update has used set back to nothing after it; the file's own reset called."""
    one = place.statement
    if "never-reset" not in place.hints.codes:
        return
    if not isinstance(one, ast.AugAssign | ast.Assign):
        if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call):
            yield from _reset_calls(place, one.value)
        return
    value = one.value
    for node in place.atoms:
        if not any(node is inner for inner in ast.walk(value)):
            continue
        seen, text = place.seen(node), place.text(node)
        if seen is not None and seen.shape and not text.endswith(".T"):
            yield place.rewrite(f"{text}[...] = 0", "reset", 1.5, "after")
        elif isinstance(node, ast.Attribute) and "grad" in node.attr:
            yield place.rewrite(f"{text} = 0.0", "reset", 1.5, "after")


def _reset_calls(place: Place, call: ast.Call) -> Iterator[Edit]:
    if isinstance(call.func, ast.Attribute):
        for name in dict.fromkeys(_RESET.findall(place.source.text)):
            owner = place.text(call.func.value)
            yield place.rewrite(f"{owner}.{name}()", "reset", 1.5, "before")


def siblings(place: Place) -> Iterator[Edit]:
    """A statement once more for a parameter that it forgets; one that does nothing, written as its sibling is."""
    one = place.statement
    if not is_simple(one) or isinstance(one, ast.Return) or "\n" in place.text(one) or not _forgets(place):
        return
    text = place.text(one)
    made: dict[str, None] = {}
    for old, new in renamings(place):
        for other in (renamed(text, old, new), *_of_biases(place, old, new)):
            if other != text and place.hints.words.issuperset(_WORD.findall(other)):
                made[other] = None
    several = list(made)
    if 1 < len(several) <= 3:
        yield place.rewrite("\n".join(several), "sibling", 2.5, "after")
    for other in several:
        yield place.rewrite(other, "sibling", 1.5, "after")
    block = place.source.parents[one][1]
    for near in (x for x in block if x is not one and is_simple(x)):
        if abs(near.lineno - one.lineno) < 6:
            for old, new in renamings(place):
                again = renamed(place.source.of(near), old, new)
                known = place.hints.words.issuperset(_WORD.findall(again))
                if known and again != text and "\n" not in again and again != place.source.of(near):
                    yield place.rewrite(again, "sibling", 0.5 if _is_idle(one) else 2.0)


def _forgets(place: Place) -> bool:
    return bool(place.hints.codes & {"never-updated", "unnamed"})


def _is_idle(one: ast.stmt) -> bool:
    """b = b."""
    return isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == ast.unparse(one.value)


def elements(place: Place) -> Iterator[Edit]:
    """A list or tuple with elements for parameters that it forgets."""
    if not _forgets(place):
        return
    for node in place.nodes:
        if not isinstance(node, ast.Tuple | ast.List) or not isinstance(node.ctx, ast.Load) or not node.elts:
            continue
        there = [place.text(one) for one in node.elts]
        more = dict.fromkeys(
            made for old, new in renamings(place) for text in there if (made := renamed(text, old, new)) not in there
        )
        several = list(more)[:6]
        for added in ([several] if len(several) > 1 else []) + [[one] for one in several]:
            whole = place.text(node)
            bracketed = whole[0] in "(["
            inner = ", ".join([*there, *added])
            new = f"{whole[0]}{inner}{whole[-1]}" if bracketed else inner
            yield place.replace(node, new, "element", 1.5)


def renamings(place: Place) -> list[tuple[str, str]]:
    """(word, word) by which what is done for a right parameter becomes what would be done for a wrong one."""
    found: dict[tuple[str, str], None] = {}
    for wrong in place.hints.names:
        for right in place.hints.updated:
            a, b = _WORD.findall(right), _WORD.findall(wrong)
            if len(a) == len(b):
                found |= {(x, y): None for x, y in zip(a, b, strict=True) if x != y}
    for wrong in place.hints.names:
        word = _WORD.findall(wrong)[-1:]
        for old, new in (("weights", "biases"), ("weights", "bias"), ("W", "b"), ("w", "b")):
            if word and new in word[0] and (old, new) not in found:
                found[(old, new)] = None
    return list(found)[:8]


def renamed(text: str, old: str, new: str) -> str:
    """A text with one word for another, in all words that are made of it: dW1 -> db1, nabla_w -> nabla_b."""

    def word(match: re.Match[str]) -> str:
        one = match[0]
        if one in ("np", "numpy", "self", "lr", "learning_rate", "sum", "dot"):
            return one
        if old in one:
            return one.replace(old, new)
        for a, b in ((old[0].lower(), new[0].lower()), (old[0].upper(), new[0].upper())):
            if len(old) > 1 and a != b and not old[-1].isdigit() and (one == a or (len(one) < 9 and one.endswith(a))):
                return one[:-1] + b
        return one

    return _WORD.sub(word, text)


def _of_biases(place: Place, old: str, new: str) -> Iterator[str]:
    """An update of weights as that of biases: the sum over the batch for the product with the input."""
    if place.value is None or new[0].lower() != "b":
        return
    start, _ = place.source.span(place.statement)
    text = place.text(place.statement)
    for node in place.nodes:
        sides = product_sides(node)
        for side in sides or ():
            first, last = (at - start for at in place.source.span(node))
            inner = place.text(side)
            for axis in ("axis=0", "axis=0, keepdims=True", "axis=1, keepdims=True"):
                total = f"np.sum({inner}, {axis})"
                yield renamed(text[:first], old, new) + total + renamed(text[last:], old, new)
