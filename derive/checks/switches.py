"""Where formulas switch: the expressions that are zero on a kink, on the border of a branch, or at a tie."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch
from itertools import pairwise
from typing import Any

from sympy import Abs, Basic, Heaviside, Integer, Max, Min, Product, Sum, sign
from sympy.core.relational import Relational
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra import arrays, nodes
from derive.algebra.functions import TABLE, TableFunction


def switches(exprs: Iterable[Any]) -> tuple[Any, ...]:
    """Every switching expression (a scalar, or an array whose entries each switch something), once, in order."""
    found: dict[Any, None] = {}
    for expr in exprs:
        _visit(expr, (), {}, found)
    return tuple(found)


def _visit(expr: Any, slots: tuple[Any, ...], bound: dict[Any, Any], found: dict[Any, None]) -> None:
    """`slots` are the arrays of the map around, `bound` the values of the indices of the sums around."""
    if isinstance(expr, tuple | list):
        for part in expr:
            _visit(part, slots, bound, found)
        return
    if not isinstance(expr, Basic):
        return
    for zero in zeros_of(expr):
        found.update(dict.fromkeys([_closed(zero, slots, bound)] if isinstance(zero, Basic) else []))
    if isinstance(expr, nodes.Map):
        _visit(expr.body, expr.arrays, bound, found)
        _visit(expr.arrays, (), bound, found)
        return
    if isinstance(expr, Sum | Product):
        first = {index: low for index, low, _ in expr.limits}
        _visit(expr.function, slots, {**bound, **first}, found)
        return
    for arg in expr.args:
        _visit(arg, () if nodes.is_array(arg) else slots, bound, found)


def _closed(zero: Basic, slots: tuple[Any, ...], bound: dict[Any, Any]) -> Any:
    """The expression with nothing open: the first index of each sum, and a map over the arrays whose entries it takes."""
    zero = zero.xreplace(bound)
    if not any(isinstance(symbol, nodes.Slot) for symbol in zero.free_symbols):
        return zero
    return nodes.Map(zero, *slots)


@singledispatch
def zeros_of(expr: Basic) -> tuple[Any, ...]:
    """What is zero where this node switches; nothing for a smooth one."""
    return ()


@zeros_of.register
def _comparison(expr: Relational) -> tuple[Any, ...]:
    left, right = expr.args
    return (left - right,) if hasattr(left, "is_commutative") and hasattr(right, "is_commutative") else ()


@zeros_of.register(Abs)
@zeros_of.register(sign)
@zeros_of.register(Heaviside)
@zeros_of.register(nodes.Magnitude)
def _at_zero(expr: Any) -> tuple[Any, ...]:
    return (expr.args[0],)


@zeros_of.register(Max)
@zeros_of.register(Min)
@zeros_of.register(nodes.Largest)
def _ties(expr: Any) -> tuple[Any, ...]:
    return tuple(one - other for one, other in pairwise((*expr.args, *expr.args[:1] * (len(expr.args) > 2))))


@zeros_of.register
def _kinks(expr: TableFunction) -> tuple[Any, ...]:
    return tuple(expr.args[0] - kink for kink in expr.row.kinks)


@zeros_of.register
def _kinks_of_derivative(expr: nodes.Prime) -> tuple[Any, ...]:
    return tuple(expr.args[1] - kink for kink in TABLE[str(expr.args[0])].row.kinks)


@zeros_of.register(arrays.LargestEntry)
@zeros_of.register(arrays.RowLargest)
def _tie_of_entries(expr: Any) -> tuple[Any, ...]:
    """The first entry and its neighbour, where there is one for certain."""
    rows, columns = expr.array.shape
    beside = (0, 1) if columns != 1 else (1, 0)
    if (isinstance(expr, arrays.RowLargest) and columns == 1) or 1 == rows == columns:
        return ()
    place = [Integer(k) for k in beside]
    return (MatrixElement(expr.array, Integer(0), Integer(0)) - MatrixElement(expr.array, *place),)
