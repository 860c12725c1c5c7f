"""MNIST in PyTorch from a cold start: the training of our `default` recipe, as lean as PyTorch can do it.

    python cold_pytorch.py EPOCHS SEED THREADS

No data loader, no torchvision: the IDX files are read with NumPy, and Adam is the fused one.
"""

from __future__ import annotations

import gzip
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

BATCH = 200


def idx(name: str, header: int) -> Any:
    """The bytes of one of MNIST's files, behind its header."""
    package = importlib.util.find_spec("handgrad")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "data" / "mnist" / f"{name}.gz"
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)[header:]


def main(epochs: int, seed: int, threads: int) -> None:
    """Train and print the test accuracy."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    x = torch.from_numpy(idx("train-images-idx3-ubyte", 16).reshape(-1, 784) / np.float32(255))
    y = torch.from_numpy(idx("train-labels-idx1-ubyte", 8).astype(np.int64))
    net = torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
    for layer in (net[0], net[2]):
        torch.nn.init.kaiming_normal_(layer.weight)  # type: ignore[arg-type]
        torch.nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    optimizer = torch.optim.Adam(net.parameters(), lr=0.012, betas=(0.8, 0.99), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.012, total_steps=epochs * (len(x) // BATCH), cycle_momentum=False
    )
    criterion = torch.nn.CrossEntropyLoss()
    for _ in range(epochs):
        order: Any = torch.randperm(len(x))
        for rows in order.split(BATCH):
            optimizer.zero_grad()
            criterion(net(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    test_x = torch.from_numpy(idx("t10k-images-idx3-ubyte", 16).reshape(-1, 784) / np.float32(255))
    test_y = torch.from_numpy(idx("t10k-labels-idx1-ubyte", 8).astype(np.int64))
    with torch.inference_mode():
        right = (net(test_x).argmax(dim=1) == test_y).float().mean()
    print(f"test accuracy {100 * right:.2f} %", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
