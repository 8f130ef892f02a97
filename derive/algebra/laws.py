"""Laws by which an identity is shown, each by itself: what it says, and how it rewrites an expression.

A law is applied wherever its left side stands, innermost first; the value stays what it is where both sides are defined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import Add, Mul, Pow, expand
from sympy.matrices.expressions import MatMul, Transpose

from derive.algebra import arrays
from derive.algebra.nodes import Map, Mean, Slot, Total, is_array, matmul, transpose


@dataclass(frozen=True)
class Law:
    """`rewritten` gives the right side for a node that has the form of the left side, and None for any other node."""

    name: str
    rewritten: Callable[[Any], Any]

    def applied(self, expr: Any) -> Any:
        """The expression with the law applied to every part of it."""
        if not getattr(expr, "args", ()) or expr.is_Symbol:
            return expr
        inner = [self.applied(arg) for arg in expr.args]
        expr = expr if tuple(inner) == expr.args else expr.func(*inner)
        found = self.rewritten(expr)
        return expr if found is None else found


def _square_factors(array: Any) -> list[Any] | None:
    """The factors of a product of square matrices."""
    if not isinstance(array, MatMul) or not all(is_array(f) and f.shape[0] == f.shape[1] for f in array.args):
        return None
    return list(array.args)


def _inverse_of_product(node: Any) -> Any:
    factors = _square_factors(node.array) if isinstance(node, arrays.Inv) else None
    return None if factors is None else matmul(*[arrays.Inv(f) for f in reversed(factors)])


def _inverse_of_transpose(node: Any) -> Any:
    turned = isinstance(node, arrays.Inv) and isinstance(node.array, Transpose)
    return transpose(arrays.Inv(node.array.args[0])) if turned else None


def _determinant(node: Any) -> Any:
    if not isinstance(node, arrays.Det):
        return None
    factors = _square_factors(node.array)
    if factors is not None:
        return Mul(*[_determinant(arrays.Det(f)) or arrays.Det(f) for f in factors])
    if isinstance(node.array, Transpose):
        return arrays.Det(node.array.args[0])
    return 1 / arrays.Det(node.array.array) if isinstance(node.array, arrays.Inv) else None


def _squared_norm(node: Any) -> Any:
    if not (isinstance(node, Pow) and isinstance(node.base, arrays.Norm) and node.exp.is_even and node.exp.is_positive):
        return None
    array = node.base.array
    gram = matmul(transpose(array), array)
    square = arrays.Scalar(gram) if array.shape[1] == 1 else arrays.TraceOf(gram)
    return square ** (node.exp / 2)


def _sum_by_terms(node: Any) -> Any:
    """The sum (or mean) of a sum of terms in every entry; what is the same in every entry stands before it."""
    if not isinstance(node, Total | Mean) or not isinstance(node.array, Map):
        return None
    terms = Add.make_args(expand(node.array.body))
    if len(terms) < 2:
        return None
    return Add(*[_whole(type(node), term, node.array) for term in terms])


def _whole(kind: Any, term: Any, array: Map) -> Any:
    fixed, varying = term.as_independent(*[s for s in term.free_symbols if isinstance(s, Slot)], as_Add=False)
    if varying == 1:
        return fixed * (1 if kind is Mean else Mul(*array.shape))
    return fixed * kind(Map(varying, *array.arrays))


LAWS = (
    Law("inverse of a product", _inverse_of_product),
    Law("inverse of a transpose", _inverse_of_transpose),
    Law("determinant of a product", _determinant),
    Law("squared norm", _squared_norm),
    Law("sum of sums", _sum_by_terms),
)
