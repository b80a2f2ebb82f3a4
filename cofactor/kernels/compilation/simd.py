"""LANES float32 side by side: a vector of the processor as a value in a kernel.

    load(a, row, k) * spread(x) + load(b, row, k)

Numba does not turn loops over short rows into vector instructions: it cannot know that the arrays do not overlap, and
a row is too short for a check to pay. These are LLVM's vectors, whatever the processor calls them.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,call-arg"

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 8  # float32 in a 256-bit register; rows are padded to a multiple of it
VECTOR = ir.VectorType(ir.FloatType(), LANES)
FAST = ("fast",)


def padded(n: int) -> int:
    """The stored length of n numbers."""
    return -(-n // LANES) * LANES


class Lanes(types.Type):
    """The type of LANES float32."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes({LANES})")


lanes = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind) -> None:
        super().__init__(manager, kind, VECTOR)


def _pointer(context, builder, kind, array, row, column):
    made = context.make_array(kind)(context, builder, array)
    at = cgutils.get_item_pointer(context, builder, kind, made, [row, column], wraparound=False)
    return builder.bitcast(at, VECTOR.as_pointer())


@intrinsic
def load(typing, array, row, column):
    """array[row, column : column + LANES] of a C-contiguous float32 array."""

    def generate(context, builder, signature, arguments):
        read = builder.load(_pointer(context, builder, signature.args[0], *arguments))
        read.align = 4
        return read

    return lanes(array, types.intp, types.intp), generate


@intrinsic
def store(typing, array, row, column, value):
    """array[row, column : column + LANES] = value."""

    def generate(context, builder, signature, arguments):
        *place, value = arguments
        builder.store(value, _pointer(context, builder, signature.args[0], *place)).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, lanes), generate


@intrinsic
def spread(typing, number):
    """A float32 in every lane."""

    def generate(context, builder, signature, arguments):
        undefined = ir.Constant(VECTOR, ir.Undefined)
        first = builder.insert_element(undefined, arguments[0], ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, undefined, everywhere)

    return lanes(types.float32), generate


@intrinsic
def total(typing, value):
    """The sum of the lanes, a float32."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType(), VECTOR])
        add = cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.fadd.v{LANES}f32")
        return builder.call(add, [ir.Constant(ir.FloatType(), 0.0), arguments[0]], fastmath=FAST)

    return types.float32(lanes), generate


@intrinsic
def root(typing, value):
    """The square root of each lane."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(VECTOR, [VECTOR])
        sqrt = cgutils.get_or_insert_function(builder.module, kind, f"llvm.sqrt.v{LANES}f32")
        return builder.call(sqrt, arguments)

    return lanes(lanes), generate


def _define(operation, instruction):
    """Of two vectors, an operation is an instruction, lane by lane."""

    @intrinsic
    def of_two(typing, one, other):
        def generate(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments, flags=FAST)

        return lanes(lanes, lanes), generate

    def chosen(one, other):
        return (lambda one, other: of_two(one, other)) if one is lanes and other is lanes else None

    overload(operation)(chosen)


for _operation, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _define(_operation, _instruction)
