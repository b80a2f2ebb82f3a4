"""Kinds of fault: Cosmic Ray's operators by kind, and three that it lacks.

An operator lists the positions in a parso tree that it can change, and changes one of them.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from cosmic_ray.operators import (
    binary_operator_replacement,
    boolean_replacer,
    break_continue,
    comparison_operator_replacement,
    number_replacer,
    unary_operator_replacement,
    zero_iteration_for_loop,
)
from cosmic_ray.operators.operator import Operator
from parso import parse
from parso.tree import NodeOrLeaf

Position = tuple[tuple[int, int], tuple[int, int]]
KEPT_STATEMENTS = ("import_name", "import_from", "return_stmt", "raise_stmt", "string", "name")  # string: a docstring
WORDS = ("pass", "...", "break", "continue")


class _StatementReplacer(Operator):  # type: ignore[misc]  # Cosmic Ray is untyped
    """Replaces a statement inside a function with another one."""

    replacement: str

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[Position]:
        if node.type == "simple_stmt" and _is_in_function(node) and self.can_replace(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def can_replace(self, statement: NodeOrLeaf) -> bool:
        return statement.type not in KEPT_STATEMENTS and statement.get_code(include_prefix=False) not in WORDS

    def mutate(self, node: NodeOrLeaf, index: int) -> NodeOrLeaf:
        statement = node.children[0]
        new = parse(self.replacement).children[0]
        first = new.get_first_leaf()
        first.prefix = statement.get_first_leaf().prefix
        node.children[0] = new
        return node

    @classmethod
    def examples(cls) -> Sequence[Any]:
        return ()


class DeleteStatement(_StatementReplacer):
    """`x = 1` becomes `pass`."""

    replacement = "pass"


class ReturnEarly(_StatementReplacer):
    """A statement becomes `return`; the value of a return becomes None."""

    replacement = "return"

    def can_replace(self, statement: NodeOrLeaf) -> bool:
        if statement.type == "return_stmt":
            return statement.get_code(include_prefix=False) != "return None"
        return super().can_replace(statement)


class SwapArguments(Operator):  # type: ignore[misc]  # Cosmic Ray is untyped
    """`f(a, b, c)` becomes `f(b, a, c)` or `f(a, c, b)`: two neighbours that are given by position change places."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[Position]:
        for left, right in _neighbours(node):
            yield left.start_pos, right.end_pos

    def mutate(self, node: NodeOrLeaf, index: int) -> NodeOrLeaf:
        left, right = list(_neighbours(node))[index]
        here, there = node.children.index(left), node.children.index(right)
        first, second = left.get_first_leaf(), right.get_first_leaf()
        first.prefix, second.prefix = second.prefix, first.prefix
        node.children[here], node.children[there] = right, left
        return node

    @classmethod
    def examples(cls) -> Sequence[Any]:
        return ()


def _is_in_function(node: NodeOrLeaf) -> bool:
    while node.parent is not None:
        node = node.parent
        if node.type in ("funcdef", "lambdef"):
            return True
    return False


def _neighbours(node: NodeOrLeaf) -> Iterator[tuple[NodeOrLeaf, NodeOrLeaf]]:
    """Neighbouring positional arguments of a call that differ."""
    if node.type != "arglist" or node.parent.type not in ("trailer", "power", "atom_expr"):
        return
    arguments = [child for child in node.children if child.type not in ("operator", "argument")]
    for left, right in itertools.pairwise(arguments):
        if left.get_code(include_prefix=False) != right.get_code(include_prefix=False):
            yield left, right


def _named(module: Any, *beginnings: str) -> list[Operator]:
    return [operator() for operator in module.operators() if operator.__name__.startswith(beginnings)]


_NEGATIONS = ("ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_USub", "ReplaceUnaryOperator_Delete_USub")
KINDS: dict[str, list[Operator]] = {
    "comparison": _named(comparison_operator_replacement, "Replace"),
    "condition": [
        boolean_replacer.AddNot(),
        boolean_replacer.ReplaceAndWithOr(),
        boolean_replacer.ReplaceOrWithAnd(),
        boolean_replacer.ReplaceTrueWithFalse(),
        boolean_replacer.ReplaceFalseWithTrue(),
    ],
    "sign": _named(unary_operator_replacement, *_NEGATIONS),
    "arithmetic": _named(binary_operator_replacement, "Replace"),
    "constant": [number_replacer.NumberReplacer()],
    "loop": [
        zero_iteration_for_loop.ZeroIterationForLoop(),
        break_continue.ReplaceBreakWithContinue(),
        break_continue.ReplaceContinueWithBreak(),
    ],
    "arguments": [SwapArguments()],
    "deletion": [DeleteStatement()],
    "return": [ReturnEarly()],
}
