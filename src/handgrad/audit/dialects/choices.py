"""Choices: the words that a setting may be, such as "relu", which only the code that compares with them tells."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import FunctionType
from typing import Any

from handgrad.audit.reading.neighbours import together
from handgrad.audit.reading.pruning import MARK
from handgrad.audit.reading.source import Program

_HANDED_ON = 2  # calls through which a word is followed
_AT_THE_END = re.compile(r"soft|^lin|^ident|^none|^no$|^$")  # what few have between two layers


def choices(call: Callable[..., Any], name: str) -> list[str]:
    """The strings with which the user's modules compare an argument of that name of a function or class, in order.

    An attribute that is called as the argument counts as well, and so do the keys of a dictionary that it picks from.
    What is compared nowhere may be handed on to an argument that is.
    """
    trees = _trees(call)
    names = {name}
    for _ in range(1 + _HANDED_ON):
        if found := [text for tree in trees for text in _compared(tree, names)]:
            return list(dict.fromkeys(found))
        names = {asked for tree in trees for asked in _handed(tree, names, trees)}
    return []


def word_lists(call: Callable[..., Any], name: str, layers: int) -> Iterator[list[str]]:
    """Words for an argument that the code of a function or class takes apart, one for each layer. Nothing for an
    argument that is one word itself.
    """
    if not any(_taken_apart(tree, name) for tree in _trees(call)[:1]):
        return
    words = choices(call, name)
    bent = sorted(words, key=lambda word: bool(_AT_THE_END.search(word.lower())))[:1]
    last = next((word for word in words if "soft" in word.lower()), "".join(words[:1]))
    yield from ([*(bent * (count - 1)), last] for count in (layers, layers - 1, layers + 1) if bent and count)


def _trees(call: Callable[..., Any]) -> list[ast.Module]:
    """The modules of the user's with which a function or class works, its own first."""
    inside = [call] if isinstance(call, FunctionType) else [*vars(call).values()] if isinstance(call, type) else []
    home = next((f.__globals__ for f in inside if isinstance(f, FunctionType)), None)
    programs = [names.get(MARK) for names in together(home)] if home is not None else []
    return [program.tree for program in programs if isinstance(program, Program)]


def _compared(tree: ast.Module, names: set[str]) -> Iterator[str]:
    """The strings with which arguments of these names are compared."""
    return (text for word, text in _comparisons(tree) if word in names)


@lru_cache(maxsize=16)
def _comparisons(tree: ast.Module) -> list[tuple[str, str]]:
    """(name, string) of everything that is compared with a string."""
    found: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            found += [(_word(node.left), text) for text in _strings(node.comparators[0])]
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
            keys = [key for key in node.value.keys if key is not None]
            found += [(_word(node.slice), text) for key in keys for text in _strings(key)]
        elif isinstance(node, ast.Match):
            patterns = [n.value for case in node.cases for n in ast.walk(case.pattern) if hasattr(n, "value")]
            found += [(_word(node.subject), text) for value in patterns for text in _strings(value)]
    return found


def _handed(tree: ast.Module, names: set[str], trees: list[ast.Module]) -> Iterator[str]:
    """What those call it to whom an argument is handed: activation, for Layer(n, m, activations[i])."""
    asked = _asked(tuple(trees))
    for node in _calls(tree):
        taking = asked.get(_word(node.func), [])
        given = [*zip(taking, node.args, strict=False), *((k.arg or "", k.value) for k in node.keywords)]
        yield from (to for to, value in given if taking and _word(value) in names)


@lru_cache(maxsize=16)
def _calls(tree: ast.Module) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


@lru_cache(maxsize=16)
def _asked(trees: tuple[ast.Module, ...]) -> dict[str, list[str]]:
    """The arguments of each function, and of each class's constructor, by its name."""
    asked: dict[str, list[str]] = {}
    for node in (node for one in trees for node in ast.walk(one)):
        if isinstance(node, ast.FunctionDef):
            asked.setdefault(node.name, [one.arg for one in node.args.args if one.arg != "self"])
        elif isinstance(node, ast.ClassDef):
            for start in (one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"):
                asked[node.name] = [one.arg for one in start.args.args[1:]]
    return asked


def _taken_apart(tree: ast.Module, name: str) -> bool:
    """Whether code takes items of something of that name."""
    return any(isinstance(node, ast.Subscript) and _word(node.value) == name for node in ast.walk(tree))


def _word(node: ast.expr) -> str:
    """The name or attribute that stands there, or of which an item is taken, also in lower case by `.lower()`; "" for
    anything else.
    """
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
            node = node.func.value
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _strings(node: ast.expr) -> list[str]:
    """The strings that stand there, one or several."""
    nodes = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
