"""Objects: where the arrays of somebody's file are found, and whether two things hold the same."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from handgrad.audit.objects import alike, cells, slots


class Rule:
    def __init__(self) -> None:
        self.told: dict[str, Any] = {}


class Dense:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.W = np.ones((3, 2))
        rule.told = {"W": self.W}  # of the last layer that was made


class Net:
    def __init__(self) -> None:
        rule = Rule()
        self.layers = [Dense(rule), Dense(rule)]


def test_an_array_is_found_where_it_lies_nearest() -> None:
    net = Net()
    found = list(slots(net))
    assert [slot.name for slot in found] == ["layers[0].W", "layers[1].W"]
    net.layers[1].W = np.zeros((3, 2))
    assert not found[1].get().any()  # not what the optimizer remembers


def test_what_was_seen_is_not_found_again() -> None:
    net, seen = Net(), set[int]()
    assert len(list(slots(net.layers[0], "first", seen))) == 2  # its optimizer knows the other's
    assert list(slots(net, "", seen)) == []


def test_copies_are_alike_until_something_changes() -> None:
    net = Net()
    other = copy.deepcopy(net)
    assert alike(net, other)
    other.layers[1].W[0, 0] = 2.0
    assert not alike(net, other)
    assert not alike({"a": [1, 2.0]}, {"a": [1, 3.0]})
    assert not alike({"a": 1}, {"b": 1})


def test_a_cell_that_is_not_set_yet_is_none() -> None:
    def outer() -> list[dict[str, object]]:
        def inner() -> tuple[int, int]:
            return first, second

        first = 1
        seen = [{name: cell.cell_contents for name, cell in cells(inner).items()}]
        second = 2
        return [*seen, {name: cell.cell_contents for name, cell in cells(inner).items()}]

    assert outer() == [{"first": 1}, {"first": 1, "second": 2}]
