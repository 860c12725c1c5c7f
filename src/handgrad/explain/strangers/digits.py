"""Digits to show a network of somebody's own: some of MNIST's, the first one chosen."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.data import load_data
from handgrad.errors import InputError
from handgrad.explain.moment import one_image
from handgrad.explain.strangers.step import ROWS


def digits_to_show(image: str | None, label: int | None) -> dict[str, Any]:
    """Images, labels and names of a small batch of MNIST as plain values; the image, where one is chosen, comes first.

    InputError where there is no such image, or a picture of one's own has no label.
    """
    data = load_data("mnist")
    chosen = one_image(image or "test:0", data)
    known = chosen[1] if label is None else label
    if known is None:
        raise InputError("explain_file.label", image=chosen[2])
    if not 0 <= known < len(data.classes):
        raise InputError("explain.no_label", got=known, last=len(data.classes) - 1)
    rest = data.test.images[1:ROWS]
    return {
        "images": np.concatenate([chosen[0][None], rest]).tolist(),
        "labels": [known, *data.test.labels[1:ROWS].tolist()],
        "names": [chosen[2], *(f"test:{i}" for i in range(1, ROWS))],
        "classes": list(data.classes),
    }
