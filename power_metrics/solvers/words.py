"""LANES streams of random numbers side by side inside kernels: those of NumPy's SFC64, bit for bit.

A lane is a generator of its own, seeded by NumPy; SFC64 (Doty-Humphrey 2010) is additions, shifts and exclusive ors of
64-bit words, which processors do for LANES words at once. `unit` makes of a word what ``Generator.random`` does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic, models, overload, register_model
from numpy.typing import NDArray

from power_metrics.solvers.jit import inlined
from power_metrics.solvers.simd import LANES, lanes_type

_intrinsic: Any = intrinsic
_VECTOR = ir.VectorType(ir.IntType(64), LANES)


class _WordsType(types.Type):
    """The type of LANES words."""

    def __init__(self) -> None:
        super().__init__(name=f"Words{LANES}")


_words: Any = _WordsType()  # type: ignore[no-untyped-call]


@register_model(_WordsType)
class _WordsModel(models.PrimitiveModel):
    """Held as an LLVM vector."""

    def __init__(self, manager: Any, kind: _WordsType) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _address(context: Any, builder: Any, kinds: Any, args: Any) -> Any:
    """Where row ``args[1]`` of the array ``args[0]`` (n, LANES) begins."""
    data = context.make_array(kinds[0])(context, builder, args[0]).data
    row = context.cast(builder, args[1], kinds[1], types.intp)
    first = builder.mul(row, context.get_constant(types.intp, LANES))
    return builder.bitcast(builder.gep(data, [first]), _VECTOR.as_pointer())


def _same(number: int) -> Any:
    """A number in every lane."""
    return ir.Constant(_VECTOR, [number] * LANES)


@_intrinsic
def count_bits(typing: Any, word: Any) -> Any:
    """How many bits of a uint64 are set."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), generate


@_intrinsic
def load_words(typing: Any, array: Any, row: Any) -> Any:
    """Row ``row`` of an array (n, LANES) of uint64."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, signature.args, args), align=8)

    return _words(array, row), generate


@_intrinsic
def store_words(typing: Any, array: Any, row: Any, words: Any) -> Any:
    """Writes a row."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, signature.args, args), align=8)
        return context.get_dummy_value()

    return types.void(array, row, _words), generate


def _unary(emit: Callable[[Any, Any], Any], result: Any) -> Any:
    """An intrinsic of words."""

    @_intrinsic
    def operation(typing: Any, words: Any) -> Any:
        return result(_words), lambda context, builder, signature, args: emit(builder, args[0])

    return operation


def _emit_unit(builder: Any, words: Any) -> Any:
    kind = lanes_type.vector
    top = builder.uitofp(builder.lshr(words, _same(11)), kind)
    return builder.fmul(top, ir.Constant(kind, [2.0**-53] * LANES))


_one_more = _unary(lambda builder, x: builder.add(x, _same(1)), _words)
_mix = _unary(lambda builder, x: builder.xor(x, builder.lshr(x, _same(11))), _words)
_times_nine = _unary(lambda builder, x: builder.add(x, builder.shl(x, _same(3))), _words)
_turn = _unary(lambda builder, x: builder.or_(builder.shl(x, _same(24)), builder.lshr(x, _same(40))), _words)
unit = _unary(_emit_unit, lanes_type)


@_intrinsic
def _sum(typing: Any, a: Any, b: Any) -> Any:
    return _words(_words, _words), lambda context, builder, signature, args: builder.add(args[0], args[1])


@overload(operator.add)
def _add(a, b):  # type: ignore[no-untyped-def]  # numba wants the same signature as the lambda has
    if isinstance(a, _WordsType) and isinstance(b, _WordsType):
        return lambda a, b: _sum(a, b)
    return None


@inlined
def step(a: Any, b: Any, c: Any, count: Any) -> Any:
    """The next words, and the state that follows."""
    words = a + b + count
    return words, _mix(b), _times_nine(c), _turn(c) + words, _one_more(count)


def states_of(generators: Sequence[Any]) -> NDArray[np.uint64]:
    """(4, LANES) what up to LANES generators are about to draw from; lanes without one are zero."""
    states = np.zeros((4, LANES), np.uint64)
    for lane, generator in enumerate(generators):
        states[:, lane] = generator.state["state"]["state"]
    return states
