"""The plan: a network as tables of operations, phases and jobs, and the places of its arrays, made once a training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers import ELU, GELU, LeakyReLU, Linear, ReLU, Sigmoid, SiLU, Softplus, Tanh
from handgrad.core.net import Sequential
from handgrad.engines.fast import activations, updates
from handgrad.engines.fast import jobs as j
from handgrad.engines.fast.lanes import BYTES, PANEL_BYTES
from handgrad.engines.fast.wide import TILE

ROW_BLOCKS = 4  # in phases that go row by row
SORTED_ROWS = 64  # rows at most whose nonzeros are put in order together, so that their sums stay in the nearest cache
PARTS = 4  # of the first layer's inputs: each is a job of the update, two are one forward: a core keeps their weights
NARROW = 32  # outputs that a narrow layer has at most
ALIAS = 2048  # bytes: rows that lie so far apart, or a multiple of it, push each other out of the nearest cache
NARROW_STRIPS = 4  # strips up to which the first layer's products are summed from such parts
SLICE = 16_384  # numbers that one job updates
BENDS: dict[type, int] = {
    ReLU: activations.RELU, LeakyReLU: activations.LEAKY, Sigmoid: activations.SIGMOID, Tanh: activations.TANH,
    ELU: activations.ELU, GELU: activations.GELU, SiLU: activations.SILU, Softplus: activations.SOFTPLUS,
}  # fmt: skip


class Dense(NamedTuple):
    """A Linear layer and the activation behind it."""

    linear: Linear
    bend: int
    slope: float
    name: str


class Plan(NamedTuple):
    """The tables, and how large the arrays for them must be."""

    ops: Array  # (operations, COLUMNS)
    phases: Array  # (phases, 3): first job, jobs, blocks of the loss if it ends here
    table: Array  # (jobs, 6)
    slopes: Array  # (operations,)
    work: int
    slots: int  # stretches of `peaks` that an operation has
    layers: list[Dense]


def layers_of(net: Sequential) -> list[Dense]:
    """The net's Linear layers, each with the activation that comes right after it, if one does."""
    found: list[Dense] = []
    before: Any = None
    for name, layer in net.named_layers():
        if type(layer) is Linear:
            found.append(Dense(layer, activations.NONE, 0.0, name))
        elif type(before) is Linear and type(layer) in BENDS:
            bend = BENDS[type(layer)]
            if type(layer) is GELU and layer.approximate == "tanh":
                bend = activations.GELU_TANH
            slope = getattr(layer, "slope", getattr(layer, "alpha", 0.0))
            found[-1] = found[-1]._replace(bend=bend, slope=slope)
        before = layer
    return found


class Tables:
    """Tables in the making: operations are added one by one, jobs phase by phase."""

    def __init__(
        self, net: Sequential, batch: int, bounds: list[int], biases_decay: bool, start: int, layers: int,
        threads: int = 0, dense: bool = False,
    ) -> None:  # fmt: skip
        self.layers, self.dense = layers_of(net)[:layers], dense
        self.batch, self.bounds, self.biases_decay, self.start = batch, bounds, biases_decay, start
        self.itemsize = np.dtype(net.dtype).itemsize
        self.lanes, self.panel = BYTES // self.itemsize, PANEL_BYTES // self.itemsize
        self.strips = [-(-layer.linear.outputs // self.lanes) for layer in self.layers]
        self.parts = PARTS // 2 if self.strips[0] <= NARROW_STRIPS else 1
        inputs = self.layers[0].linear.inputs
        self.slots = max(PARTS * self.strips[0], -(-inputs // self.lanes), *self.strips)
        self.input_row = self._apart(-(-inputs // self.lanes))
        self.work = (batch + TILE - 1) * self.input_row if dense else self.parts * self._size(0)
        self.places = [self._place(i) for i in range(len(self.layers))]
        wide = [layer for i, layer in enumerate(self.layers) if self.is_wide(i)]
        self.room = self.work
        self.room_size = max([batch, *(max(layer.linear.W.shape) for layer in wide)]) * self.panel if wide else 0
        self.work += threads * self.room_size
        self.ops: list[dict[int, int]] = []
        self.phases: list[tuple[int, int, int]] = []
        self.jobs: list[tuple[int, ...]] = []

    def op(self, kind: int, i: int = 0) -> int:
        """Add an operation of the i-th layer; its number."""
        layer = self.layers[i]
        decays = kind != j.BIAS_GRADIENT or self.biases_decay
        found = {
            j.KIND: kind, j.LAYER: i, j.N_IN: layer.linear.inputs, j.N_OUT: layer.linear.outputs, j.BEND: layer.bend,
            j.W: layer.linear._parameters["weight"].start - self.start,
            j.B: layer.linear._parameters["bias"].start - self.start if layer.linear.has_bias else -1,
            j.DECAY: updates.DECAY if decays else updates.ZERO, j.PEAK: len(self.ops) * self.slots * self.lanes,
            j.PARTS: self.parts, j.PART: self._size(0), j.BATCH: self.batch,
            j.ROOM: self.room, j.ROOM_SIZE: self.room_size,
        } | self.places[i]  # fmt: skip
        if i:
            below = self.places[i - 1]
            found |= {j.X: below[j.Y], j.DX: below[j.DZ], j.X_N: below[j.N]}
            found |= {j.Z_BELOW: below[j.Z], j.BEND_BELOW: self.layers[i - 1].bend}
        elif self.dense:
            found |= {j.X: 0, j.X_N: self.input_row}
        self.ops.append(found)
        return len(self.ops) - 1

    def update(self, parameter: Any) -> list[tuple[int, ...]]:
        """Add the update of a parameter; its jobs."""
        decays = self.biases_decay or len(parameter.shape) > 1
        at = parameter.start - self.start
        self.ops.append({j.KIND: j.UPDATE, j.W: at, j.DECAY: updates.DECAY if decays else updates.ZERO})
        size, op = parameter.size, len(self.ops) - 1
        return [(op, op + 1, 0, 1, i, min(i + SLICE, size)) for i in range(0, size, SLICE)]

    def phase(self, jobs: list[tuple[int, ...]], loss: int = 0) -> None:
        """Add a phase."""
        self.phases.append((len(self.jobs), len(jobs), loss))
        self.jobs.extend(jobs)

    def is_wide(self, i: int) -> bool:
        """Whether the i-th layer has too many outputs to go row by row with others."""
        return (i > 0 or self.dense) and self.layers[i].linear.outputs > NARROW

    def panels(self, kind: int, i: int) -> list[tuple[int, ...]]:
        """The jobs of a wide layer's operation: a panel of columns each, of its outputs or of its inputs."""
        op, linear = self.op(kind, i), self.layers[i].linear
        columns = linear.inputs if kind == j.WIDE_BACK else linear.outputs
        return [(op, op + 1, 0, 1, c, 0) for c in range(0, columns, self.panel)]

    def in_order(self, ahead: bool = False) -> list[tuple[int, ...]]:
        """Jobs that put the nonzeros in order, of this step or of the next."""
        op, blocks = self.op(j.GROUP), blocks_of(self.batch)
        return [(op, op + 1, block, blocks, int(ahead), 0) for block in range(blocks)]

    def forward(self) -> list[tuple[int, ...]]:
        """Jobs of the first layer's product: a part of the inputs each, or a strip of the outputs."""
        op = self.op(j.SPARSE_FORWARD)
        if self.parts == 1:
            strips = range(0, self.strips[0] * self.lanes, self.lanes)
            return [(op, op + 1, c, 1, 0, self.bounds[-1]) for c in strips]
        return [(op, op + 1, part, 1, self.bounds[2 * part], self.bounds[2 * part + 2]) for part in range(self.parts)]

    def gradient(self) -> list[tuple[int, ...]]:
        """Jobs of the first layer's update: the parts of its inputs, and its bias between them."""
        op = self.op(j.SPARSE_GRADIENT)
        found = [(op, op + 1, part, 1, *self.bounds[part : part + 2]) for part in range(PARTS)]
        found[PARTS // 2 : PARTS // 2] = self.bias(0)
        return found

    def gradient_behind(self, i: int) -> list[tuple[int, ...]]:
        """Jobs of another layer's update: its panels of outputs, or its strips of inputs."""
        if self.is_wide(i):
            return self.panels(j.WIDE_GRADIENT, i)
        op, inputs = self.op(j.NARROW_GRADIENT, i), self.layers[i].linear.inputs
        strips = range(0, inputs, self.lanes)
        return [(op, op + 1, slot, 1, c, min(c + self.lanes, inputs)) for slot, c in enumerate(strips)]

    def bias(self, i: int) -> list[tuple[int, ...]]:
        """The job of a layer's bias, if it has one."""
        if not self.layers[i].linear.has_bias:
            return []
        op = self.op(j.BIAS_GRADIENT, i)
        return [(op, op + 1, 0, 1, 0, 0)]

    def blocks(self, first: int) -> list[tuple[int, ...]]:
        """Jobs that run the operations from `first` on block by block of rows."""
        return [(first, len(self.ops), block, ROW_BLOCKS, 0, 0) for block in range(ROW_BLOCKS)]

    def rows(self, first: int) -> None:
        """A phase that runs the operations from `first` on, if there are any, block by block of rows.

        With those that end in the loss the next step's nonzeros are put in order, if it has any left out.
        """
        if first < len(self.ops):
            blocks = self.blocks(first)
            ends = any(op[j.KIND] == j.LOSS for op in self.ops[first:])
            ahead = self.in_order(ahead=True) if ends and not self.dense else []
            self.phase(blocks + ahead, ROW_BLOCKS if ends else 0)

    def made(self, net: Sequential) -> Plan:
        """The plan."""
        ops = np.zeros((len(self.ops), j.COLUMNS), np.int64)
        for op, values in enumerate(self.ops):
            ops[op, list(values)] = list(values.values())
        slopes = np.array([layer.slope for layer in self.layers], net.dtype)
        table = np.array(self.jobs, np.int64).reshape(-1, 6)
        phases, work = np.array(self.phases, np.int64), self.work + self.lanes
        return Plan(ops, phases, table, slopes, work, self.slots, self.layers)

    def _place(self, i: int) -> dict[int, int]:
        """The places of a layer's z, y, dz and W.T in the scratch; rows begin a whole number of stretches apart."""
        size, layer = self._size(i), self.layers[i]
        z = self.work
        y = z if layer.bend in activations.IN_PLACE else z + size
        dz = y + size
        self.work = dz + size
        place = {j.Z: z, j.Y: y, j.DZ: dz, j.N: self._row(i)}
        if i and not self.is_wide(i):
            place[j.WT] = self.work
            self.work += layer.linear.outputs * self._row(i - 1)
        return place

    def _row(self, i: int) -> int:
        """Numbers from one row to the next of the i-th layer's arrays."""
        return self._apart(self.strips[i])

    def _apart(self, strips: int) -> int:
        row: int = strips * self.lanes
        return row if row * self.itemsize % ALIAS else row + self.panel

    def _size(self, i: int) -> int:
        return (self.batch + TILE - 1) * self._row(i)


def mixed_plan(
    net: Sequential, batch: int, bounds: list[int], biases_decay: bool, start: int, stores: bool, dense: bool
) -> Plan:
    """The plan of a step of which only the first layer and the update are compiled.

    Its phases: the first layer forward, in three; backward in two, of which the second updates all other parameters
    unless gradients are stored; the update of every parameter. Without zeros to skip (dense) the first layer is none
    of it.
    """
    tables = Tables(net, batch, bounds, biases_decay, start, 1)
    updates = [tables.update(parameter) for _, parameter in net.named_parameters()]
    every = [job for jobs in updates for job in jobs]
    if dense:
        for jobs in ([], [], [], [], [] if stores else every, every):
            tables.phase(jobs)
        return tables.made(net)
    rest = [job for jobs in updates[1 + tables.layers[0].linear.has_bias :] for job in jobs]
    tables.phase(tables.in_order())
    tables.phase(tables.forward())
    tables.phase(tables.blocks(tables.op(j.FINISH)))
    tables.phase(tables.blocks(tables.op(j.UNBEND)))
    tables.phase(tables.gradient() + ([] if stores else rest))
    tables.phase(every)
    return tables.made(net)


def make_plan(
    net: Sequential, batch: int, bounds: list[int], biases_decay: bool, start: int, threads: int, dense: bool
) -> Plan:
    """The plan of a step that is compiled as a whole; theta begins at `start` of its buffer.

    Its phases: the nonzeros put in order, unless the step before has done it; the first layer's products; all else of
    forward and backward, a block of rows after the other, with the next step's nonzeros; the gradients of the
    parameters, and their update. A wide layer goes panel by panel, in a phase of its own each way. Data with few zeros
    (dense) are gathered row by row, and the first layer is like the others.
    """
    tables = Tables(net, batch, bounds, biases_decay, start, len(layers_of(net)), threads, dense)
    behind = range(1, len(tables.layers))
    turns: list[tuple[int, ...]] = [
        (op, op + 1, 0, 1, 0, 0) for op in [tables.op(j.TURN, i) for i in behind if not tables.is_wide(i)]
    ]
    tables.phase([] if dense else tables.in_order())
    forward = turns if dense else tables.forward()
    if not dense:
        forward[len(forward) // 2 : len(forward) // 2] = turns
    tables.phase(forward)
    first = tables.op(j.GATHER if dense else j.FINISH)
    for i in range(not dense, len(tables.layers)):
        if tables.is_wide(i):
            tables.rows(first)
            tables.phase(tables.panels(j.WIDE_FORWARD, i))
            first = len(tables.ops)
        else:
            tables.op(j.NARROW_FORWARD, i)
    tables.op(j.LOSS, behind.stop - 1)
    for i in reversed(behind):
        if tables.is_wide(i):
            tables.rows(first)
            tables.phase(tables.panels(j.WIDE_BACK, i))
            first = len(tables.ops)
        else:
            tables.op(j.NARROW_BACK, i)
    tables.rows(first)
    jobs = tables.gradient_behind(0) + tables.bias(0) if dense else tables.gradient()
    for i in behind:
        jobs[PARTS // 2 : PARTS // 2] = tables.gradient_behind(i) + tables.bias(i)
    tables.phase(jobs)
    return tables.made(net)


def blocks_of(batch: int) -> int:
    """In how many blocks of rows the nonzeros of a batch are put in order."""
    return -(-batch // SORTED_ROWS)
