"""The estimators: handgrad's training behind scikit-learn's interface, as a drop-in for its own MLP estimators."""

from __future__ import annotations

from handgrad.errors import MissingError

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise MissingError("estimator.missing") from error

from handgrad.estimator.classifier import HandgradClassifier
from handgrad.estimator.regressor import HandgradRegressor

__all__ = ["HandgradClassifier", "HandgradRegressor"]
