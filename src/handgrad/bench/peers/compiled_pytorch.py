"""PyTorch with `torch.compile`: forward, loss and backward as one compiled graph, then its fused optimizer."""

from __future__ import annotations

from typing import Any

from handgrad.bench.peers import pytorch
from handgrad.bench.works import Samples, Work

PACKAGE = "torch"


class Trainer(pytorch.Trainer):
    """The same loop around a compiled loss."""

    def __init__(self, work: Work, samples: Samples) -> None:
        super().__init__(work, samples)
        import torch

        self.loss: Any = torch.compile(self._loss)

    def _loss(self, x: Any, y: Any) -> Any:
        return self.criterion(self.net(x), y)

    def step(self, x: Any, y: Any) -> None:
        """One update on a batch."""
        self.optimizer.zero_grad()
        self.loss(x, y).backward()
        self.optimizer.step()
