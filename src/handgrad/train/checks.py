"""Checks of a training: what can be known to be wrong before the first step is told at the call.

Each is one plain function that raises InputError, so that the loop itself need not look at anything.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers import BatchNorm, Softmax
from handgrad.core.losses import SoftmaxCrossEntropy
from handgrad.core.net import Sequential
from handgrad.core.optim import Optimizer
from handgrad.errors import InputError
from handgrad.train.guests import parts_of

USUAL_BATCH = 64


def need_parts(net: Any, criterion: Any, optimizer: Any) -> None:
    """Net, criterion and optimizer must each be able to do what the loop asks of it."""
    need_predictor(net)
    need_objects(criterion=criterion, optimizer=optimizer)
    if not has(net, "backward", "parameters"):
        raise InputError("train.net", got=_told(net))
    if not callable(criterion) and has(criterion, "step") and has(optimizer, "backward"):
        raise InputError("train.swapped", criterion=_told(criterion), optimizer=_told(optimizer))
    need_criterion(criterion, backward=True)
    if not has(optimizer, "step"):
        raise InputError("train.optimizer", got=_told(optimizer))


def need_predictor(net: Any) -> Callable[[Array], Any]:
    """How the net is asked for its output: it is called, or has `forward`."""
    need_objects(net=net)
    if not callable(net) and not has(net, "forward"):
        raise InputError("train.net", got=_told(net))
    predict: Callable[[Array], Any] = net if callable(net) else net.forward
    return predict


def need_criterion(criterion: Any, *, backward: bool = False) -> None:
    """A criterion is called with a prediction and labels, and to train by it must have `backward`."""
    need_objects(criterion=criterion)
    if not callable(criterion) or (backward and not has(criterion, "backward")):
        raise InputError("train.criterion", got=_told(criterion))


def need_weighing(criterion: Any) -> None:
    """A criterion that is to weigh its rows must take their weights as a third argument."""
    try:
        inspect.signature(criterion).bind(None, None, None)
    except TypeError:
        raise InputError("train.weights_criterion", criterion=_told(criterion)) from None
    except ValueError:  # something built in, which does not say what it takes
        return


def need_objects(**things: Any) -> None:
    """No thing may be a class: `SGD` where `SGD(net)` is meant."""
    for what, thing in things.items():
        if isinstance(thing, type):
            raise InputError("train.is_class", what=what, name=thing.__name__)


def need_schedule(schedule: Any, optimizer: Any) -> None:
    """A schedule must give a number for a step, and the optimizer must have a rate to change."""
    try:
        float(schedule(0))
    except (TypeError, ValueError) as error:  # what makes a schedule, called with 0, is one of the two as well
        raise InputError("train.schedule", got=_told(schedule)) from error
    if not hasattr(optimizer, "lr"):
        raise InputError("train.no_lr", optimizer=type(optimizer).__name__)


def batch_size_of(value: Any, samples: int) -> int:
    """The batch size as an int from 1 to the number of samples; None: the usual one, or all where there are fewer."""
    if value is None:
        return min(USUAL_BATCH, samples)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 1 <= value <= samples:
        raise InputError("train.batch_size", got=value, samples=samples)
    return int(value)


def need_optimizer_of(net: Any, optimizer: Any) -> None:
    """One of our optimizers must hold at least one of the net's weights, or the training would change nothing."""
    if not isinstance(optimizer, Optimizer):
        return
    weights = [value for value, _ in net.parameters()]
    held = [value for value, _ in optimizer.pairs]
    # Compared by the memory that they span: a flat view of all weights holds each of them.
    if not any(np.may_share_memory(one, other) for one in held for other in weights):
        raise InputError("train.other_optimizer", optimizer=type(optimizer).__name__)


def need_one_softmax(net: Any, criterion: Any) -> None:
    """The softmax inside SoftmaxCrossEntropy must not meet probabilities: of two the gradient is all but flat."""
    last = list(net.named_layers())[-1][1] if isinstance(net, Sequential) else None
    if type(last) is Softmax and type(criterion) is SoftmaxCrossEntropy:
        raise InputError("train.softmax_twice", layer=last.label)


def need_batches_for_norm(net: Any, samples: int, batch_size: int, *, accumulate: int, drop_last: bool) -> None:
    """No batch, and no part of one, may be a single row where a BatchNorm needs a variance."""
    layer = next((part for part in parts_of(net) if type(part) is BatchNorm), None)
    if layer is None:
        return
    if _smallest_part(batch_size, accumulate) == 1:
        raise InputError("train.norm_batch", layer=layer.label, batch_size=batch_size, least=2 * accumulate)
    rest = samples % batch_size
    if rest and not drop_last and _smallest_part(rest, accumulate) == 1:
        raise InputError("train.norm_rest", layer=layer.label, samples=samples, batch_size=batch_size, rest=rest)


def has(thing: Any, *methods: str) -> bool:
    """Whether it has all of these methods."""
    return all(callable(getattr(thing, method, None)) for method in methods)


def _smallest_part(rows: int, accumulate: int) -> int:
    return max(1, rows // accumulate)


def _told(thing: Any) -> str:
    """What came, for a message: a plain value as it is written, an object by its kind, a function by its name."""
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return repr(thing)
    return getattr(thing, "__name__", type(thing).__name__)
