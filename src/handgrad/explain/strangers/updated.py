"""From what was seen of a step to the chapter of its update: old value, gradient, state and new value of one weight."""

from __future__ import annotations

import numpy as np

from handgrad.audit.judging.walk import Case
from handgrad.audit.reading.source import Program
from handgrad.core.arrays import Array
from handgrad.explain.board import Board
from handgrad.explain.story import Chapter
from handgrad.explain.strangers.finding import Finder
from handgrad.explain.strangers.seen import Layout, Seen
from handgrad.explain.strangers.update import OwnUpdate, update_chapter
from handgrad.explain.trace import Trace


def told_update(program: Program, seen: Seen, layout: Layout, trace: Trace, case: Case, finder: Finder) -> bool:
    """Give a trace the update of the parameter that was followed; whether the step made any."""
    if seen.followed is None or seen.watcher is None:
        return False
    name, theirs = seen.followed, layout.names[seen.followed]
    before, after = seen.before[theirs], seen.after[theirs]
    watched = seen.watcher.after(before)
    if watched is not None:  # not what the audit made of it: of a step with a rate of its own, another one
        after = watched
    if np.array_equal(before, after):
        return False
    layer, _, short = name.rpartition(".")
    note = next(one for one in trace.layers if one.name == layer)
    alone = layout.theirs(name, note.gradients[short], before.shape)
    charged, whole = _charged(case, theirs, alone, before, finder)
    update = OwnUpdate(name, theirs, before, after, alone, whole, charged, theirs in layout.turned, seen.watcher,
                       seen.rate, seen.called)  # fmt: skip
    trace.lr = seen.rate[0]
    trace.before, trace.after = layout.ours(seen.before), layout.ours(seen.after | {theirs: after})
    trace.gradients = {f"{one.name}.{key}": value for one in trace.layers for key, value in one.gradients.items()}

    def teller(board: Board, asked: str, index: tuple[int, ...]) -> Chapter | None:
        return update_chapter(program, update, index, board.digits) if asked == name else None

    trace.update_teller = teller
    return True


def _charged(case: Case, theirs: str, alone: Array, before: Array, finder: Finder) -> tuple[float, Array]:
    """(what the loss charges of a weight itself, the gradient with it as the file has it)."""
    penalty = case.identity.penalty
    if penalty is None or penalty.kind != "squares" or theirs not in penalty.names:
        return 0.0, alone
    factor = 2 * penalty.factor / (len(case.x) if penalty.by_rows else 1)
    whole = alone + factor * before.astype(np.float64)
    found = finder.near(whole)
    return (factor, found.value) if found is not None else (0.0, alone)
