"""The losses that people's own code reports: ours, but divided by what they divide by."""

from __future__ import annotations

from handgrad.core.arrays import Array
from handgrad.core.losses import MSE, BinaryCrossEntropy, CrossEntropy, Loss, SoftmaxCrossEntropy


class _Divided(Loss):
    """A loss whose sum over the batch is divided by a number of its own."""

    divide_by: float = 1.0

    def mean(self, values: Array, slopes: Array, weights: Array | None) -> float:
        """The sum of `values`, divided; keeps `slopes`, divided likewise, as its gradient."""
        slopes /= self.divide_by
        self._dy = slopes
        return float(values.sum()) / self.divide_by


class _DividedSoftmaxCrossEntropy(_Divided, SoftmaxCrossEntropy):
    pass


class _DividedCrossEntropy(_Divided, CrossEntropy):
    pass


class _DividedBinary(_Divided, BinaryCrossEntropy):
    pass


class _DividedSquares(_Divided, MSE):
    pass


def reported_loss(output: str, loss: str, divide_by: float) -> tuple[Loss, bool] | None:
    """(the loss, whether it takes the scores before the output's activation); None where none of ours is the same.

    Args:
        output: the activation of the last layer: "softmax", "sigmoid", "none", ...
        loss: "cross-entropy", "binary cross-entropy" or "squared error", of what leaves that activation.
        divide_by: what its sum over batch and outputs is divided by.
    """
    made: _Divided
    if (output, loss) == ("softmax", "cross-entropy"):
        made, fused = _DividedSoftmaxCrossEntropy(), True
    elif (output, loss) == ("sigmoid", "binary cross-entropy"):
        made, fused = _DividedBinary(), True
    elif loss == "cross-entropy":
        made, fused = _DividedCrossEntropy(), False
    elif loss == "squared error":
        made, fused = _DividedSquares(), False
    else:
        return None
    made.divide_by = divide_by
    return made, fused


def apart(divide_by: float) -> Loss:
    """Cross-entropy of the probabilities that a softmax of its own gave."""
    made = _DividedCrossEntropy()
    made.divide_by = divide_by
    return made
