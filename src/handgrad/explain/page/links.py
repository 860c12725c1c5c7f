"""Which numbers of the page are the same number: one key for each, whatever it is called where it is seen.

What leaves a layer is what the next one takes in, so fc1.y and relu1.x share their keys.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from handgrad.core.arrays import Array
from handgrad.explain.equation import Equation
from handgrad.explain.expression import Apply, Node, Number, Ref, Rest
from handgrad.explain.story import Story


class Links:
    """The keys of a story's numbers.

    Attributes:
        made: key -> the anchor of the equation that it is the result of.
        anchors: the anchor of each equation, by its place in the story: (chapter's key, number in the chapter).
    """

    def __init__(self, story: Story) -> None:
        self._arrays = story.arrays
        self._aliases = _aliases(story.arrays)
        self.made: dict[str, str] = {}
        for chapter in story.chapters:
            for i, equation in enumerate(chapter.equations):
                key = self.key(equation.result, chapter.key)
                if key:
                    self.made.setdefault(key, anchor(chapter.key, i))

    def key(self, number: Number, chapter: str) -> str:
        """The key of a number that stands in a chapter; empty for a setting, a count or a rest."""
        if number.ref is not None:
            return self.of(number.ref)
        return f"{chapter}~{number.name}" if number.name else ""

    def of(self, ref: Ref) -> str:
        """The key of one cell of an array: rows of activations count their cells along the row."""
        array = self._arrays.get(ref.array)
        index = ref.index
        if array is not None and not self.is_learned(ref.array) and array.ndim > 2 and len(index) == array.ndim:
            index = (index[0], int(np.ravel_multi_index(index[1:], array.shape[1:])))
        return f"{self.alias(ref.array)}:{','.join(map(str, index))}"

    def alias(self, array: str) -> str:
        """The name under which an array's cells are known."""
        return self._aliases.get(array, array)

    @staticmethod
    def is_learned(array: str) -> bool:
        """Whether an array is a parameter or its gradient, and so has no row for each image."""
        return array.rpartition(".")[2] not in _FLOWING and not array.startswith("loss.")


def anchor(chapter: str, i: int) -> str:
    """The anchor of a chapter's i-th equation."""
    return f"{chapter}-{i + 1}"


def sources(equation: Equation) -> list[Number]:
    """The numbers that an equation is made of."""
    return list(_numbers(equation.expression))


def _numbers(node: Node) -> list[Number]:
    match node:
        case Number():
            return [node]
        case Apply():
            return [number for argument in node.args for number in _numbers(argument)]
        case Rest(total=Number() as total):
            return [total]
    return []


_FLOWING = {"x", "y", "dy", "dx"}


def _aliases(arrays: dict[str, Array]) -> dict[str, str]:
    """Another name for the arrays that only pass on what an earlier one holds."""
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in arrays if not name.startswith("loss.")))
    found: dict[str, str] = {}

    def same(later: str, earlier: str) -> None:
        a, b = arrays.get(later), arrays.get(earlier)
        if a is not None and b is not None and a.size == b.size and np.array_equal(a.reshape(-1), b.reshape(-1)):
            found[later] = found.get(earlier, earlier)

    for layer, following in pairwise(layers):
        if arrays.get(f"{layer}.x", _NONE).ndim > 2:  # Flatten
            same(f"{layer}.y", f"{layer}.x")
        same(f"{following}.x", f"{layer}.y")
    if layers:
        same("loss.prediction", f"{layers[-1]}.y")
        same(f"{layers[-1]}.dy", "loss.dprediction")
    for following, layer in pairwise(reversed(layers)):
        same(f"{layer}.dy", f"{following}.dx")
    return found


_NONE = np.zeros(0)
