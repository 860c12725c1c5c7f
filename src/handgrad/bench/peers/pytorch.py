"""PyTorch eager on the CPU, its images and labels as tensors in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.bench.works import Samples, Work, start_weights
from handgrad.core.arrays import Array

PACKAGE = "torch"


class Trainer:
    """The loop of PyTorch's own tutorial, without its data loader, which would cost more than the training."""

    def __init__(self, work: Work, samples: Samples) -> None:
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        self.net = net_with(start_weights(work.sizes))
        self.batch_size = work.batch_size
        self.x = torch.from_numpy(samples.images)
        self.y = torch.from_numpy(samples.labels)
        self.criterion = torch.nn.CrossEntropyLoss()
        make: Any = torch.optim.SGD if work.optimizer == "sgd" else torch.optim.Adam
        self.optimizer = make(self.net.parameters(), lr=work.lr, fused=True)  # one kernel for all: the fastest it has
        self.random = torch.Generator().manual_seed(0)
        self.model: Any = self.net

    def epoch(self) -> None:
        """One pass over the samples in a new order."""
        import torch

        order: Any = torch.randperm(len(self.x), generator=self.random)
        for rows in order.split(self.batch_size):
            if len(rows) == self.batch_size:
                self.step(self.x[rows], self.y[rows])

    def step(self, x: Any, y: Any) -> None:
        """One update on a batch."""
        self.optimizer.zero_grad()
        self.criterion(self.model(x), y).backward()
        self.optimizer.step()

    def predict(self, x: Array) -> Array:
        """x (B, in) -> logits (B, out)."""
        import torch

        with torch.inference_mode():
            return np.asarray(self.net(torch.from_numpy(x)))


def net_with(weights: list[tuple[Array, Array]]) -> Any:
    """PyTorch's net with these weights; it keeps them as (out, in)."""
    import torch

    layers: list[Any] = []
    for w, b in weights:
        linear = torch.nn.Linear(*w.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w.T.copy()))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def predictor(weights: list[tuple[Array, Array]]) -> Callable[[Array], Array]:
    """Forward alone, from a NumPy array to a NumPy array; neither way copies."""
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    net = net_with(weights).eval()

    def predict(x: Array) -> Array:
        with torch.inference_mode():
            return net(torch.from_numpy(x)).numpy()  # type: ignore[no-any-return]

    return predict
