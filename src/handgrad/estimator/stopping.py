"""When a fit ends: scikit-learn's rules, read off the training's records.

A fit stops where the training loss, or with early stopping the score on rows kept apart, has not improved by `tol` for
more than `n_iter_no_change` epochs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.optim import Optimizer
from handgrad.estimator.settings import OF_SGD
from handgrad.words import say

SLOWEST = 1e-6  # an adaptive learning rate that has come down to this ends the training


class Patience:
    """What a fit remembers of its best epoch; part of the estimator, so that a warm start goes on from it."""

    def __init__(self) -> None:
        self.waited = 0  # epochs without an improvement
        self.best_loss, self.best_score = np.inf, -np.inf
        self.best: dict[str, Array] = {}  # the net's arrays after the epoch of the best score

    def see_loss(self, loss: float, tol: float) -> None:
        """One epoch's training loss."""
        self.waited = self.waited + 1 if loss > self.best_loss - tol else 0
        self.best_loss = min(self.best_loss, loss)

    def see_score(self, score: float, tol: float, arrays: dict[str, Array]) -> None:
        """One epoch's score on the rows kept apart, and the net's live arrays. A nan never counts as better."""
        self.waited = self.waited + 1 if score < self.best_score + tol else 0
        if score > self.best_score or not self.best:
            self.best_score = max(score, self.best_score)
            self.best = {name: array.copy() for name, array in arrays.items()}

    def at_end(self, settings: Any, optimizer: Optimizer) -> bool:
        """Whether to stop now. An adaptive rate is divided by 5 instead, until it is too small."""
        if self.waited <= settings.n_iter_no_change or settings.learning_rate not in OF_SGD:
            return False
        if settings.solver == "sgd" and settings.learning_rate == "adaptive" and optimizer.lr > SLOWEST:
            change_rate(optimizer, optimizer.lr / 5)
            self.waited = 0
            if settings.verbose:
                print(say("estimator.slower", lr=f"{optimizer.lr:g}"))
            return False
        if settings.verbose:
            what = "estimator.stopped_score" if settings.early_stopping else "estimator.stopped_loss"
            print(say(what, tol=f"{settings.tol:g}", epochs=settings.n_iter_no_change))
        return True


def change_rate(optimizer: Optimizer, lr: float) -> None:
    """Another learning rate from now on, under which momentum carries on at its speed, as in scikit-learn.

    There the velocity is a sum of steps, lr inside; ours is one of gradients, and lr multiplies the sum.
    """
    if lr != optimizer.lr and "velocity" in optimizer.state_names:
        state = optimizer.state()
        state["velocity"] *= optimizer.lr / lr
        optimizer.load_state(state)
    optimizer.lr = lr
