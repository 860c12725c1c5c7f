"""Dialects: the ways in which people write a network by hand, and a reader for each.

A reader is generous: it yields every reading that makes sense. Which one is right, the numbers decide: the first whose
loss is that of a network that `identify` knows.
"""

from __future__ import annotations

from handgrad.audit.dialects import (
    closures,
    columns,
    costs,
    dictionaries,
    glue,
    modules,
    nnfs,
    pairs,
    scalars,
    script,
    tensors,
    unrolled,
)
from handgrad.audit.dialects.reading import Reader, Reading

# The surest first: glue names its own parts, and a class says more of itself than a loop does; a loop says more than
# the functions that it calls.
READERS: tuple[Reader, ...] = (
    glue.read,
    scalars.read,
    tensors.read,
    columns.read,
    nnfs.read,
    closures.read,
    unrolled.read,
    modules.read,
    script.read,
    pairs.read,
    dictionaries.read,
    costs.read,
)

__all__ = ["READERS", "Reader", "Reading"]
