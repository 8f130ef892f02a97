"""The range of an expression over an interval that may reach to infinity, enclosed by outward rounding (Arb).

Balls have a middle and a radius, so they hold no half-line and widen [0, 1] below zero. A `Range` has ends, of which
either may be infinite, and knows besides whether all its values are strictly positive or strictly negative (as those of
exp are, whose range comes as close to zero as one likes).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce, singledispatch
from typing import Any

from flint import arb, fmpq
from sympy import Abs, Add, Basic, Expr, Max, Min, Mul, NumberSymbol, Pow, Rational, Symbol, erf, exp, log

from derive.checks.balls import NoBall, Point, ball, scalar

INFINITY = arb.pos_inf()


class NoRange(NoBall):
    """The expression has no enclosure over the interval: a division by what may be zero, a logarithm outside of its domain."""


@dataclass(frozen=True)
class Range:
    """All values lie between `low` and `high` (infinite ends are not reached); `sign` is 1 or -1 where all are strictly
    positive or negative, 0 where that is not known."""

    low: arb
    high: arb
    sign: int = 0

    def __post_init__(self) -> None:
        if self.low.is_nan() or self.high.is_nan():
            raise NoRange("a value", "is not enclosed")
        if self.low > 0 or self.high < 0:
            object.__setattr__(self, "sign", 1 if self.low > 0 else -1)

    @property
    def is_positive(self) -> bool:
        return self.sign > 0

    @property
    def is_not_negative(self) -> bool:
        return self.sign > 0 or bool(self.low >= 0)

    @property
    def is_finite(self) -> bool:
        return bool(self.low.is_finite() and self.high.is_finite())

    def __neg__(self) -> Range:
        return Range(-self.high, -self.low, -self.sign)

    def __add__(self, other: Range) -> Range:
        return Range(_sum(self.low, other.low).lower(), _sum(self.high, other.high).upper(), _sign_of_sum(self, other))

    def __mul__(self, other: Range) -> Range:
        ends = [_times(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return Range(
            reduce(arb.min, [end.lower() for end in ends]).lower(),
            reduce(arb.max, [end.upper() for end in ends]).upper(),
            self.sign * other.sign,
        )

    def inverse(self) -> Range:
        """1/x: of one sign."""
        if self.sign == 0:
            raise NoRange("a quotient", "may divide by zero")
        low, high = (_over(end, self.sign) for end in (self.high, self.low))
        return Range(low.lower(), high.upper(), self.sign)

    def power(self, n: int) -> Range:
        """x^n for a whole number n."""
        if n < 0:
            return self.power(-n).inverse()
        if n % 2:
            return Range((self.low**n).lower(), (self.high**n).upper(), self.sign)
        size = self.magnitude()
        return Range((size.low**n).lower(), (size.high**n).upper(), size.sign)

    def magnitude(self) -> Range:
        """|x|."""
        if self.low >= 0 or self.sign > 0:
            return Range(arb.max(self.low, arb(0)), self.high, abs(self.sign))
        if self.high <= 0 or self.sign < 0:
            return -self if self.high <= 0 else Range(arb(0), -self.low, 1)
        return Range(arb(0), arb.max(-self.low, self.high), 0)

    def growing(self, function: Callable[[arb], arb], sign: int = 0) -> Range:
        """The range of a growing function."""
        return Range(function(self.low).lower(), function(self.high).upper(), sign)


def _sum(a: arb, b: arb) -> arb:
    return a if not a.is_finite() and b.is_finite() else b if not b.is_finite() and a.is_finite() else a + b


def _times(a: arb, b: arb) -> arb:
    """Of ends: zero times what grows without bound is zero, since infinity is not reached."""
    return arb(0) if a.is_zero() or b.is_zero() else a * b


def _over(end: arb, sign: int) -> arb:
    if not end.is_finite():
        return arb(0)
    return INFINITY * sign if end.contains(0) else 1 / end


def _sign_of_sum(a: Range, b: Range) -> int:
    if a.is_not_negative and b.is_not_negative:
        return int(a.is_positive or b.is_positive)
    return -_sign_of_sum(-a, -b) if (-a).is_not_negative and (-b).is_not_negative else 0


def exact(value: Any) -> arb:
    """A rational end of an interval; NoRange where no binary number is that end (ends are binary fractions)."""
    found = arb(fmpq(int(value.p), int(value.q)))
    if not found.is_exact():
        raise NoRange(str(value), "is no binary fraction")
    return found


def range_over(expr: Any, variable: Symbol, interval: Range) -> Range:
    """The enclosure of an expression in one variable over an interval; raises NoRange."""
    if expr == variable:
        return interval
    if not expr.has(variable):
        value = scalar(ball(expr, Point({}, bits=200)))
        return Range(value.lower(), value.upper())
    return _range(expr, variable, interval)


@singledispatch
def _range(expr: Any, variable: Symbol, interval: Range) -> Range:
    raise NoRange(type(expr).__name__, "has no range")


@_range.register(Rational)
@_range.register(NumberSymbol)
def _number(expr: Basic, variable: Symbol, interval: Range) -> Range:
    return range_over(expr, variable, interval)


@_range.register(Add)
def _of_sum(expr: Add, variable: Symbol, interval: Range) -> Range:
    first, *rest = (range_over(arg, variable, interval) for arg in expr.args)
    return reduce(lambda a, b: a + b, rest, first)


@_range.register(Mul)
def _of_product(expr: Mul, variable: Symbol, interval: Range) -> Range:
    first, *rest = (range_over(arg, variable, interval) for arg in expr.args)
    return reduce(lambda a, b: a * b, rest, first)


@_range.register(Pow)
def _of_power(expr: Pow, variable: Symbol, interval: Range) -> Range:
    base, exponent = expr.args
    inner = range_over(base, variable, interval)
    if exponent.is_Integer:
        return inner.power(int(exponent))
    if not exponent.is_Rational:
        power = range_over(exponent * log(base), variable, interval)
        return power.growing(_exp, 1)
    if not inner.is_not_negative:
        raise NoRange("a root", "of what may be negative")
    if exponent < 0:
        return _of_power(Pow(base, -exponent), variable, interval).inverse()
    size = arb(fmpq(int(exponent.p), int(exponent.q)))
    return Range(arb.max(inner.low, arb(0)), inner.high, inner.sign).growing(lambda end: _root(end, size), inner.sign)


def _root(end: arb, exponent: arb) -> arb:
    return end if end.is_zero() or not end.is_finite() else end**exponent


def _exp(end: arb) -> arb:
    return end.exp() if end.is_finite() else INFINITY if end > 0 else arb(0)


def _log(end: arb) -> arb:
    return -INFINITY if end.is_zero() else end.log() if end.is_finite() else INFINITY


def _erf(end: arb) -> arb:
    return end.erf() if end.is_finite() else arb(1) if end > 0 else arb(-1)


@_range.register(exp)
def _of_exp(expr: Any, variable: Symbol, interval: Range) -> Range:
    return range_over(expr.args[0], variable, interval).growing(_exp, 1)


@_range.register(log)
def _of_log(expr: Any, variable: Symbol, interval: Range) -> Range:
    inner = range_over(expr.args[0], variable, interval)
    if not inner.is_positive:
        raise NoRange("log", "of what may not be positive")
    return Range(arb.max(inner.low, arb(0)), inner.high, 1).growing(_log)


@_range.register(erf)
def _of_erf(expr: Any, variable: Symbol, interval: Range) -> Range:
    inner = range_over(expr.args[0], variable, interval)
    return inner.growing(_erf, inner.sign)


@_range.register(Abs)
def _of_magnitude(expr: Any, variable: Symbol, interval: Range) -> Range:
    return range_over(expr.args[0], variable, interval).magnitude()


@_range.register(Max)
@_range.register(Min)
def _of_extreme(expr: Any, variable: Symbol, interval: Range) -> Range:
    choose = arb.max if isinstance(expr, Max) else arb.min
    parts = [range_over(arg, variable, interval) for arg in expr.args]
    return Range(reduce(choose, [p.low for p in parts]).lower(), reduce(choose, [p.high for p in parts]).upper())


def is_smooth(expr: Expr) -> bool:
    """Whether the expression is made of sums, products, powers, exp, log and erf alone."""
    return all(
        isinstance(node, Add | Mul | Pow | exp | log | erf | Rational | NumberSymbol | Symbol) for node in _nodes(expr)
    )


def _nodes(expr: Basic) -> list[Basic]:
    return [expr, *[node for arg in expr.args for node in _nodes(arg)]]
