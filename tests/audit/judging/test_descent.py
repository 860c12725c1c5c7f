"""Links of the chain, each wrong by itself: the mistake is named where it is made, and two mistakes have two names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handgrad.audit.judging.diagnose import diagnose
from handgrad.audit.subject import Subject

Array = Any


class Chain:
    """A plain network 9-7-7-4 whose links can be replaced one by one; softmax or sigmoid on top."""

    def __init__(self, activation: str = "sigmoid", top: str = "softmax", penalty: float = 0.0) -> None:
        rng = np.random.default_rng(0)
        self.W = [rng.standard_normal(s) * 0.5 for s in ((9, 7), (7, 7), (7, 4))]
        self.b = [rng.standard_normal(n) * 0.1 for n in (7, 7, 4)]
        self.activation, self.top, self.penalty = activation, top, penalty
        self.links: dict[str, Callable[..., Array]] = {}

    def bend(self, z: Array, i: int) -> Array:
        bends: dict[str, Callable[[], Array]] = {
            "sigmoid": lambda: 1 / (1 + np.exp(-z)),
            "tanh": lambda: np.tanh(z),
            "relu": lambda: z * (z > 0),
            "leaky": lambda: np.where(z > 0, z, 0.2 * z),
        }
        return bends[self.kind(i)]()

    def slope(self, z: Array, a: Array, i: int) -> Array:
        slopes = {"sigmoid": a * (1 - a), "tanh": 1 - a * a, "relu": 1.0 * (z > 0), "leaky": np.where(z > 0, 1, 0.2)}
        return slopes[self.kind(i)]

    def kind(self, i: int) -> str:
        several = self.activation.split(", ")
        return several[i % len(several)]

    def forward(self, x: Array) -> tuple[list[Array], list[Array]]:
        a, z = [x], []
        for i in range(3):
            z.append(a[-1] @ self.W[i] + self.b[i])
            a.append(self.bend(z[-1], i))
        if self.top == "softmax":
            e = np.exp(z[-1] - z[-1].max(axis=1, keepdims=True))
            a[-1] = e / e.sum(axis=1, keepdims=True)
        return a, z

    def loss(self, x: Array, y: Array) -> float:
        p, t = self.forward(x)[0][-1], np.eye(4)[y]
        charge = self.penalty * sum(float((w * w).sum()) for w in self.W)
        if self.top == "softmax":
            return float(-(t * np.log(p)).sum() / len(x)) + charge
        return float(((p - t) ** 2).sum() / len(x)) + charge

    def gradients(self, x: Array, y: Array) -> dict[str, Array]:
        a, z = self.forward(x)
        t, rows, links = np.eye(4)[y], len(x), self.links
        d = (a[-1] - t) / rows if self.top == "softmax" else 2 * (a[-1] - t) / rows * self.slope(z[-1], a[-1], 2)
        d = links["top"](a, z, t) / rows if "top" in links else d
        found = {}
        for i in (2, 1, 0):
            dW, db = a[i].T @ d, d.sum(axis=0)
            found[f"W{i}"] = links[f"W{i}"](a, z, d) if f"W{i}" in links else dW
            found[f"b{i}"] = links[f"b{i}"](a, z, d) if f"b{i}" in links else db
            found[f"W{i}"] = found[f"W{i}"] + (links["decay"](self.W[i]) if "decay" in links else 0)
            found[f"b{i}"] = found[f"b{i}"] + (links["bias-decay"](self.b[i]) if "bias-decay" in links else 0)
            if i:
                dy = links[f"hand{i}"](self.W, d) if f"hand{i}" in links else d @ self.W[i].T
                d = (
                    links[f"bend{i}"](dy, a[i], z[i - 1])
                    if f"bend{i}" in links
                    else dy * self.slope(z[i - 1], a[i], i - 1)
                )
        return found

    def parameters(self) -> dict[str, Array]:
        return {f"W{i}": w for i, w in enumerate(self.W)} | {f"b{i}": b for i, b in enumerate(self.b)}

    def subject(self) -> Subject:
        return Subject(self.parameters, self.loss, None, self.gradients, 9, 4)


def found(chain: Chain) -> dict[str, tuple[str, ...]]:
    """Code -> where, of what is not a note."""
    return {f.code: f.where for f in diagnose(chain.subject()).findings if f.severity != "note"}


LINKS: list[tuple[str, dict[str, Callable[..., Array]], set[str]]] = [
    ("sigmoid", {"top": lambda a, z, t: (a[-1] - t) * a[-1] * (1 - a[-1])}, {"softmax-as-sigmoid"}),
    ("sigmoid", {"top": lambda a, z, t: z[-1] - t}, {"error-before-activation"}),
    ("sigmoid", {"top": lambda a, z, t: a[-1] - np.roll(t, 1, axis=1)}, {"error-of-another-class"}),
    ("sigmoid", {"top": lambda a, z, t: np.abs(a[-1] - t)}, {"gradient-of-absolute-error"}),
    ("sigmoid", {"hand1": lambda W, d: d @ W[1]}, {"weights-not-transposed"}),
    ("sigmoid", {"hand1": lambda W, d: d}, {"weights-left-out"}),
    ("sigmoid", {"bend1": lambda dy, a, z: dy}, {"activation-derivative-missing"}),
    ("sigmoid", {"bend1": lambda dy, a, z: a * (1 - a)}, {"error-ignored"}),
    ("relu", {"bend2": lambda dy, a, z: 1.0 * (z > 0)}, {"error-ignored"}),
    ("sigmoid", {"bend2": lambda dy, a, z: dy * a}, {"derivative-incomplete"}),
    ("tanh", {"bend2": lambda dy, a, z: dy * (1 - a)}, {"derivative-incomplete"}),
    ("tanh", {"bend1": lambda dy, a, z: dy * (1 - z * z)}, {"derivative-fed-input"}),
    ("tanh", {"bend1": lambda dy, a, z: dy * (1 - a * a) ** 2}, {"derivative-applied-twice"}),
    ("relu", {"bend1": lambda dy, a, z: dy * (z <= 0)}, {"mask-inverted"}),
    ("relu", {"bend2": lambda dy, a, z: dy * (dy > 0)}, {"mask-from-error"}),
    ("relu", {"bend2": lambda dy, a, z: dy * (1 - a * a)}, {"derivative-of-another-activation"}),
    ("relu", {"bend2": lambda dy, a, z: dy * a * (1 - a)}, {"sigmoid-derivative-everywhere"}),
    ("sigmoid", {"W1": lambda a, z, d: z[0].T @ d}, {"weights-from-preactivation"}),
    ("sigmoid", {"W1": lambda a, z, d: a[2].T @ d}, {"weights-from-another-layer"}),
    ("sigmoid", {"W1": lambda a, z, d: d.T @ a[1]}, {"gradient-transposed"}),
    ("sigmoid", {"W0": lambda a, z, d: np.sign(a[0].T @ d)}, {"gradient-sign-only"}),
    ("sigmoid", {"W0": lambda a, z, d: np.abs(a[0].T @ d)}, {"gradient-absolute"}),
    ("sigmoid", {"b1": lambda a, z, d: np.full(7, d.sum())}, {"bias-summed-over-everything"}),
    ("sigmoid", {"b1": lambda a, z, d: d[0]}, {"one-row-only"}),
    ("sigmoid", {"b2": lambda a, z, d: d.mean(axis=0)}, {"averaged-twice"}),
    ("sigmoid", {"b2": lambda a, z, d: 3 * d.sum(axis=0)}, {"uneven-scale"}),
    ("sigmoid", {"W0": lambda a, z, d: np.cbrt(a[0].T @ d)}, {"unnamed"}),
]  # fmt: skip


@pytest.mark.parametrize(("activation", "links", "codes"), LINKS)
def test_one_wrong_link_has_its_name(activation: str, links: dict[str, Callable[..., Array]], codes: set[str]) -> None:
    chain = Chain(activation)
    assert found(chain) == {}
    chain.links = links
    assert found(chain).keys() == codes


@pytest.mark.parametrize(
    ("activation", "hidden"),
    [("relu, tanh", "relu, tanh"), ("sigmoid, relu", "sigmoid, relu"), ("leaky", "leaky_relu(0.2)")],
)
def test_layers_may_differ_and_leaky_slopes_too(activation: str, hidden: str) -> None:
    chain = Chain(activation)
    diagnosis = diagnose(chain.subject())
    assert diagnosis.identity is not None
    assert diagnosis.identity.hidden == hidden
    assert diagnosis.findings == ()
    chain.links = {"bend1": lambda dy, a, z: dy}
    assert found(chain) == {"activation-derivative-missing": ("W0", "b0")}


def test_two_mistakes_have_two_names_and_each_its_own_place() -> None:
    chain = Chain("tanh")
    chain.links = {"top": lambda a, z, t: (a[-1] - t) * a[-1] * (1 - a[-1]), "bend1": lambda dy, a, z: dy}
    both = found(chain)
    assert both == {
        "softmax-as-sigmoid": ("W0", "W1", "W2", "b0", "b1", "b2"),
        "activation-derivative-missing": ("W0", "b0"),
    }


def test_below_a_link_that_nobody_knows_the_next_is_still_judged() -> None:
    chain = Chain("tanh")
    chain.links = {"bend2": lambda dy, a, z: dy * np.cbrt(z), "bend1": lambda dy, a, z: dy}
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((9, 12)) * 0.4, rng.standard_normal((12, 12)) * 0.4, rng.standard_normal((12, 4)) * 0.4
    chain.W, chain.b = list(wide), [np.zeros(12), np.zeros(12), np.zeros(4)]  # more inputs than rows: delta is implied
    assert found(chain) == {"unnamed": ("W1", "b1"), "activation-derivative-missing": ("W0", "b0")}


def test_a_wrong_derivative_of_the_output_too_is_one_mistake() -> None:
    chain = Chain("sigmoid", top="squares")
    chain.links = {
        "top": lambda a, z, t: 2 * (a[-1] - t) * z[-1] * (1 - z[-1]),
        "bend1": lambda dy, a, z: dy * z * (1 - z),
        "bend2": lambda dy, a, z: dy * z * (1 - z),
    }
    assert found(chain) == {"derivative-fed-input": ("W0", "W1", "W2", "b0", "b1", "b2")}


PENALTIES: list[tuple[float, float, str]] = [
    (0.01, 0.02, ""),
    (0.01, 0.0, "penalty-missing"),
    (0.01, 0.04, "penalty-scaled"),
    (0.01, -0.02, "weight-decay-sign"),
    (0.0, 0.02, "weight-decay"),
    (0.0, -0.02, "weight-decay-sign"),
]


@pytest.mark.parametrize(("charge", "share", "code"), PENALTIES)
@pytest.mark.parametrize("missing", [False, True])
def test_a_penalty_and_its_share(charge: float, share: float, code: str, missing: bool) -> None:
    chain = Chain("tanh", penalty=charge)
    chain.links = {"decay": lambda w: share * w} | ({"bend1": lambda dy, a, z: dy} if missing else {})
    diagnosis = diagnose(chain.subject())
    expected = {code} - {""} | ({"activation-derivative-missing"} if missing else set())
    assert {finding.code for finding in diagnosis.findings} == expected
    assert diagnosis.identity is not None
    assert (diagnosis.identity.penalty is None) == (charge == 0)
    of_penalty = [f for f in diagnosis.findings if f.code == code]
    assert all(f.where == ("W0", "W1", "W2") for f in of_penalty)


def test_biases_that_alone_are_decayed_are_warned_of() -> None:
    chain = Chain("tanh")
    chain.links = {"bias-decay": lambda b: 0.02 * b * (len(b) > chain.b[-1].size)}  # a share of few numbers is none
    (finding,) = diagnose(chain.subject()).findings
    assert (finding.code, finding.severity, finding.where) == ("weight-decay", "warning", ("b0", "b1"))
    chain.links["decay"] = lambda w: 0.02 * w
    assert {finding.severity for finding in diagnose(chain.subject()).findings} == {"note"}


def test_every_row_indexed() -> None:
    chain = Chain()
    chain.links = {"top": lambda a, z, t: a[-1] - 1.0 * t.any(axis=0)}
    assert found(chain).keys() == {"every-row-indexed"}


def test_a_mean_gradient_of_a_summed_loss_is_a_convention() -> None:
    chain = Chain()
    whole = chain.loss
    chain.loss = lambda x, y: len(x) * whole(x, y)  # type: ignore[method-assign]
    (finding,) = diagnose(chain.subject()).findings
    assert (finding.code, finding.severity) == ("averaged", "note")


@pytest.mark.parametrize("in_place", [False, True])
def test_weights_that_are_updated_on_the_way_back_are_told_by_their_gradient(in_place: bool) -> None:
    chain, kept = Chain("tanh"), {}

    def own(a: list[Array], z: list[Array], d: Array) -> Array:
        kept["step"] = 0.3 * a[2].T @ d
        return a[2].T @ d

    def handed(W: list[Array], d: Array) -> Array:
        new = W[2] - kept["step"]
        if in_place:
            W[2][...] = new
        return d @ new.T

    chain.links = {"W2": own, "hand2": handed}
    before = chain.W[2].copy()
    assert found(chain).keys() == {"updated-too-early"}
    assert (chain.W[2] == before).all()
