"""Scripts: no class at all, forward, backward and update written out in the training loop, or a loop around functions.

The loop is cut out of the file's syntax tree, and one turn of it is the step. Any parameters will do that it changes:
names at top level, dictionaries, lists, attributes of objects.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from handgrad.audit.dialects.places import Place
from handgrad.audit.dialects.reading import Reading
from handgrad.audit.dialects.slices import scopes, slices
from handgrad.audit.dialects.trying import loops


def read(namespace: dict[str, Any], tree: ast.Module | None = None) -> Iterator[Reading]:
    """Each loop of the file, its functions and methods, that trains; nothing without the file's syntax tree."""
    if tree is not None:
        yield from loops(namespace, [cut for scope in scopes(tree) for cut in slices(scope)], dialect)


def dialect(places: list[Place]) -> str:
    """What the way of keeping the parameters is called."""
    first = places[0].path
    if not first:
        return "script"
    kinds = [kind for kind, _ in first]
    if kinds[-1] == "item":
        return "dictionaries" if isinstance(first[-1][1], str) else "columns"
    return "unrolled" if len(first) == 1 else "modules"
