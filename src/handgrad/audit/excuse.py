"""Excuse: why no network was found in a file, as far as that can be told in one sentence.

A package may be missing, a network may be there whose forward pass fails, or a line that builds it could not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import FORWARD, method
from handgrad.audit.dialects.cast import models
from handgrad.audit.dialects.gradients import likely_weights
from handgrad.audit.dialects.witness import quietly
from handgrad.audit.objects import slots
from handgrad.audit.reading.execution import Execution
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.reading.source import Program
from handgrad.errors import DataError

SECONDS = 1.0
_MOST = 200  # characters of somebody's error message


def excuse(program: Program, execution: Execution) -> DataError:
    """The error to raise where nothing in a file could be read as a network. Call it within `program.guarded()`."""
    file = str(program.path)
    if execution.missing:
        return DataError("audit.no_network_import", file=file, module=execution.missing[0])
    try:
        with time_limit(SECONDS):
            reason = _failing_forward(execution.namespace)
    except (Exception, SystemExit, OutOfTime):  # the code is a stranger's
        reason = ""
    if reason:
        return DataError("audit.forward_fails", file=file, reason=reason[:_MOST])
    failed = [skipped for skipped in execution.skipped if skipped.reason.code == "failed"]
    if failed:
        _, line, cell = program.place(failed[0].line)
        where = f"[{cell}]:{line}" if cell is not None else str(line)
        return DataError("audit.no_network_failed", file=file, line=where, reason=failed[0].reason.detail[:_MOST])
    return DataError("audit.no_network", file=file)


def _failing_forward(namespace: Mapping[str, Any]) -> str:
    """What the forward pass of a network in the file raises, for rows of as many numbers as its first matrix takes."""
    for model in models(namespace):
        forward, weights = method(model, FORWARD), likely_weights(list(slots(model)))
        if forward is None or not weights:
            continue
        reasons = []
        for features in dict.fromkeys(weights[0].shape):
            for x in (np.ones((5, features)), np.ones((features, 5))):
                try:
                    quietly(partial(forward, x))
                except Exception as error:
                    reasons.append(f"{type(error).__name__}: {error}")
                else:
                    return ""
        return reasons[0] if reasons else ""
    return ""
