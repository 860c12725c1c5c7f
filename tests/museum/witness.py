"""A witness of its own for every clean net: its gradients against central differences of its loss, in float64.

How a net is asked stands in `probes/`: a few lines a net that name its parameters, its loss and its gradients.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from stage import run, source

from museum import NETS, PROBES

EPSILON = 1e-6
_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:\s*(/|%)\s*(\d+)?)?")


def probes() -> dict[str, dict[str, Any]]:
    """What is written in `probes/`, by the name of the net."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(PROBES.glob("*.toml")):
        found |= tomllib.loads(path.read_text(encoding="utf-8"))
    return found


def worst_error(name: str, path: Path | None = None) -> float:
    """The largest relative difference between a net's own gradients and central differences, over its parameters.

    Args:
        name: of the net.
        path: where another version of it stands; default: the net itself.
    """
    probe = probes()[name]
    path = path or NETS[name]
    namespace, _ = run(path, 60, main=False)
    text = source(path)

    def lines(first: str, last: str, **names: Any) -> None:
        """Run the lines of the net from the one that begins with `first` to the one that begins with `last`."""
        all_lines = text.split("\n")
        start = next(i for i, line in enumerate(all_lines) if line.strip().startswith(first))
        end = next(i for i, line in enumerate(all_lines) if i >= start and line.strip().startswith(last))
        namespace.update(names)
        exec(textwrap.dedent("\n".join(all_lines[start : end + 1])), namespace)

    namespace["lines"] = lines
    rng = np.random.default_rng(0)
    x = rng.random((probe.get("rows", 7), probe.get("features", 784)))
    y = rng.permutation(len(x)) % probe.get("classes", 10)
    with np.errstate(all="ignore"):
        exec(probe["probe"], namespace)
        asked = {
            what: namespace[what] for what in ("parameters", "loss", "gradients")
        }  # the net's lines may re-bind them
        return _worst(asked, x, y, eval(probe.get("factor", "1"), {"B": len(x)}), rng)


def _worst(net: dict[str, Any], x: np.ndarray, y: np.ndarray, factor: float, rng: np.random.Generator) -> float:
    def held(call: Callable[..., Any]) -> Any:
        np.random.seed(0)  # a mask of dropout is the same each time
        return call(x.copy(), y.copy())

    theta = [_values(p) + rng.normal(0, 0.05, np.shape(_values(p))) for p in _listed(net["parameters"]())]
    for i, value in enumerate(theta):
        _write(net, i, value)
    found = [np.array(g, dtype=float) for g in _listed(held(net["gradients"]), net["parameters"]())]
    worst = 0.0
    for i, (value, gradient) in enumerate(zip(theta, found, strict=True)):
        direction = rng.standard_normal(value.shape)
        ends = []
        for sign in (1, -1):
            _write(net, i, value + sign * EPSILON * direction)
            ends.append(float(held(net["loss"])))
        _write(net, i, value)
        numeric = (ends[0] - ends[1]) / (2 * EPSILON)
        analytic = float((gradient.reshape(value.shape) * direction).sum()) / factor
        error = abs(numeric - analytic) / max(float(np.linalg.norm(gradient)) / factor, 1e-3)
        worst = max(worst, error) if np.isfinite(error) else np.inf
    return worst


def _listed(found: Any, order: Any = None) -> list[Any]:
    return [found[name] for name in order or found] if isinstance(found, dict) else list(found)


def _values(parameter: Any) -> np.ndarray:
    """An array's numbers, or those of a list of scalars with `.data`."""
    if isinstance(parameter, list):
        return np.array([value.data for value in parameter], dtype=float)
    return np.array(parameter, dtype=float)


def _write(net: dict[str, Any], index: int, value: np.ndarray) -> None:
    parameter = _listed(net["parameters"]())[index]
    if isinstance(parameter, list):
        for one, number in zip(parameter, value, strict=True):
            one.data = float(number)
    else:
        parameter[...] = value


def last_accuracy(printed: str) -> float:
    """The accuracy that a training script printed last, from 0 to 1: `0.93`, `93 %` or `93 / 100`."""
    said = [line for line in printed.splitlines() if re.search(r"acc|정확도|correct|right|Epoch \d+: \d", line, re.I)]
    number, sign, of = _RATE.findall(said[-1])[-1]
    rate = float(number) / float(of) if sign == "/" and of else float(number)
    return rate / 100 if sign == "%" or rate > 1 else rate
