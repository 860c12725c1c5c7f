"""An update that a step of the file does not reach, a function of weights and gradient: called with the file's own."""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import plain
from handgrad.audit.objects import own_functions
from handgrad.audit.optimizing.claims import config_of, role_of, says
from handgrad.audit.optimizing.stage import ROLES, ZEROS
from handgrad.core.arrays import Array
from handgrad.explain.strangers.rate import own_rate


def update_function(tree: ast.Module, namespace: Mapping[str, Any]) -> Callable[..., Any] | None:
    """The function of the file that says that it is an optimizer, takes weights and gradient, and is used by name."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    for name, function in own_functions(namespace).items():
        asked = {role for argument in inspect.signature(function).parameters for role in _roles(argument)}
        if says(name) and name in used and {"w", "dw"} <= asked:
            return function
    return None


def call_update(
    function: Callable[..., Any], tree: ast.Module, namespace: Mapping[str, Any], name: str, w: Array, dw: Array
) -> Array | None:
    """The weights after one call of such a function on copies; None where it wants something else, or gives none.

    Args:
        function: the update.
        tree: the file.
        namespace: its names: the settings of each parameter may stand in a dictionary of them.
        name: of the parameter.
        w: its weights, which the call may change.
        dw: its gradient.
    """
    arguments: dict[str, Any] = {}
    for argument, parameter in inspect.signature(function).parameters.items():
        roles = _roles(argument)
        if "w" in roles:
            arguments[argument] = w
        elif "dw" in roles:
            arguments[argument] = dw
        elif "config" in roles:
            arguments[argument] = _settings(function, tree, namespace, name, w)
        elif parameter.default is parameter.empty:
            return None
    before = w.copy()
    returned = function(**arguments)
    first = returned[0] if isinstance(returned, tuple) and returned else returned
    after = first if isinstance(first, np.ndarray) and first.shape == w.shape else w
    return None if np.array_equal(after, before) else np.array(after)


def _roles(argument: str) -> list[str]:
    return [role for role in ("w", "dw", "config") if plain(argument) in ROLES[role]]


def _settings(
    function: Callable[..., Any], tree: ast.Module, namespace: Mapping[str, Any], name: str, w: Array
) -> dict[str, Any]:
    """The settings that the file has for this parameter, else what it writes under the keys that the function reads."""
    for held in namespace.values():
        if isinstance(held, dict) and isinstance(held.get(name), dict):
            return copy.deepcopy(held[name])
    written = config_of(tree, function)
    defaults = {
        node.args[0].value for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "setdefault"
        and node.args and isinstance(node.args[0], ast.Constant)
    }  # fmt: skip
    rate = own_rate(tree)
    found = {k: np.zeros_like(w) if v is ZEROS else v for k, v in written.items() if k not in defaults}
    return found | {k: rate[0] for k in found if rate is not None and role_of(k) == "lr"}
