"""Explain: every number of a training step, worked out longhand.

`trace_step` notes what a net, its loss and its optimizer do; `story_of` tells it; a renderer shows the story. The room
is also the call that does all three:

    handgrad.explain(net, x, y, criterion, optimizer)
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from handgrad.explain.as_json import story_values
from handgrad.explain.equation import Equation
from handgrad.explain.moment import Moment, moment_of, moment_of_net
from handgrad.explain.story import Chapter, Formula, Picture, Sentence, Story
from handgrad.explain.tell.whole import story_of
from handgrad.explain.terminal import story_lines
from handgrad.explain.trace import Trace, trace_step

__all__ = [
    "Chapter",
    "Equation",
    "Formula",
    "Moment",
    "Picture",
    "Sentence",
    "Story",
    "Trace",
    "moment_of",
    "moment_of_net",
    "story_lines",
    "story_of",
    "story_values",
    "trace_step",
]


class _Room(ModuleType):
    """`handgrad.explain` is a package and a function of that name at once, as `handgrad.audit` is, and says why."""

    def __call__(self, net: Any, *args: Any, **given: Any) -> Story:
        from handgrad.explain.entry import explain

        return explain(net, *args, **given)


sys.modules[__name__].__class__ = _Room
