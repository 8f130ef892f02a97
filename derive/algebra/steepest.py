"""The largest slope of a function of the table, derived from its definition: where it is attained, or towards which end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from sympy import Expr, Integer, Piecewise, Symbol, cancel, fraction, limit, log, oo, real_roots, together
from sympy.polys.polyerrors import PolynomialError

from derive.algebra.derivatives import _in_exponential, local_derivative
from derive.algebra.functions import TABLE, TableFunction
from derive.errors import NotDerivable


@dataclass(frozen=True)
class Steepest:
    """The supremum of f'(z), and the z at which f' has that value, or the infinite end towards which it tends to it."""

    value: Expr
    at: Expr

    @property
    def is_attained(self) -> bool:
        return bool(self.at.is_finite)


@cache
def steepest(name: str, parameters: tuple[Any, ...] = ()) -> Steepest:
    """The largest slope of a function. Raises NotDerivable where a slope is negative somewhere, or where no exact value
    of the largest one is found."""
    slope = local_derivative(TABLE[name])
    z = slope.variable
    body = unfolded(slope.textbook.xreplace(dict(zip(slope.parameters, parameters, strict=True))))
    pairs = [pair for low, high, branch in branches(body, z) for pair in candidates(branch, z, low, high)]
    lowest, largest = min(v for v, _ in pairs), max(v for v, _ in pairs)
    if not largest.is_finite or lowest < 0:
        raise NotDerivable(f"a bound of the slope of {name}")
    found = [Steepest(value, at) for value, at in pairs if value == largest]
    return next((one for one in found if one.is_attained), found[0])


def unfolded(expr: Any) -> Any:
    """Functions of the table by their definitions."""
    while expr.has(TableFunction):
        expr = expr.replace(lambda e: isinstance(e, TableFunction), lambda e: e.definition)
    return expr


def branches(body: Expr, z: Symbol) -> list[tuple[Any, Any, Expr]]:
    """(low, high, formula): z > 0 and the rest for a function with a kink at 0, else the whole line."""
    if not isinstance(body, Piecewise):
        return [(-oo, oo, body)]
    (right, condition), (left, rest) = body.args
    if len(body.args) != 2 or condition != (z > 0) or rest != True:  # noqa: E712  a condition of SymPy is no bool
        raise NotDerivable("a bound of a slope with these branches")
    return [(Integer(0), oo, right), (-oo, Integer(0), left)]


def candidates(branch: Expr, z: Symbol, low: Any, high: Any) -> list[tuple[Expr, Expr]]:
    """Where the branch, a rational function of e^z, can be largest or smallest: stationary points, and both ends."""
    if not branch.has(z):
        return [(branch, low + 1 if low.is_finite else high - 1 if high.is_finite else Integer(0))]
    found = _in_exponential(branch, z)
    if found is None:
        raise NotDerivable("a bound of a slope that is no rational function of an exponential")
    rational, u = found
    slope = fraction(together(cancel(rational.diff(u))))[0]
    try:
        roots = real_roots(slope) if slope.has(u) else []
    except (PolynomialError, NotImplementedError):
        raise NotDerivable("where a slope is largest") from None
    inside = [log(root) for root in roots if root > 0 and low < log(root) < high]
    stationary = [
        (cancel(rational.xreplace({u: root})), log(root)) for root in roots if root > 0 and log(root) in inside
    ]
    ends = [(limit(rational, u, oo if end == oo else 0 if end == -oo else 1), end) for end in (low, high)]
    return [*stationary, *ends]
