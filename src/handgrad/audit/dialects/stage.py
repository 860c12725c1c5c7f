"""Stage: somebody's code set up so that it takes one step on a given batch with a given learning rate.

Numbers that the code keeps as attributes or global names, such as its learning rate, are set for the call and put back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from handgrad.audit.dialects import decays
from handgrad.audit.dialects.calling import FORWARD, STRENGTHS, call, fill, method, needed, plain, roles
from handgrad.audit.dialects.edits import RATE
from handgrad.audit.dialects.props import Props
from handgrad.audit.dialects.sizes import kept
from handgrad.audit.dialects.witness import Report, says_loss, watch
from handgrad.audit.dialects.world import STILL, refused
from handgrad.audit.objects import Slot, is_own, parts, slots
from handgrad.audit.reading.fence import OutOfTime, work_limit
from handgrad.audit.reading.headroom import headroom
from handgrad.core.arrays import Array

# (known by role, namespace) -> what the code returns
SECONDS = 1.0  # for one run: more is a whole training
_MEGABYTES = 256  # the same
Action = Callable[[dict[str, Any]], Any]

# Numbers kept as attributes or global names, which are set for a step. Fewer than a parameter may be called, for here
# an `n` or a `rate` may be anything.
_KNOBS = {
    "lr": {"lr", "learningrate", "eta", "stepsize", "learnrate", "lrate", "initiallr", "initiallearningrate", "alpha",
           "currentlearningrate", "currentlr", "lr0", "baselr", "learningrates"},
    "epochs": {"epochs", "nepochs", "numepochs", "nepoch", "maxepochs", "maxepoch", "totalepochs", "iterations",
               "epoch", "numiterations", "niterations", "iters", "niters", "niter", "numiters", "itersnum", "maxiter",
               "nbepochs"},
    "rows": {"batchsize", "minibatchsize", "bs", "nsamples", "numsamples", "trainsize", "numtrain", "ntrain", "m", "n",
             "datasize", "numdata", "ndata", "numexamples", "nexamples"},
    "batches": {"nbatches", "numbatches", "batchesperepoch", "stepsperepoch", "iterperepoch", "itersperepoch",
                "iterationsperepoch", "totalbatches", "numminibatches", "maxiters", "numbatch", "nbatch"},
    "zero": {"decay", "lrdecay", "learningratedecay", "dropoutrate", "dropout", "dropprob", "dropoutprob",
             "dropoutratio", "pdrop", "dropp", "drop"},
    "keep": {"keepprob", "keeprate", "keep", "pkeep", "keepp", "keepratio"},
    "limit": {"clipnorm", "clipvalue", "clipthreshold", "clipgrad", "clipgradient", "clipgradients", "clipgradnorm",
              "gradclip", "gradclipnorm", "gradclipvalue", "gradclipthreshold", "gradclipping", "gradientclip",
              "gradientclipnorm", "gradientclipvalue", "gradientclipthreshold", "gradientclipping", "maxgradnorm",
              "maxgradientnorm", "maxgrad"},
}  # fmt: skip
_UNLIMITED, _LEAST_LIMIT = 1e9, 0.1  # what gradients are cut off at; of a smaller one nobody cuts gradients off
_ROLE_OF = {name: role for role, names in _KNOBS.items() for name in names}
_NO_COUNT = re.compile(r"class|hidden|out|feature|input|epoch|dim|unit|layer|seed")
_COUNTS_BATCHES = re.compile(r"batch|iter|step")
_BENT = ("relu", "elu", "activation", "swish")  # their alpha is a slope


@dataclass
class Stage:
    """Somebody's network on stage.

    Attributes:
        namespace: the file's names.
        roots: the objects that hold the network, its loss and its optimizer.
        known: what a call may be given, by role: "model", "criterion", "optimizer", ...
        names: global names that the action itself reads, which are given batch and labels.
        props: copies of the file's objects, which stand in their place for a run.
        dropping: whether dropout is left as it is, drawn alike in each run, for code that cannot do without its mask.
        counted: whether held-out labels are whole numbers where those of training are one-hot.
    """

    namespace: dict[str, Any]
    roots: list[Any]
    known: dict[str, Any] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    props: Props | None = None
    dropping: bool = False
    counted: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.namespace, Props):
            self.props, self.namespace = self.namespace, self.namespace.real

    def slots(self) -> list[Slot]:
        """Every array of floats that the network's objects hold now; where two are alike, with those of the objects."""
        seen: set[int] = set()
        found = [(root, slot) for root in self.roots for slot in _named_slots(root, seen)]
        if len({slot.name for _, slot in found}) == len(found):
            return [slot for _, slot in found]
        named = {id(thing): name for name, thing in (self.props.laid if self.props is not None else {}).items()}
        whole = ((slot, f"{named[id(root)]}." if id(root) in named else "") for root, slot in found)
        return [replace(slot, name=before + slot.name) for slot, before in whole]

    def context(self, x: Array, y: Array, lr: float) -> dict[str, Any]:
        """What a call may be given, by role."""
        held = y.argmax(axis=int(len(y) == len(x))) if self.counted and np.ndim(y) == 2 else y
        return {
            "x": x, "y": y, "lr": lr, "epochs": 1, "rows": len(x), "batches": 1, "one": 1, "false": False,
            "true": True, "zero": 0, **STRENGTHS, "keep": kept(), "limit": _UNLIMITED, "held-out x": x,
            "held-out y": held, "loader": [(x, y)], "held-out loader": [(x, held)], "rng": np.random.default_rng(0),
            **self.known,
        }  # fmt: skip

    def run(
        self, action: Action, x: Any, y: Any, lr: float, *, rows: int, on_update: Callable[[], None] | None = None
    ) -> Report:
        """One run of the action on a batch in the code's own form.

        Raises: TimeoutError after `SECONDS`, and whatever the action raises.
        """
        try:
            return self._run(action, x, y, lr, rows, on_update)
        except (ValueError, AssertionError) as error:
            if lr != 0 or not refused(error):
                raise
            return self._run(action, x, y, STILL, rows, on_update)

    def _run(
        self, action: Action, x: Any, y: Any, lr: float, rows: int, on_update: Callable[[], None] | None
    ) -> Report:
        known = self.context(x, y, lr) | {"rows": rows}
        with self.props.on_stage() if self.props is not None else nullcontext(), self._set(known):
            try:
                with work_limit(SECONDS), headroom(_MEGABYTES):
                    return watch(lambda: action(known), rows, on_update, self._kept_losses)
            except OutOfTime as late:
                raise TimeoutError from late

    def _kept_losses(self) -> Mapping[str, Any]:
        """Losses that were left in attributes or global names."""
        found: dict[str, Any] = {}
        for root in self.roots:
            for thing in parts(root):
                found |= {f"{type(thing).__name__}.{k}": v for k, v in vars(thing).items() if says_loss(k)}
        named = {k: v for k, v in self.namespace.items() if k in self.names and says_loss(k)}
        return {k: v for k, v in {**named, **found}.items() if not callable(v)}

    def _sizes(self, known: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str, Any]]:
        """Whole numbers that the script has worked out from its data: how many samples, how many batches of them."""
        data = [self.namespace.get(key) for key in self.names if set(roles(key)) & {"x", "y"}]
        lengths = {len(one) for one in data if isinstance(one, np.ndarray) and one.ndim and len(one) > 1}
        sizes = [v for k, v in self.namespace.items() if _ROLE_OF.get(plain(k)) == "rows" and isinstance(v, int)]
        batches = {length // size for length in lengths for size in sizes if 0 < size < length}
        for key in self.names:
            value = self.namespace.get(key)
            if not isinstance(value, int) or _NO_COUNT.search(key.lower()):
                continue
            if value in lengths:
                yield self.namespace, key, known["rows"]
            elif value in batches and _COUNTS_BATCHES.search(key.lower()):
                yield self.namespace, key, 1

    def takes_batches(self) -> bool:
        """Whether the file has set a size of batches to more than one row."""
        sizes = [self.namespace[key] for key in self.namespace if plain(key) in ("batchsize", "minibatchsize")]
        return any(isinstance(size, int) and size > 1 for size in sizes)

    def drops(self) -> bool:
        """Whether any object is a dropout that can be put aside."""
        return any(True for root in self.roots for thing in parts(root) for _ in _undropped(thing))

    def put_aside(self) -> list[str]:
        """Names of the regularisation and dropout that a run sets so that they take no part."""
        known = self.context(np.zeros((1, 1)), np.zeros(1), 0.0)
        dropped = {
            (id(holder), key) for root in self.roots for thing in parts(root) for holder, key, _ in _undropped(thing)
        }
        names = []
        for holder, key, value in self._knobs(known):
            told = self._role(key) in ("zero", "keep", "limit") or (id(holder), key) in dropped
            if told and holder.get(key) != value and "decay" not in plain(key).replace("weightdecay", ""):
                names.append(key)
        return list(dict.fromkeys(names))

    @contextmanager
    def _set(self, known: Mapping[str, Any]) -> Iterator[None]:
        saved: list[tuple[dict[str, Any], str, Any]] = []
        for owner, key, value in list(self._knobs(known)):  # all read before any is set
            saved.append((owner, key, owner.get(key, self)))
            owner[key] = value
        try:
            yield
        finally:
            for owner, key, value in saved:
                if value is self:
                    owner.pop(key, None)
                else:
                    owner[key] = value

    def _role(self, key: str) -> str | None:
        """What a number of this name is set for; a weight decay, which is part of what is judged, for nothing."""
        return None if plain(key) == "decay" and decays.of_weights(self.namespace) else _ROLE_OF.get(plain(key))

    def _knobs(self, known: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str, Any]]:
        """(holder, name, value) of everything that has to be set."""
        seen: set[int] = set()
        for root in self.roots:
            yield from _data_of(root, known)
            for thing in parts(root, 0, seen):
                measured = [] if self.dropping or kept() < 1 else list(_undropped(thing))
                yield from measured
                bent = any(word in type(thing).__name__.lower() for word in _BENT)
                for key, value in vars(thing).items():
                    if any(key == one for _, one, _ in measured):  # a dropout rate may be the share that stays
                        continue
                    role = None if _counts_parts(key, value, thing) else self._role(key)
                    if (
                        self.dropping
                        and role in ("zero", "keep")
                        and "drop" in key.lower() + type(thing).__name__.lower()
                    ):
                        continue
                    if role and _is_number(value) and not _is_small(role, value) and not (bent and role == "lr"):
                        share = 1.0 - kept() if role == "zero" and "drop" in key.lower() else known[role]
                        yield vars(thing), key, _like(value, share)
        for key, value in list(self.namespace.items()):
            role = self._role(key)
            if role and _is_number(value) and not _is_small(role, value):
                yield self.namespace, key, _like(value, known[role])
        yield self.namespace, RATE, known["lr"]
        yield from self._sizes(known)
        for key in self.names:
            value = self.namespace.get(key)
            if value is None or isinstance(value, (np.ndarray, list, tuple)) or "StandIn" in type(value).__name__:
                role = next((r for r in roles(key) if r in _GIVEN), None)
                if role and not _is_loss_list(key, value):
                    yield self.namespace, key, known[role]


def limits(name: str) -> bool:
    """Whether a setting of this name is what gradients are cut off at."""
    return _ROLE_OF.get(plain(name)) == "limit"


def _is_small(role: str, value: float) -> bool:
    """Whether a limit is one of probabilities, and not of gradients; or none, where 0 stands for that."""
    return role == "limit" and value < _LEAST_LIMIT


def _named_slots(root: Any, seen: set[int]) -> Iterator[Slot]:
    """A dict at the root holds things by the names that the file calls them."""
    if type(root) is dict:
        for name, thing in root.items():
            yield from slots(thing, name, seen)
    else:
        yield from slots(root, "", seen)


def _data_of(root: Any, known: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """The data that an object keeps from its constructor, where that takes rows and labels, and how many they are."""
    taken = {role for name in needed(type(root)) or [] for role in roles(name)[:1]} if is_own(root) else set()
    if not {"x", "y"} <= taken:
        return
    for key, value in vars(root).items():
        role = next(iter(roles(key)), "")
        if role in ("x", "y") and isinstance(value, np.ndarray):
            yield vars(root), key, known[role]
            if role == "x":
                counts = [name for name, number in vars(root).items() if type(number) is int and number == len(value)]
                yield from ((vars(root), name, known["rows"]) for name in counts)


def _undropped(thing: Any) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Dropout that lets everything pass, whether its number is the share that stays or the one that goes.

    What its forward gives may be kept and not returned; that is asked only where the name of the number says what to
    set, for what it says may be wrong.
    """
    forward = method(thing, FORWARD) if "drop" in type(thing).__name__.lower() else None
    if forward is None:
        return
    ones = np.ones((3, 7))
    for key, value in list(vars(thing).items()):
        if isinstance(value, float) and 0 < value < 1:
            for passing in (0.0, 1.0):
                setattr(thing, key, passing)
                try:
                    known = fill(forward, {"x": ones.copy(), "true": True})
                    out = call(forward, known) if known is not None else forward(ones.copy())
                    out = thing.output if out is None and plain(key) in _ROLE_OF else out
                    same = out is not None and np.array_equal(out, ones)
                except Exception:
                    same = False
                setattr(thing, key, value)
                if same:
                    yield vars(thing), key, passing
                    return


_GIVEN = ("x", "y", "loader", "held-out x", "held-out y", "held-out loader", "rows", "batches", "epochs", "lr")


def _counts_parts(key: str, value: Any, thing: Any) -> bool:
    """Whether an n or m is how many items one of the thing's own lists has: layers, and no rows."""
    lists = (len(one) for one in vars(thing).values() if isinstance(one, list | tuple))
    return type(value) is int and len(key) == 1 and value in lists


def _is_loss_list(key: str, value: Any) -> bool:
    return isinstance(value, list) and not value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _like(value: Any, new: Any) -> Any:
    """The new number; a whole one stays whole, for it may count or index."""
    return new if isinstance(value, (float, np.floating)) or isinstance(new, float) else int(new)
