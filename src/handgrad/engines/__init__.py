"""Engines: how the steps of a training are run. The NumPy engine is the specification."""

from __future__ import annotations

from handgrad.engines.numpy_engine import NumpyEngine, StepResult

__all__ = ["NumpyEngine", "StepResult"]
