"""Training with a weight for each sample, and on sparse rows, each against the plain training that it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handgrad import MLP, SGD, SoftmaxCrossEntropy
from handgrad.data.sparse import SparseRows
from handgrad.errors import InputError
from handgrad.records import EpochRecord
from handgrad.train import Training, fit
from handgrad.train.loop import measure

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((12, 5)), RNG.integers(0, 3, 12)
W = RNG.integers(1, 4, 12)


def trained(x: Any, y: Any, **settings: Any) -> tuple[MLP, list[EpochRecord]]:
    net = MLP(5, 4, 3, rng=1, dtype=np.float64)
    settings = {"epochs": 5, "rng": 2, "batch_size": len(y)} | settings
    records = fit(net, x, y, SoftmaxCrossEntropy(), SGD(net, lr=0.5), **settings)
    return net, [record for record in records if isinstance(record, EpochRecord)]


@pytest.mark.parametrize("parts", [1, 5])
def test_a_sample_of_weight_three_is_there_three_times(parts: int) -> None:
    """With the whole set as one batch, in one piece or worked through in parts."""
    weighted, seen = trained(X, Y, weights=W, accumulate=parts)
    rows = np.repeat(np.arange(12), W)
    repeated, expected = trained(X[rows], Y[rows])
    np.testing.assert_allclose(weighted.theta, repeated.theta, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose([r.loss for r in seen], [r.loss for r in expected], rtol=1e-12)
    plain, _ = trained(X, Y)
    assert np.abs(plain.theta - weighted.theta).max() > 0.01  # the weights do something


def test_each_batch_gets_the_weights_of_its_own_rows() -> None:
    """Two batches a step by hand, in the given order."""
    net = MLP(5, 4, 3, rng=1, dtype=np.float64)
    criterion, optimizer = SoftmaxCrossEntropy(), SGD(net, lr=0.5)
    for rows in (slice(0, 8), slice(8, 12)):
        criterion(net(X[rows]), Y[rows], W[rows])
        net.backward(criterion.backward())
        optimizer.step()
    same, _ = trained(X, Y, weights=W, epochs=1, batch_size=8, shuffle="none")
    np.testing.assert_array_equal(same.theta, net.theta)


def test_samples_set_apart_keep_their_weights() -> None:
    net = MLP(5, 4, 3, rng=1, dtype=np.float64)
    training = Training(net, X, Y, SoftmaxCrossEntropy(), SGD(net), weights=W, validation=0.25, rng=0)
    apart = training.validation
    assert apart is not None
    *_, last = training.records()
    assert isinstance(last, EpochRecord)
    expected = SoftmaxCrossEntropy()(net(X[apart.rows]), Y[apart.rows], W[apart.rows])
    assert last.val_loss == pytest.approx(expected, rel=1e-12)
    # More rows than are measured at a time: the parts count by their weights.
    many, weights = RNG.standard_normal((2500, 5)), RNG.random(2500) + np.arange(2500) / 100
    y = RNG.integers(0, 3, 2500)
    whole = SoftmaxCrossEntropy()(net(many), y, weights)
    assert measure(net, many, y, SoftmaxCrossEntropy(), weights)[0] == pytest.approx(whole, rel=1e-12)


def test_a_validation_set_of_its_own_has_no_weights() -> None:
    _, records = trained(X, Y, weights=W, validation=(X[:6], Y[:6]), epochs=1)
    net, _ = trained(X, Y, weights=W, epochs=1)
    assert records[0].val_loss == pytest.approx(SoftmaxCrossEntropy()(net(X[:6]), Y[:6]), rel=1e-12)


@pytest.mark.parametrize("weights", [W[:5], -W, W * 0, W * np.nan, W[:, None]])
def test_wrong_weights_are_told_at_the_call(weights: Any) -> None:
    net = MLP(5, 3)
    with pytest.raises(InputError, match="one number above 0 is needed for each of the 12 samples"):
        fit(net, X, Y, SoftmaxCrossEntropy(), SGD(net), weights=weights)


def test_a_criterion_that_takes_no_weights() -> None:
    class Own:
        def __call__(self, prediction: Any, labels: Any) -> float:
            return 0.0

        def backward(self) -> Any:
            return None

    net = MLP(5, 3)
    with pytest.raises(InputError, match="Own takes no weights"):
        fit(net, X, Y, Own(), SGD(net), weights=W)


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "coo_array"])
def test_sparse_rows_train_as_dense_ones(kind: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    x = np.where(np.abs(X) > 1, X, 0)
    settings: dict[str, Any] = {"batch_size": 5, "validation": 0.25, "rng": 0}
    dense, one = trained(x, Y, **settings)
    same, other = trained(getattr(sparse, kind)(x), Y, **settings)
    np.testing.assert_array_equal(same.theta, dense.theta)
    assert [(r.loss, r.val_loss) for r in one] == [(r.loss, r.val_loss) for r in other]


def test_sparse_rows_are_never_dense_as_a_whole() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    rows = SparseRows(sparse.random_array((1_000_000, 100_000), density=1e-9, rng=0))  # dense: 800 GB
    assert len(rows) == 1_000_000
    assert rows.take(np.arange(3)).shape == (3, 100_000)
    assert rows[5:9].shape == (4, 100_000)


def test_a_sparse_number_that_is_not_finite_is_named() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    x = X.copy()
    x[7, 2] = np.nan
    with pytest.raises(InputError, match=r"images\[7\] holds nan"):
        trained(sparse.csr_array(x), Y)
