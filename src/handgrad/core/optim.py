"""Optimizers: what a gradient does to a weight. Each is its textbook lines, run over flat arrays.

A whole net of our own layers is one pair of flat arrays (`theta`, `grad`), so `update` below is written once and
meets every weight. It is run on slices that fit the processor's cache; as no number looks at its neighbour, that
changes nothing but the time.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.checks import in_range
from handgrad.core.params import Buffer, Pair, Parameter, as_pairs, runs
from handgrad.errors import InputError
from handgrad.words import say

SLICE = 32_768  # numbers; 128 KB of float32, so that the four or five arrays of an update fit an L2 cache

# A running mean whose gradient has become 0 (that of a pixel that is rarely lit) shrinks for ever. Below the smallest
# normal number it is too small for any step to feel, and slow to compute with: in the third epoch of MNIST it makes a
# quarter of Adam's time. So every FLUSH_EVERY steps what is near that is set to 0.
FLUSH_EVERY, FLUSH_BELOW = 64, 1e8  # steps; times the smallest normal number


class Optimizer:
    """Base of the optimizers that ship. A subclass names its `state_names` and writes `update`.

    Args:
        parameters: `net.parameters()`, the net itself, or any (value, gradient) pairs of arrays, which are updated in
            place.
        lr: the learning rate, 0 or more; it may be changed between steps.
        weight_decay: 0 or more; what it does is said at each optimizer. Like lr, it may be changed between steps.
        decay: "all" parameters decay, as in PyTorch, or "weights" only: those with two or more axes, so no bias and
            no scale of a normalisation.
    """

    state_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: Any, lr: float, *, weight_decay: float = 0.0, decay: str = "all") -> None:
        self.pairs: list[Pair] = as_pairs(parameters)
        self.lr = in_range(lr, "lr", 0, 1e9)
        self.weight_decay = in_range(weight_decay, "weight_decay", 0, 1e9)
        if decay not in ("all", "weights"):
            raise InputError("core.choice", what="decay", got=decay, choices="all, weights")
        self.decay = decay
        self.steps = 0
        self._state: dict[str, Array] = {}
        self._homes: list[tuple[Parameter, Buffer]] = []
        self._slices: list[tuple[Any, ...]] = []

    def step(self) -> None:
        """Update every parameter once, in place, from its present gradient.

        Warns where the first step finds nothing to do in plain pairs of arrays: backward has not run, or it made new
        gradient arrays that the optimizer has never seen.
        """
        idle = not self.steps and not self.weight_decay  # a decay moves weights without a gradient
        if idle and all(isinstance(pair, (tuple, list)) and not np.any(pair[1]) for pair in self.pairs):
            warnings.warn(say("core.no_gradients"), stacklevel=2)
        self.steps += 1
        for theta, grad, decays, state in self._cut():
            self.update(theta, grad, self.weight_decay if decays else 0.0, *state)
        if self.steps % FLUSH_EVERY == 0:
            for array in self._state.values():
                array[np.abs(array) < FLUSH_BELOW * np.finfo(array.dtype).tiny] = 0

    def update(self, theta: Array, grad: Array, decay: float, *state: Array) -> None:
        """One step on one stretch of numbers: change theta and state in place, leave grad as it is.

        `decay` is the weight decay of these numbers, 0.0 for none.
        """
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Set all gradients to 0. Welcome, not needed: backward assigns gradients, it does not add to them."""
        for _, grad in runs(self.pairs):
            grad[...] = 0

    def state(self) -> dict[str, Array]:
        """All that a later step depends on, one flat array a name, for a checkpoint."""
        self._cut()
        return {name: array.copy() for name, array in self._state.items()} | {"steps": np.array([self.steps])}

    def load_state(self, state: dict[str, Array]) -> None:
        """Put back what `state` gave. InputError where it is another optimizer's or another net's."""
        self._cut()
        size = sum(theta.size for theta, _ in runs(self.pairs))
        needed = {*self.state_names, "steps"}
        if set(state) != needed or any(state[name].size != size for name in self.state_names):
            raise InputError("core.optimizer_state", optimizer=type(self).__name__, size=size, names=sorted(needed))
        self.steps = int(state["steps"][0])
        for name, array in self._state.items():
            array[...] = state[name]

    def config(self) -> dict[str, Any]:
        """The settings, as plain JSON values."""
        return {"lr": self.lr, "weight_decay": self.weight_decay, "decay": self.decay}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.config().items())})"

    def _cut(self) -> list[tuple[Any, ...]]:
        """(theta, grad, decays, state) for each slice; cut anew where the parameters have moved to another buffer."""
        if self._slices and self._homes and all(pair.buffer is buffer for pair, buffer in self._homes):
            return self._slices
        stretches = self._stretches()
        if not self._state:  # one flat array a name, so that it outlives any move of the parameters
            size, dtype = sum(t.size for t, _, _ in stretches), np.result_type(*(t.dtype for t, _, _ in stretches))
            self._state = {name: np.zeros(size, dtype) for name in self.state_names}
        ours = all(isinstance(pair, Parameter) for pair in self.pairs)  # other people's arrays may be new each time
        self._homes = [(pair, pair.buffer) for pair in self.pairs if isinstance(pair, Parameter)] if ours else []
        self._slices = []
        start = 0
        for theta, grad, decays in stretches:
            state = [flat[start : start + theta.size].reshape(theta.shape) for flat in self._state.values()]
            start += theta.size
            if theta.ndim == 0:  # a single number of somebody's own; NumPy would make a copy of it in passing
                theta, grad, state = theta.reshape(1), np.reshape(grad, 1), [s.reshape(1) for s in state]
            size = SLICE if theta.ndim == 1 else len(theta)
            for i in range(0, len(theta), size):
                part = slice(i, i + size)
                self._slices.append((theta[part], grad[part], decays, [s[part] for s in state]))
        return self._slices

    # The slices are views, and a copy or a pickle would make arrays of their own of them: it cuts anew.
    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_slices": [], "_homes": []}

    def _stretches(self) -> list[tuple[Array, Array, bool]]:
        """(theta, grad, decays): a whole net at once, or a parameter at a time where only some of them decay."""
        if self.decay == "all":
            return [(theta, grad, True) for theta, grad in runs(self.pairs)]
        return [(value, grad, value.ndim > 1) for value, grad in self.pairs]


class SGD(Optimizer):
    """theta -= lr * g, with momentum if asked for. It neither clips nor averages.

    With momentum mu: v = mu v + g, theta -= lr v; Nesterov's form steps by g + mu v (Sutskever et al. 2013, in the
    form that PyTorch uses). Weight decay adds decay * theta to g (an L2 term in the loss).
    """

    def __init__(
        self,
        parameters: Any,
        lr: float = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        decay: str = "all",
    ) -> None:
        super().__init__(parameters, lr, weight_decay=weight_decay, decay=decay)
        self.momentum = in_range(momentum, "momentum", 0, 1, open_top=True)
        self.nesterov = bool(nesterov)
        if self.nesterov and not self.momentum:
            raise InputError("core.nesterov")
        self.state_names = ("velocity",) if self.momentum else ()  # type: ignore[misc]

    def update(self, theta: Array, grad: Array, decay: float, *state: Array) -> None:
        """One step on one stretch of numbers."""
        g = _decayed(grad, theta, decay)
        if state:
            (v,) = state
            v *= self.momentum
            v += g
            g = g + self.momentum * v if self.nesterov else v
        theta -= self.lr * g

    def config(self) -> dict[str, Any]:
        """The settings, as plain JSON values."""
        return super().config() | {"momentum": self.momentum, "nesterov": self.nesterov}


class RMSprop(Optimizer):
    """theta -= lr * g / (sqrt(s) + eps), s the running mean of g^2 (Tieleman and Hinton 2012, lecture 6.5).

    s = alpha s + (1 - alpha) g^2. Weight decay adds decay * theta to g.
    """

    state_names = ("square",)

    def __init__(
        self,
        parameters: Any,
        lr: float = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decay: str = "all",
    ) -> None:
        super().__init__(parameters, lr, weight_decay=weight_decay, decay=decay)
        self.alpha = in_range(alpha, "alpha", 0, 1, open_top=True)
        self.eps = in_range(eps, "eps", 1e-30, 1)

    def update(self, theta: Array, grad: Array, decay: float, *state: Array) -> None:
        """One step on one stretch of numbers."""
        (s,) = state
        g = _decayed(grad, theta, decay)
        s *= self.alpha
        s += (1 - self.alpha) * g * g
        theta -= self.lr * g / (np.sqrt(s) + self.eps)

    def config(self) -> dict[str, Any]:
        """The settings, as plain JSON values."""
        return super().config() | {"alpha": self.alpha, "eps": self.eps}


class Adam(Optimizer):
    """theta -= lr * mhat / (sqrt(vhat) + eps): a step of about lr a weight, whatever the gradient's size.

    Kingma and Ba 2015, algorithm 1: m = b1 m + (1 - b1) g and v = b2 v + (1 - b2) g^2 are running means; both start
    at 0, which the corrections mhat = m / (1 - b1^t) and vhat = v / (1 - b2^t) undo, t counting steps from 1. They
    are applied as in the last paragraph of section 2: to the scalar lr and eps in place of the arrays.
    Weight decay adds decay * theta to g.
    """

    state_names = ("m", "v")

    def __init__(
        self,
        parameters: Any,
        lr: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decay: str = "all",
    ) -> None:
        super().__init__(parameters, lr, weight_decay=weight_decay, decay=decay)
        try:
            b1, b2 = betas
        except (TypeError, ValueError):
            raise InputError("core.betas", got=repr(betas)) from None
        self.betas = (in_range(b1, "beta1", 0, 1, open_top=True), in_range(b2, "beta2", 0, 1, open_top=True))
        self.eps = in_range(eps, "eps", 1e-30, 1)

    def update(self, theta: Array, grad: Array, decay: float, *state: Array) -> None:
        """One step on one stretch of numbers."""
        self._adam(theta, _decayed(grad, theta, decay), *state)

    def _adam(self, theta: Array, g: Array, m: Array, v: Array) -> None:
        b1, b2 = self.betas
        m *= b1
        m += (1 - b1) * g
        v *= b2
        v += (1 - b2) * g * g
        # lr mhat / (sqrt(vhat) + eps), numerator and denominator both times c = sqrt(1 - b2^t).
        c = math.sqrt(1 - b2**self.steps)
        step = np.sqrt(v)
        step += self.eps * c
        np.divide(m, step, out=step)
        step *= self.lr * c / (1 - b1**self.steps)
        theta -= step

    def config(self) -> dict[str, Any]:
        """The settings, as plain JSON values."""
        return super().config() | {"betas": list(self.betas), "eps": self.eps}


class AdamW(Adam):
    """Adam with its weight decay taken out of the gradient: theta -= lr * decay * theta, then Adam's step.

    Loshchilov and Hutter 2019, algorithm 2. In Adam proper a decay that is part of g is divided by sqrt(vhat) too, and
    so hardly touches the weights with large gradients.
    """

    def __init__(
        self,
        parameters: Any,
        lr: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        decay: str = "all",
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay, decay=decay)

    def update(self, theta: Array, grad: Array, decay: float, *state: Array) -> None:
        """One step on one stretch of numbers."""
        theta *= 1 - self.lr * decay
        self._adam(theta, grad, *state)


def clip_by_norm(parameters: Any, max_norm: float) -> float:
    """Scale all gradients together so that their common norm is at most max_norm; returns the norm before.

    Pascanu et al. 2013, algorithm 1. The direction stays; the norm runs over all parameters at once.
    """
    in_range(max_norm, "max_norm", 1e-30, 1e30)
    grads = [grad for _, grad in runs(as_pairs(parameters))]
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in grads))
    if norm == math.inf:  # in float32 the squares overflow from 2e19 on, where the gradients themselves do not
        norm = math.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in grads))
    if max_norm < norm < math.inf:
        for g in grads:
            g *= max_norm / norm
    return norm


def _decayed(grad: Array, theta: Array, decay: float) -> Array:
    """grad + decay * theta, as a new array; grad itself where nothing decays."""
    return grad + decay * theta if decay else grad


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}
