"""Memory: what Numba lacks for these kernels, numbers of arrays without a look at their index, and atomic integers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def place(context: Any, builder: Any, array: Any, args: Any) -> Any:
    """Where array.ravel()[i] lies; args are the values of both."""
    return builder.gep(context.make_array(array)(context, builder, args[0]).data, [args[1]])


@intrinsic
def item(_: Any, array: Any, i: Any) -> Any:
    """array.ravel()[i], i from 0 on. Numba's own would allow -1 as well, and that costs where time counts."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(place(context, builder, array, args))

    return array.dtype(array, types.intp), generate


@intrinsic
def put_item(_: Any, array: Any, i: Any, value: Any) -> Any:
    """array.ravel()[i] = value, i from 0 on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = context.cast(builder, args[2], value, array.dtype)
        builder.store(number, place(context, builder, array, args))
        return context.get_dummy_value()

    return types.none(array, types.intp, value), generate


@intrinsic
def fetch(_: Any, array: Any, i: Any) -> Any:
    """Tell the processor that array[i] will be read soon."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = builder.bitcast(place(context, builder, array, args), ir.IntType(8).as_pointer())
        numbers = [ir.Constant(ir.IntType(32), n) for n in (0, 2, 1)]  # to read, into the second cache, data
        shape = ir.FunctionType(ir.VoidType(), [at.type, ir.IntType(32), ir.IntType(32), ir.IntType(32)])
        function = cgutils.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0")
        builder.call(function, [at, *numbers])
        return context.get_dummy_value()

    return types.none(array, types.intp), generate


@intrinsic
def look(_: Any, array: Any, i: Any) -> Any:
    """array[i] of integers, and everything that was written before it was."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(place(context, builder, array, args), "acquire", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def put(_: Any, array: Any, i: Any, value: Any) -> Any:
    """array[i] = value, after everything that was written before."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[2], place(context, builder, array, args), "release", 8)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.int64), generate


@intrinsic
def count_up(_: Any, array: Any, i: Any) -> Any:
    """array[i] += 1, whoever else does the same."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = place(context, builder, array, args)
        return builder.atomic_rmw("add", at, ir.Constant(ir.IntType(64), 1), "acq_rel")

    return types.int64(array, types.intp), generate


@intrinsic
def swap(_: Any, array: Any, i: Any, old: Any, new: Any) -> Any:
    """array[i] = new if it is still old; whether it was."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = place(context, builder, array, args)
        return builder.extract_value(builder.cmpxchg(at, args[2], args[3], "acq_rel", "acquire"), 1)

    return types.boolean(array, types.intp, types.int64, types.int64), generate
