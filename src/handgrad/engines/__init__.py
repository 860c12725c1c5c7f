"""Engines: how the steps of a training are run. The NumPy engine is the specification, the fast one is its twin."""

from __future__ import annotations

from handgrad.engines.choice import ENGINES, Choice, choose, is_compiled, make, prepare
from handgrad.engines.numpy_engine import NumpyEngine, StepResult

__all__ = ["ENGINES", "Choice", "NumpyEngine", "StepResult", "choose", "is_compiled", "make", "prepare"]
