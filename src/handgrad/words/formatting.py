"""Filling in a sentence: `str.format`, with Korean particles as one more format."""

from __future__ import annotations

import string
from typing import Any

from handgrad.words.particles import PARTICLES, particle


def fill(sentence: str, values: dict[str, Any]) -> str:
    """The sentence with its placeholders filled in; `{name:은/는}` ends in 은 or 는, as the name's sound asks."""
    return _FORMAT.vformat(sentence, (), values)


class _Format(string.Formatter):
    def format_field(self, value: Any, spec: str) -> str:
        if spec in PARTICLES:
            return f"{value}{particle(str(value), spec)}"
        return str(super().format_field(value, spec))


_FORMAT = _Format()
