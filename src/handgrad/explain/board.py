"""The board that the longhand is written on: the traced step, the unit followed in each layer, how much is shown.

One thread runs through the story: from the right class back through the largest term of each sum, down to one pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.errors import InputError
from handgrad.explain.equation import Equation, settle
from handgrad.explain.expression import Apply, Node, Ref, Rest, Value, add, call, div, exact, mul, work_out, worked
from handgrad.explain.moment import Moment
from handgrad.explain.story import Sentence, Shape
from handgrad.explain.trace import LayerNote, Trace

TERMS, DIGITS, MOST_DIGITS = 5, 4, 12
FEW_TERMS, CLASSES, FEW_CLASSES = 3, 3, 2  # what is written out, in full and where a chapter shall fit a screen


@dataclass(eq=False)
class Board:
    """What every chapter is written from.

    Attributes:
        moment: the traced step and its images.
        terms: how many terms of a sum are written out.
        digits: how many digits of a result say something.
        brief: write out less than that beside the weighted sums, so that a chapter fits a screen.
        inputs, outputs: for each layer, the number of the cell that is followed where it goes in, and where it comes
            out, counted along the row.
    """

    moment: Moment
    terms: int = TERMS
    digits: int = DIGITS
    brief: bool = False
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)

    @property
    def trace(self) -> Trace:
        """The traced step."""
        return self.moment.trace

    @property
    def row(self) -> int:
        """The image that is followed."""
        return self.moment.row

    @property
    def right(self) -> int:
        """The right class of the followed image, or the number of the prediction that is followed."""
        return self.outputs[self.trace.layers[-1].name]

    @property
    def divide_by(self) -> float:
        """What the loss divides its sum by, where that is not the number of its values."""
        default = self.trace.loss.inside["mean.values"][0].size if "mean.values" in self.trace.loss.inside else 1
        return float(getattr(self.trace.loss.loss, "divide_by", default))

    def class_name(self, number: int) -> str:
        """The name of a class, its number where it has none."""
        classes = self.moment.classes
        return classes[number] if number < len(classes) else str(number)

    def class_names(self, count: int) -> tuple[str, ...]:
        """The names of all classes, for the bars of a picture."""
        return tuple(map(self.class_name, range(count)))

    def value(self, note: LayerNote, which: str, cell: int, row: int | None = None) -> Value:
        """One number of what a layer took in or gave out, x, y, dy or dx, by its place along the row."""
        array: Array = getattr(note, which)
        at = self.row if row is None else row
        index = (at, *(int(i) for i in np.unravel_index(cell, array.shape[1:])))
        several = row is not None
        shown = ",".join(map(str, index if several else index[1:]))
        return Value(array[index], f"{which}[{shown}]", Ref(f"{note.name}.{which}", index))

    def learned(self, note: LayerNote, name: str, letter: str, *index: int) -> Value:
        """One weight of a layer: its short name, and the letter that the formula has for it."""
        shown = ",".join(map(str, index))
        return Value(note.parameters[name][index], f"{letter}[{shown}]", Ref(f"{note.name}.{name}", index))

    def gradient(self, note: LayerNote, name: str, letter: str, *index: int) -> Value:
        """The gradient of one weight."""
        shown = ",".join(map(str, index))
        return Value(note.gradients[name][index], f"d{letter}[{shown}]", Ref(f"{note.name}.d{name}", index))

    def equation(self, result: Value, expression: Node) -> Equation:
        """result = expression, printed."""
        return settle(result.name, expression, result.value, digits=self.digits, ref=result.ref)

    def told(self, result: Value, expression: Node) -> list[Equation]:
        """result = expression; where the traced code has a mean in this place, the sum first, and then its quotient."""
        times = self.times(result)
        if times == 1:
            return [self.equation(result, expression)]
        if not (isinstance(expression, Apply) and expression.op == "add"):
            return [self.equation(result, many_times(expression, times))]
        dtype = np.asarray(result.value).dtype
        summed = Value(dtype.type(work_out(expression)), "sum")
        first = settle("sum", expression, summed.value, digits=self.digits)
        return [first, self.equation(result, many_times(summed, times))]

    def times(self, number: Value) -> float:
        """How many times what its formula gives an array is: other than 1 in code that takes its means elsewhere."""
        return self.trace.times.get(number.ref.array, 1.0) if number.ref is not None else 1.0

    def share(self, row: int) -> Value | None:
        """What one row counts in a loss that weighs them, as a part of 1; None where all count the same."""
        held = self.trace.loss.inside.get("mean.share")
        return None if held is None else Value(held[-1][row], f"part[{row}]")

    @property
    def divides_once(self) -> bool:
        """Whether the loss divides by the batch and nothing else does."""
        return all(abs(times) == 1 for times in self.trace.times.values())

    @property
    def shown_classes(self) -> int:
        """How many classes the loss is told for: the right one and its strongest rivals."""
        return FEW_CLASSES if self.brief else CLASSES

    def largest_terms(self, terms: Array, *, wide: bool = False, few: int = FEW_TERMS) -> tuple[list[int], Rest | None]:
        """(which of the terms are written out, largest first; the rest of them, summed).

        Where it is brief these are at most `few`, unless the sum is one that is shown `wide`.
        """
        sizes = np.abs(np.nan_to_num(terms.astype(np.float64)))
        order = np.argsort(-sizes, kind="stable")
        seen = sizes > (sizes.max(initial=0) * 10.0 ** -(self.digits + 1))  # smaller ones would be printed as 0
        most = self.terms if wide or not self.brief else min(self.terms, few)
        count = min(most, max(1, int(np.count_nonzero(seen))))
        if len(order) == count + 1:  # "1 more term" takes as much room as the term
            count += 1
        rest = order[count:]
        left = Rest(len(rest), Value(_total(terms[rest])), float(sizes[rest].sum())) if len(rest) else None
        return [int(i) for i in order[:count]], left

    def sum_of(self, result: Value, parts: list[Apply], rest: Rest | None, *more: Node) -> list[Equation]:
        """result = part + part + ... + n more terms + what else there is, each part with what it comes to."""
        written: list[Node] = [worked(part) for part in parts]
        if rest is not None:
            written.append(rest)
        return self.told(result, add(*written, *more))

    def products(
        self, result: Value, first: Array, second: Array, name_first: Any, name_second: Any, *more: Node,
        wide: bool = False,
    ) -> list[Equation]:  # fmt: skip
        """result = sum over i of first_i * second_i + what else there is; the names give the Value of an index."""
        terms = first.astype(np.float64) * second.astype(np.float64)
        chosen, rest = self.largest_terms(terms, wide=wide)
        return self.sum_of(result, [mul(name_first(i), name_second(i)) for i in chosen], rest, *more)


def many_times(node: Node, times: float) -> Node:
    """A node times a whole number, or divided by one."""
    if times == 1:
        return node
    if times == -1:
        return call("neg", node)
    return mul(node, exact(int(times))) if abs(times) > 1 else div(node, exact(round(1 / times)))


def _total(terms: Array) -> float:
    return float(np.sum(terms.astype(np.float64)))


def shape(symbol: str, array: str, of: Array) -> Shape:
    """The shape of an array, for the line under a formula."""
    return Shape(symbol, tuple(int(n) for n in of.shape), array)


def when(moment: Moment) -> Sentence:
    """Which step it is that is told."""
    batch = len(moment.labels)
    if moment.step is None:
        return Sentence("explain.when_after", {"batch": batch})
    return Sentence("explain.when_step", {"step": f"{moment.step:,}", "batch": batch})


def follow(board: Board, layer: str | None, unit: int | None) -> None:
    """Choose the cell of each layer: the right class at the end, and before it the largest term of each sum.

    InputError where there is no such layer or unit.
    """
    notes = board.trace.layers
    names = [note.name for note in notes]
    if layer is not None and layer not in names:
        raise InputError("explain.no_layer", got=layer, names=", ".join(names))
    cell = _first_cell(board)
    for note in reversed(notes):
        size = _row_size(note.y)
        if unit is not None and note.name == (layer or _linear_names(notes)[0]):
            if not 0 <= unit < size:
                raise InputError("explain.no_unit", got=unit, layer=note.name, last=size - 1)
            cell = unit
        board.outputs[note.name] = cell = min(cell, size - 1)
        board.inputs[note.name] = cell = _before(board, note, cell)


def _first_cell(board: Board) -> int:
    target = board.trace.loss.target
    if target.ndim == 1 and target.dtype.kind in "iu":
        return int(target[board.row])
    row = target[board.row].reshape(-1)
    return int(np.argmax(np.abs(row))) if row.size else 0


def _before(board: Board, note: LayerNote, cell: int) -> int:
    """The cell of a layer's input that matters most for a cell of its output."""
    assert note.x is not None
    size = _row_size(note.x)
    if "Linear" in note.kinds:
        terms = note.x[board.row].astype(np.float64) * note.parameters["weight"][:, cell]
        return int(np.argmax(np.abs(np.nan_to_num(terms))))
    if size == _row_size(note.y):
        return cell
    return int(np.argmax(np.abs(np.nan_to_num(note.x[board.row].reshape(-1)))))


def _row_size(array: Array | None) -> int:
    return int(np.prod(array.shape[1:])) if array is not None else 0


def _linear_names(notes: tuple[LayerNote, ...]) -> list[str]:
    """Where --unit counts when no layer is named: the layers with weights, the first one first."""
    return [note.name for note in notes if "Linear" in note.kinds] or [notes[0].name]
