"""What classifier and regressor share: from scikit-learn's `fit(X, y)` to a `Training` of ours, and to predictions.

The loop is that of `handgrad.train`; here its records are read, and its net is asked for outputs.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from handgrad.core.arrays import Array
from handgrad.core.losses import Loss
from handgrad.data.batches import in_parts
from handgrad.errors import InputError
from handgrad.estimator import settings
from handgrad.estimator.settings import Settings
from handgrad.estimator.stopping import Patience, change_rate
from handgrad.records import EpochRecord
from handgrad.train.guests import evaluating
from handgrad.train.loop import Training
from handgrad.train.samples import as_numbers
from handgrad.words import say

SPARSE = ["csr", "csc"]
FLOATS = (np.float64, np.float32)


class Estimator(Settings, BaseEstimator, ABC):
    """Base of both estimators."""

    _loss_scale = 1.0  # from the criterion's value to the loss that scikit-learn reports

    # -- what a subclass knows

    @abstractmethod
    def _targets(self, y: Any, *, first: bool, incremental: bool) -> tuple[Array, str, int]:
        """(targets for the criterion, out_activation_, number of outputs) of a validated y."""

    @abstractmethod
    def _criterion(self) -> Loss:
        """The loss, once the number of outputs is known."""

    @abstractmethod
    def _score_of(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        """The score of the net's outputs, by which early stopping goes."""

    def _weigh(self, y: Any, weights: Array | None, *, incremental: bool) -> Array | None:
        """The weights of the rows, those of their classes included."""
        return weights

    # -- fitting

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X (n, features), dense or sparse, and y (n,) or (n, outputs); a row counts by its sample_weight."""
        return self._fit(X, y, sample_weight, incremental=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, incremental: bool) -> Self:
        settings.check(self)
        if incremental and self.early_stopping:
            raise InputError("estimator.partial_stopping")
        first = not hasattr(self, "net_") or not (self.warm_start or incremental)
        X, y = validate_data(
            self, X, y, accept_sparse=SPARSE, multi_output=True, y_numeric=self._numeric, dtype=FLOATS, reset=first
        )
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        targets, self.out_activation_, self.n_outputs_ = self._targets(y, first=first, incremental=incremental)
        weights = self._weigh(y, weights, incremental=incremental)
        X, targets, weights = _without_weightless(X, targets, weights)
        self._random_state = check_random_state(self.random_state)
        if first:
            self._start(X.shape[1], X.dtype)
        elif [layer.outputs for layer in settings.linears(self.net_)][:-1] != settings.hidden(self):
            raise InputError("estimator.warm_sizes", got=self.hidden_layer_sizes)
        self._train(X, targets, weights, incremental=incremental)
        self.net_.eval()
        return self

    def _start(self, features: int, dtype: Any) -> None:
        """A new net, and nothing learned yet."""
        self.net_ = settings.build_net(self, features, self.n_outputs_, dtype, self._random_state)
        self.n_layers_ = len(settings.hidden(self)) + 2
        self.t_ = 0
        self.loss_curve_: list[float] = []
        watched = self.early_stopping or self.validation_curve
        self.validation_scores_: list[float] | None = [] if watched else None
        self.validation_loss_curve_: list[float] | None = [] if watched else None
        self._patience = Patience()
        self.__dict__.pop("_optimizer", None)

    def _train(self, X: Any, targets: Array, weights: Array | None, *, incremental: bool) -> None:
        """Train for `max_iter` epochs, or one; stop early by the rules of `Patience`."""
        X, targets, weights, apart = self._split(X, targets, weights, incremental=incremental)
        samples = X.shape[0]
        batch_size = self._batch_size(samples)
        rows = batch_size * (1.0 if weights is None else float(weights.mean()))
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = settings.build_optimizer(self, self.net_, rows)
        training = Training(
            self.net_,
            X,
            targets,
            self._criterion(),
            self._optimizer,
            epochs=1 if incremental else self.max_iter,
            batch_size=batch_size,
            rng=self._random_state,
            shuffle="compose" if self.shuffle else "none",
            drop_last=bool(self.batch_norm and samples % batch_size == 1),  # one row has no variance
            validation=apart[:2] if apart else None,
            weights=weights,
            engine=self.engine,
        )
        if not incremental or self.learning_rate in settings.OF_SGD:  # a cycle needs an end
            training.schedule = settings.build_schedule(self, training.steps_per_epoch * self.max_iter)
        self.n_iter_ = 0
        try:
            ended = self._watch(training, apart, rows / batch_size)
            if not (ended or incremental) and self.learning_rate in settings.OF_SGD:
                warnings.warn(say("estimator.not_converged", epochs=self.max_iter), ConvergenceWarning, stacklevel=4)
        except KeyboardInterrupt:
            warnings.warn(say("estimator.interrupted"), stacklevel=4)
        if self.early_stopping and self._patience.best:
            self.net_.load_state(self._patience.best)

    def _watch(self, training: Training, apart: Any, weight: float) -> bool:
        """Read the records; whether they ended before max_iter was reached. `weight` is a row's, on average."""
        penalty, charged = self._penalty(), 0.0
        for record in training.records():
            stop = [callback(record) for callback in settings.callbacks(self)]
            if isinstance(record, EpochRecord):
                loss = record.loss * self._loss_scale + charged / (weight * len(training.images))
                charged = 0.0
                if self._end_epoch(training, record, loss, apart):
                    return True
            else:
                charged += penalty  # as it stood before the step
                penalty = self._penalty()
            if True in stop:
                return True
        return False

    def _end_epoch(self, training: Training, record: EpochRecord, loss: float, apart: Any) -> bool:
        """Note an epoch; whether it is the last."""
        self.n_iter_ += 1
        self.t_ += len(training.images)
        self.loss_ = loss
        self.loss_curve_.append(loss)
        if self.verbose:
            print(say("estimator.epoch", epoch=self.n_iter_, loss=f"{loss:.8f}"))
        if apart and self.validation_scores_ is not None and self.validation_loss_curve_ is not None:
            assert record.val_loss is not None
            self.validation_loss_curve_.append(record.val_loss * self._loss_scale)
            with evaluating(self.net_):
                score = self._score_of(self._outputs(as_numbers(apart[0])), *apart[1:])
            self.validation_scores_.append(score)
            if self.verbose:
                print(say("estimator.score", score=f"{score:.6f}"))
        if self.early_stopping and self.validation_scores_:
            self._patience.see_score(self.validation_scores_[-1], self.tol, self.net_.state())
        else:
            self._patience.see_loss(loss, self.tol)
        rate = settings.rate_after(self, self.t_)
        if rate is not None:
            change_rate(training.optimizer, rate)
        return self._patience.at_end(self, training.optimizer)

    def _split(self, X: Any, targets: Array, weights: Array | None, *, incremental: bool) -> tuple[Any, ...]:
        """(X, targets, weights, those kept apart or None), drawn as scikit-learn draws them."""
        if incremental or not (self.early_stopping or self.validation_curve):
            return X, targets, weights, None
        given = [X, targets] if weights is None else [X, targets, weights]
        parts = train_test_split(
            *given, random_state=self._random_state, test_size=self.validation_fraction, stratify=self._strata(targets)
        )
        kept, apart = parts[::2], parts[1::2]
        if apart[0].shape[0] < 2:
            raise InputError("estimator.few_apart", got=self.validation_fraction, rows=apart[0].shape[0])
        return *kept, *[None] * (3 - len(kept)), (*apart, *[None] * (3 - len(apart)))

    def _strata(self, targets: Array) -> Array | None:
        """By what the rows kept apart are drawn evenly."""
        return None

    def _batch_size(self, samples: int) -> int:
        if self.batch_size == "auto":
            return min(200, samples)
        if self.batch_size > samples:
            warnings.warn(say("estimator.clipped", got=self.batch_size, samples=samples), stacklevel=5)
        return min(int(self.batch_size), samples)

    def _penalty(self) -> float:
        """alpha / 2 times the sum of all squared weights; AdamW's decay is no part of a loss."""
        if self.solver == "adamw" or not self.alpha:
            return 0.0
        return float(self.alpha) / 2 * sum(float(np.vdot(W, W)) for W in self.coefs_)

    # -- predicting

    def _predict(self, X: Any) -> Array:
        """The net's outputs, before any activation: (n, outputs)."""
        check_is_fitted(self, "net_")
        return self._outputs(as_numbers(validate_data(self, X, accept_sparse=SPARSE, dtype=FLOATS, reset=False)))

    def _outputs(self, X: Array) -> Array:
        return np.concatenate([self.net_(x) for x in in_parts(X, dtype=self.net_.dtype)])

    # -- what scikit-learn's own are asked for

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, live, (inputs, outputs)."""
        return [layer.W for layer in settings.linears(self._fitted_net())]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer, live."""
        return [layer.b for layer in settings.linears(self._fitted_net())]

    @property
    def best_loss_(self) -> float | None:
        """The smallest training loss; None with early stopping, which goes by the score."""
        return None if self.early_stopping else float(self._fitted("_patience").best_loss)

    @property
    def best_validation_score_(self) -> float | None:
        """The best score on the rows kept apart; None without early stopping."""
        return float(self._fitted("_patience").best_score) if self.early_stopping else None

    def _fitted_net(self) -> Any:
        return self._fitted("net_")

    def _fitted(self, name: str) -> Any:
        try:
            return self.__dict__[name]
        except KeyError:  # `hasattr(estimator, "coefs_")` asks whether it is fitted
            raise AttributeError(say("estimator.not_fitted", name=type(self).__name__)) from None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _without_weightless(X: Any, targets: Array, weights: Array | None) -> tuple[Any, Array, Array | None]:
    """Without the rows of weight 0, so that it is as if they had never been there."""
    if weights is None:
        return X, targets, weights
    if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.max() > 0):
        raise InputError("estimator.weights", low=weights.min(), high=weights.max())
    counts = weights > 0
    return (X, targets, weights) if counts.all() else (X[counts], targets[counts], weights[counts])
