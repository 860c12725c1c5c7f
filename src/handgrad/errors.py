"""One shape for everything that can go wrong: what came, what is needed, what to try.

An error carries a key of `words/` and the values for its placeholders, so that it can be told in either language.
"""

from __future__ import annotations

from typing import Any

from handgrad import words


class HandgradError(Exception):
    """The base of every error that handgrad raises on purpose. `str(error)` is one plain sentence or two."""

    exit_status = 2  # of the command line: 2 wrong usage or input, 1 it ran and failed

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.key = key
        self.values = values

    def text(self, lang: str | None = None) -> str:
        """The sentence, in English ("en") or Korean ("ko"); by default in the reader's language."""
        return words.say(self.key, lang, **self.values)

    def __str__(self) -> str:
        return self.text()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.key, self.values)


class InputError(HandgradError, ValueError):
    """Something that was passed in does not fit: a shape, a number out of range, an unknown name."""


class StateError(HandgradError, RuntimeError):
    """Calls came in an order that cannot work, such as backward before forward."""


class DataError(HandgradError, ValueError):
    """A file or folder of data is missing, broken, or not what its name says."""


class MissingError(HandgradError, ImportError):
    """An optional package that this needs is not installed; the sentence names the extra that brings it."""


class DivergedError(HandgradError, ArithmeticError):
    """A training ran, and its loss or gradient stopped being a finite number."""

    exit_status = 1


def _rebuild(kind: type[HandgradError], key: str, values: dict[str, Any]) -> HandgradError:
    return kind(key, **values)
