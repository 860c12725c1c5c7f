"""A fitted scikit-learn MLP gives as a net the very numbers that it predicts."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from handgrad import DataError, HandgradClassifier, InputError, from_sklearn, import_net

X = np.random.default_rng(0).standard_normal((60, 5))
THREE = np.arange(60) % 3


def fitted(estimator: Any, y: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize(
    "y", [THREE, THREE > 0, np.stack([THREE > 0, THREE > 1], 1).astype(int)], ids=["3", "2", "multilabel"]
)
def test_classifiers(activation: str, y: Any) -> None:
    estimator = fitted(MLPClassifier((7, 4), activation=activation, max_iter=5, random_state=0), y)
    net = from_sklearn(estimator)
    np.testing.assert_allclose(net(X), estimator.predict_proba(X), rtol=1e-12, atol=1e-14)
    assert net.dtype == np.float64
    assert not net.training


@pytest.mark.parametrize("outputs", [1, 2])
def test_regressors(outputs: int) -> None:
    estimator = fitted(MLPRegressor(hidden_layer_sizes=(7,), max_iter=5, random_state=0), X[:, :outputs].squeeze())
    np.testing.assert_allclose(from_sklearn(estimator)(X).squeeze(), estimator.predict(X), rtol=1e-12, atol=1e-14)


def test_what_is_no_fitted_mlp() -> None:
    for thing in (LogisticRegression(), MLPClassifier, None, [1, 2]):
        with pytest.raises(InputError, match="not a fitted MLPClassifier"):
            from_sklearn(thing)
    with pytest.raises(InputError, match="has not been fitted"):
        from_sklearn(MLPClassifier())
    with pytest.raises(InputError, match=r"estimator\.net_"):
        from_sklearn(fitted(HandgradClassifier(hidden_layer_sizes=(4,), max_iter=2), THREE))
    broken = fitted(MLPClassifier((4,), max_iter=2), THREE)
    broken.coefs_[0][0, 0] = np.nan
    with pytest.raises(InputError, match=r"'fc1.weight' holds 1 of 20 numbers that are NaN"):
        from_sklearn(broken)


@pytest.mark.parametrize("name", ["mlp.pkl", "mlp.joblib", "joblib.pkl", "mlp.pickle"])
def test_a_pickle_is_read_only_if_it_is_trusted(name: str, tmp_path: Path) -> None:
    estimator, path = fitted(MLPClassifier((4,), max_iter=2), THREE), tmp_path / name
    if "joblib" in name:
        joblib.dump(estimator, path)
    else:
        path.write_bytes(pickle.dumps(estimator))
    with pytest.raises(DataError, match="--trusted"):
        import_net(path)
    np.testing.assert_allclose(import_net(path, trusted=True)(X), estimator.predict_proba(X), rtol=1e-12, atol=1e-14)
    if name == "mlp.pkl":
        ours = fitted(HandgradClassifier(hidden_layer_sizes=(4,), max_iter=2), THREE)
        path.write_bytes(pickle.dumps(ours))
        np.testing.assert_array_equal(import_net(path, trusted=True)(X), ours.net_(X))
