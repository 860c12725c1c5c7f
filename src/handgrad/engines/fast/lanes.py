"""Lanes: what Numba lacks for these kernels, a stretch of numbers kept in registers.

A `Lanes` value is 512 bytes of an array, 128 float32 or 64 float64, on which LLVM works with the widest vectors that
the processor has. So `acc = fma(x, load(W, i, None), acc)` in a loop adds up rows of W without touching memory. For
narrow layers there are stretches of 64 bytes: `load_few`, `zeros_few`, `first_few`; and for wide ones panels of 256, of
which six rows fit the registers.
"""

from __future__ import annotations

import operator
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from handgrad.engines.fast.memory import place

BYTES, PANEL_BYTES, FEW_BYTES = 512, 256, 64  # eight AVX-512 registers, sixteen of AVX2; four; and one, or two
_INT32, _BIT = ir.IntType(32), ir.IntType(1)


class Lanes(types.Type):
    """Numba's type of such a stretch."""

    def __init__(self, dtype: Any, size: int = BYTES) -> None:
        self.dtype, self.bits, self.count = dtype, dtype.bitwidth, size * 8 // dtype.bitwidth
        super().__init__(name=f"Lanes({dtype}, {size})")


class Mask(types.Type):
    """How many lanes of a stretch count, from the first on: the last strip of a row is rarely full."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"Mask({count})")


def _vector(kind: Any) -> Any:
    return ir.VectorType(ir.FloatType() if kind.bits == 32 else ir.DoubleType(), kind.count)


@register_model(Lanes)
@register_model(Mask)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _INT32 if isinstance(kind, Mask) else _vector(kind))


def _load(kind: Any, mask: Any, context: Any, builder: Any, signature: Any, args: Any) -> Any:
    at = _address(context, builder, signature.args[0], args, kind)
    if isinstance(mask, types.NoneType):
        return builder.load(at, align=kind.bits // 8)
    vector = _vector(kind)
    shape = ir.FunctionType(vector, [vector.as_pointer(), _INT32, ir.VectorType(_BIT, kind.count), vector])
    name = f"llvm.masked.load.v{kind.count}f{kind.bits}.p0"
    function = cgutils.get_or_insert_function(builder.module, shape, name)
    aligned = ir.Constant(_INT32, kind.bits // 8)
    return builder.call(function, [at, aligned, _bits(builder, args[2], kind), ir.Constant(vector, None)])


def _stretches(size: int) -> tuple[Any, Any, Any]:
    """(load, zeros, first_lanes) for stretches of so many bytes."""

    @intrinsic
    def load(_: Any, array: Any, start: Any, mask: Any) -> Any:
        """array[start : start + lanes]; where a mask says no, 0 without reading."""
        kind = Lanes(array.dtype, size)
        return kind(array, types.intp, mask), partial(_load, kind, mask)

    @intrinsic
    def zeros(_: Any, array: Any) -> Any:
        """Lanes of 0, of an array's dtype."""
        kind = Lanes(array.dtype, size)
        return kind(array), lambda context, builder, signature, args: ir.Constant(_vector(kind), None)

    @intrinsic
    def first_lanes(_: Any, count: Any, array: Any) -> Any:
        """The mask that lets the first `count` lanes of an array's dtype pass."""
        kind = Mask(Lanes(array.dtype, size).count)
        return kind(types.intp, array), lambda context, builder, signature, args: builder.trunc(args[0], _INT32)

    return load, zeros, first_lanes


load, zeros, first_lanes = _stretches(BYTES)
load_panel, zeros_panel, first_panel = _stretches(PANEL_BYTES)
load_few, zeros_few, first_few = _stretches(FEW_BYTES)


@intrinsic
def load_like(_: Any, array: Any, start: Any, mask: Any, lanes: Any) -> Any:
    """A stretch as long as `lanes`."""
    return lanes(array, types.intp, mask, lanes), partial(_load, lanes, mask)


@intrinsic
def store(_: Any, array: Any, start: Any, lanes: Any, mask: Any) -> Any:
    """array[start : start + lanes] = lanes, where the mask allows."""
    kind = lanes

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = _address(context, builder, array, args, kind)
        if isinstance(mask, types.NoneType):
            builder.store(args[2], at, align=kind.bits // 8)
            return context.get_dummy_value()
        vector = _vector(kind)
        shape = ir.FunctionType(ir.VoidType(), [vector, vector.as_pointer(), _INT32, ir.VectorType(_BIT, kind.count)])
        name = f"llvm.masked.store.v{kind.count}f{kind.bits}.p0"
        function = cgutils.get_or_insert_function(builder.module, shape, name)
        builder.call(function, [args[2], at, ir.Constant(_INT32, kind.bits // 8), _bits(builder, args[3], kind)])
        return context.get_dummy_value()

    return types.none(array, types.intp, kind, mask), generate


@intrinsic
def fma(_: Any, x: Any, lanes: Any, total: Any) -> Any:
    """x * lanes + total, x one number or lanes too, rounded once where the processor can."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call(builder, "fma", [_as_lanes(context, builder, args[0], x, total), args[1], args[2]])

    return total(x, lanes, total), generate


@intrinsic
def largest(_: Any, lanes: Any, other: Any) -> Any:
    """max(|lanes|, other), lane by lane; nan where either is."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # Bits of floats that are not negative are in order as whole numbers too, nan above all others.
        numbers = ir.VectorType(ir.IntType(lanes.bits), lanes.count)
        size = builder.bitcast(_call(builder, "fabs", [args[0]]), numbers)
        before = builder.bitcast(args[1], numbers)
        larger = builder.select(builder.icmp_unsigned(">", size, before), size, before)
        return builder.bitcast(larger, _vector(lanes))

    return lanes(lanes, lanes), generate


@intrinsic
def root(_: Any, lanes: Any) -> Any:
    """sqrt(lanes)."""
    return lanes(lanes), lambda context, builder, signature, args: _call(builder, "sqrt", [args[0]])


@intrinsic
def two_to(_: Any, lanes: Any) -> Any:
    """2 ** n for whole numbers n = lanes - 1.5 * 2 ** (bits of the fraction): they stand in the last bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        fraction, bias = (23, 127) if lanes.bits == 32 else (52, 1023)
        numbers = ir.VectorType(ir.IntType(lanes.bits), lanes.count)
        last = builder.bitcast(args[0], numbers)
        exponent = builder.shl(last, ir.Constant(numbers, [fraction] * lanes.count))
        one = ir.Constant(numbers, [bias << fraction] * lanes.count)
        return builder.bitcast(builder.add(exponent, one), _vector(lanes))

    return lanes(lanes), generate


@intrinsic
def keep_where(_: Any, lanes: Any, other: Any, limit: Any) -> Any:
    """where(other > limit, lanes, 0), limit being one number; also where other is nan, which is not to get lost."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bar = _as_lanes(context, builder, args[2], limit, lanes)
        return builder.select(builder.fcmp_unordered(">", args[1], bar), args[0], ir.Constant(_vector(lanes), None))

    return lanes(lanes, lanes, limit), generate


@intrinsic
def keep_far(_: Any, lanes: Any, limit: Any) -> Any:
    """where(|lanes| >= limit, lanes, 0); nan stays."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        small = builder.fcmp_ordered(
            "<", _call(builder, "fabs", [args[0]]), _as_lanes(context, builder, args[1], limit, lanes)
        )
        return builder.select(small, ir.Constant(_vector(lanes), None), args[0])

    return lanes(lanes, limit), generate


def _arithmetic(operation: Any, instruction: str) -> None:
    """lanes + lanes, number * lanes, and so on."""

    @infer_global(operation)
    class Combine(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            kind = next((kind for kind in args if isinstance(kind, Lanes)), None)
            return signature(kind, *args) if kind else None

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = signature.return_type
        sides = [_as_lanes(context, builder, *side, lanes) for side in zip(args, signature.args, strict=True)]
        return getattr(builder, instruction)(*sides)

    for pair in ((Lanes, Lanes), (Lanes, types.Number), (types.Number, Lanes)):
        lower_builtin(operation, *pair)(generate)


for _operation, _instruction in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _arithmetic(_operation, _instruction)


@intrinsic
def wide(_: Any) -> Any:
    """Let LLVM use 512-bit vectors for the loops of this function: it keeps to 256 unless told, for old processors."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # llvmlite lets only attributes without a value pass its own `add`.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), generate


@intrinsic
def apart(_: Any) -> Any:
    """Keep this function apart from those that call it: it is large, called from many places, and not often."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.none(), generate


@intrinsic
def inside(_: Any) -> Any:
    """Write this function out wherever it is called."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.function.attributes.add("alwaysinline")
        return context.get_dummy_value()

    return types.none(), generate


def _address(context: Any, builder: Any, array: Any, args: Any, kind: Any) -> Any:
    return builder.bitcast(place(context, builder, array, args), _vector(kind).as_pointer())


def _bits(builder: Any, count: Any, kind: Any) -> Any:
    """A mask as a vector of bits."""
    numbers = ir.VectorType(_INT32, kind.count)
    return builder.icmp_signed("<", ir.Constant(numbers, list(range(kind.count))), _spread(builder, count, numbers))


def _call(builder: Any, name: str, args: Any) -> Any:
    """An LLVM function of one kind of lanes: sqrt, fma, ..."""
    vector = args[0].type
    bits = 32 if isinstance(vector.element, ir.FloatType) else 64
    shape = ir.FunctionType(vector, [vector] * len(args))
    function = cgutils.get_or_insert_function(builder.module, shape, f"llvm.{name}.v{vector.count}f{bits}")
    return builder.call(function, args)


def _as_lanes(context: Any, builder: Any, value: Any, kind: Any, lanes: Any) -> Any:
    """Lanes as they are, one number in every lane."""
    if isinstance(kind, Lanes):
        return value
    return _spread(builder, context.cast(builder, value, kind, lanes.dtype), _vector(lanes))


def _spread(builder: Any, number: Any, vector: Any) -> Any:
    """One number in every lane."""
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INT32, vector.count), [0] * vector.count))
