"""Stand-ins: layers, parameters and networks that answer to any of the names that people give their weights.

An optimizer is driven with them in place of a network: whatever it reads and writes, under whichever name, lands in one
place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from handgrad.audit.dialects.calling import plain
from handgrad.core.arrays import Array

_NAMES = {
    "W": "w weights weight kernel theta wts",
    "b": "b biases bias",
    "dW": "dw dweights weightgrad weightsgrad gradw gradweights gradweight weightgradient weightsgradient"
    " weightgradients weightsgradients gradientweights gradientw wgrad weightgrads dldw nablaw gradsw gradwrtw"
    " weightsgrads deltaw dweight deltaweights",
    "db": "db dbiases biasgrad biasesgrad gradb gradbiases gradbias biasgradient biasesgradient biasgradients"
    " biasesgradients gradientbiases gradientb bgrad biasgrads dldb nablab gradsb gradwrtb dbias deltab"
    " gradientbias deltabiases",
}
_SLOT = {name: slot for slot, names in _NAMES.items() for name in names.split()}
_VALUE = {"data", "value", "values", "array", "w", "weight", "param", "tensor", "theta"}
_GRADIENT = {"grad", "gradient", "grads", "g", "dw", "gradients", "derivative"}


class Layer:
    """A dense layer with weights, biases and their gradients under every name."""

    def __init__(self, W: Array, b: Array, flavour: str = "dict") -> None:
        self.__dict__["slots_"] = {"W": W, "b": b, "dW": np.zeros_like(W), "db": np.zeros_like(b)}
        self.__dict__["flavour_"] = flavour
        self.__dict__["read_"] = set()
        own = self.__dict__["slots_"]
        if flavour == "dict":
            self.__dict__["params_"] = _View(own, {"W": "W", "b": "b", "w": "W"}, ("W", "b"))
            self.__dict__["grads_"] = _View(
                own, {"W": "dW", "b": "db", "dW": "dW", "db": "db", "w": "dW", "dw": "dW"}, ("W", "b")
            )

    def __getattr__(self, name: str) -> Any:
        slot = _SLOT.get(plain(name))
        if slot is not None:
            self.__dict__["read_"].add(slot)
            return self.__dict__["slots_"][slot]
        own = self.__dict__["slots_"]
        flavour = self.__dict__["flavour_"]
        known: dict[str, Any] = {"name": "dense", "trainable": True, "learnable": True, "has_params": True,
                                 "requires_grad": True, "is_trainable": True, "has_weights": True,
                                 "id": id(own)}  # fmt: skip
        if name in known:
            return known[name]
        if plain(name) in {"params", "parameters", "getparams", "getparameters", "getweights"} and flavour != "plain":
            return self.__dict__["params_"] if flavour == "dict" else _List([own["W"], own["b"]])
        if plain(name) in {"grads", "grad", "gradients", "getgrads", "getgradients"} and flavour != "plain":
            return self.__dict__["grads_"] if flavour == "dict" else _List([own["dW"], own["db"]])
        if plain(name) in {"paramsandgrads", "parametersandgradients", "paramsgrads"}:
            return _List([(own["W"], own["dW"]), (own["b"], own["db"])])
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        slot = _SLOT.get(plain(name))
        if slot is None:
            self.__dict__[name] = value
        else:
            self.__dict__["slots_"][slot] = value


class _View(dict[str, Any]):
    """A dict of a layer's arrays; also what a call of it gives, for `params` may be an attribute or a method."""

    def __init__(self, own: dict[str, Array], slots: dict[str, str], listed: tuple[str, ...]) -> None:
        super().__init__({name: own[slots[name]] for name in listed})
        self.own, self.slots = own, slots

    def __getitem__(self, key: str) -> Any:
        return self.own[self.slots[key]]

    def __setitem__(self, key: str, value: Any) -> None:
        self.own[self.slots[key]] = value

    def items(self) -> Any:
        return [(key, self[key]) for key in self]

    def values(self) -> Any:
        return [self[key] for key in self]

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self.slots else default

    def __contains__(self, key: object) -> bool:
        return key in self.slots

    def __call__(self) -> _View:
        return self


class _List(list[Any]):
    """A list that gives itself when it is called."""

    def __call__(self) -> _List:
        return self


class Parameter:
    """One parameter with its gradient: .data and .grad, or a pair to unpack."""

    def __init__(self, value: Array, name: str) -> None:
        self.__dict__.update(value_=value, grad_=np.zeros_like(value), name=name, requires_grad=True, trainable=True)

    def __getattr__(self, name: str) -> Any:
        if plain(name) in _VALUE:
            return self.__dict__["value_"]
        if plain(name) in _GRADIENT:
            return self.__dict__["grad_"]
        if name in ("shape", "size", "ndim", "dtype"):
            return getattr(self.__dict__["value_"], name)
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if plain(name) in _VALUE:
            self.__dict__["value_"] = value
        elif plain(name) in _GRADIENT:
            self.__dict__["grad_"] = value
        else:
            self.__dict__[name] = value

    def zero_grad(self) -> None:
        """Set the gradient to zero."""
        self.__dict__["grad_"] = np.zeros_like(self.__dict__["value_"])


class Net:
    """A network of such layers, or with lists or dicts of its parameters."""

    def __init__(self, layers: list[Layer], known: dict[str, Any]) -> None:
        self.__dict__["layers"] = _List(layers)
        self.__dict__["known_"] = known

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, i: Any) -> Any:
        return self.layers[i]

    def __getattr__(self, name: str) -> Any:
        known = self.__dict__["known_"]
        key = plain(name)
        if key in {"params", "parameters", "getparams", "getparameters", "trainableparameters"} and "params" in known:
            return known["params"]
        if key in {"grads", "gradients", "getgrads", "getgradients"} and "grads" in known:
            return known["grads"]
        if key in {"paramsandgrads", "parametersandgradients", "paramsgrads"}:
            return _List([pair for layer in self.layers for pair in layer.params_and_grads()])
        if key in {"trainablelayers", "modules", "network"}:
            return self.layers
        for slot, many in (("W", {"weights", "ws"}), ("b", {"biases", "bs"})):
            if key in many and slot in known:
                return known[slot]
        raise AttributeError(name)
