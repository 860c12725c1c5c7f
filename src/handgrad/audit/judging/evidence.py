"""Evidence: the gradients of one batch beside the true ones, and which of them are no multiples of these."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from handgrad.audit.findings import Finding
from handgrad.audit.judging.descent import alike
from handgrad.audit.judging.measure import Fit, fit
from handgrad.audit.judging.rates import ROUNDING
from handgrad.core.arrays import Array


@dataclass(frozen=True)
class Evidence:
    """The subject's gradients of one batch beside the true ones; of an unknown network, both along some directions."""

    rows: int
    gradient: dict[str, Array]
    true: dict[str, Array]
    exact: float
    noise: dict[str, float] = field(default_factory=dict)  # of the true ones, where they were measured

    @property
    def fits(self) -> dict[str, Fit]:
        """Each gradient as a multiple of the true one."""
        beside = {name: max(self.exact, 10 * self.noise.get(name, 0.0)) for name in self.true}
        return {name: fit(self.gradient[name], self.true[name], exact) for name, exact in beside.items()}

    def flat(self, name: str) -> bool:
        """Whether the loss does not depend on a parameter, as a bias ahead of BatchNorm, and the gradient says so."""
        largest = max(float(np.linalg.norm(value)) for value in self.true.values())
        both = max(np.linalg.norm(self.true[name]), np.linalg.norm(self.gradient[name]))
        return bool(both <= 1e-6 * largest)

    def without(self, names: set[str]) -> Evidence:
        """The evidence on all other parameters."""
        rest = [name for name in self.true if name not in names]
        return replace(self, gradient={n: self.gradient[n] for n in rest}, true={n: self.true[n] for n in rest})


def never_updated(evidence: list[Evidence], least: float = ROUNDING) -> list[Finding]:
    """Parameters whose gradient is 0 in every batch, where it should not be."""
    gone = tuple(
        name
        for name in evidence[0].true
        if all(np.linalg.norm(e.gradient[name]) <= least * np.linalg.norm(e.true[name]) for e in evidence)
        and any(e.true[name].any() for e in evidence)
    )
    return [Finding("never-updated", "error", gone, {"factor": 0.0}, {"factor": 1.0})] if gone else []


def no_multiples(evidence: list[Evidence]) -> tuple[str, ...]:
    """Parameters whose gradient is no multiple of the true one."""
    return tuple(name for name in evidence[0].true if not all(e.fits[name].exact for e in evidence))


def of_no_scale(evidence: list[Evidence]) -> tuple[str, ...]:
    """Single numbers, which are a multiple of anything, that are another multiple in each batch, by no rule."""
    single = [name for name, value in evidence[0].true.items() if value.size == 1]
    rows = [e.rows for e in evidence]
    return tuple(name for name in single if not alike([e.fits[name].factor for e in evidence], rows, evidence[0].exact))
