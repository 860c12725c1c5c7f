"""Complaint: what is wrong with one piece, before it is decided whether that is a mistake here or a convention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong with a piece taken alone.

    Attributes:
        code: of the finding that it may become.
        quantity: "dx", a parameter's name, or "" for the piece as a whole.
        measured: the figures.
        severity: of the finding.
        convention: "" where nothing excuses it; "scale" for a factor, "pairing" for what another piece may make good.
        behaviour: whether no derivative of the whole network shows it.
        function: where it is written, if not in backward.
    """

    code: str
    quantity: str = "dx"
    measured: dict[str, Any] = field(default_factory=dict)
    severity: str = "error"
    convention: str = ""
    behaviour: bool = False
    function: Callable[..., Any] | None = None
