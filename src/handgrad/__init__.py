"""handgrad: neural networks written by hand in NumPy. Train them, check them, read them to the bottom.

    from handgrad import MLP, SGD, SoftmaxCrossEntropy

    net = MLP(784, 256, 10)
    criterion, optimizer = SoftmaxCrossEntropy(), SGD(net.parameters(), lr=0.1)
    loss = criterion(net(x), y)
    net.backward(criterion.backward())
    optimizer.step()

Importing it imports NumPy and nothing else; what needs more (data, training, plots) is imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from handgrad.core.init import he, lecun, normal, orthogonal, xavier, zeros
from handgrad.core.layers import (
    ELU,
    GELU,
    BatchNorm,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from handgrad.core.losses import MSE, BinaryCrossEntropy, CrossEntropy, Huber, Loss, SoftmaxCrossEntropy
from handgrad.core.net import MLP, Sequential
from handgrad.core.optim import SGD, Adam, AdamW, Optimizer, RMSprop, clip_by_norm
from handgrad.core.schedules import constant, cosine, one_cycle, step_decay, warm_up
from handgrad.errors import DataError, DivergedError, HandgradError, InputError, StateError

__version__ = "0.1.0"
