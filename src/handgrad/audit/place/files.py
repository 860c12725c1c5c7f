"""Files: the user's modules in which a network's code stands, as one text, so that a step can be followed through all.

The lines of the first file are as they are. Those of each further one begin at a large number of their own.
"""

from __future__ import annotations

import ast
import copy
from typing import Any

from handgrad.audit.inspection import Inspection
from handgrad.audit.reading.neighbours import together
from handgrad.audit.reading.pruning import MARK
from handgrad.audit.reading.source import Program

STRIDE = 10_000_000
_MANY = 20


class Files:
    """The file under audit and the user's own modules that it works with.

    Args:
        inspection: of the file.
        everywhere: whether the modules are wanted.
    """

    def __init__(self, inspection: Inspection, *, everywhere: bool) -> None:
        self.homes: dict[str, tuple[Program, dict[str, Any]]] = {
            inspection.program.filename: (inspection.program, inspection.namespace)
        }
        for names in together(inspection.namespace)[1:_MANY] if everywhere else ():
            self.homes.setdefault(names[MARK].filename, (names[MARK], names))

    @property
    def offsets(self) -> dict[str, int]:
        """What is added to the lines of each file."""
        return {filename: i * STRIDE for i, filename in enumerate(self.homes)} | {"<audit>": 0}

    def tree(self) -> ast.Module:
        """All of them as one syntax tree."""
        (first, _), *others = self.homes.values()
        if not others:
            return first.tree
        body = list(first.tree.body)
        for i, (program, _) in enumerate(others, 1):
            body += [ast.increment_lineno(copy.deepcopy(one), i * STRIDE) for one in program.tree.body]
        return ast.Module(body, [])

    def place(self, line: int) -> tuple[str, int]:
        """(file, line in it) of a line of the whole."""
        return list(self.homes)[line // STRIDE], line % STRIDE
