"""Stages: parameters and gradients, handed to an optimizer in one of the ways in which people do that.

Each stage answers which of its things belongs to which argument of a call, and afterwards what the parameters are now.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import plain, roles
from handgrad.audit.optimizing.stand_ins import Layer, Net, Parameter
from handgrad.audit.reading.standins import StandIn
from handgrad.core.arrays import Array

_ROLES = {
    "params": "params parameters weights theta w modelparams variables vars modelparameters p param ps ws parameter"
    " network net model paramlist value x var weight layerweights",
    "grads": "grads gradients grad gradient dparams dweights g derivs dw dparameters gradwrtw paramgrads dx dtheta"
    " nablas nabla deltas weightgrads weightgradients gradweights weightsgradient weightsgradients weightgradient gradw"
    " gs gradientlist delta",
    "layers": "layers network net model modules trainablelayers nn",
    "layer": "layer l module",
    "model": "model net network nn mlp self_ neuralnetwork",
    "w": "w weights weight param parameter theta x value p var variable params wts parameters layerweights",
    "dw": "dw dweights gradw grad gradient g gradwrtw dx dtheta djdw weightgrad weightsgrad weightgradient"
    " weightsgradient gradients grads gradweights dparam dp dl dldw nablaw dweight deltaw weightgradients"
    " weightsgradients gradwrtweights",
    "b": "b biases bias",
    "db": "db dbiases dbias gradb biasgrad biasesgrad biasgradient biasesgradient gradbiases gradbias dldb nablab"
    " deltab djdb biasgrads biasesgrads biasgradients biasesgradients gradwrtbiases",
    "time": "t iteration iter step epoch k niter i timestep it iterations n time steps counter numupdates",
    "key": "key name paramname layerid id idx paramid layername index layeridx layerindex pid paramkey uid",
    "state": "v s m velocity velocities cache state h moments vdw sdw vw mw mdw vt mt r accum acc cachew"
    " moment1 moment2 mom m1 m2 squaredgrad ms vs momentums firstmoment secondmoment e edg gsq accumulator memory exavg"
    " exavgsq meansquare optstate optimizerstate adamstate optimstate slots",
    "state b": "vdb sdb vb mb mdb cacheb",
    "config": "config configs optconfig cfg optimconfig",
}
_OF_W, _OF_B = ("dW", "dw", "W", "w", "weights", "dweights"), ("db", "dB", "b", "bias", "biases", "dbiases")
ZEROS = "zeros"  # stands for arrays of zeros, as large as the parameter
_FUNCTIONS = re.compile(r"func|fn$|forward|backward|backprop|loss|cost|criterion", re.IGNORECASE)
ROLES = {role: set(names.split()) for role, names in _ROLES.items()}
SHAPES: dict[str, tuple[int, ...]] = {"W1": (5, 4), "b1": (1, 4), "W2": (4, 6), "b2": (1, 6)}
ALIKE: dict[str, tuple[int, ...]] = {"W1": (4, 4), "b1": (4, 4), "W2": (4, 4), "b2": (4, 4)}


class Stage:
    """Parameters in one of the ways of `FLAVOURS`.

    Args:
        flavour: which way.
        start: the parameters' first values, by name.
    """

    def __init__(self, flavour: str, start: Mapping[str, Array]) -> None:
        self.flavour, self.names = flavour, list(start)
        self.arrays = {name: value.copy() for name, value in start.items()}
        self.layers: list[Layer] = []
        self.given: dict[str, Any] = {}
        self.config: dict[str, Any] = {}  # what the file writes into a dictionary of settings and state
        self.begin: Callable[[Any], Any] | None = None  # what the file makes a state with
        self.held = False  # whether the optimizer was made with the arrays in which its gradients will lie
        self.sign = 0.0  # of steps that are returned: whether they are to be taken away or added
        self._set_up()
        self.states: dict[str, Any] = {}

    def _set_up(self) -> None:
        arrays = list(self.arrays.values())
        zeros = {name: np.zeros_like(value) for name, value in self.arrays.items()}
        match self.flavour:
            case "dict":
                self.given = {"params": dict(self.arrays), "grads": zeros}
            case "dict of d":
                self.given = {"params": dict(self.arrays), "grads": {f"d{name}": zero for name, zero in zeros.items()}}
            case "list":
                self.given = {"params": arrays, "grads": list(zeros.values())}
            case "pairs":
                pairs = list(zip(arrays, zeros.values(), strict=True))
                self.given = {"params": pairs, "pairs": pairs, "layers": pairs}
            case "objects":
                things = [Parameter(value, name) for name, value in self.arrays.items()]
                self.given = {"params": things, "w": things[0]}
            case "array" | "array delta" | "wb":
                self.given = {"w": arrays[0], "dw": zeros[self.names[0]]}
                if self.flavour == "wb":
                    self.given |= {"b": arrays[1], "db": zeros[self.names[1]]}
                if self.flavour == "array delta":
                    del self.given["w"]
            case "wb of dict":
                self.given = {"w": arrays[0], "b": arrays[1], "grads": _by_keys(*zeros.values())}
            case "layers" | "layers of lists" | "plain layers":
                kind = {"layers": "dict", "layers of lists": "list", "plain layers": "plain"}[self.flavour]
                self.layers = [
                    Layer(arrays[i], arrays[i + 1] if i + 1 < len(arrays) else np.zeros((1, 6)), kind)
                    for i in range(0, len(arrays), 2)
                ]
                net = Net(self.layers, {})
                self.given = {"layers": self.layers, "model": net, "layer": self.layers[0], "params": self.layers}
            case "net of weights":
                ours, theirs = [arrays[::2], arrays[1::2]], [list(zeros.values())[::2], list(zeros.values())[1::2]]
                net = Net([], {"W": ours[0], "b": ours[1]})
                self.given = {"model": net, "w": ours[0], "b": ours[1], "dw": theirs[0], "db": theirs[1]}
            case "net of dict" | "net of list" | "net of objects":
                inner = Stage(self.flavour.removeprefix("net of ").replace("dict of d", "dict"), self.arrays)
                self.inner = inner
                self.given = {"model": Net([], inner.given)}

    def arguments(self, names: list[str], needed: set[str], settings: Mapping[str, float], step: int) -> dict[str, Any]:
        """What to give for parameters of these names. Raises LookupError where one is needed that nothing is for."""
        from handgrad.audit.optimizing.claims import role_of

        given: dict[str, Any] = {}
        used: set[str] = set()
        for name in names:
            flat = plain(name)
            mine = [r for r in ROLES if flat in ROLES[r] and r in self.given and r not in used]
            setting = role_of(name)
            mine.sort(key=lambda role: role != "model")
            if mine and (name in needed or mine[0] not in ("layers", "model")):
                given[name] = self.given[mine[0]]
                used.add(mine[0])
                self.held = self.held or (not step and mine[0] in ("dw", "db"))
            elif name in settings:
                given[name] = settings[name]
            elif flat in ROLES["config"] and step:
                zeros = {key: self._zeros(0) for key, value in self.config.items() if value is ZEROS}
                given[name] = self.states.setdefault(name, self.config | zeros)
            elif name not in needed:
                continue
            elif flat in ROLES["time"] and not (setting and setting != "one"):
                given[name] = step
            elif self._is_key(flat) and not setting:
                given[name] = self.names[0]
            elif flat in ROLES["state"] and (self.begin or "state" in self._may_hold()):
                given[name] = self._state(name)
            elif flat in ROLES["state b"]:
                given[name] = self.states.setdefault(name, self._zeros(1))
            else:
                given[name] = _usual(setting) if setting else _for_others(name)
        both = self.flavour.startswith("wb") or (self.flavour == "net of weights" and "w" in used)
        if step and both and not {"w", "b", *({"grads"} if self.flavour == "wb of dict" else {"dw", "db"})} <= used:
            raise LookupError("b")
        return given

    def _is_key(self, flat: str) -> bool:
        """Whether an argument says whose array it is; a call for one array has little else to ask."""
        return flat in ROLES["key"] or (self.flavour == "array" and not any(flat in one for one in ROLES.values()))

    def _may_hold(self) -> set[str]:
        return {"state"} if self.flavour in ("dict", "dict of d", "list", "array", "wb", "array delta") else set()

    def _state(self, name: str) -> Any:
        """What is remembered under a name from step to step."""
        if name not in self.states:
            params = self.given.get("params", self.given.get("w"))
            self.states[name] = self._zeros(0) if self.begin is None else self.begin(params)
        return self.states[name]

    def _zeros(self, i: int) -> Any:
        if self.flavour in ("array", "array delta", "wb"):
            return np.zeros_like(list(self.arrays.values())[i])
        if self.flavour == "list":
            return [np.zeros_like(value) for value in self.arrays.values()]
        return {key: np.zeros_like(value) for key, value in self.given["grads"].items()}

    def set_gradients(self, gradients: Mapping[str, Array]) -> None:
        """Give each parameter its gradient, in arrays of its own."""
        fresh = {name: gradients[name].copy() for name in self.names}
        match self.flavour:
            case "dict" | "dict of d":
                grads = self.given["grads"]
                for key, name in zip(list(grads), self.names, strict=True):
                    grads[key] = fresh[name]
            case "list":
                self.given["grads"][:] = list(fresh.values())
            case "pairs":
                for (_, grad), name in zip(self.given["pairs"], self.names, strict=True):
                    grad[...] = fresh[name]
            case "objects":
                for thing, name in zip(self.given["params"], self.names, strict=True):
                    thing.grad = fresh[name]
            case "array" | "array delta" | "wb" | "wb of dict":
                self._hand_over(fresh)
            case "net of weights":
                self.given["dw"][:], self.given["db"][:] = list(fresh.values())[::2], list(fresh.values())[1::2]
            case "net of dict" | "net of list" | "net of objects":
                self.inner.set_gradients(gradients)
            case _:
                for i, layer in enumerate(self.layers):
                    layer.dW = fresh[self.names[2 * i]]
                    layer.db = fresh[self.names[2 * i + 1]] if 2 * i + 1 < len(self.names) else np.zeros((1, 6))

    def _hand_over(self, fresh: Mapping[str, Array]) -> None:
        """Give the gradients of one layer, in the arrays that the optimizer already holds if it was made with them."""
        for role, value in zip(("dw", "db"), fresh.values(), strict=False):
            if self.held:
                self.given[role][...] = value
            else:
                self.given[role] = value
        if self.flavour == "wb of dict":
            self.given["grads"] = _by_keys(*fresh.values())

    def gradients(self) -> dict[str, Array]:
        """The gradients as they lie there now."""
        if self.flavour in ("net of dict", "net of list", "net of objects"):
            return self.inner.gradients()
        match self.flavour:
            case "dict" | "dict of d":
                found = list(self.given["grads"].values())
            case "list":
                found = self.given["grads"]
            case "pairs":
                found = [grad for _, grad in self.given["pairs"]]
            case "objects":
                found = [thing.grad for thing in self.given["params"]]
            case "array" | "array delta" | "wb":
                found = [self.given["dw"], *([self.given["db"]] if "db" in self.given else [])]
            case "wb of dict":
                found = [self.given["grads"][_OF_W[0]], self.given["grads"][_OF_B[0]]]
            case "net of weights":
                found = _alternately(self.given["dw"], self.given["db"])
            case _:
                found = [array for layer in self.layers for array in (layer.dW, layer.db)]
        return dict(zip(self.names, found, strict=False))

    def absorb(self, result: Any) -> None:
        """Take over what a call has returned: the parameters first, then whatever state went in."""
        if result is None:
            return
        parts = list(result) if isinstance(result, tuple) else [result]
        if self.flavour == "array delta":
            made, name = np.asarray(parts.pop(0), np.float64), self.names[0]
            self.sign = self.sign or (1.0 if np.vdot(made, self.given["dw"]) > 0 else -1.0)
            self.arrays[name] = self.arrays[name] - self.sign * made.reshape(self.arrays[name].shape)
        elif self.flavour in ("array", "wb", "wb of dict"):
            for role in ("w",) if self.flavour == "array" else ("w", "b"):
                if parts and isinstance(parts[0], np.ndarray) and parts[0].shape == self.given[role].shape:
                    self.given[role] = parts.pop(0)
        elif parts and isinstance(parts[0], (list, dict)) and len(parts[0]) == len(self.given.get("params", ())):
            self.given["params"] = parts.pop(0)
            self.given["returned"] = True
        for name, part in zip(list(self.states), parts, strict=False):
            if type(part) is type(self.states[name]):
                self.states[name] = part

    def read(self) -> dict[str, Array]:
        """The parameters now."""
        if self.flavour in ("net of dict", "net of list", "net of objects"):
            return self.inner.read()
        match self.flavour:
            case "dict" | "dict of d":
                found = [self.given["params"][name] for name in self.names]
            case "list":
                found = list(self.given["params"])
            case "objects":
                found = [thing.data for thing in self.given["params"]]
            case "array" | "wb" | "wb of dict":
                found = [self.given["w"], *([self.given["b"]] if "b" in self.given else [])]
            case "net of weights":
                found = _alternately(self.given["w"], self.given["b"])
            case "layers" | "layers of lists" | "plain layers":
                found = [array for layer in self.layers for array in (layer.W, layer.b)]
            case _:
                found = list(self.arrays.values())
        return {
            name: np.array(value, np.float64).reshape(self.arrays[name].shape)
            for name, value in zip(self.names, found, strict=False)
        }


def _for_others(name: str) -> StandIn:
    """What stands in for a function or for data, which an optimizer is handed that trains as well; its update may do
    without. One that does not fails at the first thing that it does with it. Raises LookupError for any other name.
    """
    if _FUNCTIONS.search(name) or {"x", "y", "criterion", "loader"} & set(roles(name)):
        return StandIn(name)
    raise LookupError(name)


def _by_keys(dw: Array, db: Array) -> dict[str, Array]:
    """The gradients of a layer under every key that people give them."""
    return dict.fromkeys(_OF_W, dw) | dict.fromkeys(_OF_B, db)


def _alternately(weights: list[Array], biases: list[Array]) -> list[Array]:
    return [array for pair in zip(weights, biases, strict=True) for array in pair]


def _usual(role: str) -> float:
    from handgrad.audit.optimizing.claims import usual

    return usual(role)


FLAVOURS = ("dict", "pairs", "objects", "layers", "list", "dict of d", "net of dict", "net of list", "net of objects",
            "net of weights", "plain layers", "layers of lists", "wb", "wb of dict", "array",
            "array delta")  # fmt: skip
