"""Sweeps: many trainings that differ in a few settings, tried out by several processes, for the best of them.

What is tried next, and what is given up early, Optuna decides; the study lies in a file or database that all share.
"""

from __future__ import annotations

from handgrad.errors import MissingError

try:
    import optuna  # noqa: F401
except ImportError as error:
    raise MissingError("sweep.missing") from error

from handgrad.sweep.space import Space
from handgrad.sweep.study import Sweep
from handgrad.sweep.summary import Summary, summary
from handgrad.sweep.toml import to_toml
from handgrad.sweep.worker import work

__all__ = ["Space", "Summary", "Sweep", "summary", "to_toml", "work"]
