"""What two examples of scikit-learn's gallery do, with nothing changed but the name of the class.

One looks at the first layer's weights on MNIST (which ships with handgrad), the other compares learning strategies on
four data sets. Both are held against scikit-learn's own class on the same data.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from matplotlib.figure import Figure
from sklearn.datasets import load_digits, load_iris, make_circles, make_moons
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MinMaxScaler

from handgrad import HandgradClassifier
from handgrad.data import load_data

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

STRATEGIES: list[dict[str, Any]] = [
    {"solver": "sgd", "learning_rate": "constant", "momentum": 0},
    {"solver": "sgd", "learning_rate": "constant", "momentum": 0.9, "nesterovs_momentum": False},
    {"solver": "sgd", "learning_rate": "constant", "momentum": 0.9, "nesterovs_momentum": True},
    {"solver": "sgd", "learning_rate": "invscaling", "momentum": 0},
    {"solver": "sgd", "learning_rate": "invscaling", "momentum": 0.9, "nesterovs_momentum": False},
    {"solver": "sgd", "learning_rate": "invscaling", "momentum": 0.9, "nesterovs_momentum": True},
    {"solver": "adam"},
]


@pytest.mark.slow
def test_filters_of_mnist() -> None:
    split = load_data("mnist").train
    x, y = split.images.reshape(-1, 784) / 255.0, split.labels.astype(str)
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0, test_size=0.7)
    x_train, y_train, x_test, y_test = x_train[:6000], y_train[:6000], x_test[:5000], y_test[:5000]
    fitted = [
        kind(
            hidden_layer_sizes=(40,), max_iter=8, alpha=1e-4, solver="sgd", verbose=False, random_state=1,
            learning_rate_init=0.2,
        ).fit(x_train, y_train)
        for kind in (HandgradClassifier, MLPClassifier)
    ]  # fmt: skip
    ours, theirs = fitted
    assert ours.score(x_test, y_test) == theirs.score(x_test, y_test) > 0.9
    figure = Figure()
    vmin, vmax = ours.coefs_[0].min(), ours.coefs_[0].max()
    for coef, ax in zip(ours.coefs_[0].T, figure.subplots(4, 4).ravel(), strict=False):
        ax.matshow(coef.reshape(28, 28), vmin=0.5 * vmin, vmax=0.5 * vmax)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], atol=1e-9)


def sets_of_data() -> dict[str, tuple[Any, Any]]:
    return {
        "iris": load_iris(return_X_y=True),
        "digits": load_digits(return_X_y=True),
        "circles": make_circles(noise=0.2, factor=0.5, random_state=1),
        "moons": make_moons(noise=0.3, random_state=0),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", sets_of_data())
def test_learning_curves(name: str) -> None:
    """Loss and score of each strategy, and its curve on one pair of axes."""
    x, y = sets_of_data()[name]
    x = MinMaxScaler().fit_transform(x)
    ax = Figure().subplots()
    for strategy in STRATEGIES:
        settings = {
            "random_state": 0,
            "max_iter": 15 if name == "digits" else 400,
            "learning_rate_init": 0.2,
        } | strategy
        if strategy["solver"] == "adam":
            settings["learning_rate_init"] = 0.01
        ours, theirs = (kind(**settings).fit(x, y) for kind in (HandgradClassifier, MLPClassifier))
        ax.plot(ours.loss_curve_)
        if strategy["solver"] == "sgd":
            # Of digits the last batch is smaller, and there the penalties differ by a hundredth of alpha.
            rtol = 1e-4 if name == "digits" else 1e-9
            np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=rtol)
            assert ours.score(x, y) == pytest.approx(theirs.score(x, y), abs=0.001)
            assert ours.loss_ == pytest.approx(theirs.loss_, rel=rtol)
        else:
            assert ours.score(x, y) == pytest.approx(theirs.score(x, y), abs=0.02)
            assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.1)
    assert len(ax.lines) == len(STRATEGIES)
