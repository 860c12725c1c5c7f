"""Activations: what bends the line between two linear layers. Each works on every number alone.

For y = f(x) the chain rule is one product, dx = dy * f'(x), so each backward below is f' written out, from x or,
where that is shorter, from y.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.checks import in_range
from handgrad.core.layers.base import Layer
from handgrad.core.normal import normal_cdf, normal_pdf
from handgrad.errors import InputError


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), for any x without overflow: no exponential sees a positive number.

    For x >= 0 the quotient below is 1 / (1 + exp(-x)); for x < 0 it is exp(x) / (1 + exp(x)), which is the same.
    """
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))  # type: ignore[no-any-return]


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)): squeezes any number into (0, 1)."""

    def forward(self, x: Array) -> Array:
        """x -> y, of one shape."""
        y = sigmoid(x)
        self.keep(y, y)
        return y

    def backward(self, dy: Array) -> Array:
        """dx = dy * y (1 - y).

        With e = exp(-x): y = 1/(1 + e), dy/dx = e/(1 + e)^2 = 1/(1 + e) * e/(1 + e) = y (1 - y). At most 1/4, so four
        sigmoids in a row shrink a gradient at least 256 times.
        """
        (y,) = self.kept(dy)
        return dy * (y * (1 - y))  # type: ignore[no-any-return]


class Tanh(Layer):
    """y = tanh(x): squeezes any number into (-1, 1), with 0 staying 0."""

    def forward(self, x: Array) -> Array:
        """x -> y, of one shape."""
        y: Array = np.tanh(x)
        self.keep(y, y)
        return y

    def backward(self, dy: Array) -> Array:
        """dx = dy * (1 - y^2).

        tanh = sinh/cosh, so by the quotient rule dy/dx = (cosh^2 - sinh^2)/cosh^2 = 1 - tanh^2.
        """
        (y,) = self.kept(dy)
        return dy * (1 - y * y)  # type: ignore[no-any-return]


class ReLU(Layer):
    """y = max(x, 0): lets what is positive pass."""

    def forward(self, x: Array) -> Array:
        """x -> y, of one shape."""
        y: Array = np.maximum(x, 0)
        self.keep(y, y)
        return y

    def backward(self, dy: Array) -> Array:
        """dx = dy where x > 0, else 0.

        The slope is 1 to the right of 0 and 0 to the left. At 0 itself there is none; 0 is taken, as everywhere.
        y > 0 says the same as x > 0, and y is at hand anyway: the next layer keeps it too.
        """
        (y,) = self.kept(dy)
        return dy * (y > 0)  # type: ignore[no-any-return]


class LeakyReLU(Layer):
    """y = x where x > 0, else slope * x: a ReLU that never goes quite silent (Maas et al. 2013).

    Args:
        slope: of the left half, from 0 up to 1.
    """

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = in_range(slope, "LeakyReLU slope", 0, 1)

    def forward(self, x: Array) -> Array:
        """x -> y, of one shape."""
        y: Array = np.maximum(x, self.slope * x)  # the slope is at most 1
        self.keep(y, x)
        return y

    def backward(self, dy: Array) -> Array:
        """dx = dy where x > 0, else slope * dy: each half is a straight line, and its slope the derivative."""
        (x,) = self.kept(dy)
        return dy * np.maximum(x > 0, self.slope, dtype=x.dtype)  # type: ignore[no-any-return]

    def config(self) -> dict[str, Any]:
        """The arguments that build this layer again."""
        return {"slope": self.slope}


class ELU(Layer):
    """y = x where x > 0, else alpha * (exp(x) - 1): a ReLU that ends in a smooth floor (Clevert et al. 2016).

    Args:
        alpha: depth of the floor, above 0; with 1 the slope has no jump at 0.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = in_range(alpha, "ELU alpha", 0, 1e6)

    def forward(self, x: Array) -> Array:
        """x -> y, of one shape."""
        y: Array = np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))
        self.keep(y, x, y)
        return y

    def backward(self, dy: Array) -> Array:
        """dx = dy where x > 0, else dy * (y + alpha).

        On the left y = alpha exp(x) - alpha, so dy/dx = alpha exp(x) = y + alpha: no exponential a second time.
        """
        x, y = self.kept(dy)
        return dy * np.where(x > 0, 1, y + self.alpha)

    def config(self) -> dict[str, Any]:
        """The arguments that build this layer again."""
        return {"alpha": self.alpha}


class GELU(Layer):
    """y = x * Phi(x), Phi the distribution function of the standard normal (Hendrycks and Gimpel 2016).

    Args:
        approximate: "none" for Phi itself; "tanh" for the paper's section 2 approximation
            0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). The names are PyTorch's.
    """

    _ROOT, _CUBIC = float(np.sqrt(2 / np.pi)), 0.044715
    _FAR = 10.0  # where tanh(u) is 1 in every dtype; beyond, a cube could overflow

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise InputError("core.choice", what="GELU approximate", got=approximate, choices="none, tanh")
        self.approximate = approximate

    def forward(self, x: Array) -> Array:
        """x -> y, of one shape."""
        if self.approximate == "tanh":
            near = np.clip(x, -self._FAR, self._FAR)
            phi = 0.5 * (1 + np.tanh(self._ROOT * (near + self._CUBIC * near * near * near)))
        else:
            phi = normal_cdf(x)
        y: Array = x * phi
        self.keep(y, x, phi)
        return y

    def backward(self, dy: Array) -> Array:
        """dx = dy * (Phi(x) + x Phi'(x)), the product rule.

        Phi' is the normal density exp(-x^2/2) / sqrt(2 pi). For the approximation, with t = tanh(u) and
        u = sqrt(2/pi) (x + 0.044715 x^3): Phi' = 0.5 (1 - t^2) u', and t = 2 Phi - 1 makes 1 - t^2 = 4 Phi (1 - Phi).
        """
        x, phi = self.kept(dy)
        if self.approximate == "tanh":
            near = np.clip(x, -self._FAR, self._FAR)
            slope = 2 * phi * (1 - phi) * self._ROOT * (1 + 3 * self._CUBIC * near * near)
        else:
            slope = normal_pdf(x)
        return dy * (phi + x * slope)  # type: ignore[no-any-return]

    def config(self) -> dict[str, Any]:
        """The arguments that build this layer again."""
        return {"approximate": self.approximate} if self.approximate != "none" else {}


class SiLU(Layer):
    """y = x * sigmoid(x), also called swish (Elfwing et al. 2018; Ramachandran et al. 2017)."""

    def forward(self, x: Array) -> Array:
        """x -> y, of one shape."""
        s = sigmoid(x)
        y = x * s
        self.keep(y, s, y)
        return y

    def backward(self, dy: Array) -> Array:
        """dx = dy * (s + y (1 - s)), s = sigmoid(x).

        The product rule on x s: s + x s', and s' = s (1 - s), so x s' = x s (1 - s) = y (1 - s).
        """
        s, y = self.kept(dy)
        return dy * (s + y * (1 - s))  # type: ignore[no-any-return]


class Softplus(Layer):
    """y = log(1 + exp(x)): a ReLU with the corner rounded off."""

    def forward(self, x: Array) -> Array:
        """x -> y, of one shape."""
        y: Array = np.logaddexp(x, np.zeros((), x.dtype))
        self.keep(y, x)
        return y

    def backward(self, dy: Array) -> Array:
        """dx = dy * sigmoid(x): d/dx log(1 + exp(x)) = exp(x) / (1 + exp(x)) = sigmoid(x)."""
        (x,) = self.kept(dy)
        return dy * sigmoid(x)
