"""Data: random rows that stand for those which a file would load, so that what it builds of them can be built."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np

from handgrad.audit.dialects.roles import role, words
from handgrad.audit.reading.pruning import stored_names

_ROWS, _CLASSES = 60, 10
_FEATURES = 12  # where the file does not speak of the 784 pixels of a digit


def stand_ins(tree: ast.Module) -> dict[str, Any]:
    """Rows of data and whole-number labels, by the names of a file that say they are such."""
    numbers = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    features = 784 if numbers & {784, 28} else _FEATURES
    rng = np.random.default_rng(0)
    names = {name for node in tree.body for name in stored_names(node)}
    kinds = {name: role(name) or _said(name) for name in sorted(names)}
    found: dict[str, Any] = {name: rng.random((_ROWS, features)) for name, kind in kinds.items() if kind == "x"}
    return found | {name: np.arange(_ROWS) % _CLASSES for name, kind in kinds.items() if kind == "y"}


def _said(name: str) -> str:
    """What a name with an X or a Y in it is for: Xapp, label_Y."""
    found = words(name)
    said = [kind for kind in ("x", "y") if kind in found or re.match(f"{kind.upper()}[a-z]{{2,6}}$", name)]
    return said[0] if len(said) == 1 else ""
