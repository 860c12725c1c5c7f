"""One step of somebody's code, run once and looked at twice: each array that it makes, each statement of an update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.audit.dialects import Reading
from handgrad.audit.judging.identify import Identity
from handgrad.audit.place.observe import Noted, observe
from handgrad.audit.reading.source import Program
from handgrad.audit.subject import Subject
from handgrad.core.arrays import Array
from handgrad.core.net import Sequential
from handgrad.explain.strangers.called_update import call_update, update_function
from handgrad.explain.strangers.numbers import gathered
from handgrad.explain.strangers.rate import own_rate
from handgrad.explain.strangers.update_lines import UpdateWatcher

RATE = 0.1  # where the file's own learning rate is not found


class Layout:
    """Which of the file's parameters are which of ours, and how they lie.

    Attributes:
        names: ours -> the file's: {"fc1.weight": "W1", ...}.
        turned: those of the file that have our rows as columns.
    """

    def __init__(self, identity: Identity, names: dict[str, str], net: Sequential) -> None:
        self.names = names
        self.turned = {matrix.weight for matrix in identity.matrices if matrix.transposed}
        self._shapes = {name: parameter.value.shape for name, parameter in net.named_parameters()}

    def ours(self, values: dict[str, Array]) -> dict[str, Array]:
        """Parameters or gradients of the file by our names, and in our layout."""
        if not values:
            return {}
        laid = {
            ours: np.array(values[own].T if own in self.turned else values[own]) for ours, own in self.names.items()
        }
        return {ours: value.reshape(self._shapes[ours]) for ours, value in laid.items()}

    def theirs(self, name: str, value: Array, shape: tuple[int, ...]) -> Array:
        """An array of ours in the layout of the file's parameter."""
        return value.T if self.names[name] in self.turned else value.reshape(shape)


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen of a step.

    Attributes:
        notes: the arrays that it made, without the parameters' new values.
        before, after: the parameters, by the file's names.
        followed: our name of the parameter whose update was watched; None for none.
        watcher: what happened to arrays of its shape.
        rate: (the learning rate, the line of the file that says so; 0 where none was found).
        called: the name of an update function that the step does not reach, and that was called after it.
        numbers: of a network of single numbers, those of its objects.
    """

    notes: list[Noted]
    before: dict[str, Array]
    after: dict[str, Array]
    followed: str | None
    watcher: UpdateWatcher | None
    rate: tuple[float, int]
    called: str = ""
    numbers: dict[str, Array] = field(default_factory=dict)


def own_step(subject: Subject) -> Callable[[Any, Any, float], object]:
    """The file's own step, with its optimizer; what works out its gradients where it has none that runs."""
    if subject.whole is not None:
        return subject.whole
    if subject.step is not None:
        return subject.step
    gradients = subject.gradients
    assert gradients is not None
    return lambda x, y, rate: gradients(x, y)


def observed(
    program: Program, reading: Reading, x: Any, y: Any, layout: Layout, followed: str | None,
    namespace: Mapping[str, Any],
) -> Seen:  # fmt: skip
    """Everything that one step of the file makes. The parameters are put back."""
    subject = reading.subject
    step = own_step(subject)
    rate = own_rate(program.tree) or (RATE, 0)
    saved, files = subject.snapshot(), {program.filename, "<audit>"}
    watcher = None
    if followed is not None:
        watcher = UpdateWatcher(files, program.tree, saved[layout.names[followed]].shape)

    def once() -> None:
        step(x, y, rate[0])

    def run() -> None:
        if watcher is None:
            once()
        else:
            watcher.run(once)

    notes: list[Noted] = []
    numbers: dict[str, Array] = {}
    try:
        if reading.dialect == "scalars":  # there are no arrays to be found, and very many numbers
            numbers = gathered(once, files)
        else:
            notes = observe(run, files)
        after = subject.snapshot()
        called = ""
        if followed is not None and watcher is not None and watcher.after(saved[layout.names[followed]]) is None:
            called = _called(program, subject, x, y, namespace, layout.names[followed], saved, after, watcher)
    finally:
        subject.restore(saved)
    moved = [value for name, value in after.items() if not np.array_equal(value, saved[name])]
    # A bias that began at 0 is a multiple of its gradient when it was updated.
    notes = [note for note in notes if not any(np.array_equal(note.value, value) for value in moved)]
    return Seen(notes, saved, after, followed, watcher, rate, called, numbers)


def _called(
    program: Program, subject: Subject, x: Any, y: Any, namespace: Mapping[str, Any], name: str,
    before: dict[str, Array], after: dict[str, Array], watcher: UpdateWatcher,
) -> str:  # fmt: skip
    """Call the file's update function, which its step does not reach; its name, or nothing."""
    function = update_function(program.tree, namespace)
    if function is None or subject.gradients is None:
        return ""
    found: list[Array | None] = []
    try:
        subject.restore(before)
        gradient = np.array(subject.gradients(x, y)[name])
        weights = before[name].copy()
        watcher.run(lambda: found.append(call_update(function, program.tree, namespace, name, weights, gradient)))
    except Exception:  # it wants to be called in another way
        return ""
    if found[0] is None:
        return ""
    after[name] = found[0]
    return function.__name__
