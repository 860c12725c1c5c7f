"""Witness: runs somebody's training code once, quietly, and notes every loss that it reports on the way.

A loss may be returned, kept in a local variable, or only be printed; all of these are seen when its function returns.
"""

from __future__ import annotations

import io
import random
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import BACKWARD, FORWARD, LOSS, TRAIN, UPDATE, plain, roles, sounds
from handgrad.audit.dialects.chain import left_behind
from handgrad.audit.dialects.forms import mean_of_rows
from handgrad.audit.dialects.sizes import seed_of_draws
from handgrad.audit.objects import is_foreign
from handgrad.core.arrays import Array

_LOSS_NAMES = {plain(name) for name in LOSS} - {"forward", "__call__", "call", "compute", "value", "calc", "calculate"}
_SAYS_LOSS = re.compile(r"loss|cost|entropy")
_SAYS_OTHER = re.compile(r"prime|grad|deriv|delta|backward|val|test|best|prev|min|acc|fn|func|^d_|_d$|fct|old|last_")
_ERRORS = {"err", "error", "mse", "nll", "j", "l", "e", "ce", "totalerror", "obj", "total", "avg", "mean", "epocherror"}
_MOST_OUTPUTS = 20
_MAY_BE = {"forward", "__call__", "calculate", "compute", "<lambda>"}  # of a loss, or of a network that ends in one
_TRAINS = {plain(name) for name in TRAIN}
_UPDATES = {plain(name) for name in UPDATE} - {"step", "train", "learn", "__call__", "call", "sgd"} | {"step"}


def says_loss(name: str) -> bool:
    """Whether a name is that of a loss: loss, total_cost, but not loss_prime or val_loss."""
    return bool(_SAYS_LOSS.search(name.lower())) and not _SAYS_OTHER.search(name.lower())


def scalar(value: Any) -> float | None:
    """A loss as a plain number; of a list of losses the last one."""
    if isinstance(value, (list, tuple)) and value and len(value) < 1000:
        return scalar(value[-1])
    if isinstance(value, dict):
        return next((scalar(v) for k, v in value.items() if isinstance(k, str) and says_loss(k)), None)
    if isinstance(value, (bool, str, int)) or value is None:
        return None
    if isinstance(value, (float, np.floating, np.ndarray)) and np.size(value) == 1:
        return float(np.asarray(value, np.float64).reshape(()))
    return None


@dataclass
class Report:
    """What one run has shown.

    Attributes:
        result: what the code returned.
        losses: by place, every number that may be the loss; the likelier places first.
        returned: what functions of the user's returned, by the function's name: gradients among them.
        outputs: what its forward functions gave, the last at the end.
        worked: whether any function ran that goes back or updates.
    """

    result: Any = None
    losses: dict[str, float] = field(default_factory=dict)
    returned: dict[str, Any] = field(default_factory=dict)
    outputs: list[Array] = field(default_factory=list)
    worked: bool = False


_TESTS = re.compile(r"^_*(get_|calc_|compute_|check_)?acc(uracy)?(_|$)|accuracy|^evaluat|^score$|^validate")


class Witness:
    """Watches the user's functions return. `on_update` is called when one that updates begins."""

    def __init__(self, on_update: Callable[[], None] | None = None, rows: int = 0) -> None:
        self.on_update, self.rows = on_update, rows
        self.seen: list[tuple[int, str, float]] = []  # (rank, place, value)
        self.returned: dict[str, Any] = {}
        self.outputs: list[Array] = []
        self.worked = False
        self.moved = False  # what comes after a way back may be of other parameters

    def __call__(self, frame: FrameType, event: str, value: Any) -> None:
        """For `sys.setprofile`."""
        if event not in ("call", "return") or is_foreign(str(frame.f_globals.get("__name__") or "")):
            return
        code = frame.f_code
        if event == "call":
            name = plain(code.co_name)
            if self.on_update is not None and name in _UPDATES:
                self.on_update()
            works = name in _UPDATES or sounds(name, BACKWARD)
            self.worked = self.worked or works
            self.moved = self.moved or bool(self.outputs and works)
            return
        where = code.co_qualname if hasattr(code, "co_qualname") else code.co_name
        name, forward = code.co_name, sounds(code.co_name, FORWARD)
        gives = plain(name) in _LOSS_NAMES or says_loss(name)
        likely = 3 if gives and scalar(value) is not None else 1  # of a loss that is made of parts each is but a part
        for called, local in frame.f_locals.items():
            if says_loss(called) or plain(called) in _ERRORS:
                self._note(likely if says_loss(called) else 5, f"{where}: {called}", local)
        if gives:
            self._note(2, f"{where}()", value)
        elif not isinstance(value, (list, tuple)) and not _is_output(code, value):
            self._note(3 if name in _MAY_BE else 6, f"{where}()", value if forward or name in _MAY_BE else None)
        self.returned[name] = value
        if forward and not self.moved:
            given = value if value is not None else left_behind(frame.f_locals.get("self"))
            given = _end(given)
            if isinstance(given, np.ndarray) and given.dtype.kind == "f":
                self._give(given)
        elif plain(name) in _TRAINS and not self.outputs:
            for local_name, local in frame.f_locals.items():
                if "pred" in roles(local_name) and isinstance(local, np.ndarray) and local.dtype.kind == "f":
                    self._give(local)

    def _give(self, output: Array) -> None:
        self.outputs = [*self.outputs[-_MOST_OUTPUTS:], output.copy()]  # it may be written over later

    def _note(self, rank: int, place: str, value: Any) -> None:
        number = scalar(value)
        if number is None and rank <= 2:  # one for each row, of which what is a number comes first
            rank, number = 6, mean_of_rows(value, self.rows)
        if number is not None and not (self.moved and any(place == known for _, known, _ in self.seen)):
            self.seen.append((rank, place, number))

    def losses(self, result: Any, attributes: Mapping[str, Any]) -> dict[str, float]:
        """By place; the last value of each, the likelier places first, no value twice."""
        for place, value in attributes.items():
            self._note(4, place, value)
        latest = {place: (rank, value) for rank, place, value in self.seen}
        ranked = sorted(latest.items(), key=lambda item: item[1][0])
        number = scalar(result if not isinstance(result, tuple) else _first_loss(result))
        found = {} if number is None else {"returned": number}
        return found | {place: value for place, (_, value) in ranked}


def _is_output(code: CodeType, value: Any) -> bool:
    """Whether what a function gives for one thing alone, data without labels, is an array: of one row, one number."""
    alone = [name for name in code.co_varnames[: code.co_argcount] if name not in ("self", "cls")]
    return len(alone) == 1 and isinstance(value, np.ndarray) and value.ndim > 0


def _end(given: Any) -> Any:
    """The last array of what a forward gives, with a guess after it perhaps; of lists of activations and of scores, the
    end of the one that has the input, too.
    """
    lists = [one for one in given if isinstance(one, list) and one] if isinstance(given, tuple) else []
    several = max(lists, key=len) if lists and len(lists) == len(given) else given
    if not isinstance(several, (tuple, list)) or not several:
        return several
    arrays = [one for one in several if isinstance(one, np.ndarray) and one.dtype.kind == "f"]
    return arrays[-1] if arrays and np.size(several[-1]) == 1 else several[-1]


def _first_loss(result: tuple[Any, ...]) -> Any:
    """Of several things returned the first that is a plain number, or a list of them."""
    return next((value for value in result if scalar(value) is not None), None)


@contextmanager
def _quiet(rows: int) -> Iterator[None]:
    """Nothing is printed, no warning raised, and random choices are the same each time."""
    numpy_state, python_state, choice = np.random.get_state(), random.getstate(), np.random.choice
    randint = np.random.randint

    def several(size: Any) -> bool:
        return isinstance(size, int | np.integer) and int(size) > 1

    def whole(a: Any, size: Any = None, *more: Any, **named: Any) -> Any:
        """A batch drawn at random from exactly the number of samples that there are is all of them."""
        every = np.ndim(a) == 0 and a == rows and several(size)
        return np.arange(rows) if every else choice(a, size, *more, **named)

    def all_of(low: Any, high: Any = None, size: Any = None, *more: Any, **named: Any) -> Any:
        every = several(size) and np.ndim(low) == 0 and (low, high) in ((0, rows), (rows, None))
        return np.arange(rows) if every else randint(low, high, size, *more, **named)

    try:
        np.random.seed(seed_of_draws())
        random.seed(seed_of_draws())
        np.random.choice, np.random.randint = whole, all_of
        with redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.choice, np.random.randint = choice, randint
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def watch(
    action: Callable[[], Any],
    rows: int,
    on_update: Callable[[], None] | None = None,
    attributes: Callable[[], Mapping[str, Any]] = dict,
) -> Report:
    """Run an action on a batch of so many rows. What it raises is raised, unless a test that follows a step does so."""
    witness = Witness(on_update, rows)
    result = None
    before = sys.getprofile()
    with _quiet(rows):
        sys.setprofile(witness)
        try:
            result = action()
        except Exception as error:
            if not witness.worked or not _while_testing(error):
                raise
        finally:
            sys.setprofile(before)
    return Report(result, witness.losses(result, attributes()), witness.returned, witness.outputs, witness.worked)


def _while_testing(error: Exception) -> bool:
    """Whether an error came out of a function that tests a network: its data may be of another form than ours."""
    frame = error.__traceback__
    while frame is not None:
        if _TESTS.search(frame.tb_frame.f_code.co_name.lower()):
            return True
        frame = frame.tb_next
    return False


def quietly(action: Callable[[], Any], rows: int = -1) -> Any:
    """Run an action without watching it."""
    with _quiet(rows):
        return action()
