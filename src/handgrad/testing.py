"""For tests of one's own: `assert_backward` fails with the audit's report where a hand-written gradient is wrong.

from handgrad.testing import assert_backward

def test_linear():
    assert_backward(Linear(4, 3))
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from handgrad.audit.report import Report

__all__ = ["assert_backward"]


def assert_backward(
    thing: Any,
    loss: Any = None,
    x: Any = None,
    y: Any = None,
    *,
    optimizer: Any = None,
    step: Callable[..., Any] | None = None,
    lr: float | None = None,
) -> Report:
    """Audit a thing, and raise AssertionError with the report if it holds an error. Warnings and notes pass.

    Args:
        thing: a layer alone (an object with forward and backward), a network with its loss, a `handgrad.Subject`, or
            the path of a .py file or notebook.
        loss: of a network; see `handgrad.audit`.
        x: a batch in the form that the thing takes; where it is None, one is made up.
        y: the labels of that batch.
        optimizer: what updates the network, where it does not do it itself.
        step: a function that trains the network by one step.
        lr: the learning rate of that step, where it is not one of its arguments.

    Returns: the report, for further assertions.

    Raises: AssertionError where an error was found; InputError or DataError where the thing cannot be audited.
    """
    __tracebackhide__ = True  # pytest then points at the line of the test
    report = _report(thing, x, {"loss": loss, "y": y, "optimizer": optimizer, "step": step, "lr": lr})
    if not report.ok:
        raise AssertionError(f"\n{report}")
    return report


def _report(thing: Any, x: Any, beside: dict[str, Any]) -> Report:
    if isinstance(thing, (str, os.PathLike)):
        from handgrad.audit.reading.sandbox import run_in_child

        request = {"path": os.path.abspath(thing)}
        return Report.from_json(run_in_child("handgrad.audit.session:audit_file", request))
    from handgrad.audit.memory.call import audit
    from handgrad.audit.promises.alone import audit_layer, is_layer

    alone = all(value is None for value in beside.values()) and is_layer(thing)
    return audit_layer(thing, x) if alone else audit(thing, x=x, **beside)
