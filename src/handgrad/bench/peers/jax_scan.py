"""JAX: a whole epoch, gathering its batches too, as one scan in one compiled call."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.bench.works import Samples, Work, start_weights
from handgrad.core.arrays import Array

PACKAGE = "jax"


class Trainer:
    """Weights and optimizer state are carried through the scan."""

    def __init__(self, work: Work, samples: Samples) -> None:
        import jax
        import jax.numpy as jnp

        self.batch_size = work.batch_size
        self.x, self.y = jnp.asarray(samples.images), jnp.asarray(samples.labels)
        weights = [(jnp.asarray(w), jnp.asarray(b)) for w, b in start_weights(work.sizes)]
        zeros = jax.tree.map(jnp.zeros_like, weights)
        self.state: Any = (weights, zeros, jax.tree.map(jnp.zeros_like, weights), jnp.float32(0))
        self.rng = np.random.default_rng(0)
        update = _sgd(work.lr) if work.optimizer == "sgd" else _adam(work.lr)

        def loss(weights: Any, x: Any, y: Any) -> Any:
            log_p = jax.nn.log_softmax(_forward(weights, x))
            return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()

        def epoch(state: Any, x: Any, y: Any, order: Any) -> Any:
            def step(state: Any, rows: Any) -> Any:
                return update(state, jax.grad(loss)(state[0], x[rows], y[rows])), None

            return jax.lax.scan(step, state, order)[0]

        self.compiled = jax.jit(epoch, donate_argnums=0)

    def epoch(self) -> None:
        """One pass over the samples in a new order."""
        jax: Any = importlib.import_module("jax")
        steps = len(self.x) // self.batch_size
        order = self.rng.permutation(len(self.x))[: steps * self.batch_size].reshape(steps, self.batch_size)
        self.state = jax.block_until_ready(self.compiled(self.state, self.x, self.y, order))

    def predict(self, x: Array) -> Array:
        """x (B, in) -> logits (B, out)."""
        return np.asarray(_forward(self.state[0], x))


def predictor(weights: list[tuple[Array, Array]]) -> Callable[[Array], Array]:
    """Forward alone, compiled, from a NumPy array to a NumPy array."""
    import jax
    import jax.numpy as jnp

    on_device = [(jnp.asarray(w), jnp.asarray(b)) for w, b in weights]
    forward = jax.jit(_forward)
    return lambda x: np.asarray(forward(on_device, x))


def _forward(weights: Any, x: Any) -> Any:
    import jax

    for w, b in weights[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = weights[-1]
    return x @ w + b


def _sgd(lr: float) -> Callable[[Any, Any], Any]:
    import jax

    def update(state: Any, gradients: Any) -> Any:
        weights, m, v, t = state
        return jax.tree.map(lambda w, dw: w - lr * dw, weights, gradients), m, v, t

    return update


def _adam(lr: float) -> Callable[[Any, Any], Any]:
    import jax
    import jax.numpy as jnp

    def update(state: Any, gradients: Any) -> Any:
        weights, m, v, t = state
        t = t + 1
        m = jax.tree.map(lambda m, dw: m + 0.1 * (dw - m), m, gradients)
        v = jax.tree.map(lambda v, dw: v + 0.001 * (dw * dw - v), v, gradients)

        def step(w: Any, m: Any, v: Any) -> Any:
            return w - lr * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)

        return jax.tree.map(step, weights, m, v), m, v, t

    return update
