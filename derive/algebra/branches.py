"""Branches: the derivative of a formula that is put together of others, and where the parts meet smoothly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Basic, Dummy, Eq, Ne, Piecewise, S, Symbol, limit, oo, simplify, solveset, zoo

from derive.algebra.functions import TableFunction
from derive.algebra.scalars import depends, derivative, scalar_derivative
from derive.algebra.tidy import array_scalars

UNDECIDED = (ValueError, NotImplementedError, TypeError, AttributeError, RecursionError)  # SymPy's ways of giving up


@derivative.register(Piecewise)
def derivative_of_branches(expr: Piecewise, symbol: Basic) -> Any:
    """Branch by branch, where the conditions leave room around a point. A value at a single point says nothing of the slope:
    there it is the limit of the difference quotients of what holds around the point, where the two meet."""
    single = value_at_a_point(expr)
    if single is None or not depends(single.left - single.right, symbol):
        return Piecewise(*[(scalar_derivative(value, symbol), condition) for value, condition in expr.args])
    around = scalar_derivative(single.around, symbol)
    slopes = single.slopes(symbol)
    if slopes is None:  # no slope there: what holds elsewhere
        return around
    own = [(slope, Eq(symbol, place)) for place, slope in slopes if not _same(around, slope, symbol, place)]
    return Piecewise(*own, (around, True)) if own else around


@dataclass(frozen=True)
class ValueAtAPoint:
    """`value` where left = right, `around` elsewhere."""

    value: Any
    around: Any
    left: Any
    right: Any

    def slopes(self, symbol: Basic) -> list[tuple[Any, Any]] | None:
        """The points and the derivative at each; None where there is none, or where that cannot be decided."""
        places = zeros(self.left - self.right, symbol)
        if places is None:
            return None
        found = []
        for place in places:
            slope = _slope(self.around, self.value.xreplace({symbol: place}), symbol, place)
            if slope is None:
                return None
            found.append((place, slope))
        return found


def value_at_a_point(expr: Piecewise) -> ValueAtAPoint | None:
    """Of where(a == b, value, around) and where(a != b, around, value); None for other branches."""
    if len(expr.args) != 2 or expr.args[1][1] != True:  # noqa: E712  a condition of SymPy is no bool
        return None
    (first, condition), (second, _) = expr.args
    if isinstance(condition, Eq):
        return ValueAtAPoint(first, second, *condition.args)
    return ValueAtAPoint(second, first, *condition.args) if isinstance(condition, Ne) else None


def zeros(boundary: Any, symbol: Basic) -> tuple[Any, ...] | None:
    """Where an expression is zero, as a function of one symbol; None where that cannot be told."""
    flat, back = opaque(boundary)
    inner = {v: k for k, v in back.items()}.get(symbol, symbol)
    slope = flat.diff(inner)
    if not slope.has(inner) and slope.is_nonzero:
        return ((inner - flat / slope).expand().xreplace(back),)
    if flat.free_symbols != {inner}:
        return None
    letter = Dummy(real=True)
    try:
        found = solveset(flat.xreplace({inner: letter}), letter, S.Reals)
    except UNDECIDED:
        return None
    return tuple(place.xreplace(back) for place in found) if found.is_FiniteSet else None


def opaque(expr: Any) -> tuple[Any, dict[Any, Any]]:
    """The expression with what is made of arrays as letters, and what these stand for."""
    letters = {node: Dummy(real=True) for node in array_scalars(expr)}
    return expr.xreplace(letters), {letter: node for node, letter in letters.items()}


def _slope(around: Any, value: Any, symbol: Basic, place: Any) -> Any:
    """lim (f(x) - value)/(x - place): the derivative at the place, if f tends to the value there."""
    if _same(around, value, symbol, place):
        slope = _put(scalar_derivative(around, symbol), symbol, place)
        if slope is not None:
            return slope
    plain = by_definition(around)
    try:
        if not is_zero(limit(plain, symbol, place, "+-") - value):
            return None
        slope = limit((plain - by_definition(value)) / (symbol - place), symbol, place, "+-")
    except UNDECIDED:
        return None
    return slope if _is_number(slope) else None


def letters(expr: Any) -> list[Any]:
    """The symbols of a scalar expression, and the scalars in it that are made of arrays."""
    made = array_scalars(expr)
    flat, back = opaque(expr)
    return sorted([*made, *(flat.free_symbols - set(back))], key=str)


def meet(one: Any, other: Any, boundary: Any) -> bool:
    """Whether two branches have the same value and the same derivative on their border, on which both are defined."""
    for symbol in letters(boundary):
        if isinstance(symbol, Symbol) and any(node.has(symbol) for node in array_scalars(one - other)):
            continue
        places = zeros(boundary, symbol)
        if places is None:
            continue
        gap, slope = one - other, scalar_derivative(one, symbol) - scalar_derivative(other, symbol)
        return all(_same(gap, S.Zero, symbol, p) and _same(slope, S.Zero, symbol, p) for p in places)
    return False


def _put(expr: Any, symbol: Basic, place: Any) -> Any:
    """The expression at the place; None where it has no value there."""
    found = expr.xreplace({symbol: place})
    return found if _is_number(found) else None


def _is_number(found: Any) -> bool:
    return not found.has(oo, -oo, zoo, S.NaN, S.ComplexInfinity, S.ImaginaryUnit) and "AccumBounds" not in str(
        type(found)
    )


def _same(expr: Any, value: Any, symbol: Basic, place: Any) -> bool:
    """Whether an expression has this value at the place."""
    found = _put(expr, symbol, place)
    return found is not None and is_zero(found - value)


def is_zero(expr: Any) -> bool:
    """Whether SymPy sees that a scalar is zero, whatever the arrays are worth that it is made of."""
    flat, _ = opaque(by_definition(expr))
    return bool(flat == 0 or simplify(flat) == 0)


def by_definition(expr: Any) -> Any:
    """Functions of the table as their definitions, which SymPy knows."""
    for _ in range(8):
        following = expr.replace(lambda e: isinstance(e, TableFunction), lambda e: e.definition)
        if following == expr:
            return expr
        expr = following
    return expr
