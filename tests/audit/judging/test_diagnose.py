"""The diagnosis of a network in plain NumPy: each planted mistake has its name, and what is right has none."""

from __future__ import annotations

import numpy as np
import pytest
from plain_networks import PlainNetwork

from handgrad.audit.judging.batch import batch
from handgrad.audit.judging.diagnose import diagnose
from handgrad.audit.judging.identify import identify

# mistake -> (code, how many of the six parameters it spoils)
NAMED = {
    "averaged-twice": ("averaged-twice", 6),
    "biases averaged twice": ("averaged-twice", 3),
    "biases never updated": ("never-updated", 3),
    "first layer never updated": ("never-updated", 2),
    "never-reset": ("never-reset", 6),
    "sign-flipped": ("sign-flipped", 6),
    "gradient-of-squared-error": ("gradient-of-squared-error", 6),
    "softmax-as-sigmoid": ("softmax-as-sigmoid", 6),
    "updated-too-early": ("updated-too-early", 4),
    "weights-not-transposed": ("weights-not-transposed", 2),
    "activation-derivative-missing": ("activation-derivative-missing", 4),
    "nobody's": ("unnamed", 4),
}


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_right_network_has_no_findings(activation: str, dtype: type) -> None:
    diagnosis = diagnose(PlainNetwork(activation, dtype=dtype).subject())
    assert diagnosis.ok
    assert diagnosis.findings == ()
    assert diagnosis.identity is not None
    assert (diagnosis.identity.hidden, diagnosis.identity.output) == (activation, "softmax")
    assert (diagnosis.identity.loss, diagnosis.identity.divisor) == ("cross-entropy", "B")


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("mistake", NAMED)
def test_a_planted_mistake_has_its_name(mistake: str, activation: str) -> None:
    diagnosis = diagnose(PlainNetwork(activation, mistake).subject())
    code, parameters = NAMED[mistake]
    assert [finding.code for finding in diagnosis.findings] == [code]
    assert len(diagnosis.findings[0].where) == parameters
    assert not diagnosis.ok


@pytest.mark.parametrize(
    ("mistake", "code"), [("rate twice", "learning-rate-twice"), ("velocity turned", "optimizer-velocity-sign")]
)
def test_what_a_step_does_with_its_rate_and_its_velocity(mistake: str, code: str) -> None:
    (finding,) = diagnose(PlainNetwork("tanh", mistake).subject()).findings
    assert finding.code == code
    assert len(finding.where) == 6


@pytest.mark.parametrize(
    ("mistake", "activation"),
    [
        ("derivative-at-output", "sigmoid"),
        ("derivative-at-output", "tanh"),
        ("derivative-fed-input", "sigmoid"),
        ("derivative-fed-input", "tanh"),
        ("sigmoid-derivative-everywhere", "tanh"),
        ("sigmoid-derivative-everywhere", "relu"),
    ],
)
def test_a_derivative_in_the_wrong_place(mistake: str, activation: str) -> None:
    diagnosis = diagnose(PlainNetwork(activation, mistake).subject())
    assert [finding.code for finding in diagnosis.findings] == [mistake]


@pytest.mark.parametrize(("convention", "code"), [("summed", "summed"), ("halved", "constant-factor")])
def test_a_convention_is_a_note(convention: str, code: str) -> None:
    diagnosis = diagnose(PlainNetwork("relu", convention).subject())
    assert diagnosis.ok
    assert [(finding.code, finding.severity) for finding in diagnosis.findings] == [(code, "note")]


def test_the_factor_is_that_of_the_batch() -> None:
    (finding,) = diagnose(PlainNetwork("relu", "averaged-twice").subject()).findings
    assert finding.measured["factor"] == pytest.approx(1 / finding.measured["rows"], rel=1e-9)


def test_the_parameters_are_as_before() -> None:
    network = PlainNetwork("tanh", "never-reset")
    before = {name: value.copy() for name, value in network.parameters().items()}
    diagnose(network.subject())
    for name, value in network.parameters().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_loss_of_no_known_network_is_not_guessed_at() -> None:
    network = PlainNetwork()
    network.loss = lambda x, y: float((network.forward(x)[0][-1] ** 3).sum() ** 0.3)  # type: ignore[method-assign]
    diagnosis = diagnose(network.subject())
    assert [finding.code for finding in diagnosis.findings] == ["unnamed"]
    assert diagnosis.identity is None


def test_identification_does_not_take_one_activation_for_another() -> None:
    rng = np.random.default_rng(0)
    subject = PlainNetwork().subject()
    batches = [batch(subject, rows, seed=0) for rows in (5, 8)]
    for activation in ("sigmoid", "relu", "tanh"):
        identity = identify(PlainNetwork(activation).subject(), batches, rng)
        assert identity is not None
        assert identity.hidden == activation
