"""Cast: which lists of layers are a network, and which objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.audit.dialects.cast import layer_lists, models


class Layer:
    def __init__(self, **within: Any) -> None:
        vars(self).update(within)

    def forward(self, x: Any) -> Any:
        return x

    def backward(self, dout: Any) -> Any:
        return dout


class Criterion(Layer):
    def forward(self, x: Any, y: Any) -> Any:  # type: ignore[override]
        return x, y


def test_layers_that_are_picked_out_of_a_network_are_none() -> None:
    blocks = [Layer(), Layer(linear=Layer(), relu=Layer()), Layer()]
    picked = [blocks[0], blocks[1].linear, blocks[2]]  # type: ignore[attr-defined]
    assert list(layer_lists({"picked": picked, "blocks": blocks})) == [blocks]
    assert list(layer_lists({"net": Layer(layers=blocks), "picked": picked})) == []


def test_the_layers_of_a_model_are_the_network_that_it_is() -> None:
    layers = [Layer(), Layer(), Layer()]
    assert list(layer_lists({"layers": layers, "net": Layer(layers=layers), "same": tuple(layers)})) == [layers, layers]


def test_a_criterion_beside_the_layers_makes_no_larger_network() -> None:
    layers = [Layer(), Layer()]
    assert list(layer_lists({"layers": layers, "net": Layer(layers=layers, criterion=Criterion())})) == [layers]


def test_one_layer_and_a_list_of_anything_else_are_no_network() -> None:
    assert list(layer_lists({"one": [Layer()], "mixed": [Layer(), 3], "sizes": [784, 10]})) == []


def test_a_layer_that_a_model_holds_is_no_model_even_if_it_knows_the_model() -> None:
    first, last = Layer(W=np.ones((4, 5))), Layer(W=np.ones((5, 3)))
    net, alone = Layer(layers=[first, last]), Layer(W=np.ones((2, 2)))
    found = list(models({"first": first, "last": last, "net": net, "alone": alone}))
    assert found == [net, alone]
    first.net = net  # type: ignore[attr-defined]
    assert net in list(models({"first": first, "net": net}))
