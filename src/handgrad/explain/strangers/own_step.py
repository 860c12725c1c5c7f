"""One step told with the file's own arrays: each is found where the file's code made it, and taken as it is.

Where the file keeps no such array, two operations being written in one expression, the value is worked out from those
that it keeps. What no rounding explains is kept apart: what the formula gives, and what the file has instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.audit.place.right_numbers import factor
from handgrad.core.arrays import Array
from handgrad.core.net import Sequential
from handgrad.explain.strangers.finding import Finder, Found, called
from handgrad.explain.trace import LayerNote, LossNote, Trace, trace_loss, wrapped

_FEW = 64  # roundings of an activation or of a loss, at most
_SUM = 4  # times the first-order bound of a sum
_LOOSE = 1e10  # roundings that (before - after) / rate may have, which the division makes large


@dataclass(frozen=True, eq=False)
class Own:
    """How one array of the story stands in the file.

    Attributes:
        name: what the file calls it; empty where it keeps no such array.
        line: of the program's text; 0 for none.
        times: how many times the derivative of the loss it is, where it is one.
        other: the file's array where no rounding explains its difference from the formula; None where all is well.
        near: whether that difference is one that a small number makes which keeps a logarithm finite.
    """

    name: str = ""
    line: int = 0
    times: float = 1.0
    other: Array | None = None
    near: bool = False


@dataclass(eq=False)
class OwnStep:
    """The arrays of one step, as the file has them.

    Attributes:
        finder: what the file made in that step.
        gradients: of a wrong backward pass, what the file uses for each parameter, by the net's names and in our
            layout; empty for a right one.
        own: by the names that arrays have in the trace.
        times: how many times what its formula gives an array of the trace is, where that is not once.
    """

    finder: Finder
    gradients: Mapping[str, Array] = field(default_factory=dict)
    own: dict[str, Own] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    after: int = -1  # the note of the last array forward

    def trace(self, net: Sequential, criterion: Any, x: Array, targets: Array, parameters: dict[str, Array]) -> Trace:
        """The step, without its update.

        Args:
            net: of our layers, with the file's parameters.
            criterion: the loss.
            x: what goes in (B, features).
            targets: as the criterion takes them.
            parameters: the file's arrays by the net's names, in our layout.
        """
        notes = [LayerNote(name, layer) for name, layer in net.named_layers()]
        with ExitStack() as stack:
            for note in notes:
                stack.enter_context(wrapped(note))
            prediction = self._forward(notes, x, parameters)
            loss = trace_loss(criterion, prediction, targets)
            self._adopt_loss(loss, prediction)
            expected = np.array(criterion.backward())
            dy = self._take("loss.dprediction", expected, 1.0, self._used(notes, len(notes)))
            loss.dprediction = dy if self.own["loss.dprediction"].other is None else expected
            self._backward(notes, dy)
        return Trace(tuple(notes), loss, times=self.times)

    # -- forward

    def _forward(self, notes: list[LayerNote], x: Array, parameters: dict[str, Array]) -> Array:
        found = self.finder.exactly(x, _FEW * _largest(x), given=True)
        here = x if found is None else found.value
        self._note(f"{notes[0].name}.x", found)
        after = -1 if found is None or found.note.line == 0 else found.note.order - 1
        for note in notes:
            y = note.layer.forward(here)
            note.x = here
            note.parameters = {short: parameters[f"{note.name}.{short}"] for short in note.parameters}
            bound = _FEW * _largest(y)
            if "Linear" in note.kinds:
                W = np.abs(note.parameters["weight"].astype(np.float64))
                bound = _SUM * (len(W) + 4) * (np.abs(here).astype(np.float64) @ W + np.abs(y) + 1e-300)
            found = self.finder.exactly(y, bound, after)
            kind = np.result_type(here, *note.parameters.values())
            here = note.y = y.astype(kind) if found is None else found.value
            after = after if found is None else found.note.order
            self._note(f"{note.name}.y", found)
        self.after = after
        return here

    def _adopt_loss(self, loss: LossNote, prediction: Array) -> None:
        """What a softmax works out on its way, where the file keeps it too; many take no largest score off."""
        inside = loss.inside
        if "e" not in inside:
            return
        with np.errstate(over="ignore"):
            plain = np.exp(prediction.T)
        if (
            self._of_softmax(inside["e"][-1].T, prediction) is None
            and self._of_softmax(plain.T, prediction) is not None
        ):
            inside |= {"z": [prediction.T], "e": [plain], "total": [plain.sum(axis=0)]}
        for name, variable, k in (("e", "e", -1), ("total", "total", -1), ("p", "dz", 0)):
            found = self._of_softmax(inside[variable][k].T, prediction)
            if found is not None:
                inside[variable] = list(inside[variable])
                inside[variable][k] = found.value.T
            self._note(f"loss.{name}", found)

    def _of_softmax(self, ours: Array, prediction: Array) -> Found | None:
        return self.finder.exactly(ours, _FEW * (1 + _largest(prediction)) * np.abs(ours))

    # -- backward

    def _backward(self, notes: list[LayerNote], dy: Array) -> None:
        for place in range(len(notes) - 1, -1, -1):
            note = notes[place]
            note.layer.backward(dy.astype(np.float64))
            assert note.dx is not None
            expected, note.dy, bound = note.dx, dy, 1.0
            if "Linear" in note.kinds:
                self._gradients(note)
                W = np.abs(note.parameters["weight"].astype(np.float64))
                bound = _SUM * (W.shape[1] + 4) * (np.abs(dy).astype(np.float64) @ W.T)
            if place:
                dy = self._take(f"{note.name}.dx", expected, bound, self._used(notes, place))
                note.dx = dy if self.own[f"{note.name}.dx"].other is None else expected
            else:
                found = self.finder.exactly(expected, bound, self.after)
                self._note(f"{note.name}.dx", found)
                note.dx = expected if found is None else found.value

    def _gradients(self, note: LayerNote) -> None:
        """The gradients of one layer's parameters, each a sum over the batch."""
        assert note.x is not None
        assert note.dy is not None
        x, dy = (np.abs(a).astype(np.float64) for a in (note.x, note.dy))
        sizes = {"weight": x.T @ dy, "bias": dy.sum(axis=0)}
        for short, expected in list(note.gradients.items()):
            key, used = f"{note.name}.d{short}", self.gradients.get(f"{note.name}.{short}")
            bound = _SUM * (len(x) + 4) * sizes[short]
            taken = self._take(key, expected, bound, lambda own=used: self._named(own))  # type: ignore[misc]
            note.gradients[short] = taken if self.own[key].other is None else expected

    def _used(self, notes: list[LayerNote], place: int) -> Callable[[], Own | None]:
        """What a wrong backward pass has for the derivative by the input of layer `place`: what the gradient of the
        weights before it was made from.
        """

        def found() -> Own | None:
            before = notes[place - 1]
            used = self.gradients.get(f"{before.name}.weight") if "Linear" in before.kinds else None
            if used is None or before.x is None or before.y is None:
                return None
            for note, view in self.finder.shaped(before.y.shape, self.after):
                if view.any() and factor(before.x.T @ view, used, _LOOSE * self.finder.unit(note)) is not None:
                    return Own(called(note), note.line, 1.0, np.array(view, note.value.dtype))
            return None

        return found

    def _take(self, key: str, expected: Array, bound: Any, used: Callable[[], Own | None]) -> Array:
        """The file's array for what the formula gives: the same, a multiple of it, a wrong one, or worked out."""
        bound = _FEW * _largest(expected) if np.isscalar(bound) else bound
        found = self.finder.exactly(expected, bound, self.after) or self.finder.multiple(expected, self.after)
        if found is None:
            other = self._near(expected) if not self.gradients else self._wrong(expected, used)
            if other is not None and other.other is not None:
                self.own[key] = other
                return other.other
        elif found.times != 1:
            self.times[key] = found.times
        self._note(key, found)
        return expected.astype(np.float64 if self.finder.eps < 1e-12 else np.float32) if found is None else found.value

    def _near(self, expected: Array) -> Own | None:
        found = self.finder.near(expected, self.after)
        return None if found is None else Own(found.name, found.note.line, 1.0, found.value, near=True)

    def _wrong(self, expected: Array, used: Callable[[], Own | None]) -> Own | None:
        """What a wrong backward pass has in this place, where that is another thing."""
        wrong = used()
        if wrong is None or wrong.other is None:
            return self._near(expected)
        same = np.abs(wrong.other - expected).max() <= self.finder.eps * _LOOSE * _largest(expected)
        return None if same else wrong

    def _named(self, used: Array | None) -> Own | None:
        """A gradient that a step used, as the file has it under a name."""
        found = None if used is None else self.finder.near(used, self.after)
        return Own("", 0, 1.0, used) if found is None else Own(found.name, found.note.line, 1.0, found.value)

    def _note(self, key: str, found: Found | None) -> None:
        self.own[key] = Own() if found is None else Own(found.name, max(found.note.line, 0), found.times)


def _largest(array: Array) -> float:
    return float(np.abs(array).max(initial=0.0)) or 1.0
