"""Driving: some steps of somebody's optimizer with known gradients, however it wants to be called."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice, product
from types import FunctionType
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import plain
from handgrad.audit.objects import counters
from handgrad.audit.optimizing.beginnings import beginnings
from handgrad.audit.optimizing.claims import Settings, role_of, settings_of
from handgrad.audit.optimizing.factories import is_factory, made_step
from handgrad.audit.optimizing.hooks import hooks_of, registered, signature
from handgrad.audit.optimizing.path import Path, path_of
from handgrad.audit.optimizing.stage import FLAVOURS, ROLES, Stage
from handgrad.audit.optimizing.steps import steps
from handgrad.core.arrays import Array

STEPS = 8
_MOST_METHODS = 5


@dataclass(frozen=True)
class Plan:
    """What an optimizer is driven with.

    Attributes:
        shapes: of the parameters, by name.
        scale: of the gradients.
        over: settings to give it, by their own names.
        together: one optimizer serves all parameters, where a call takes but one of them or one layer.
        still: whether some numbers have a gradient of 0.
        bumped: whether the first number of each parameter has another gradient than usual.
        flavour: the way of `FLAVOURS` to try first.
        config: what stands in the dictionary of settings that a function may ask for.
        first: the number of the first step, for a call that asks for it.
        begin: makes the state that a function wants, of the parameters; None for zeros.
    """

    shapes: Mapping[str, tuple[int, ...]]
    scale: float = 1.0
    over: Mapping[str, Any] = field(default_factory=dict)
    together: bool = False
    still: bool = False
    bumped: bool = False
    flavour: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    first: int = 1
    begin: Callable[[Any], Any] | None = None

    def start(self) -> dict[str, Array]:
        """The parameters' first values."""
        rng = np.random.default_rng(1)
        return {name: rng.standard_normal(shape) for name, shape in self.shapes.items()}

    def gradients(self) -> list[dict[str, Array]]:
        """Those of all steps: of many sizes, of either sign, none near 0."""
        return _gradients(tuple(self.shapes.items()), self.scale, self.still, self.bumped)


@functools.lru_cache(maxsize=16)
def _gradients(
    shapes: tuple[tuple[str, tuple[int, ...]], ...], scale: float, still: bool, bumped: bool
) -> list[dict[str, Array]]:
    rng = np.random.default_rng(2)
    found = []
    for _ in range(STEPS):
        one = {}
        for name, shape in shapes:
            one[name] = scale * np.exp(rng.uniform(-2.0, 2.0, shape)) * rng.choice((-1.0, 1.0), shape)
            if bumped:
                one[name].flat[0] *= 0.5
            if still:
                one[name].flat[::3] = 0.0
        found.append(one)
    return found


@dataclass(frozen=True)
class Run:
    """What came of it.

    Attributes:
        path: the steps.
        settings: what the optimizer was given.
        step: its method or function that makes the steps.
        spoilt: parameters whose gradients were changed in place.
        failed: it divided by zero.
        flavour: the way of `FLAVOURS` in which it was called.
    """

    path: Path
    settings: Settings
    step: Callable[..., Any]
    spoilt: tuple[str, ...] = ()
    failed: bool = False
    flavour: str = ""

    @property
    def moved(self) -> bool:
        """Whether any parameter changed at all."""
        return bool(np.nan_to_num(self.path.delta, nan=1.0).any())


def runs(target: Any, plan: Plan) -> Iterator[Run]:
    """Every way of calling an optimizer that makes steps, the likelier first."""
    unmoved: Run | None = None
    flavours = dict.fromkeys([*([plan.flavour] if plan.flavour else []), *FLAVOURS])
    for begin, flavour in product((None, *beginnings(target)), flavours):
        plan = replace(plan, begin=begin)
        single = flavour in ("array", "wb", "wb of dict", "array delta") and not _together(flavour, plan)
        names = list(plan.shapes)[: 2 if flavour.startswith("wb") else 1] if single else None
        shapes = plan.shapes if names is None else {name: plan.shapes[name] for name in names}
        for step in range(_MOST_METHODS if isinstance(target, type) else 1):
            try:
                with _counters_kept(target):
                    run = _drive(target, step, flavour, shapes, plan)
            except StopIteration:
                break
            except Exception:  # it wants to be called in another way
                continue
            if run is not None and run.moved:
                yield run
                break
            unmoved = unmoved or run
    if unmoved is not None:
        yield unmoved


@contextmanager
def _counters_kept(target: Any) -> Iterator[None]:
    """Afterwards the numbers that a function counts up in its file are what they were."""
    names = target.__globals__ if isinstance(target, FunctionType) else {}
    before = {name: names[name] for name in counters([target]) if type(names.get(name)) in (int, float)}
    try:
        yield
    finally:
        names.update(before)


def _together(flavour: str, plan: Plan) -> bool:
    return plan.together and flavour == "array"


def _drive(target: Any, which: int, flavour: str, shapes: Mapping[str, Any], plan: Plan) -> Run | None:
    start, gradients = plan.start(), plan.gradients()
    start = {name: start[name] for name in shapes}
    many = _together(flavour, plan)
    stages = [Stage(flavour, {name: start[name]}) for name in start] if many else [Stage(flavour, start)]
    thing, callables, given = _made(target, stages[0], plan.over)
    registered(thing, stages)
    step = callables[0] if thing is None else next(islice(steps(thing), which, None))
    names, needed = signature(step)
    for stage in stages:
        stage.config, stage.begin = dict(plan.config), plan.begin
    values, spoilt, failed = [_read(stages)], set(), False
    hooks = hooks_of(thing, step)
    told = {**given, **plan.config} if any(plain(name) in ROLES["config"] for name in names) else given
    first = settings_of(thing if thing is not None else target, [*callables, step], told)
    for k, gradient in enumerate(gradients):
        for stage in stages:
            stage.set_gradients(gradient)
        for hook in hooks[0]:
            hook()
        try:
            for stage, layer in _turns(stages, names, plan):
                if layer is not None:
                    stage.given |= {"layer": layer, "dw": layer.dW, "db": layer.db}
                arguments = stage.arguments(names, needed, plan.over if thing is None else {}, k + plan.first)
                told_by_call = {n: v for n, v in arguments.items() if role_of(n) and isinstance(v, float)}
                first.named |= {role_of(name): float(value) for name, value in told_by_call.items()}
                first.numbers |= set(told_by_call.values())
                stage.absorb(step(**arguments))
        except ZeroDivisionError:
            if k:
                return None
            failed = True
            values.append({name: value * np.nan for name, value in values[-1].items()})
            break
        for hook in hooks[1]:
            hook()
        for stage in stages:
            spoilt |= _changed(stage, gradient)
        values.append(_read(stages))
    if flavour.endswith("layers") or flavour == "layers of lists":
        asked = [*names, *(signature(target)[0] if thing is not None else [])]
        values = _used(stages[0], names, asked, plan, values)
    seen = [{name: gradient[name] for name in values[0]} for gradient in gradients[: len(values) - 1]]
    return Run(path_of(values, seen, 1e-8), first, step, tuple(sorted(spoilt)), failed, flavour)


def _made(target: Any, stage: Stage, over: Mapping[str, Any]) -> tuple[Any, list[Callable[..., Any]], dict[str, Any]]:
    """(instance, its constructor, what that was given); of a function (None, the function itself, nothing), and of one
    that makes a step (None, this step and its maker, what that was given).
    """
    if isinstance(target, FunctionType) and not is_factory(target):
        return None, [target], {}
    names, needed = signature(target)
    given = stage.arguments(names, needed, over, 0)
    thing = target(**given)
    simple = {name: value for name, value in given.items() if isinstance(value, (int, float))}
    if isinstance(target, FunctionType):
        return None, [made_step(thing), target], simple
    return thing, [target.__init__], simple


def _turns(stages: list[Stage], names: list[str], plan: Plan) -> Iterator[tuple[Stage, Any]]:
    """Each call of a step: one for all, or one for each parameter or layer."""
    for stage in stages:
        single = any(plain(name) in ROLES["layer"] for name in names)
        if stage.layers and single:
            yield from ((stage, layer) for layer in stage.layers[: None if plan.together else 1])
        else:
            yield stage, None


def _used(
    stage: Stage, names: list[str], asked: list[str], plan: Plan, values: list[dict[str, Array]]
) -> list[dict[str, Array]]:
    """Without the parameters of layers that nobody handed over, and biases that the code never asked for."""
    single = any(plain(name) in ROLES["layer"] for name in names)
    made_for_one = not single and any(plain(name) in ROLES["layer"] for name in asked)
    layers = stage.layers[: 1 if made_for_one or (single and not plan.together) else None]
    gone = {f"b{i + 1}" for i, layer in enumerate(stage.layers) if "b" not in layer.read_}
    kept = [name for i, _ in enumerate(layers) for name in (f"W{i + 1}", f"b{i + 1}")]
    if stage.flavour != "plain layers":
        gone = {name for name in gone if any(layer.read_ for layer in stage.layers)}
    return [{name: value[name] for name in kept if name in value and name not in gone} for value in values]


def _read(stages: list[Stage]) -> dict[str, Array]:
    return {name: value for stage in stages for name, value in stage.read().items()}


def _changed(stage: Stage, given: Mapping[str, Array]) -> set[str]:
    """Parameters whose gradients are no longer what they were; set to zero does not count."""
    now = stage.gradients()
    return {
        name
        for name, value in now.items()
        if name in given
        and np.any(value)
        and np.shape(value) == given[name].shape
        and not np.array_equal(value, given[name])
    }
