"""handgrad with its compiled engine: the same `fit`, the same records."""

from __future__ import annotations

from handgrad.bench.peers import readable

PACKAGE = "numba"


class Trainer(readable.Trainer):
    """The same training, told which engine to take."""

    engine = "fast"
