"""A reading: one way to understand a file as a network, with what was taken for what."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from handgrad.audit.subject import Subject


@dataclass(frozen=True)
class Reading:
    """A subject, and how it was found in somebody's namespace.

    Attributes:
        subject: the network, through the calls of `Subject`.
        dialect: which way of writing it is: "glue", "modules", "unrolled", ...
        facts: what was taken for what, for people: {"parameters": "W1, b1", "forward": "Net.forward", ...}; keys are
            parameters, forward, loss, backward, update, labels.
        functions: the functions and classes that take part, for finding lines: {"backward": Net.backward, ...}.
        invented: whether the network was put together by the audit from layers of the file.
        silent: whether its loss is none that the file reports, but the one that its gradient may belong to.
        doubtful: whether its labels may be meant in another form, if not all that is wrong has a name.
        sure: whether one function gives loss and gradient, so that no other loss can be meant.
        open: whether the file has several losses, and nothing in it says which of them its gradients are for.
    """

    subject: Subject
    dialect: str
    facts: dict[str, str]
    functions: dict[str, Any] = field(default_factory=dict)
    invented: bool = False
    silent: bool = False
    doubtful: bool = False
    sure: bool = False
    open: bool = False

    @property
    def trains(self) -> bool:
        """Whether its step is the program's own training, or a loop of it, and not put together by the audit."""
        trains, named = self.functions.get("train"), self.facts.get("update", "")
        return "the loop in line" in named or (trains is not None and trains.__qualname__ in named)


# A reader looks through a file's names, and its syntax tree where names do not say enough, and yields each reading that
# makes sense, the likeliest first.
Reader: TypeAlias = Callable[[dict[str, Any], ast.Module | None], Iterator[Reading]]
