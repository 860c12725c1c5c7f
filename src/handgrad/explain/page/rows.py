"""Pictures that belong beside each other: image × weights = terms of the sum; image × gradient = weights' gradient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from handgrad.core.arrays import Array
from handgrad.explain.page.cells import Cells, cells_of, key_of, printed, told_product
from handgrad.explain.page.links import Links
from handgrad.explain.page.text import name, number, sentence, words
from handgrad.explain.story import Picture, Story


class Stage(NamedTuple):
    """One picture of a row, with what stands above it."""

    cells: Cells
    kind: str
    caption: str


def row_title(picture: Picture) -> str:
    """What a row of pictures shows: that of a unit's weights tells of more than the weights."""
    if picture.source.endswith(".weight"):
        return words("explain_page.sees", unit=picture.fixed[1])
    return sentence(picture.title)


def beside(picture: Picture, story: Story, links: Links) -> list[Stage | str] | None:
    """A heat map over the image's pixels in its row of pictures and signs; None where it stands alone."""
    layer, _, what = picture.source.rpartition(".")
    x = story.arrays.get(f"{layer}.x") if picture.kind == "heat" else None
    if x is None or picture.array.ndim != 2 or x[story.row].size != picture.array.size:
        return None
    row = x[story.row].reshape(picture.array.shape)
    if what == "weight" and len(picture.fixed) == 2 and picture.fixed[0] == -1:
        return _weighted(picture, layer, row, story, links)
    own = cells_of(picture, story, links)
    both_told = [f"x[{i}] = {printed(x)}, {told}" for i, (x, told) in enumerate(zip(row.flat, own.told, strict=True))]
    image = Cells(row, key_of(f"{layer}.x", (story.row, -1), links), (), own.told if what == "dweight" else both_told)
    if what == "dweight" and len(x) == 1 and len(picture.fixed) == 2 and picture.fixed[0] == -1:
        unit = picture.fixed[1]
        slope = story.arrays[f"{layer}.dy"][0].reshape(-1)[unit]
        key = f"{links.alias(f'{layer}.dy')}:0,{unit}"
        factor = f'{name(f"dy[{unit}]")} = <span class="n" data-k="{key}">{number(printed(slope))}</span>'
        return [
            Stage(image, "image", words("explain_page.the_image")), f"× <small>{factor}</small> =",
            Stage(own, "heat", words("explain_page.its_gradient", unit=unit)),
        ]  # fmt: skip
    if what == "dx":
        return [Stage(image, "image", words("explain_page.the_image")), Stage(own, "heat", sentence(picture.title))]
    return None


def _weighted(picture: Picture, layer: str, row: Array, story: Story, links: Links) -> list[Stage | str]:
    """image × weights = what the unit adds up."""
    unit = picture.fixed[1]
    x, weights = row.reshape(-1), picture.array.reshape(-1)
    terms = x.astype(np.float64) * weights
    told = [told_product(f"x[{i}]", x[i], f"W[{i},{unit}]", weights[i], "", terms[i]) for i in range(x.size)]
    keys = key_of(f"{layer}.x", (story.row, -1), links), key_of(picture.source, picture.fixed, links)
    return [
        Stage(Cells(row, keys[0], (), told), "image", words("explain_page.the_image")), "×",
        Stage(Cells(picture.array, keys[1], (), told), "heat", words("explain_page.weights", unit=unit)), "=",
        Stage(Cells(terms.reshape(row.shape), "", keys, told), "heat", words("explain_page.terms", unit=unit)),
    ]  # fmt: skip
