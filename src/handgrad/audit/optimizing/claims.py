"""Claims: which optimizer somebody's class or function says that it is, and what its settings are.

The claim comes from the name, for that is what its user goes by; whether it is kept, the numbers decide.
"""

from __future__ import annotations

import ast
import inspect
import numbers
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from handgrad.audit.dialects.calling import plain
from handgrad.audit.optimizing.stage import ZEROS

# What a name says, the more special first.
_SAYS = {
    "adamw": "adamw", "weightdecayadam": "adamw", "adam": "adam", "rmsprop": "rmsprop", "adagrad": "adagrad",
    "nesterov": "nesterov", "momentum": "momentum", "momemtum": "momentum", "sgd": "sgd", "gradientdescent": "sgd",
}  # fmt: skip
# Optimizers with a definition of their own, which are left alone; each is a whole word of the name.
_OTHERS = (
    "nadam",
    "adamax",
    "amsgrad",
    "radam",
    "adabound",
    "adabelief",
    "adamod",
    "adafactor",
    "adadelta",
    "yogi",
    "lamb",
    "lars",
    "lookahead",
    "swats",
    "padam",
    "adamp",
    "adan",
    "madam",
    "qhadam",
    "sgld",
    "sparseadam",
    "rmspropnesterov",
    "rmspropmomentum",
    "nesterovadam",
    "adamnesterov",
    "sgdr",
    "signsgd",
    "svrg",
    "adashift",
    "accsgd",
    "lion",
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_EXACTLY = {"nag": "nesterov", "rms": "rmsprop", "gd": "sgd"}
TITLES = {
    "sgd": "SGD", "momentum": "momentum", "nesterov": "Nesterov momentum", "rmsprop": "RMSprop", "adagrad": "Adagrad",
    "adam": "Adam", "adamw": "AdamW",
}  # fmt: skip

# What settings are called, and a value for one that has no default.
_HYPER: dict[str, tuple[float, str]] = {
    "lr": (0.01, "lr learningrate alpha eta stepsize rate initiallr lrate baselr lr0 learnrate"),
    "mu": (0.9, "momentum mu beta gamma momentumcoef friction beta_ mom nu momentumrate momentumfactor"),
    "beta1": (0.9, "beta1 b1 betaone rho1 decayrate1 decay1"),
    "beta2": (0.999, "beta2 b2 betatwo rho2 decayrate2 decay2"),
    "rho": (0.9, "rho decayrate decay_ rhodecay smoothing"),
    "eps": (1e-8, "eps epsilon e delta fuzz eps0"),
    "wd": (0.1, "weightdecay wd l2 lambd lambda lam reg l2reg l2lambda lmbda weightdecayrate wdecay lambdareg"),
    "one": (1, "batchsize m n numsamples nsamples samples size bs batch numexamples"),
}
_LOOK_UP = {name: role for role, (_, names) in _HYPER.items() for name in names.split()}


def says(name: str) -> str:
    """The claim that a name makes; "" for none, or for one that is not judged here."""
    flat = plain(name)
    if flat in _EXACTLY:
        return _EXACTLY[flat]
    words = [word.lower() for word in _WORD.findall(name)]
    rests = ["".join(words[i:]) for i in range(len(words))]
    if any(rest.startswith(_OTHERS) for rest in rests):
        return ""
    return next((claim for word, claim in _SAYS.items() if word in flat), "")


def role_of(name: str) -> str:
    """Which setting a parameter of this name is: "lr", "mu", "beta1", ...; "" for none."""
    return _LOOK_UP.get(plain(name), "")


def usual(role: str) -> float:
    """A value for a setting that has none."""
    return _HYPER[role][0]


@dataclass
class Settings:
    """What an optimizer was given.

    Attributes:
        named: by role: lr, mu, beta1, beta2, rho, eps, wd; momentum where one of them is called so.
        numbers: all numbers in its attributes, defaults and code, for trying.
        guessed: whether nothing is known of them, and the numbers are those that people use.
        extra: settings that change what it is, such as amsgrad or bias_correction; where they are there, less is said.
    """

    named: dict[str, float] = field(default_factory=dict)
    numbers: set[float] = field(default_factory=set)
    extra: tuple[str, ...] = ()
    guessed: bool = False

    def shares(self) -> list[float]:
        """Numbers that may be the decay of a running average, and 1 minus them."""
        found = {n for n in self.numbers if 1e-5 < n < 1}
        both = found | {round(1 - n, 12) for n in found}
        return sorted((n for n in both if 1e-5 < n < 0.99999), reverse=True)

    def offsets(self) -> list[float]:
        """Numbers that may be an epsilon."""
        return [0.0, *sorted(n for n in self.numbers if 0 < n < 0.02)]


_EXTRA = ("amsgrad", "biascorrection", "correctbias", "clip", "centered", "warmup", "schedule", "noise", "lookahead",
          "l1", "ratio", "maxnorm", "adapt", "debias", "scheduler")  # fmt: skip


def settings_of(thing: Any, callables: list[Callable[..., Any]], given: Mapping[str, Any]) -> Settings:
    """Those of an optimizer: of its attributes, of its callables' defaults and constants, and what it was given."""
    found = Settings()
    names: list[str] = []
    for one in callables:
        try:
            defaults = {p.name: p.default for p in inspect.signature(one).parameters.values()}
        except (TypeError, ValueError):
            continue
        names += defaults
        _note(found, {name: value for name, value in defaults.items() if value is not inspect.Parameter.empty})
    _note(found, given)
    kind = thing if isinstance(thing, type) else type(thing)
    if not isinstance(thing, FunctionType):
        attributes = dict(getattr(thing, "__dict__", {}))
        _note(found, {name: value for one in reversed(kind.__mro__) for name, value in vars(one).items()})
        _note(found, attributes)
        names += attributes
    for one in [*callables, *(vars(kind).values() if kind is not FunctionType else ())]:
        function = getattr(one, "__func__", one)
        if isinstance(function, FunctionType):
            found.numbers.update(_constants(function.__code__))
            used = (function.__globals__.get(name) for name in function.__code__.co_names)
            found.numbers.update(float(v) for v in used if isinstance(v, float))
    found.extra = tuple(name for name in names if any(word in plain(name) for word in _EXTRA))
    return found


def config_of(tree: ast.Module, function: Callable[..., Any]) -> dict[str, Any]:
    """What the file writes into dictionaries under the keys that a function reads: numbers, ZEROS, or what is usual."""
    code = getattr(function, "__code__", None)
    keys = {one for one in code.co_consts if isinstance(one, str) and one.isidentifier()} if code is not None else set()
    found: dict[str, Any] = {key: usual(role) for key in keys if (role := role_of(key)) and role != "one"}
    for node in ast.walk(tree) if keys else ():
        pairs: list[tuple[Any, ast.expr]] = []
        if isinstance(node, ast.Dict):
            pairs = [(getattr(k, "value", None), v) for k, v in zip(node.keys, node.values, strict=True)]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict":
            pairs = [(one.arg, one.value) for one in node.keywords]
        for key, value in pairs:
            if key not in keys:
                continue
            if isinstance(value, ast.Constant) and type(value.value) in (int, float):
                found[key] = value.value
            elif key not in found and isinstance(value, ast.Call) and "zeros" in ast.unparse(value.func):
                found[key] = ZEROS
    return found


def _note(found: Settings, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        for i, number in enumerate(_numbers(value)):
            found.numbers.add(number)
            if "mom" in plain(name) or plain(name) == "mu":
                found.named["momentum"] = number
            role = role_of(name) or ({0: "beta1", 1: "beta2"}.get(i, "") if plain(name) == "betas" else "")
            if role:
                found.named[role] = number


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        yield float(value)
    elif isinstance(value, (tuple, list)) and len(value) <= 4:
        yield from (float(v) for v in value if isinstance(v, numbers.Real) and not isinstance(v, bool))
    elif isinstance(value, dict) and len(value) < 20:
        yield from (float(v) for v in value.values() if isinstance(v, float))


def _constants(code: CodeType) -> Iterator[float]:
    for value in code.co_consts:
        if isinstance(value, float):
            yield value
        elif isinstance(value, CodeType):
            yield from _constants(value)
