"""Rewriting entrywise expressions: each law holds entry by entry, so scalar algebra proves it."""

from __future__ import annotations

from typing import Any

from sympy import Add, Dummy, Expr, Integer, MatrixBase, Mul, Piecewise, cancel, factor, fraction, together
from sympy.matrices.expressions import MatAdd

from derive.algebra.nodes import Factors, Map, Slot, Terms, Total, filled, plain
from derive.algebra.notation import as_written
from derive.algebra.quotients import signed


def as_map(array: Any) -> Any:
    """A sum of arrays as one Map: A + f(B) is the map (a, b) -> a + f(b)."""
    if isinstance(array, MatAdd):
        return Map(Add(*[Slot(k) for k in range(len(array.args))]), *[as_map(arg) for arg in array.args])
    return array


def merged(array: Any) -> Any:
    """The entrywise expression over one denominator, common factors cancelled: -y/p + (1 - y)/(1 - p) is
    (p - y)/(p (1 - p)); branches keep their conditions."""
    array = as_map(array)
    if not isinstance(array, Map):
        return array
    body = plain(array.body)
    if body.has(Piecewise):
        return array if body == array.body else Map(body, *array.arrays)
    totals = {node: Dummy() for node in body.atoms(Total)}
    top, bottom = fraction(cancel(together(body.xreplace(totals))))
    back = {dummy: node for node, dummy in totals.items()}
    result = signed(factor(top) / factor(bottom)).xreplace(back)
    return Map(result, *array.arrays) if result != array.body else array


def written_product(left: Any, right: Any) -> Any:
    """left o right, nothing cancelled yet."""
    left, right = as_map(left), as_map(right)
    arrays = [left, right]
    if isinstance(left, Map) and isinstance(right, Map):
        shift = {Slot(k): Slot(k + len(left.arrays)) for k in range(len(right.arrays))}
        return Map(Factors(left.body, filled(right.body, shift)), *left.arrays, *right.arrays)
    if isinstance(right, Map):
        shift = {Slot(k): Slot(k + 1) for k in range(len(right.arrays))}
        return Map(Factors(Slot(0), filled(right.body, shift)), left, *right.arrays)
    return Map(Factors(Slot(0), Slot(1)), *arrays)


def cancelled_totals(array: Any, distributions: frozenset[Any] = frozenset()) -> Any:
    """Totals inside an entrywise expression, each with its summand cancelled and constants taken out; the total of one of the
    `distributions`, whose entries are probabilities, is one."""
    totals = {node: _simple_total(node, distributions) for node in array.body.atoms(Total)}
    return Map(array.body.xreplace(totals), *array.arrays)


def _simple_total(node: Total, distributions: frozenset[Any]) -> Expr:
    def total(array: Any) -> Expr:
        return Integer(1) if array in distributions else Total(array)

    simple = merged(node.array)
    if isinstance(simple, Map):
        coefficient, rest = simple.body.as_independent(*[Slot(k) for k in range(len(simple.arrays))], as_Add=False)
        return coefficient * total(Map(rest, *simple.arrays))
    return total(simple)


def unrolled(expr: Any) -> Any:
    """Totals over explicit numbers as written sums, one term an entry."""
    if isinstance(expr, Total) and isinstance(expr.array, Map):
        arrays = expr.array.arrays
        if all(isinstance(array, MatrixBase) for array in arrays):
            body = as_written(expr.array.body)
            slots = [{Slot(k): array[i, 0] for k, array in enumerate(arrays)} for i in range(arrays[0].shape[0])]
            return Terms(*[filled(body, entries) for entries in slots])
    if isinstance(expr, Map) or not getattr(expr, "args", ()):
        return expr
    if isinstance(expr, Mul) and expr.has(Total):
        coefficient, rest = expr.as_coeff_Mul()
        return Factors(coefficient, unrolled(rest)) if coefficient != 1 else unrolled(rest)
    return expr.func(*map(unrolled, expr.args)) if expr.has(Total) else expr
