"""HandgradClassifier: two classes, many classes, or several labels a row, behind scikit-learn's interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from handgrad.core.arrays import Array
from handgrad.core.layers.activations import sigmoid
from handgrad.core.layers.softmax import softmax
from handgrad.core.losses import BinaryCrossEntropy, Loss, SoftmaxCrossEntropy
from handgrad.errors import InputError
from handgrad.estimator.base import Estimator
from handgrad.estimator.losses import Scaled


@dataclass(eq=False, repr=False)
class HandgradClassifier(ClassifierMixin, Estimator):
    """A multi-layer perceptron that classifies, in place of `sklearn.neural_network.MLPClassifier`.

    The parameters of that class have the same names, defaults and meanings, and one random_state gives the same first
    weights, the same batches and so, to rounding, the same losses. `solver="lbfgs"` is not served; `max_fun`, which
    belongs to it, is accepted and has no effect. Adam is the published one, whose
    epsilon is a little smaller than scikit-learn's in the first steps.

    Beyond it:
        activation: also leaky_relu, elu, gelu, silu, softplus.
        solver: also "adamw", with `weight_decay` in the place of alpha, and "rmsprop".
        learning_rate: also "one-cycle" and "cosine", for every solver, over all max_iter epochs: tol ends nothing then.
        dropout: the probability with which each hidden activation is dropped in training.
        batch_norm: a BatchNorm before each hidden activation.
        class_weight: {class: weight} or "balanced", as in scikit-learn's other classifiers.
        validation_curve: keep `validation_fraction` of the rows apart, and fill `validation_scores_` and
            `validation_loss_curve_`, without stopping by them as early_stopping does.
        engine: "numpy", "fast" (compiled) or "auto", see `Training`.
        callbacks: a function, or several, called with each record of the training; one that returns True ends it.

    Attributes: as of MLPClassifier (coefs_, intercepts_, loss_curve_, best_loss_, n_iter_, classes_, ...), and
        net_: the net itself, a `handgrad.Sequential` that ends in logits.
    """

    class_weight: Any = None

    _numeric = False

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch on these rows. The first call is told all `classes` that there will be."""
        if not hasattr(self, "classes_"):
            if classes is None:
                raise InputError("estimator.classes_first")
            self._binarizer = LabelBinarizer().fit(y if np.ndim(y) == 2 and np.shape(y)[1] > 1 else classes)
            self.classes_ = self._binarizer.classes_
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise InputError("estimator.classes_changed", got=list(classes), has=list(self.classes_))
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """The class of each row; for several labels a row, ones and zeros (n, labels)."""
        return self._decide(self._predict(X))

    def predict_proba(self, X: Any) -> Array:
        """Probabilities (n, classes), in the order of `classes_`; for several labels, that of each label."""
        z = self._predict(X)
        if self.out_activation_ == "softmax":
            return softmax(z)
        p = sigmoid(z)
        return np.hstack([1 - p, p]) if z.shape[1] == 1 else p

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of `predict_proba`, worked out so that a probability too small for a float has one, too."""
        z = self._predict(X)
        if self.out_activation_ == "softmax":
            z = z - z.max(axis=1, keepdims=True)
            return np.asarray(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))
        if z.shape[1] == 1:
            z = np.hstack([-z, z])
        return np.asarray(-np.logaddexp(0, -z))  # log sigmoid(z)

    def _targets(self, y: Any, *, first: bool, incremental: bool) -> tuple[Array, str, int]:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if first and not incremental:
            check_classification_targets(y)
            self._binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._binarizer.classes_
        else:
            got = unique_labels(y)
            if not set(got) <= set(self.classes_) or (self.warm_start and set(got) != set(self.classes_)):
                raise InputError("estimator.classes_changed", got=list(got), has=list(self.classes_))
        table = np.asarray(self._binarizer.transform(y))  # (n, classes), or (n, 1) for two of them
        if self._binarizer.y_type_ == "multiclass":
            return table.argmax(axis=1), "softmax", table.shape[1]
        return table, "logistic", table.shape[1]

    def _criterion(self) -> Loss:
        if self.out_activation_ == "softmax":
            return SoftmaxCrossEntropy()
        return BinaryCrossEntropy() if self.n_outputs_ == 1 else Scaled(BinaryCrossEntropy(), self.n_outputs_)

    def _weigh(self, y: Any, weights: Array | None, *, incremental: bool) -> Array | None:
        if self.class_weight is None:
            return weights
        if incremental and self.class_weight == "balanced":
            raise InputError("estimator.balanced_partial")
        of_classes = compute_sample_weight(self.class_weight, y)
        return np.asarray(of_classes if weights is None else of_classes * weights)

    def _strata(self, targets: Array) -> Array | None:
        return targets if self.n_outputs_ == 1 else None  # two classes; of more, scikit-learn's draw is not even

    def _score_of(self, outputs: Array, targets: Array, weights: Array | None) -> float:
        if self.out_activation_ == "softmax":
            return float(np.average(outputs.argmax(axis=1) == targets, weights=weights))
        return float(accuracy_score(targets, outputs > 0, sample_weight=weights))

    def _decide(self, z: Array) -> Array:
        """Classes from the net's outputs: the largest one, or each that is above 0, where a sigmoid gives 1/2."""
        if self.out_activation_ == "softmax":
            return np.asarray(self.classes_[z.argmax(axis=1)])
        return np.asarray(self._binarizer.inverse_transform((z > 0).astype(int)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
