"""The contestants, one file each. A file has `PACKAGE` (what must be installed, and whose version is shown) and one or
both of

- `Trainer(work, samples)`: `epoch()` trains once through the samples, `predict(x)` gives the net's outputs;
- `predictor(weights)`: a function x (B, in) -> outputs (B, out) for layers [(W, b), ...] with ReLU between them.

What only prepares (floats from pixels, compiling, an index of the zeros) belongs into the constructor or the first
epoch, which is not timed. Threads come from the environment of the process, which is pinned before all imports.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

# In the order in which they take turns and stand in tables.
PEERS = {
    "products": "products",
    "numpy": "by_hand",
    "handgrad": "readable",
    "handgrad-fast": "fast",
    "torch": "pytorch",
    "torch-compile": "compiled_pytorch",
    "jax": "jax_scan",
    "scikit-learn": "scikit",
    "onnxruntime": "onnx_runtime",
}
# Not asked for, they are left out: they take minutes to get ready.
ONLY_WHEN_ASKED = {"torch-compile"}


def peer(name: str) -> ModuleType:
    """The module of one contestant."""
    return importlib.import_module(f"handgrad.bench.peers.{PEERS[name]}")


def installed(name: str) -> bool:
    """Whether the contestant's package is there."""
    return importlib.util.find_spec(peer(name).PACKAGE) is not None


def takes_part(name: str, job: str) -> bool:
    """Whether the contestant does this kind of work: "train" or "predict"."""
    return hasattr(peer(name), "Trainer" if job == "train" else "predictor")
