"""Reads a page as its reader does: what is seen of an element in one language, and the arithmetic that stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from recompute import ARITHMETIC, NUMBER, agrees, calculated

NAME = r"-?[\w^ ]+(\[[\d,]+\])?"
VOID = {"meta", "input", "rect", "br"}


class Element:
    """One element, with its children, elements and texts."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Element | str] = []

    def all(self, tag: str = "", kind: str = "") -> Iterator[Element]:
        """Every element below of a tag and a class."""
        for child in self.children:
            if isinstance(child, Element):
                if tag in ("", child.tag) and kind in ("", *child.attributes.get("class", "").split()):
                    yield child
                yield from child.all(tag, kind)

    def text(self, lang: str) -> str:
        """What is seen of it in a language, in the characters of a calculator."""
        if self.tag == "span" and self.attributes.get("lang") not in (None, lang):
            return ""
        parts = [child if isinstance(child, str) else child.text(lang) for child in self.children]
        return "".join(parts).replace("−", "-")


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open[-1].tag == tag, f"<{self.open[-1].tag}> is closed as </{tag}>"
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(html: str) -> Element:
    """The page as a tree. AssertionError where an element is closed that is not open."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert builder.open == [builder.root]
    return builder.root


def check_equation(equation: Element, lang: str) -> None:
    """Work out one equation of a page from what is seen of it."""
    table = next(equation.all("table"), None)
    if table is None:
        parts = [part.strip() for part in re.split(" = |= ", " ".join(equation.text(lang).split()))]
        assert len(parts) >= 2, parts
        assert re.fullmatch(NUMBER, parts[-1]), parts
        arithmetic = re.sub(r" \((나머지 )?[\d,]+(개 항| more terms?)\)", "", parts[-2])
        # A number that is only passed on, or one whose making is not known, has a name and no arithmetic.
        if ARITHMETIC.fullmatch(arithmetic) or not re.fullmatch(NAME, arithmetic):
            assert agrees(calculated(arithmetic), parts[-1]), parts
        return
    *rows, last = [[cell.text(lang).strip() for cell in row.children if isinstance(cell, Element)]
                   for row in table.all("tr")]  # fmt: skip
    for _, factors, sign, value, _ in rows:
        assert bool(factors) == (sign == "=")
        assert not factors or agrees(calculated(factors), value), (factors, value)
    total = "+".join(f"({row[3]})" for row in rows)
    assert agrees(calculated(total), last[3]), (total, last)
