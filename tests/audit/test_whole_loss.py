"""Which loss of a file is taken, where it reports one with a penalty and one without."""

from __future__ import annotations

import numpy as np
import pytest

from handgrad.audit import whole_loss
from handgrad.audit.findings import Finding
from handgrad.audit.judging.diagnose import Diagnosis
from handgrad.audit.reading.fence import OutOfTime
from handgrad.audit.subject import Subject
from handgrad.audit.whole_loss import charges, decays, paid_by_the_step
from handgrad.core.arrays import Array

W, b = np.random.default_rng(0).standard_normal((6, 4)), np.zeros(4)


def data(x: Array, y: Array) -> float:
    return float(np.square(np.tanh(x @ W + b) - np.eye(4)[y]).mean())


@pytest.mark.parametrize(("more", "told"), [
    (lambda x: 0.05 * np.square(W).sum(), True),
    (lambda x: 0.05 * np.abs(W).sum(), True),
    (lambda x: 0.05 * np.square(W).sum() / len(x), True),
    (lambda x: 0.0, False),
    (lambda x: 0.3, False),  # of no weights
    (lambda x: 0.05 * np.square(x @ W).mean(), False),  # of the batch
    (lambda x: -0.05 * np.square(W).sum(), False),
])  # fmt: skip
def test_a_loss_that_is_another_one_and_a_penalty(more, told: bool) -> None:  # type: ignore[no-untyped-def]
    whole, part = (
        Subject(lambda: {"W": W, "b": b}, loss, None, None, 6, 4) for loss in (lambda x, y: data(x, y) + more(x), data)
    )
    before = W.copy()
    assert charges(whole, part) is told
    assert (before == W).all()


@pytest.mark.parametrize(("shrinks", "told"), [(0.0, False), (1e-3, True)])
def test_whether_an_optimizer_takes_of_the_weights_what_their_gradients_do_not_tell(shrinks: float, told: bool) -> None:
    """Root of the squares beneath each gradient, so that no step is a multiple of one."""

    def gradients(x: Array, y: Array) -> dict[str, Array]:
        h = np.tanh(x @ W + b)
        off = (h - np.eye(4)[y]) * (1 - h * h)
        return {"W": x.T @ off, "b": off.sum(axis=0)}

    def step(x: Array, y: Array, lr: float) -> None:
        for name, g in gradients(x, y).items():
            {"W": W, "b": b}[name][...] -= lr * (g / (np.abs(g) + 1e-8) + shrinks * {"W": W, "b": b}[name])

    before = W.copy()
    assert decays(Subject(lambda: {"W": W, "b": b}, data, None, gradients, 6, 4, None, step)) is told
    assert (before == W).all()


def test_a_step_that_takes_too_long_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(_: Subject) -> bool:
        raise OutOfTime

    monkeypatch.setattr(whole_loss, "decays", late)
    subject = Subject(lambda: {"W": W, "b": b}, data, None, None, 6, 4, whole=lambda x, y, lr: None)
    told = Diagnosis(None, 1, (Finding("penalty-missing", "error", ("W",)),), 0.0)
    assert paid_by_the_step(subject, told) is told
