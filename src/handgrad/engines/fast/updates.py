"""Updates: what the optimizers do with a gradient as soon as it is there, stretch by stretch.

Each method stands for `Optimizer.update` of its class in `core.optim`.
"""

from __future__ import annotations

from typing import Any

from handgrad.engines.fast.compiling import compiled
from handgrad.engines.fast.lanes import (
    BYTES,
    apart,
    first_lanes,
    fma,
    inside,
    keep_far,
    largest,
    load,
    load_like,
    root,
    store,
    zeros,
)

# What happens to a gradient: an optimizer's step, of which PLAIN is SGD that changes nothing where the gradient is 0;
# or it is kept as it is, for a step that needs all of them first.
PLAIN, SGD, MOMENTUM, NESTEROV, ADAM, ADAMW, STORE = range(7)
# Places in `rates`, the numbers of this step.
LR, DECAY, MU, B1, B1_REST, B2, B2_REST, EPS, LR_CORRECTED, TINY, SMOOTHING, ZERO, ONE, RATES = range(14)


@compiled
def update(theta: Any, state: Any, at: int, g: Any, mask: Any, method: int, decay: Any, rates: Any) -> None:
    """`Optimizer.update` on theta[at:] with the gradient g; `state` is two arrays like theta, and the gradients."""
    inside()
    if method == PLAIN:
        store(theta, at, fma(-rates[LR], g, load_like(theta, at, mask, g)), mask)
    else:
        update_by(theta, state, at, g, mask, method, decay, rates)


@compiled
def update_by(theta: Any, state: Any, at: int, g: Any, mask: Any, method: int, decay: Any, rates: Any) -> None:
    """The other methods.

    Means near the smallest normal number become 0 here at once, which the optimizer does from time to time.
    """
    apart()
    t = load_like(theta, at, mask, g)
    if method == STORE:
        store(state[2], at, g, mask)
    elif method <= SGD:
        store(theta, at, t - rates[LR] * (g + decay * t), mask)
    elif method <= NESTEROV:
        d = g + decay * t
        v = rates[MU] * load_like(state[0], at, mask, g) + d
        store(state[0], at, v, mask)
        store(theta, at, t - rates[LR] * (d + rates[MU] * v if method == NESTEROV else v), mask)
    else:
        d = g + decay * t if method == ADAM else g
        m = keep_far(rates[B1] * load_like(state[0], at, mask, g) + rates[B1_REST] * d, rates[TINY])
        v = keep_far(rates[B2] * load_like(state[1], at, mask, g) + rates[B2_REST] * d * d, rates[TINY])
        store(state[0], at, m, mask)
        store(state[1], at, v, mask)
        t = (rates[ONE] - rates[LR] * decay) * t if method == ADAMW else t
        store(theta, at, t - rates[LR_CORRECTED] * (m / (root(v) + rates[EPS])), mask)


@compiled
def update_all(
    theta: Any, state: Any, at: int, gradient: Any, g: int, n: int, method: int, decay: Any, rates: Any
) -> Any:
    """`update` on theta[at : at + n] with gradient[g : g + n]. Returns the largest |gradient|."""
    lanes = BYTES // theta.itemsize
    peak = zeros(theta)
    for c in range(0, n, lanes):
        mask = first_lanes(n - c, theta)
        part = load(gradient, g + c, mask)
        peak = largest(part, peak)
        update(theta, state, at + c, part, mask, method, decay, rates)
    return peak
