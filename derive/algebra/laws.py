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
from derive.algebra.nodes import Map, Mean, Slot, Total, is_array, matmul, signature, transpose


@dataclass(frozen=True)
class Law:
    """`rewritten` gives the right side for a node that has the form of the left side, and None for any other node."""

    name: str
    rewritten: Callable[[Any], Any]
    speaks_of: Callable[[Any], tuple[Any, ...]] = (
        lambda expr: ()
    )  # what the law is about in an expression, for its words

    def applied(self, expr: Any) -> Any:
        """The expression with the law applied to every part of it."""
        if not getattr(expr, "args", ()) or expr.is_Symbol:
            return expr
        inner = [self.applied(arg) for arg in expr.args]
        if tuple(inner) != expr.args:
            expr = matmul(*_flat(inner)) if isinstance(expr, MatMul) else expr.func(*inner)
        found = self.rewritten(expr)
        return expr if found is None else found


def _flat(factors: list[Any]) -> list[Any]:
    return [f for factor in factors for f in (factor.args if isinstance(factor, MatMul) else (factor,))]


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


def _transpose_of_product(node: Any) -> Any:
    if not (isinstance(node, Transpose) and isinstance(node.args[0], MatMul)):
        return None
    return matmul(*[transpose(f) if is_array(f) else f for f in reversed(node.args[0].args)])


def _symmetric(node: Any) -> Any:
    turned = isinstance(node, Transpose) and isinstance(node.args[0], arrays.Symmetric)
    return node.args[0] if turned else None


def _turned_symmetric(expr: Any) -> tuple[Any, ...]:
    return tuple(sorted((t.args[0] for t in expr.atoms(Transpose) if _symmetric(t) is not None), key=str))[:1]


def _trace(node: Any) -> Any:
    """Of the products that come about as the factors go around, the first in order."""
    if not (isinstance(node, arrays.TraceOf) and isinstance(node.array, MatMul)):
        return None
    factors = [f for f in node.array.args if is_array(f)]
    if len(factors) < len(node.array.args):
        return None
    around = [factors[k:] + factors[:k] for k in range(len(factors))]
    return arrays.TraceOf(matmul(*min(around, key=lambda chain: [signature(f) for f in chain])))


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


def _sum_of_products(node: Any) -> Any:
    """The sum of the products of the entries of two arrays."""
    if not isinstance(node, Total) or not isinstance(node.array, Map) or node.array.body != Slot(0) * Slot(1):
        return None
    one, other = node.array.arrays
    product = matmul(transpose(one), other)
    return arrays.Scalar(product) if one.shape[1] == 1 else arrays.TraceOf(product)


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
    Law("transpose of a product", _transpose_of_product),
    Law("symmetric matrix", _symmetric, _turned_symmetric),
    Law("sum of products of entries", _sum_of_products),
    Law("trace of a product", _trace),
)
