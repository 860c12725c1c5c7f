"""Equations as HTML: quotients as fractions, powers raised, sums with many terms as a column.

The text of each is still what `plain` says, which a reader can paste into a calculator: the signs and brackets that a
fraction does without are there, and only not seen.
"""

from __future__ import annotations

from html import escape
from typing import ClassVar

from handgrad.explain.equation import Equation
from handgrad.explain.expression import Apply, Node, Number, Rest, Value, work_out
from handgrad.explain.page.links import Links, anchor, sources
from handgrad.explain.page.text import both, hidden, name, number
from handgrad.explain.plain import Writer, name_of, needs_bracket, plain, rest_name


class EquationWriter:
    """Writes the equations of one chapter."""

    def __init__(self, links: Links, chapter: str) -> None:
        self.links, self.chapter = links, chapter

    def equation(self, equation: Equation, i: int) -> str:
        """One equation, the chapter's i-th, on a line or as a column."""
        node = equation.expression
        key = self.links.key(equation.result, self.chapter)
        made_of = " ".join(dict.fromkeys(k for k in (self.links.key(n, self.chapter) for n in sources(equation)) if k))
        marks = f'class="eq" id="{anchor(self.chapter, i)}" data-made="{escape(key)}" data-of="{escape(made_of)}"'
        if isinstance(node, Apply) and node.op == "add" and any(map(_needs_line, node.args)):
            return f"<div {marks}>{self._column(equation, node)}</div>"
        names, numbers = plain(node, "en", named=True), plain(node, "en")
        parts = [] if names == numbers and not isinstance(node, Number) else [self.node(node, named=True)]
        if not isinstance(node, Number):
            parts.append(self.node(node))
        parts.append(f'<b class="result">{self.number(equation.result, own=True)}</b>')
        steps = "".join(f'<span class="part"><span class="is">=</span> {part}</span> ' for part in parts)
        return f'<div {marks}><span class="symbol">{name(equation.symbol)}</span> {steps}</div>'

    def _column(self, equation: Equation, node: Apply) -> str:
        """A sum, one term a row: what it is, its factors, what they come to, and how much that is of the largest."""
        most = max(abs(work_out(term)) for term in node.args) or 1.0
        rows = []
        for term in node.args:
            worked = isinstance(term, Apply) and term.value is not None
            factors = self.node(Apply(term.op, term.args)) if worked and isinstance(term, Apply) else ""
            total = term.total if isinstance(term, Rest) else term.value if isinstance(term, Apply) else term
            shown = self.number(total) if isinstance(total, Number) else self.node(term)
            called = (
                both(lambda lang, rest=term: escape(rest_name(rest, lang)))  # type: ignore[misc]
                if isinstance(term, Rest)
                else name(name_of(term, "en"))
            )
            share = work_out(term) / most
            bar = f'<i class="{"m" if share < 0 else "p"}" style="width:{abs(share):.1%}"></i>'
            rows.append(
                f'<tr><th scope="row">{called}</th><td>{factors}</td><td>{"=" if factors else ""}</td>'
                f'<td class="number">{shown}</td><td class="size" aria-hidden="true">{bar}</td></tr>'
            )
        last = (
            f'<tr><th scope="row">{name(equation.symbol)}</th><td></td><td>=</td>'
            f'<td class="number"><b class="result">{self.number(equation.result, own=True)}</b></td>'
            '<td class="size"></td></tr>'
        )
        return f'<table class="sum"><tbody>{"".join(rows)}</tbody><tfoot>{last}</tfoot></table>'

    def number(self, value: Number, *, named: bool = False, own: bool = False) -> str:
        """A number or its name; a link to where it was worked out, if that is another equation."""
        html = name(value.name) if named else number(value.text)
        key = self.links.key(value, self.chapter)
        if not key:
            return f'<span class="n">{html}</span>'
        made = "" if own or named else self.links.made.get(key, "")
        if made:
            return f'<a class="n" data-k="{escape(key)}" href="#{made}">{html}</a>'
        return f'<span class="n" data-k="{escape(key)}">{html}</span>'

    def node(self, node: Node, *, named: bool = False) -> str:
        """A tree; with `named`, by the names of its numbers."""
        return _Html(self, named=named).write(node)


class _Html(Writer):
    """Writes a tree with fractions and raised powers; the brackets that these save are there, but not seen."""

    signs: ClassVar[dict[str, str]] = {"add": " + ", "sub": " − ", "mul": " × ", "div": " / ", "pow": "^"}

    def __init__(self, equations: EquationWriter, *, named: bool) -> None:
        super().__init__(None, named=named)
        self.equations = equations

    def write(self, node: Node, outer: str = "", place: int = 0, *, first: bool = True) -> str:
        """The HTML of a tree that is argument `place` of the operator `outer`; `first`: nothing stands before it."""
        drawn = outer == "div" or (outer, place) == ("pow", 1)  # a line, or its place, says what brackets would
        bracket = hidden_bracket if drawn else self.bracket
        match node:
            case Number():
                negative = ((self.named and node.name) or node.text).startswith("-")
                html = self.number(node)
                return bracket(html) if negative and (not first or outer in ("pow", "neg")) else html
            case Value():
                return name(node.name)
            case Apply(op="neg"):
                html = f"−{self.write(node.args[0], 'neg', first=False)}"
                return html if first and outer != "pow" else bracket(html)
            case Apply(op=op) if op in self.signs:
                bracketed = needs_bracket(op, outer, place)
                lead = first or bracketed
                parts = [self.write(a, op, i, first=lead and i == 0) for i, a in enumerate(node.args)]
                html = self._joined(op, parts)
                return (hidden_bracket(html) if op == "div" else bracket(html)) if bracketed else html
        return super().write(node, outer, place, first=first)

    def number(self, number: Number) -> str:
        return self.equations.number(number, named=bool(self.named and number.name))

    def rest(self, rest: Rest, *, first: bool) -> str:
        return f"{self.write(rest.total, first=first)} ({both(lambda lang: escape(rest_name(rest, lang)))})"

    def call(self, name: str, arguments: list[str]) -> str:
        if name == "sqrt":
            return f'<span class="root">{hidden("sqrt(")}<span>{arguments[0]}</span>{hidden(")")}</span>'
        return super().call(name, arguments)

    def _joined(self, op: str, parts: list[str]) -> str:
        if op == "div":
            return f'<span class="frac"><span>{parts[0]}</span>{hidden(" / ")}<span>{parts[1]}</span></span>'
        if op == "pow":
            return f"{parts[0]}{hidden('^')}<sup>{parts[1]}</sup>"
        return self.signs[op].join(parts)


def hidden_bracket(html: str) -> str:
    """In brackets that are not seen."""
    return f"{hidden('(')}{html}{hidden(')')}"


def _needs_line(term: Node) -> bool:
    return isinstance(term, Rest) or (isinstance(term, Apply) and term.value is not None)
