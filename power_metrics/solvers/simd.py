"""A register's worth of reward functions as one value inside kernels.

An array of shape (n, LANES) holds one number for each of n states and LANES reward functions: a lane each.
``load(array, i)`` reads row i as one value on which arithmetic works lane by lane, in one machine
instruction where the processor has registers as wide (AVX-512) and in a few elsewhere; the results are
the same. Of an array of shape (n,) ``load`` and ``store`` read and write plain numbers, so that a piece of a kernel
can serve both. Of an array of shape (n, GROUPS, LANES) a row is GROUPS times LANES numbers: several registers, whose
operations run in turn.
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
"""Reward functions solved side by side, in a register."""

GROUPS = 4
"""Registers of them whose chains of operations run in turn, where a kernel hides its waiting so."""

_intrinsic: Any = intrinsic  # for type checkers: inside kernels the first argument, ``typing``, is not there


class _LanesType(types.Type):
    """The type of such a value: of LANES numbers, or of GROUPS times as many."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"Lanes{width}")

    @property
    def vector(self) -> Any:
        """What LLVM holds it in."""
        return ir.VectorType(ir.DoubleType(), self.width)


_lanes: Any = _LanesType(LANES)  # type: ignore[no-untyped-call]
lanes_type = _lanes
_groups: Any = _LanesType(GROUPS * LANES)  # type: ignore[no-untyped-call]


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    """Held as an LLVM vector."""

    def __init__(self, manager: Any, kind: _LanesType) -> None:
        super().__init__(manager, kind, kind.vector)  # type: ignore[no-untyped-call]


def _address(context: Any, builder: ir.IRBuilder, kinds: Any, args: Any) -> Any:
    """Where row ``args[1]`` of the array ``args[0]`` begins. Rows lie one after the other."""
    data = context.make_array(kinds[0])(context, builder, args[0]).data
    row = context.cast(builder, args[1], kinds[1], types.intp)
    kind = _row_type(kinds[0])
    if kind == types.float64:
        return builder.gep(data, [row])
    first = builder.mul(row, context.get_constant(types.intp, kind.width))
    return builder.bitcast(builder.gep(data, [first]), kind.vector.as_pointer())


def _row_type(array: Any) -> Any:
    """The type of a row: a number, LANES of them, or GROUPS times LANES."""
    return (types.float64, _lanes, _groups)[array.ndim - 1]


def _repeat(builder: Any, number: Any, kind: Any) -> Any:
    """The same number in every lane of this type."""
    if kind == types.float64:
        return number
    undefined = ir.Constant(kind.vector, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    pattern = ir.Constant(ir.VectorType(ir.IntType(32), kind.width), [0] * kind.width)
    return builder.shuffle_vector(first, undefined, pattern)


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
    """The same number in every one of LANES lanes."""
    return _lanes(types.float64), lambda context, builder, signature, args: _repeat(builder, args[0], _lanes)


@_intrinsic
def spread(typing: Any, array: Any, number: Any) -> Any:
    """The same number in every lane of what the rows of ``array`` are."""
    kind = _row_type(array)
    return kind(array, types.float64), lambda context, builder, signature, args: _repeat(builder, args[1], kind)


@_intrinsic
def _alike(typing: Any, value: Any, number: Any) -> Any:
    """The same number in every lane of what ``value`` is."""
    return value(value, types.float64), lambda context, builder, signature, args: _repeat(builder, args[1], value)


def _binary(emit: Callable[[Any, Any, Any], Any]) -> Any:
    """An intrinsic of two values, lane by lane, or of two plain numbers."""

    @_intrinsic
    def operation(typing: Any, a: Any, b: Any) -> Any:
        return a(a, a), lambda context, builder, signature, args: emit(builder, args[0], args[1])

    return operation


_add = _binary(lambda builder, a, b: builder.fadd(a, b))
_subtract = _binary(lambda builder, a, b: builder.fsub(a, b))
_multiply = _binary(lambda builder, a, b: builder.fmul(a, b))
_divide = _binary(lambda builder, a, b: builder.fdiv(a, b))
larger = _binary(lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))
smaller = _binary(lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b), a, b))


@_intrinsic
def pick_above(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """``yes`` where a > b, else ``no``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], args[3])

    return a(a, a, a, a), generate


@_intrinsic
def pick_equal(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """``yes`` where a = b, else ``no``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("==", args[0], args[1]), args[2], args[3])

    return a(a, a, a, a), generate


@_intrinsic
def any_above(typing: Any, a: Any, b: Any) -> Any:
    """Whether a > b in any lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        above = builder.fcmp_ordered(">", args[0], args[1])
        if a == types.float64:
            return above
        bits = builder.bitcast(above, ir.IntType(a.width))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(a.width), 0))

    return types.boolean(a, a), generate


def _operator(function: Callable[..., Any], operation: Any) -> None:
    """Makes an operator of Python mean ``operation``; a number on the left counts for every lane."""

    @overload(function)
    def chosen(a, b):  # type: ignore[no-untyped-def]  # numba wants the same signature as the lambdas have
        if isinstance(a, _LanesType) and isinstance(b, _LanesType):
            return lambda a, b: operation(a, b)
        if isinstance(a, types.Float) and isinstance(b, _LanesType):
            return lambda a, b: operation(_alike(b, a), b)
        return None


_operator(operator.add, _add)
_operator(operator.sub, _subtract)
_operator(operator.mul, _multiply)
_operator(operator.truediv, _divide)
