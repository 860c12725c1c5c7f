"""Arithmetic as one line of plain text, and as TeX: brackets where they are needed and nowhere else."""

from __future__ import annotations

import re
from typing import ClassVar

from handgrad.explain.expression import Apply, Node, Number, Rest, Value
from handgrad.words import say

_STRENGTH = {"add": 1, "sub": 1, "mul": 2, "div": 2, "neg": 3, "pow": 4}
_TEX_NAMES = {"exp": r"\exp", "log": r"\log", "tanh": r"\tanh", "max": r"\max", "min": r"\min", "Phi": r"\Phi",
              "phi": r"\varphi"}  # fmt: skip


def plain(node: Node, lang: str | None = None, *, named: bool = False) -> str:
    """1 / (1 + exp(-0.42)): what a reader types into a calculator, × for the product.

    With `named`, by the names of the numbers where they have one: 1 / (1 + exp(-x[17])).
    """
    return Writer(lang, named=named).write(node)


def tex(node: Node, lang: str | None = None, *, named: bool = False) -> str:
    r"""\frac{1}{1 + \exp(-0.42)}: the same for a typesetter."""
    return _TexWriter(lang, named=named).write(node)


class Writer:
    """Writes a tree on one line."""

    signs: ClassVar[dict[str, str]] = {"add": " + ", "sub": " - ", "mul": " × ", "div": " / ", "pow": "^"}

    def __init__(self, lang: str | None, *, named: bool) -> None:
        self.lang, self.named = lang, named

    def write(self, node: Node, outer: str = "", place: int = 0, *, first: bool = True) -> str:
        """The text of a tree that is argument `place` of the operator `outer`; `first`: nothing stands before it."""
        match node:
            case Number():
                text = self.number(node)
                return self.bracket(text) if text.startswith("-") and (not first or outer in ("pow", "neg")) else text
            case Rest():
                return self.rest(node, first=first)
            case Value():
                return node.name
            case Apply(op="neg"):
                text = f"-{self.write(node.args[0], 'neg', first=False)}"
                return text if first and outer != "pow" else self.bracket(text)
            case Apply(op=op) if op in self.signs:
                bracketed = needs_bracket(op, outer, place)
                lead = first or bracketed
                parts = [self.write(a, op, i, first=lead and i == 0) for i, a in enumerate(node.args)]
                text = self.signs[op].join(parts)
                return self.bracket(text) if bracketed else text
        return self.call(node.op, [self.write(argument) for argument in node.args])

    def number(self, number: Number) -> str:
        """A number, or its name."""
        return (self.named and number.name) or number.text

    def rest(self, rest: Rest, *, first: bool) -> str:
        """What is left of a sum."""
        return f"{self.write(rest.total, first=first)} ({rest_name(rest, self.lang)})"

    def bracket(self, text: str) -> str:
        """In brackets."""
        return f"({text})"

    def call(self, name: str, arguments: list[str]) -> str:
        """A function of its arguments."""
        return f"{name}({', '.join(arguments)})"


class _TexWriter(Writer):
    signs: ClassVar[dict[str, str]] = {"add": " + ", "sub": " - ", "mul": r" \times ", "pow": "^"}

    def write(self, node: Node, outer: str = "", place: int = 0, *, first: bool = True) -> str:
        if isinstance(node, Apply) and node.op == "div":
            return rf"\frac{{{self.write(node.args[0])}}}{{{self.write(node.args[1])}}}"
        if isinstance(node, Apply) and node.op == "pow":
            return f"{self.write(node.args[0], 'pow', first=False)}^{{{self.write(node.args[1])}}}"
        return super().write(node, outer, place, first=first)

    def number(self, number: Number) -> str:
        return symbol_tex(number.name) if self.named and number.name else number_tex(number.text)

    def rest(self, rest: Rest, *, first: bool) -> str:
        under = rf"\text{{{rest_name(rest, self.lang)}}}"
        return rf"\underbrace{{{self.write(rest.total, first=first)}}}_{{{under}}}"

    def bracket(self, text: str) -> str:
        return rf"\left({text}\right)"

    def call(self, name: str, arguments: list[str]) -> str:
        if name == "sqrt":
            return rf"\sqrt{{{arguments[0]}}}"
        return rf"{_TEX_NAMES.get(name, name)}\left({', '.join(arguments)}\right)"


def needs_bracket(op: str, outer: str, place: int) -> bool:
    """Whether an operator needs brackets as the argument number `place` of another."""
    if outer not in _STRENGTH:
        return False
    if _STRENGTH[op] != _STRENGTH[outer]:
        return _STRENGTH[op] < _STRENGTH[outer]
    return place > 0 and (outer in ("sub", "div") or op in ("sub", "div"))


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
            own = getattr(node.value, "name", "")
            return own or plain(Apply(node.op, node.args), lang, named=True).replace(" × ", " ")
    return ""


def factors_text(node: Node, lang: str | None = None) -> str:
    """The arithmetic of one term, where its value is written down beside it."""
    if not isinstance(node, Apply) or node.value is None:
        return ""
    return plain(Apply(node.op, node.args), lang)
