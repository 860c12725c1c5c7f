"""Inspection: a network that was found and judged, with all that the further checks need to look at its code.

Each further check is one function `check(inspection) -> list[Finding]` in a file of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from handgrad.audit.dialects import Reading
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.reading.source import Program


@dataclass(frozen=True)
class Inspection:
    """What the first look at a file gave.

    Attributes:
        program: the file, with its text and syntax tree.
        namespace: its global names, live.
        reading: the network that was found in it.
        diagnosis: what its gradients told.
    """

    program: Program
    namespace: dict[str, Any]
    reading: Reading
    diagnosis: Diagnosis
