"""In place of scikit-learn's own: with one random_state both give the same losses, weights and predictions.

The two share no code: theirs has its own forward, backward and optimizers.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.datasets import load_digits, make_classification, make_multilabel_classification, make_regression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from handgrad import HandgradClassifier, HandgradRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Array = np.ndarray[Any, np.dtype[Any]]
CLASSIFIERS, REGRESSORS = (HandgradClassifier, MLPClassifier), (HandgradRegressor, MLPRegressor)


@pytest.fixture(scope="module")
def data() -> dict[str, tuple[Array, Array]]:
    digits = load_digits()
    labels = make_multilabel_classification(200, random_state=0)
    numbers = make_regression(200, 6, n_targets=2, noise=3, random_state=0)
    return {
        "digits": (digits.data[:400] / 16, digits.target[:400]),
        "two": make_classification(200, 6, random_state=1),
        "labels": (labels[0] / 10, labels[1]),
        "numbers": (numbers[0], numbers[1] / 100),
        "number": (numbers[0], numbers[1][:, 0] / 100),
        "counts": (numbers[0], np.round(np.exp(numbers[1] / 100))),
    }


def both(kinds: Any, x: Array, y: Array, weights: Array | None = None, **settings: Any) -> tuple[Any, Any]:
    settings = {"random_state": 3, "max_iter": 12, "hidden_layer_sizes": (12, 5), "batch_size": 50} | settings
    more = {} if weights is None else {"sample_weight": weights}
    ours, theirs = (kind(**settings).fit(x, y, **more) for kind in kinds)
    return ours, theirs


def assert_alike(ours: Any, theirs: Any, x: Array, rtol: float = 1e-9) -> None:
    assert len(ours.loss_curve_) == len(theirs.loss_curve_)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=rtol)
    for one, other in zip([*ours.coefs_, *ours.intercepts_], [*theirs.coefs_, *theirs.intercepts_], strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=10 * rtol, atol=10 * rtol)
    for name in ("n_iter_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_", "t_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("loss_", "best_loss_", "best_validation_score_", "validation_scores_"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert (one is None) == (other is None), name
        assert one is None or one == pytest.approx(other, rel=10 * rtol), name
    if hasattr(theirs, "classes_"):
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
        np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), rtol=100 * rtol, atol=rtol)
        np.testing.assert_allclose(
            ours.predict_log_proba(x), theirs.predict_log_proba(x), rtol=100 * rtol, atol=100 * rtol
        )


SGD = {"solver": "sgd", "learning_rate_init": 0.1}
STOPPING = SGD | {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 100, "validation_fraction": 0.25}
CASES: dict[str, dict[str, Any]] = {
    "early stopping": STOPPING,
    "nesterov": SGD,
    "momentum": SGD | {"nesterovs_momentum": False, "activation": "tanh"},
    "plain": SGD | {"momentum": 0, "activation": "logistic", "alpha": 1.0},
    "identity": SGD | {"activation": "identity", "shuffle": False},
    "invscaling": SGD | {"learning_rate": "invscaling", "power_t": 0.2},
    "adaptive": SGD | {"learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1, "max_iter": 30},
    "stops by its loss": SGD | {"tol": 0.05, "n_iter_no_change": 2, "max_iter": 100},
    "adam": {"epsilon": 1e-20},  # where epsilon stands differs between the two; without it they are one
    "one layer": SGD | {"hidden_layer_sizes": 7},
    "no hidden layer": SGD | {"hidden_layer_sizes": ()},
}


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
def test_many_classes(data: Any, settings: dict[str, Any]) -> None:
    x, y = data["digits"]
    assert_alike(*both(CLASSIFIERS, x, y, **settings), x)


@pytest.mark.parametrize("name", ["two", "labels"])
@pytest.mark.parametrize("case", ["nesterov", "early stopping", "adam"])
def test_two_classes_and_several_labels(data: Any, name: str, case: str) -> None:
    x, y = data[name]
    assert_alike(*both(CLASSIFIERS, x, y, **CASES[case] | {"batch_size": 25, "validation_fraction": 0.125}), x)


@pytest.mark.parametrize("name", ["number", "numbers"])
@pytest.mark.parametrize("case", ["nesterov", "early stopping", "adam", "plain"])
def test_numbers(data: Any, name: str, case: str) -> None:
    x, y = data[name]
    settings = CASES[case] | {"learning_rate_init": 0.01, "batch_size": 25, "validation_fraction": 0.125}
    assert_alike(*both(REGRESSORS, x, y, **settings), x)


def test_counts(data: Any) -> None:
    if "loss" not in MLPRegressor().get_params():
        pytest.skip("this scikit-learn has no Poisson loss to compare with")
    x, y = data["counts"]
    ours, theirs = both(REGRESSORS, x, y, loss="poisson", solver="sgd", learning_rate_init=0.001)
    assert_alike(ours, theirs, x)


def test_weights(data: Any) -> None:
    """All in one batch: of smaller ones scikit-learn divides the penalty by each batch's own weight."""
    weights = np.random.default_rng(0).random(200) + 0.1
    for kinds, name in ((CLASSIFIERS, "two"), (REGRESSORS, "number")):
        x, y = data[name]
        try:
            ours, theirs = both(kinds, x, y, weights, batch_size=200, **SGD)
        except TypeError:
            pytest.skip("this scikit-learn takes no sample_weight")
        assert_alike(ours, theirs, x)


def test_float32_stays_float32(data: Any) -> None:
    x, y = data["digits"]
    ours, theirs = both(CLASSIFIERS, x.astype(np.float32), y, **SGD)
    assert {array.dtype for array in ours.coefs_} == {np.dtype(np.float32)}
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-5)


def test_a_last_batch_that_is_smaller(data: Any) -> None:
    """There scikit-learn divides the penalty by the rows of that batch; here it is the same in every batch."""
    x, y = data["digits"]
    ours, theirs = both(CLASSIFIERS, x, y, batch_size=150, **SGD)
    assert_alike(ours, theirs, x, rtol=1e-5)
    ours, theirs = both(CLASSIFIERS, x, y, batch_size=150, alpha=0, **SGD)
    assert_alike(ours, theirs, x)


def test_adam_with_its_epsilon(data: Any) -> None:
    """Kingma and Ba's algorithm 1 against the variant below it: close, and not the same."""
    x, y = data["digits"]
    ours, theirs = both(CLASSIFIERS, x, y)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=5e-3)


@pytest.mark.parametrize(("kinds", "name"), [(CLASSIFIERS, "digits"), (REGRESSORS, "numbers")])
def test_part_by_part(data: Any, kinds: Any, name: str) -> None:
    x, y = data[name]
    fitted = []
    for kind in kinds:
        estimator = kind(hidden_layer_sizes=(9,), batch_size=25, random_state=5, learning_rate="invscaling", **SGD)
        for turn in range(6):
            part = slice(50 * (turn % 3), 50 * (turn % 3) + 50)
            more = {"classes": np.unique(y)} if kind in CLASSIFIERS and not turn else {}
            estimator.partial_fit(x[part], y[part], **more)
        fitted.append(estimator)
    assert_alike(*fitted, x)


def test_a_warm_start(data: Any) -> None:
    x, y = data["digits"]
    fitted = []
    for kind in CLASSIFIERS:
        estimator = kind(hidden_layer_sizes=(9,), batch_size=50, random_state=5, warm_start=True, max_iter=4, **SGD)
        fitted.append(estimator.fit(x, y).fit(x, y))
    assert len(fitted[0].loss_curve_) == 8
    assert_alike(*fitted, x)


def test_it_warns_as_theirs_does(data: Any) -> None:
    x, y = data["digits"]
    for kind in CLASSIFIERS:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            kind(max_iter=2, batch_size=1000, random_state=0).fit(x, y)
        assert [w.category.__name__ for w in seen] == ["UserWarning", "ConvergenceWarning"]
        assert all(w.filename == __file__ for w in seen) or kind is MLPClassifier
