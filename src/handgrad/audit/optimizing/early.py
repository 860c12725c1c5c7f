"""Early: an optimizer in the midst of a way back that changes weights before the error has gone through them.

What it remembers then depends on how far it steps: after a bold first step it is another than after a gentle one.
"""

from __future__ import annotations

import numpy as np

from handgrad.audit.dialects.scaled import Scaled
from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.identify import random_point
from handgrad.audit.place.files import Files
from handgrad.audit.place.observe import CHANGED, Noted, observe
from handgrad.audit.properties.updating import BACK
from handgrad.core.arrays import Array

_ROWS, _BOLD = 6, 2.0**-2
_APART = 1e-3  # relative: of gradients that a bold step has made others


def too_early(inspection: Inspection, inside: Scaled) -> list[Finding]:
    """The parameters whose gradients are worked out from weights that the same step has changed already."""
    subject = inspection.reading.subject
    saved, one = subject.snapshot(), batch(subject, _ROWS, 9)
    try:
        subject.restore(random_point(subject, np.random.default_rng(9)))
        rows = slice(0, 1) if inside.net.split else slice(None)
        apart = _apart(inside, one.x[rows], one.y[rows])
        early = tuple(name for name, (far, _) in apart.items() if far > _APART)
        if not early or _row_by_row(_apart(inside, one.x[:1], one.y[:1]), early):
            return []
        file, line = _place(inspection, inside, one.x[rows], one.y[rows])
    finally:
        subject.restore(saved)
    measured = {"residual": max(apart[name][0] for name in early)}
    return [Finding("updated-too-early", "error", early, measured, {"residual": 0.0}, file, line)]


def _apart(inside: Scaled, x: Array, y: Array) -> dict[str, tuple[float, float]]:
    """(how far a bold step's gradient is from a gentle one's, how large that is) of each parameter."""
    gentle, bold = inside.sizes(x, y), inside.sizes(x, y, _BOLD)
    norms = {name: float(np.linalg.norm(value)) for name, value in gentle.items()}
    return {name: (float(np.linalg.norm(bold[name] - gentle[name])) / (norms[name] or 1.0), norms[name])
            for name in gentle}  # fmt: skip


def _row_by_row(alone: dict[str, tuple[float, float]], early: tuple[str, ...]) -> bool:
    """Whether a single row has the gradients that a batch lacks: then one row is stepped after the other."""
    return all(alone[name][1] > 0 and alone[name][0] <= _APART for name in early)


def _place(inspection: Inspection, inside: Scaled, x: Array, y: Array) -> tuple[str, int | None]:
    """Where weights are changed first: on the way back itself, that is, if an optimizer is called from there."""
    files = Files(inspection, everywhere=True)
    weights = {id(v) for v in inspection.reading.subject.parameters().values() if v.ndim == 2 and min(v.shape) > 1}
    notes = observe(lambda: inside.step(x, y, _BOLD), files.offsets)
    first = next((one for one in notes if one.how == CHANGED and one.array in weights), None)
    if first is None:
        return inspection.program.filename, None
    return files.place(_on_the_way(first))


def _on_the_way(note: Noted) -> int:
    return note.line if BACK.search(note.function) or not note.stack else note.stack[0]
