"""Properties: what no derivative shows. Each is one plain function that looks at an inspection; numbers come first.

Where the code never runs, such as data preparation at top level, the syntax tree is read, and only its clearest shapes
are believed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from handgrad.audit.findings import Finding
from handgrad.audit.inspection import Inspection
from handgrad.audit.properties.axes import argmax_axis
from handgrad.audit.properties.batches import fixed_size, never_mixed, overlapping, same_batch
from handgrad.audit.properties.callbacks import edited_in_place
from handgrad.audit.properties.descent import cannot_overfit
from handgrad.audit.properties.dropped_units import dropout_when_tested
from handgrad.audit.properties.extremes import overflow, predicts_alike
from handgrad.audit.properties.feeding import fed_differently
from handgrad.audit.properties.helpers import accuracy, one_hot
from handgrad.audit.properties.idling import never_stepped
from handgrad.audit.properties.lost import lost_update
from handgrad.audit.properties.one_array import shared_parameters
from handgrad.audit.properties.outputs import no_nonlinearity, not_normalised, squashed_scores
from handgrad.audit.properties.pairing import labels_apart
from handgrad.audit.properties.rebinding import rebound_dictionary, stale_gradients
from handgrad.audit.properties.running_averages import running_averages
from handgrad.audit.properties.start import start
from handgrad.audit.properties.stepping import climbing, only_sign
from handgrad.audit.properties.updating import rate_twice
from handgrad.audit.reading.fence import OutOfTime, work_limit

PROPERTIES: tuple[Callable[[Inspection], list[Finding]], ...] = (
    labels_apart,
    shared_parameters,
    same_batch,
    overlapping,
    never_mixed,
    fixed_size,
    never_stepped,
    lost_update,
    rebound_dictionary,
    stale_gradients,
    edited_in_place,
    only_sign,
    climbing,
    rate_twice,
    fed_differently,
    accuracy,
    argmax_axis,
    one_hot,
    no_nonlinearity,
    not_normalised,
    start,
    overflow,
    predicts_alike,
    dropout_when_tested,
    squashed_scores,
    cannot_overfit,
    running_averages,  # which takes the longest
)
# What only reads, and so has something to say where no network was found.
READING = (
    labels_apart,
    shared_parameters,
    same_batch,
    overlapping,
    never_stepped,
    lost_update,
    rebound_dictionary,
    only_sign,
    fed_differently,
)
# What speaks of how layers are put together, which says nothing of the author where the audit did it.
_OF_COMPOSITION = (no_nonlinearity, not_normalised, squashed_scores)
# Codes that say why no usual network gives the reported loss: where one is found, nothing is unknown any more.
EXPLAINS = frozenset({"softmax-twice", "squashed-scores", "relu-before-softmax", "softmax-over-batch"})
SECONDS = 0.8  # of processor time, for one property
_ALL_SECONDS = 2.4


def check(
    inspection: Inspection, properties: tuple[Callable[[Inspection], list[Finding]], ...] = PROPERTIES
) -> list[Finding]:
    """Every property's findings; one that fails or takes too long says nothing."""
    findings: list[Finding] = []
    with inspection.program.guarded(), suppress(OutOfTime), work_limit(_ALL_SECONDS):
        for look in properties:
            if inspection.reading.invented and look in _OF_COMPOSITION:
                continue
            # Somebody else's code may do anything.
            with suppress(Exception, SystemExit, OutOfTime), work_limit(SECONDS):
                findings += look(inspection)
    return findings
