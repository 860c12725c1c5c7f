"""`handgrad.audit(model, loss=..., x=..., y=...)`: the audit of objects that are there already, in a program.

They are read by the same readers as a file. The work is done on copies, and what cannot be copied is put back.
"""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from handgrad.audit.dialects import Reading
from handgrad.audit.findings import worst_first
from handgrad.audit.judging.batchform import BatchForm
from handgrad.audit.judging.diagnose import Diagnosis, diagnose
from handgrad.audit.memory.here import findings_of
from handgrad.audit.memory.live import Live
from handgrad.audit.memory.restoring import untouched
from handgrad.audit.reading.fence import OutOfTime, time_limit
from handgrad.audit.report import Report
from handgrad.errors import HandgradError, InputError
from handgrad.words import say

READING_SECONDS = 3.0  # for one way to understand the objects
ALL_SECONDS = 30.0


def audit(
    model: Any,
    *,
    loss: Any = None,
    x: Any = None,
    y: Any = None,
    optimizer: Any = None,
    step: Callable[..., Any] | None = None,
    lr: float | None = None,
) -> Report:
    """Is the backward pass of these objects right, and if not, which mistake is it? They stay as they are.

    Args:
        model: an object with forward and backward, a list of layers that have, a net of handgrad's, or a `Subject`.
        loss: an object with forward (or a call) and backward; a function of prediction and labels; or a pair of
            functions, the loss and its derivative. Not needed where the model gives its loss itself.
        x: a batch in the form that the model takes. It tells how many numbers a sample has; its values are not used.
        y: its labels, whole numbers or one-hot. They tell how many classes there are, and which of the two is wanted.
        optimizer: what updates the model, where the model does not do it itself.
        step: a function that trains the model by one step; its arguments are given by their names.
        lr: the learning rate of that step, where it is not one of its arguments.

    Returns: a `Report`; ask `report.ok`, or print it.

    Raises: InputError, in a sentence, where the objects cannot be run as a network.
    """
    began = time.perf_counter()
    form, live = BatchForm.of(x, y), Live(model, loss, optimizer, step, lr)
    live.check()
    with untouched(model, loss, optimizer, step), _quiet():
        reading, diagnosis = _judged(live, form, (x, y))
        subject = {"file": live.home or live.name, "dialect": reading.dialect, "found": reading.facts}
        subject |= _network(reading, diagnosis)
        findings = worst_first(findings_of(live, reading, diagnosis))
    ok = not any(finding.severity == "error" for finding in findings)
    return Report(ok, subject, diagnosis.checks, findings, round(time.perf_counter() - began, 3))


def _judged(live: Live, form: BatchForm, batch: tuple[Any, Any]) -> tuple[Reading, Diagnosis]:
    """The first reading whose network is known, else the first that runs at all."""
    first: tuple[Reading, Diagnosis] | None = None
    reasons: list[str] = []

    def judged(reading: Reading) -> Diagnosis | None:
        try:
            with time_limit(READING_SECONDS):
                return diagnose(reading.subject)
        except (Exception, OutOfTime) as error:  # a reading that makes no sense fails in any way it likes
            reasons.append(str(error) if isinstance(error, HandgradError) else f"{type(error).__name__}: {error}")
            return None

    with contextlib.suppress(OutOfTime), time_limit(ALL_SECONDS):
        for reading in live.readings():
            fits = form.fits(reading.subject, reading.facts.get("labels", ""))
            diagnosis = judged(reading) if fits else None
            if diagnosis is not None and diagnosis.identity is not None:
                return reading, diagnosis
            first = first or (None if diagnosis is None else (reading, diagnosis))
        if first is None or not first[1].ok:  # what was guessed at may be misread: the user's own batch is not
            with contextlib.suppress(Exception):  # a batch that does not fit the network
                for reading in live.as_they_stand(*batch):
                    diagnosis = judged(reading)
                    first = first if diagnosis is None else (reading, diagnosis)
    if first is None:
        reason = (live.failure(*batch) if batch[0] is not None else "") or "".join(reasons[:1])[:200]
        if live.loss is None and not reason:
            raise InputError("audit.loss_needed")
        raise InputError("audit.memory_unread", name=live.name, reason=reason or say("audit.memory_no_reading"))
    return first


def _network(reading: Reading, diagnosis: Diagnosis) -> dict[str, Any]:
    """Sizes, activations and loss of a network that is known."""
    identity = diagnosis.identity
    if identity is None:
        return {}
    parameters = reading.subject.parameters()
    shapes = [parameters[m.weight].shape[:: -1 if m.transposed else 1] for m in identity.matrices]
    sizes = [shapes[0][0], *(outputs for _, outputs in shapes)]
    return {"sizes": sizes, "hidden": identity.hidden, "output": identity.output, "loss": identity.loss}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is printed and no warning raised by code that is run with odd numbers on purpose."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
