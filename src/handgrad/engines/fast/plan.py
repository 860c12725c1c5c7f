"""The plan: a network as tables of operations, phases and jobs, and the places of its arrays, made once a training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from handgrad.core.arrays import Array
from handgrad.core.layers import ELU, GELU, LeakyReLU, Linear, ReLU, Sigmoid, SiLU, Softplus, Tanh
from handgrad.core.net import Sequential
from handgrad.engines.fast import activations, kernels
from handgrad.engines.fast.jobs import (
    BELOW,
    BEND,
    COLUMNS,
    DECAY_B,
    DECAY_W,
    DX,
    DZ,
    GROUP,
    GROUPS,
    KIND,
    LOSS,
    N_IN,
    N_OUT,
    NARROW,
    NARROW_BACKWARD,
    NARROW_FORWARD,
    PEAK,
    SPARSE_BACKWARD,
    SPARSE_FORWARD,
    TURN,
    UNBEND,
    UPDATE,
    WT,
    B,
    W,
    X,
    Y,
    Z,
)  # fmt: skip
from handgrad.engines.fast.lanes import BYTES

BLOCKS = 2  # of rows, in phases that go row by row
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
    """The tables, and how large the scratch must be."""

    ops: Array  # (operations, COLUMNS)
    phases: Array  # (phases, 3): first job, jobs, blocks of the loss if it ends here
    table: Array  # (jobs, 5): first operation, one behind the last, part, parts, columns in the strip
    slopes: Array  # (operations,)
    work: int
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


def mixed_plan(net: Sequential, batch: int, biases_decay: bool, start: int, stores: bool, dense: bool) -> Plan:
    """The plan of a step of which only the first layer and the update are compiled.

    Its phases: the first layer forward; backward, and the update of all other parameters unless gradients are stored;
    the update of every parameter. Without zeros to skip (dense) the first layer is none of it.
    """
    layers, dtype = layers_of(net)[:1], net.dtype
    lanes = BYTES // np.dtype(dtype).itemsize
    ops, slopes = _operations(layers, batch, biases_decay, start, lanes)
    ops = ops[[0, 1, 3]]  # no LOSS
    ops[2, UNBEND] = 1
    updates = np.zeros((0, COLUMNS), np.int64)
    slices: list[tuple[int, ...]] = []
    for _, parameter in net.named_parameters():
        row = np.zeros((1, COLUMNS), np.int64)
        decays = biases_decay or len(parameter.shape) > 1
        row[0, [KIND, W, DECAY_W]] = UPDATE, parameter.start - start, kernels.DECAY if decays else kernels.ZERO
        op = 3 + len(updates)
        updates = np.concatenate([updates, row])
        slices += [(op, op + 1, i, 0, min(SLICE, parameter.size - i)) for i in range(0, parameter.size, SLICE)]
    strips = _strips(layers[0].linear.outputs, lanes)
    first = 4 + layers[0].linear.has_bias  # the first operation that updates a parameter of another layer
    rest = [job for job in slices if job[0] >= first]
    forward: list[tuple[int, ...]] = [(0, 1, c, 0, width) for c, width in strips]
    forward += [(1, 2, part, GROUPS, 0) for part in range(GROUPS)]
    backward: list[tuple[int, ...]] = [(2, 3, c, 0, width) for c, width in strips]
    phases = [[], [] if stores else slices, slices] if dense else [forward, backward + ([] if stores else rest), slices]
    starts = np.cumsum([0, *map(len, phases)])
    rows = [(starts[i], len(phase), 0) for i, phase in enumerate(phases)]
    table = np.array([job for phase in phases for job in phase], np.int64)
    work = _work(layers, batch)[-1]["end"] + lanes
    slopes = np.concatenate([slopes[[0, 1, 3]], np.zeros(len(updates))]).astype(dtype)
    slopes[2] = slopes[0]
    return Plan(np.concatenate([ops, updates]), np.array(rows, np.int64), table, slopes, work, layers)


def make_plan(net: Sequential, batch: int, biases_decay: bool, start: int) -> Plan:
    """The plan for batches of so many rows at most; theta begins at `start` of its buffer."""
    layers, dtype = layers_of(net), net.dtype
    lanes = BYTES // np.dtype(dtype).itemsize
    ops, slopes = _operations(layers, batch, biases_decay, start, lanes)
    forward, turns = len(layers), len(layers) - 1
    first_narrow = 2 + turns
    table: list[tuple[int, ...]] = []
    phases: list[tuple[int, int, int]] = []

    def phase(found: list[tuple[int, ...]], loss: int = 0) -> None:
        phases.append((len(table), len(found), loss))
        table.extend(found)

    strips = _strips(layers[0].linear.outputs, lanes)
    here: list[tuple[int, ...]] = [(0, 1, c, 0, width) for c, width in strips]
    half = (len(here) + 1) // 2
    extra: list[tuple[int, ...]] = [(1, 2, part, GROUPS, 0) for part in range(GROUPS)]
    extra += [(2 + i, 3 + i, 0, 1, 0) for i in range(turns)]
    phase(here[:half] + extra + here[half:])
    loss = first_narrow + forward - 1
    phase([(first_narrow, loss + 1, part, BLOCKS, 0) for part in range(BLOCKS)], BLOCKS)
    last = len(ops) - 1  # SPARSE_BACKWARD
    for op in range(loss + 1, last):
        end = last + 1 if op == last - 1 else op + 1
        phase([(op, end, c, 0, width) for c, width in _strips(int(ops[op, N_IN]), lanes)])
    if len(layers) == 1:
        phase([(last, last + 1, c, 0, width) for c, width in strips])
    work = _work(layers, batch)[-1]["end"] + lanes
    return Plan(ops, np.array(phases, np.int64), np.array(table, np.int64), slopes.astype(dtype), work, layers)


def _operations(layers: list[Dense], batch: int, biases_decay: bool, start: int, lanes: int) -> tuple[Array, Array]:
    places = _work(layers, batch)
    rows: list[dict[int, int]] = []
    first_narrow = 1 + len(layers)

    def row(kind: int, i: int, **_: Any) -> dict[int, int]:
        linear = layers[i].linear
        parameters = linear._parameters
        here = places[i]
        found = {
            KIND: kind, N_IN: linear.inputs, N_OUT: linear.outputs, BEND: layers[i].bend,
            W: parameters["weight"].start - start, B: parameters["bias"].start - start if linear.has_bias else -1,
            Z: here["z"], Y: here["y"], DZ: here["dz"], WT: here.get("wt", 0),
            DECAY_W: kernels.DECAY, DECAY_B: kernels.DECAY if biases_decay else kernels.ZERO,
        }  # fmt: skip
        if i:
            found |= {X: places[i - 1]["y"], DX: places[i - 1]["dz"], BELOW: 0 if i == 1 else first_narrow + i - 2}
        rows.append(found)
        return found

    row(SPARSE_FORWARD, 0)
    row(GROUP, 0)
    for kind in (TURN, NARROW_FORWARD):
        for i in range(1, len(layers)):
            row(kind, i)
    row(LOSS, len(layers) - 1)[Z] = places[-1]["y"]
    for i in range(len(layers) - 1, 0, -1):
        row(NARROW_BACKWARD, i)
    row(SPARSE_BACKWARD, 0)
    ops = np.zeros((len(rows), COLUMNS), np.int64)
    strips = strips_of(layers, lanes)
    for op, values in enumerate(rows):
        values[PEAK] = op * strips * 2 * lanes
        for column, value in values.items():
            ops[op, column] = value
    slopes = np.zeros(len(rows))
    slopes[0] = layers[0].slope
    slopes[first_narrow : first_narrow + len(layers) - 1] = [layer.slope for layer in layers[1:]]
    return ops, slopes


def _work(layers: list[Dense], batch: int) -> list[dict[str, int]]:
    """The places of each layer's z, y, dz and W.T in the scratch, and where it ends."""
    end, places = 0, []
    for i, layer in enumerate(layers):
        size = batch * layer.linear.outputs
        here = {"z": end, "y": end if layer.bend in activations.IN_PLACE else end + size}
        here["dz"] = here["y"] + size
        end = here["dz"] + size
        if i:
            here["wt"] = end
            end += layer.linear.inputs * layer.linear.outputs
        here["end"] = end
        places.append(here)
    return places


def _strips(columns: int, lanes: int) -> list[tuple[int, int]]:
    """(first column, how many) of each strip."""
    return [(c, min(lanes, columns - c)) for c in range(0, columns, lanes)]


def strips_of(layers: list[Dense], lanes: int) -> int:
    """The most strips that any phase goes in."""
    return max(-(-n // lanes) for n in (layers[0].linear.outputs, *(layer.linear.inputs for layer in layers[1:])))


def fits(layers: list[Dense]) -> bool:
    """Whether all layers behind the first are narrow."""
    return all(layer.linear.outputs <= NARROW for layer in layers[1:])
