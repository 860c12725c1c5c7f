"""World: somebody's names, with copies of their values laid over them while their code runs, and taken off again."""

from __future__ import annotations

import builtins
import copy
import dis
import linecache
import types
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from handgrad.audit.dialects.drawing import drawn_from
from handgrad.audit.dialects.roles import own, role
from handgrad.audit.dialects.sizes import seed_of_draws
from handgrad.audit.objects import cells
from handgrad.audit.reading.fence import OutOfTime, work_limit

SECONDS = 0.5
STILL = 1e-300  # a learning rate that moves nothing, for code that refuses one of 0
_OPENED = 64  # items of a list or a dictionary that are looked at, at most
_LARGE, _DEEP, _MANY = 5_000_000, 6, 100
_GONE = object()
_GLOBAL = {"LOAD_GLOBAL", "STORE_GLOBAL", "LOAD_NAME"}


class World:
    """A namespace in which code can run without leaving anything behind.

    Functions of the file look up their globals in the file's own namespace; so code runs there, and each name is set
    back afterwards.

    Args:
        namespace: the file's names.
        state: values that take their place while code runs, replaced by what the code makes of them.
    """

    def __init__(self, namespace: dict[str, Any], state: dict[str, Any]) -> None:
        self.namespace = namespace
        self.state = state

    def run(self, code: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """Run code over the state and some more values; all names that differ from the file's own afterwards."""
        with self.laid(given) as after:
            exec(code, self.namespace)
        return {k: v for k, v in after.items() if k in self.state or self.namespace.get(k, _GONE) is not v}

    @contextmanager
    def laid(self, given: Mapping[str, Any], seconds: float = SECONDS) -> Iterator[dict[str, Any]]:
        """While this lasts, the state and some more values are the file's; yields what fills with all names at the end.

        Nothing prints, random numbers are those of one seed, and floating-point accidents are silent.

        Raises: TimeoutError after so many seconds; a turn that takes longer is a whole training.
        """
        before = dict(self.namespace)
        after: dict[str, Any] = {}
        try:
            self.namespace.update(self.state)
            self.namespace.update(given)
            self.namespace["print"] = _silent
            with drawn_from(seed_of_draws(), self.namespace), np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with work_limit(seconds):
                    yield after
            after.update(self.namespace)
        except OutOfTime as late:
            raise TimeoutError from late
        except SystemExit as ended:
            raise RuntimeError from ended
        finally:
            self.namespace.clear()
            self.namespace.update(before)
        after.pop("print", None)


def refused(error: BaseException) -> bool:
    """Whether code raised an error itself, as it does of a learning rate of 0, and did not run into it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    line = linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno).strip()
    return line.startswith(("raise", "assert")) and "site-packages" not in trace.tb_frame.f_code.co_filename


def _silent(*args: Any, **settings: Any) -> None:
    """What stands for `print` while somebody's code runs."""


def copies(values: Mapping[str, Any]) -> dict[str, Any]:
    """Deep copies, with what they share still shared; data sets and what cannot be copied are handed on as they are."""
    memo: dict[int, Any] = {}
    found: dict[str, Any] = {}
    for value in values.values():
        if isinstance(value, np.ndarray) and value.size > _LARGE:
            memo[id(value)] = value
    for value in values.values():
        _copy_closures(value, memo, 0)
    for name, value in values.items():
        try:
            found[name] = copy.deepcopy(value, memo)
        except Exception:  # a lock, an open file, somebody's own __deepcopy__
            found[name] = value
    return found


def opened(after: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The names after a run, and as cache['A2'] the arrays in each list or dictionary that the run made."""
    found = dict(after)
    for name, value in after.items():
        if name not in before and isinstance(value, dict | list | tuple) and len(value) <= _OPENED:
            items = value.items() if isinstance(value, dict) else enumerate(value)
            found |= {f"{name}[{key!r}]": one for key, one in items if isinstance(one, np.ndarray)}
    return found


def is_closure(value: Any) -> bool:
    """Whether a value is a function of the file that keeps something between its calls."""
    return isinstance(value, types.FunctionType) and bool(value.__closure__)


def _copy_closures(value: Any, memo: dict[int, Any], depth: int) -> None:
    """Note copies of the functions below a value that keep arrays in closures, for no deep copy copies a function."""
    if depth > _DEEP or id(value) in memo:
        return
    if is_closure(value):
        cells = [memo.setdefault(id(cell), types.CellType()) for cell in value.__closure__]
        twin = types.FunctionType(value.__code__, value.__globals__, value.__name__, value.__defaults__, tuple(cells))
        twin.__kwdefaults__, twin.__dict__, twin.__module__ = value.__kwdefaults__, value.__dict__, value.__module__
        twin.__qualname__ = value.__qualname__
        memo[id(value)] = twin
        for old, new in zip(value.__closure__, cells, strict=True):
            try:
                inside = old.cell_contents
            except ValueError:  # it is not set yet
                continue
            _copy_closures(inside, memo, depth + 1)
            try:
                new.cell_contents = copy.deepcopy(inside, memo)
            except Exception:  # a lock, an open file
                new.cell_contents = inside
    elif isinstance(value, list | tuple | dict):
        for inner in value.values() if isinstance(value, dict) else value[:_MANY]:
            if isinstance(inner, types.FunctionType | list | tuple | dict):
                _copy_closures(inner, memo, depth + 1)


def holdings(namespace: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Copies of all that some names lead to and that code may change: arrays, containers, instances, closures."""
    held = {}
    for name in reachable(namespace, names):
        value = namespace[name]
        container = isinstance(value, np.ndarray | list | dict | set | tuple)
        if own(value) or is_closure(value) or (container and role(name) not in ("x", "y")):
            held[name] = value
    return copies(held)


def reachable(namespace: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Names of the namespace that some names lead to, through the functions, classes and instances behind them."""
    queue = [name for name in names if name in namespace]
    found: dict[str, None] = {}
    while queue:
        name = queue.pop(0)
        if name in found:
            continue
        found[name] = None
        queue += [inner for inner in _names_in(namespace[name]) if inner in namespace]
    order = list(namespace)
    return sorted(found, key=order.index)


def unset(namespace: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Names that functions read which some names lead to, and that the namespace does not have."""
    found = [inner for name in reachable(namespace, names) for inner in _names_in(namespace[name])]
    return [name for name in dict.fromkeys(found) if name not in namespace and not hasattr(builtins, name)]


def _names_in(value: Any) -> list[str]:
    """Global names that a function, the methods of a class, or an instance's class, read."""
    if isinstance(value, types.FunctionType):
        held = (cell.cell_contents for cell in cells(value).values())
        inner = [n for one in held if isinstance(one, types.FunctionType) for n in _names_in(one)]
        return [*_code_names(value.__code__), *inner]
    if isinstance(value, list | tuple):
        return [n for one in value[:_MANY] if isinstance(one, types.FunctionType) for n in _names_in(one)]
    kind = value if isinstance(value, type) else type(value) if own(value) else None
    if kind is None or kind.__module__ in ("builtins", "numpy"):
        return []
    return [
        n
        for base in kind.__mro__[:-1]
        for f in vars(base).values()
        if inspect_function(f)
        for n in _code_names(inspect_function(f))
    ]


def inspect_function(value: Any) -> Any:
    """The code of a function, static method or property; None of anything else."""
    for inner in (value, getattr(value, "__func__", None), getattr(value, "fget", None)):
        if isinstance(inner, types.FunctionType):
            return inner.__code__
    return None


@lru_cache(maxsize=4096)  # every form of a batch asks again
def _code_names(code: types.CodeType) -> tuple[str, ...]:
    """The names that code reads or sets as globals; an attribute such as the mean of np.mean is none."""
    inner = [n for c in code.co_consts if isinstance(c, types.CodeType) for n in _code_names(c)]
    own_names = [one.argval for one in dis.get_instructions(code) if one.opname in _GLOBAL]
    return *dict.fromkeys(own_names), *inner
