"""The benchmark suite: the same work done by handgrad and by the libraries that a user would pick instead.

Everybody works in a process of its own, with its threads pinned, and they take turns within one run.
"""

from handgrad.bench.cold import cold_starts
from handgrad.bench.race import Result, race
from handgrad.bench.scaling import AXES, Point, scaling
from handgrad.bench.works import PREDICTIONS, WORKS, Work

__all__ = ["AXES", "PREDICTIONS", "WORKS", "Point", "Result", "Work", "cold_starts", "race", "scaling"]
