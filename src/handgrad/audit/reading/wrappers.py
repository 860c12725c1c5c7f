"""Wrappers: what a decorator has put in a function's place, without `functools.wraps`, says what it stands for.

What takes `*args, **kwargs` alone tells nobody how it is to be called; the function that it calls does.
"""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

from handgrad.audit.objects import cells

_ANY = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


def open_wrappers(name: str, defined: Any) -> None:
    """Let what stands in the place of a function, or of the methods of a class, that was just defined tell of it."""
    if isinstance(defined, type):
        for key, method in list(vars(defined).items()):
            _open(getattr(method, "__func__", method), key)
    else:
        _open(defined, name)


def _open(function: Any, name: str) -> None:
    if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__") or function.__name__ == name:
        return
    code = function.__code__
    if code.co_flags & _ANY != _ANY or code.co_argcount > 1 or code.co_kwonlyargcount:
        return
    held = [cell.cell_contents for cell in cells(function).values()]
    inner = [one for one in held if isinstance(one, FunctionType) and one.__name__ == name]
    if len(inner) == 1:
        vars(function)["__wrapped__"] = inner[0]
