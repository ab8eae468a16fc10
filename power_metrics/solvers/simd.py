"""A register's worth of reward functions as one value inside kernels.

An array of shape (n, LANES) holds one number for each of n states and LANES reward functions: a lane each.
``load(array, i)`` reads row i as one value on which arithmetic works lane by lane, in one machine
instruction where the processor has registers as wide (AVX-512) and in a few elsewhere; the results are
the same. Of an array of shape (n,) ``load`` and ``store`` read and write plain numbers, so that a piece of a kernel
can serve both.
"""

# Why not plain loops over the lanes: they say the same and give the same bits, but compilers, which have to reckon with
# arrays that overlap, make less of them. `python tests/benchmarks/bench_simd.py` prints what that costs: 2.3 times the
# time in the 7x7 maze and 1.8 times in the robot face (AMD EPYC, numba 0.68).

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic, models, overload, register_model

LANES = 8
"""Reward functions solved side by side."""

_intrinsic: Any = intrinsic  # for type checkers: inside kernels the first argument, ``typing``, is not there
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


class _LanesType(types.Type):
    """The type of such a value."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes{LANES}")


_lanes: Any = _LanesType()  # type: ignore[no-untyped-call]


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    """Held as an LLVM vector."""

    def __init__(self, manager: Any, kind: _LanesType) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _address(context: Any, builder: ir.IRBuilder, kinds: Any, args: Any) -> Any:
    """Where row ``args[1]`` of the array ``args[0]`` begins. Rows lie one after the other."""
    data = context.make_array(kinds[0])(context, builder, args[0]).data
    row = context.cast(builder, args[1], kinds[1], types.intp)
    if kinds[0].ndim == 1:
        return builder.gep(data, [row])
    first = builder.mul(row, context.get_constant(types.intp, LANES))
    return builder.bitcast(builder.gep(data, [first]), _VECTOR.as_pointer())


def _row_type(array: Any) -> Any:
    """The type of a row: a number, or LANES of them."""
    return types.float64 if array.ndim == 1 else _lanes


@_intrinsic
def load(typing: Any, array: Any, row: Any) -> Any:
    """``array[row]``: LANES numbers, or one."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, signature.args, args), align=8)

    return _row_type(array)(array, row), generate


@_intrinsic
def store(typing: Any, array: Any, row: Any, value: Any) -> Any:
    """``array[row] = value``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, signature.args, args), align=8)
        return context.get_dummy_value()

    return types.void(array, row, _row_type(array)), generate


@_intrinsic
def fill(typing: Any, number: Any) -> Any:
    """The same number in every lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        first = builder.insert_element(undefined, args[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))

    return _lanes(types.float64), generate


def _binary(emit: Callable[[Any, Any, Any], Any]) -> Any:
    """An intrinsic of two values, lane by lane."""

    @_intrinsic
    def operation(typing: Any, a: Any, b: Any) -> Any:
        return _lanes(_lanes, _lanes), lambda context, builder, signature, args: emit(builder, args[0], args[1])

    return operation


_add = _binary(lambda builder, a, b: builder.fadd(a, b))
_subtract = _binary(lambda builder, a, b: builder.fsub(a, b))
_multiply = _binary(lambda builder, a, b: builder.fmul(a, b))
_divide = _binary(lambda builder, a, b: builder.fdiv(a, b))
larger = _binary(lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))


@_intrinsic
def pick_above(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """``yes`` where a > b, else ``no``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], args[3])

    return _lanes(_lanes, _lanes, _lanes, _lanes), generate


@_intrinsic
def pick_equal(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """``yes`` where a = b, else ``no``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("==", args[0], args[1]), args[2], args[3])

    return _lanes(_lanes, _lanes, _lanes, _lanes), generate


@_intrinsic
def any_above(typing: Any, a: Any, b: Any) -> Any:
    """Whether a > b in any lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered(">", args[0], args[1]), ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(LANES), 0))

    return types.boolean(_lanes, _lanes), generate


def _operator(function: Callable[..., Any], operation: Any) -> None:
    """Makes an operator of Python mean ``operation``; a number on the left counts for every lane."""

    @overload(function)
    def chosen(a, b):  # type: ignore[no-untyped-def]  # numba wants the same signature as the lambdas have
        if isinstance(a, _LanesType) and isinstance(b, _LanesType):
            return lambda a, b: operation(a, b)
        if isinstance(a, types.Float) and isinstance(b, _LanesType):
            return lambda a, b: operation(fill(a), b)
        return None


_operator(operator.add, _add)
_operator(operator.sub, _subtract)
_operator(operator.mul, _multiply)
_operator(operator.truediv, _divide)
