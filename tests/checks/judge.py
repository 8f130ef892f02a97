"""Whether a mutant changes the mathematics, decided in exact arithmetic and not by the referee's own evaluation."""

from __future__ import annotations

from typing import Any

import torch
from sympy import Basic, Float, Indexed, Integer, Mul, Product, Rational, Sum, log, nan, zoo
from sympy import I as imaginary_unit
from sympy.core.relational import Relational
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra import (
    nodes,
    values_arrays,  # noqa: F401  registers values
)
from derive.algebra.values import unfolded, value_of
from derive.checks.evaluate import evaluate
from derive.checks.judges import check  # noqa: F401  registers observers
from derive.checks.mutants import LABELLED
from derive.checks.referee import points
from derive.derivation import World

TINY = Float("1e-25")


def changes_mathematics(before: Any, after: Any, world: World, extra: tuple[Any, ...] = ()) -> bool:
    """Whether the two differ somewhere at the world's points. Shapes that differ are a change."""
    if isinstance(before, tuple):
        return before != after
    if isinstance(before, Relational):
        return True
    for bindings in points(world, (before, after, *extra), seed=99):
        values = {symbol: _exact(tensor) for symbol, tensor in bindings.values.items() if tensor.ndim < 3}
        for symbol, meaning in getattr(world, "definitions", ()):  # exactly, not as torch rounded it
            if not _derivatives(meaning):
                values[symbol] = _number(meaning, values)
        for node in {n for side in (before, after) for n in _derivatives(side)}:
            values[node] = _exact(evaluate(node, bindings))
        if not _equal(_number(before, values), _number(after, values)):
            return True
    return False


def _exact(tensor: torch.Tensor) -> Any:
    from sympy import ImmutableDenseMatrix

    if tensor.ndim == 2:
        return ImmutableDenseMatrix([[Rational(float(v)) for v in row] for row in tensor.detach()])
    if tensor.ndim == 1:
        return tuple(Rational(float(v)) for v in tensor.detach())
    return Rational(float(tensor.detach()))


def _derivatives(expr: Any) -> list[Basic]:
    if isinstance(expr, nodes.Gradient | nodes.Partial | LABELLED):
        return [expr]
    parts = list(expr) if nodes.is_array(expr) and hasattr(expr, "tolist") else getattr(expr, "args", ())
    return [node for part in parts for node in _derivatives(part)]


def _number(expr: Any, values: dict[Any, Any]) -> Any:
    return value_of(concrete(expr, values), values)


def concrete(expr: Any, values: dict[Any, Any]) -> Any:
    """Sums over indices written out, entries of sequences as numbers, derivatives as what autograd found."""
    if expr in values and not isinstance(values[expr], tuple) and not nodes.is_array(values[expr]):
        return values[expr]
    if isinstance(expr, Sum | Product):
        (index, low, high), *rest = expr.limits
        if rest:
            return concrete(expr.func(expr.func(expr.function, *rest), (index, low, high)), values)
        bounds = [int(concrete(limit, values)) for limit in (low, high)]
        terms = [concrete(expr.function.xreplace({index: Integer(k)}), values) for k in range(bounds[0], bounds[1] + 1)]
        found: Any = Integer(0 if isinstance(expr, Sum) else 1)
        for term in terms:
            found = found + term if isinstance(expr, Sum) else found * term
        return found
    if isinstance(expr, Indexed):
        entries = next(v for k, v in values.items() if str(k) == str(expr.base.label))
        place = [int(concrete(index, values)) - 1 for index in expr.indices]
        return list(entries)[place[0]] if len(place) == 1 and 0 <= place[0] < len(list(entries)) else nan
    if isinstance(expr, MatrixElement) or nodes.is_array(expr) or not getattr(expr, "args", ()):
        return expr
    if isinstance(expr, nodes.Numeral) or any(nodes.is_array(arg) for arg in expr.args):
        return expr
    args = [concrete(arg, values) for arg in expr.args]
    if isinstance(expr, Mul | nodes.Factors) and expr.has(log) and any(nodes.plain(arg) == 0 for arg in args):
        return Integer(0)  # 0 log 0 = 0, as losses have it
    return expr.func(*args)


def _equal(left: Any, right: Any) -> bool:
    if nodes.is_array(left) != nodes.is_array(right):
        left, right = (side[0, 0] if nodes.is_array(side) and side.shape == (1, 1) else side for side in (left, right))
    if nodes.is_array(left):
        return left.shape == right.shape and all(map(_close, left, right))
    return _close(left, right)


def _close(left: Any, right: Any) -> bool:
    gap = unfolded(left - right)
    if gap.has(nan, zoo, imaginary_unit):
        return False
    return bool(abs(gap) <= TINY * max(1, abs(left)))
