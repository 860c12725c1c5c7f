"""Dialects: the ways in which people write a network by hand, and a reader for each.

A reader is generous: it yields every reading that makes sense. Which one is right, the numbers decide: the first whose
loss is that of a network that `identify` knows.
"""

from __future__ import annotations

from handgrad.audit.dialects import glue
from handgrad.audit.dialects.reading import Reader, Reading

READERS: tuple[Reader, ...] = (glue.read,)

__all__ = ["READERS", "Reader", "Reading"]
