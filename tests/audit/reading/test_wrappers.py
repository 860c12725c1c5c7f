"""Decorators that do without functools.wraps: what they put in a function's place is called as the function is."""

from __future__ import annotations

import inspect
from pathlib import Path

from handgrad.audit.reading.source import read_program

CHECKED = """
import functools

def checked(*rules):
    def decorator(function):
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)
        return wrapper
    return decorator

def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

def bound(function):
    def wrapper(self, *args, **kwargs):
        return function(self, *args, **kwargs)
    return wrapper

class Dense:
    @checked("inputs")
    def __init__(self, inputs, outputs=3):
        self.size = inputs, outputs

    @bound
    def forward(self, x, y):
        return x

    def backward(self, *args, **kwargs):
        return args

@checked()
def relu(x):
    return x

@logged
def tanh(x):
    return x
"""


def test_a_wrapper_tells_how_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(CHECKED)
    names = read_program(path).execute().namespace
    told = {name: str(inspect.signature(names[name])) for name in ("Dense", "relu", "tanh")}
    assert told == {"Dense": "(inputs, outputs=3)", "relu": "(x)", "tanh": "(x)"}
    assert str(inspect.signature(names["Dense"].forward)) == "(self, x, y)"
    assert str(inspect.signature(names["Dense"].backward)) == "(self, *args, **kwargs)"
    assert names["Dense"](5).size == (5, 3)
