"""Arithmetic as one line of plain text, and as TeX: brackets where they are needed and nowhere else."""

from __future__ import annotations

import re

from handgrad.explain.expression import Apply, Node, Number, Rest, Value
from handgrad.words import say

_SIGNS = {"add": " + ", "sub": " - ", "mul": " × ", "div": " / ", "pow": "^"}
_STRENGTH = {"add": 1, "sub": 1, "mul": 2, "div": 2, "neg": 3, "pow": 4}
_TEX_NAMES = {"exp": r"\exp", "log": r"\log", "tanh": r"\tanh", "max": r"\max", "min": r"\min", "Phi": r"\Phi",
              "phi": r"\varphi"}  # fmt: skip


def plain(node: Node, lang: str | None = None, *, named: bool = False) -> str:
    """1 / (1 + exp(-0.42)): what a reader types into a calculator, × for the product.

    With `named`, by the names of the numbers where they have one: 1 / (1 + exp(-x[17])).
    """
    return _plain(node, lang, named=named)


def _plain(node: Node, lang: str | None, outer: str = "", place: int = 0, *, named: bool = False) -> str:
    match node:
        case Number():
            text = (named and node.name) or node.text
            return f"({text})" if text.startswith("-") and outer and (place or outer in ("pow", "neg")) else text
        case Rest():
            return f"{_plain(node.total, lang, outer, place)} ({rest_name(node, lang)})"
        case Value():
            return node.name
        case Apply(op="neg"):
            return f"-{_plain(node.args[0], lang, 'neg', named=named)}"
        case Apply(op=op) if op in _SIGNS:
            parts = [_plain(argument, lang, op, i, named=named) for i, argument in enumerate(node.args)]
            text = _SIGNS[op].join(parts)
            return f"({text})" if _bracketed(op, outer, place) else text
    inner = ", ".join(_plain(argument, lang, named=named) for argument in node.args)
    return f"{node.op}({inner})"


def _bracketed(op: str, outer: str, place: int) -> bool:
    if outer not in _STRENGTH:
        return False
    if _STRENGTH[op] != _STRENGTH[outer]:
        return _STRENGTH[op] < _STRENGTH[outer]
    return place > 0 and (outer in ("sub", "div") or op in ("sub", "div"))


def tex(node: Node, lang: str | None = None) -> str:
    r"""\frac{1}{1 + \exp(-0.42)}: the same for a typesetter."""
    return _tex(node, lang)


def _tex(node: Node, lang: str | None, outer: str = "", place: int = 0) -> str:
    match node:
        case Number():
            text = number_tex(node.text)
            return f"({text})" if text.startswith("-") and outer and (place or outer in ("pow", "neg")) else text
        case Rest():
            under = rf"\text{{{rest_name(node, lang)}}}"
            return rf"\underbrace{{{_tex(node.total, lang, outer, place)}}}_{{{under}}}"
        case Value():
            return node.name
        case Apply(op="neg"):
            return f"-{_tex(node.args[0], lang, 'neg')}"
        case Apply(op="div"):
            return rf"\frac{{{_tex(node.args[0], lang)}}}{{{_tex(node.args[1], lang)}}}"
        case Apply(op="sqrt"):
            return rf"\sqrt{{{_tex(node.args[0], lang)}}}"
        case Apply(op="pow"):
            return f"{_tex(node.args[0], lang, 'pow')}^{{{_tex(node.args[1], lang)}}}"
        case Apply(op=op) if op in _SIGNS:
            sign = {"add": " + ", "sub": " - ", "mul": r" \times "}[op]
            text = sign.join(_tex(argument, lang, op, i) for i, argument in enumerate(node.args))
            return rf"\left({text}\right)" if _bracketed(op, outer, place) else text
    inner = ", ".join(_tex(argument, lang) for argument in node.args)
    return rf"{_TEX_NAMES.get(node.op, node.op)}\left({inner}\right)"


def number_tex(text: str) -> str:
    r"""1.25 \times 10^{-6} for 1.25e-6."""
    mantissa, _, power = text.partition("e")
    return rf"{mantissa} \times 10^{{{power}}}" if power else text


def symbol_tex(name: str) -> str:
    """y_{17} for y[17]; names of more than a letter stand upright."""
    found = re.fullmatch(r"(-?)(log )?(\w+)(?:\[([\d,]+)\])?", name)
    if not found:
        return rf"\text{{{name}}}"
    letter = found[3] if len(found[3]) <= 2 else rf"\mathrm{{{found[3]}}}"
    log = r"\log " if found[2] else ""
    return f"{found[1]}{log}{letter}" + (f"_{{{found[4]}}}" if found[4] else "")


def rest_name(rest: Rest, lang: str | None = None) -> str:
    """779 more terms."""
    return say("explain.rest" if rest.count != 1 else "explain.rest_one", lang, count=f"{rest.count:,}")


def name_of(node: Node, lang: str | None = None) -> str:
    """What a term of a sum is called: the names of its factors, or that it is the rest."""
    match node:
        case Number():
            return node.name
        case Rest():
            return rest_name(node, lang)
        case Apply():
            names = [name for name in (name_of(argument, lang) for argument in node.args) if name]
            sign = {"mul": " "}.get(node.op, _SIGNS.get(node.op, " "))
            return getattr(node.value, "name", "") or sign.join(names)
    return ""


def factors_text(node: Node, lang: str | None = None) -> str:
    """The arithmetic of one term, where its value is written down beside it."""
    return _plain(Apply(node.op, node.args), lang) if isinstance(node, Apply) and node.value is not None else ""
