"""Equations as HTML: quotients as fractions, powers raised, sums with many terms as a column.

The text of each is still what `plain` says, which a reader can paste into a calculator: the signs and brackets that a
fraction does without are there, and only not seen.
"""

from __future__ import annotations

from html import escape

from handgrad.explain.equation import Equation
from handgrad.explain.expression import Apply, Node, Number, Rest, Value, work_out
from handgrad.explain.page.links import Links, anchor, sources
from handgrad.explain.page.text import both, hidden, name, number
from handgrad.explain.plain import SIGNS, bracketed, name_of, plain, rest_name


class Writer:
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

    def node(self, node: Node, outer: str = "", place: int = 0, *, named: bool = False) -> str:
        """A tree; with `named`, by the names of its numbers."""
        match node:
            case Number():
                by_name = bool(named and node.name)
                html = self.number(node, named=by_name)
                text = node.name if by_name else node.text
                minus = text.startswith("-") and outer and (place or outer in ("pow", "neg"))
                return f"({html})" if minus else html
            case Rest():
                total = self.node(node.total, outer, place)
                return f"{total} ({both(lambda lang: escape(rest_name(node, lang)))})"
            case Value():
                return name(node.name)
            case Apply(op="neg"):
                return f"−{self.node(node.args[0], 'neg', named=named)}"
            case Apply(op=op) if op in SIGNS:
                html = self._operator(node, named)
                if not bracketed(op, outer, place):
                    return html
                drawn = op == "div" or outer == "div" or (outer == "pow" and place == 1)
                return f"{hidden('(')}{html}{hidden(')')}" if drawn else f"({html})"
        inner = ", ".join(self.node(argument, named=named) for argument in node.args)
        if node.op == "sqrt":
            return f'<span class="root">{hidden("sqrt(")}<span>{inner}</span>{hidden(")")}</span>'
        return f"{node.op}({inner})"

    def _operator(self, node: Apply, named: bool) -> str:
        parts = [self.node(argument, node.op, i, named=named) for i, argument in enumerate(node.args)]
        if node.op == "div":
            return f'<span class="frac"><span>{parts[0]}</span>{hidden(" / ")}<span>{parts[1]}</span></span>'
        if node.op == "pow":
            return f"{parts[0]}{hidden('^')}<sup>{parts[1]}</sup>"
        return SIGNS[node.op].replace("-", "−").join(parts)


def _needs_line(term: Node) -> bool:
    return isinstance(term, Rest) or (isinstance(term, Apply) and term.value is not None)
