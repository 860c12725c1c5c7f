"""What the estimators can do that scikit-learn's cannot, and how they live in its tools."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

import pandas as pd
from scipy.sparse import csc_matrix, csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from handgrad import HandgradClassifier, HandgradRegressor
from handgrad.core.layers import BatchNorm, Dropout
from handgrad.core.losses import MSE
from handgrad.errors import DivergedError, InputError
from handgrad.estimator.losses import Poisson, Scaled
from handgrad.records import EpochRecord, StepRecord

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
FEW: dict[str, Any] = {"hidden_layer_sizes": (12,), "random_state": 0, "max_iter": 6, "batch_size": 50}


def test_in_a_pipeline_a_grid_and_a_cross_validation() -> None:
    pipeline = make_pipeline(StandardScaler(), HandgradClassifier(**FEW | {"learning_rate_init": 0.01, "max_iter": 15}))
    assert cross_val_score(pipeline, X, Y, cv=3).mean() > 0.8
    grid = GridSearchCV(pipeline, {"handgradclassifier__dropout": [0.0, 0.9]}, cv=2).fit(X, Y)
    assert grid.best_params_ == {"handgradclassifier__dropout": 0.0}
    regressor = HandgradRegressor(**FEW | {"learning_rate_init": 0.01, "max_iter": 60})
    assert cross_val_score(regressor, X, X[:, 20] - X[:, 30], cv=3).mean() > 0.8


def test_clone_and_pickle() -> None:
    estimator = HandgradClassifier(solver="adamw", dropout=0.2, batch_norm=True, **FEW).fit(X, Y)
    assert clone(estimator).get_params() == estimator.get_params()
    assert not hasattr(clone(estimator), "coefs_")
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))
    for one in (again, estimator):  # the optimizer went along, and still holds this very net
        one.partial_fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))
    assert again.coefs_[0].base is not None


def test_sparse_rows_are_as_good_as_dense_ones() -> None:
    dense = HandgradClassifier(**FEW).fit(X, Y)
    for kind in (csr_array, csc_matrix):
        same = HandgradClassifier(**FEW, early_stopping=False).fit(kind(X), Y)
        np.testing.assert_array_equal(same.coefs_[0], dense.coefs_[0])
        np.testing.assert_array_equal(same.predict(kind(X)), dense.predict(X))
    assert HandgradClassifier(**FEW, early_stopping=True).fit(csr_array(X), Y).validation_scores_


def test_whole_numbers_are_no_pixels_here() -> None:
    """The loop divides uint8 by 255; an estimator takes numbers as they are."""
    whole = (X * 16).astype(np.uint8)
    one, other = (HandgradClassifier(**FEW).fit(x, Y) for x in (whole, whole.astype(float)))
    np.testing.assert_array_equal(one.predict_proba(whole), other.predict_proba(whole.astype(float)))


def test_names_of_columns_and_classes() -> None:
    names = np.array([f"digit {y}" for y in Y])
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    estimator = HandgradClassifier(**FEW).fit(frame, names)
    assert list(estimator.feature_names_in_[:2]) == ["pixel 0", "pixel 1"]
    assert set(estimator.predict(frame)) <= set(names)
    with pytest.warns(UserWarning, match="feature names"):
        estimator.predict(X)


def test_dropout_batch_norm_and_other_parts() -> None:
    estimator = HandgradClassifier(
        activation="gelu", solver="adamw", learning_rate="one-cycle", learning_rate_init=0.02, dropout=0.1,
        batch_norm=True, **FEW | {"max_iter": 20},
    ).fit(X, Y)  # fmt: skip
    kinds = [type(layer) for layer in estimator.net_]
    assert {Dropout, BatchNorm} <= set(kinds)
    assert estimator.score(X, Y) > 0.97
    assert estimator.n_iter_ == 20
    np.testing.assert_array_equal(estimator.predict_proba(X), estimator.predict_proba(X))  # no dropout any more


def test_a_last_row_alone_does_not_stop_batch_norm() -> None:
    estimator = HandgradClassifier(batch_norm=True, **FEW).fit(X[:251], Y[:251])
    assert np.isfinite(estimator.loss_curve_).all()


def test_the_cycle_runs_to_its_end() -> None:
    rates: list[float] = []
    HandgradClassifier(
        learning_rate="cosine", tol=10.0, n_iter_no_change=1, callbacks=lambda record: rates.append(record.lr), **FEW
    ).fit(X, Y)
    assert rates[0] == 0.001
    assert rates[-1] < 0.00002


def test_a_validation_curve_does_not_stop() -> None:
    watched = HandgradClassifier(validation_curve=True, tol=10.0, n_iter_no_change=100, **FEW).fit(X, Y)
    assert len(watched.validation_scores_) == len(watched.validation_loss_curve_) == len(watched.loss_curve_) == 6
    assert watched.validation_loss_curve_[-1] < watched.validation_loss_curve_[0]
    stopping = HandgradClassifier(early_stopping=True, n_iter_no_change=100, **FEW).fit(X, Y)
    assert stopping.validation_loss_curve_ == watched.validation_loss_curve_
    assert HandgradClassifier(**FEW).fit(X, Y).validation_scores_ is None


def test_the_validation_loss_of_a_regressor_is_on_the_scale_of_its_curve() -> None:
    y = np.stack([X[:, 20], X[:, 30]], axis=1)
    estimator = HandgradRegressor(validation_curve=True, validation_fraction=0.5, alpha=0.0, **FEW | {"max_iter": 40})
    estimator.fit(X, y)
    assert estimator.validation_loss_curve_[-1] == pytest.approx(estimator.loss_curve_[-1], rel=0.5)


def test_callbacks_see_every_record_and_can_stop() -> None:
    seen: list[Any] = []
    estimator = HandgradClassifier(
        callbacks=[seen.append, lambda record: isinstance(record, EpochRecord) and record.epoch == 2], **FEW
    ).fit(X, Y)
    assert estimator.n_iter_ == 2
    assert [type(r) for r in seen].count(StepRecord) == 2 * 6
    assert [r.epoch for r in seen if isinstance(r, EpochRecord)] == [1, 2]


def test_class_weights() -> None:
    y = (Y == 3).astype(int)
    plain, balanced, heavy = (
        HandgradClassifier(class_weight=weights, **FEW | {"max_iter": 3}).fit(X, y)
        for weights in (None, "balanced", {0: 1, 1: 50})
    )
    assert plain.predict(X).sum() < balanced.predict(X).sum() < heavy.predict(X).sum()
    same = HandgradClassifier(**FEW | {"max_iter": 3}).fit(X, y, sample_weight=np.where(y == 1, 50, 1))
    np.testing.assert_allclose(same.predict_proba(X), heavy.predict_proba(X), rtol=1e-12)


def test_rows_of_weight_nothing_are_not_there() -> None:
    weights = np.where(np.arange(300) < 200, 1, 0)
    one = HandgradClassifier(**FEW).fit(X, Y, sample_weight=weights)
    other = HandgradClassifier(**FEW).fit(X[:200], Y[:200])
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-9)


def test_probabilities_too_small_for_a_float_have_a_logarithm() -> None:
    estimator = HandgradClassifier(**FEW).fit(X, Y)
    far = estimator.predict_log_proba(X[:3] * 1e4)
    assert np.isfinite(far).all()
    assert far.min() < -1000
    two = HandgradClassifier(**FEW).fit(X, Y > 4)
    assert np.isfinite(two.predict_log_proba(X[:3] * 1e4)).all()


def test_the_output_tells_how_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    HandgradClassifier(verbose=True, early_stopping=True, n_iter_no_change=1, tol=1.0, **FEW).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Epoch 1, loss = 2.")
    assert lines[1].startswith("Validation score: 0.")
    assert lines[-1] == "The validation score did not improve by 1 for 1 epochs: stopped."


# -- losses


@pytest.mark.parametrize("make", [Poisson, lambda: Scaled(MSE(), 1.5)], ids=["Poisson", "Scaled"])
@pytest.mark.parametrize("weights", [None, np.array([1.0, 0.5, 3.0, 2.0])], ids=["alike", "weighted"])
def test_the_gradient_of_a_loss(make: Any, weights: Any) -> None:
    rng = np.random.default_rng(0)
    z, t, direction = rng.standard_normal((4, 3)), rng.poisson(2.0, (4, 3)), rng.standard_normal((4, 3))
    loss, step = make(), 1e-5
    slope = (loss(z + step * direction, t, weights) - loss(z - step * direction, t, weights)) / (2 * step)
    loss(z, t, weights)
    assert (loss.backward() * direction).sum() == pytest.approx(slope, rel=1e-8)


def test_poisson_by_hand() -> None:
    # Rate 1: t = 0 costs 1, t = 2 costs 2 ln 2 - 2 + 1.
    assert Poisson()([[0.0, 0.0]], [[0, 2]]) == pytest.approx((1 + 2 * np.log(2) - 1) / 2)


# -- what is wrong


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"solver": "lbfgs"}, "lbfgs.*is not served.*Try solver='adam'"),
        ({"solver": "newton"}, "'newton' is not known. Choose one of: sgd"),
        ({"activation": "swish"}, "Choose one of: identity, logistic, relu"),
        ({"activation": ["relu"]}, "is not known"),
        ({"learning_rate": "fast"}, "constant, invscaling, adaptive, one-cycle, cosine"),
        ({"alpha": -1}, "alpha: got -1; it must be a number, 0 or more"),
        ({"alpha": "little"}, "alpha: got 'little'"),
        ({"learning_rate_init": 0}, "a number above 0"),
        ({"dropout": 1.0}, "up to, but not including, 1"),
        ({"momentum": float("nan")}, "momentum: got nan"),
        ({"max_iter": 2.5}, "max_iter: got 2.5; it must be a whole number"),
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"n_iter_no_change": 0}, "n_iter_no_change: got 0"),
        ({"hidden_layer_sizes": (10, -1)}, "hidden_layer_sizes: got -1"),
        ({"shuffle": "yes"}, "shuffle: got 'yes'; it must be True or False"),
        ({"callbacks": [3]}, "callbacks: got 3"),
        ({"early_stopping": True, "validation_fraction": 0.001}, "keeps 1 row"),
    ],
)
def test_a_parameter_that_will_not_do(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        HandgradClassifier(**FEW | settings).fit(X, Y)


def test_calls_that_will_not_do() -> None:
    fitted = HandgradClassifier(warm_start=True, **FEW).fit(X, Y)
    with pytest.raises(InputError, match="the net that was trained before has other layers"):
        fitted.set_params(hidden_layer_sizes=(5,)).fit(X, Y)
    with pytest.raises(InputError, match="this estimator was made for"):
        HandgradClassifier(warm_start=True, **FEW).fit(X, Y).fit(X, Y + 1)
    with pytest.raises(InputError, match="needs classes="):
        HandgradClassifier().partial_fit(X, Y)
    with pytest.raises(InputError, match="cannot stop early"):
        HandgradClassifier(early_stopping=True).partial_fit(X, Y, classes=range(10))
    with pytest.raises(InputError, match="sees only some of them"):
        HandgradClassifier(class_weight="balanced").partial_fit(X, Y, classes=range(10))
    with pytest.raises(InputError, match="from -1"):
        HandgradClassifier(**FEW).fit(X, Y, sample_weight=np.where(Y == 1, -1, 1))
    with pytest.raises(InputError, match="y goes down to -9"):
        HandgradRegressor(loss="poisson", **FEW).fit(X, -Y)
    with pytest.raises(InputError, match="'cubes' is not known"):
        HandgradRegressor(loss="cubes", **FEW).fit(X, Y)
    with pytest.raises(InputError, match="made for 1"):
        HandgradRegressor(**FEW).partial_fit(X, Y).partial_fit(X, X[:, :2])
    with pytest.raises(DivergedError, match="smaller learning rate"):
        HandgradRegressor(solver="sgd", learning_rate_init=1e6, **FEW).fit(X, Y)


def test_without_scikit_learn_one_sentence_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['sklearn'] = None\nimport handgrad\n"
        "try:\n    handgrad.HandgradClassifier\nexcept ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'handgrad[sklearn]'" in done.stdout
    assert done.stdout.count("\n") == 1
