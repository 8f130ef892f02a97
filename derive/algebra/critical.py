"""A function of one real variable studied to the end: its stationary points, all of them, what it tends to where its domain
ends, and the sign of its second derivative. SymPy's solvers do the work; what they leave open is refused.

A continuous function on an open interval takes its least value at a stationary point, unless it comes nearer to a lower
one, or to minus infinity, at an end: so the values at these few places decide (Spivak, Calculus, chapter 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from sympy import (
    Abs,
    Dummy,
    EmptySet,
    Expr,
    FiniteSet,
    Integer,
    Interval,
    Max,
    Min,
    Piecewise,
    PolynomialError,
    S,
    Symbol,
    Union,
    cancel,
    count_ops,
    expand,
    expand_log,
    factor,
    limit,
    log,
    logcombine,
    nan,
    oo,
    perfect_power,
    sign,
    simplify,
    solveset,
    together,
    zoo,
)
from sympy.calculus.util import continuous_domain

from derive.algebra.arrays import RangedNumber, UnitNumber
from derive.algebra.functions import TableFunction
from derive.algebra.quotients import signed
from derive.algebra.scalars import scalar_derivative
from derive.errors import NotDerivable

UNSOLVED = (NotImplementedError, ValueError, TypeError, PolynomialError, RecursionError)  # what SymPy's solvers raise
SMALL = 120  # operations up to which an expression is simplified


def domain_of(symbol: Any) -> Interval:
    """The interval in which a symbol lies; only the end of `at_least` belongs to it."""
    if isinstance(symbol, UnitNumber):
        return Interval.open(0, 1)
    if isinstance(symbol, RangedNumber):
        low, high = symbol.ends
        return Interval(low, oo) if high is None else Interval.open(low, high)
    return Interval.open(0, oo) if getattr(symbol, "is_positive", False) else Interval(-oo, oo)


def written_out(expr: Expr) -> Expr:
    """Functions of the table by their definitions, which SymPy knows."""
    for _ in range(8):
        following = expr.replace(lambda e: isinstance(e, TableFunction), lambda e: e.definition)
        if following == expr:
            break
        expr = following
    return expr


def shortest(expr: Expr) -> Expr:
    """The shortest of a few forms."""
    forms = [expr]
    if count_ops(expr) <= SMALL and not expr.has(Piecewise):
        forms += [simplify(expr), factor(expr), expand(expr), logcombine(expand_log(expr))]
    return signed(min(forms, key=lambda e: (count_ops(e), len(str(e)))))


def with_small_logarithms(expr: Expr) -> Expr:
    """log 4 as 2 log 2."""

    def smaller(argument: Expr) -> Expr:
        base, power = perfect_power(argument) or (argument, 1)
        return power * log(base)

    return expr.replace(lambda e: isinstance(e, log) and e.args[0].is_Integer, lambda e: smaller(e.args[0]))


@dataclass(frozen=True)
class Curve:
    """A function of one variable, on its domain; the other symbols are parameters."""

    function: Expr
    variable: Any

    @cached_property
    def domain(self) -> Interval:
        return domain_of(self.variable)

    @cached_property
    def derivative(self) -> Expr:
        return shortest(scalar_derivative(self.function, self.variable))

    @cached_property
    def second(self) -> Expr:
        return shortest(scalar_derivative(self.derivative, self.variable))

    @property
    def parameters(self) -> set[Any]:
        return self.function.free_symbols - {self.variable}

    # what SymPy's solvers work on: a plain real variable, no functions of the table

    @cached_property
    def plain(self) -> Symbol:
        """The variable for SymPy's solvers: positive where the domain says so."""
        return Dummy("x", positive=True) if self.domain.start == 0 else Dummy("x", real=True)

    def bare(self, expr: Expr) -> Expr:
        return written_out(expr).xreplace({self.variable: self.plain})

    @cached_property
    def is_smooth(self) -> bool:
        return not self.bare(self.function).has(Abs, Max, Min, Piecewise, sign)

    @cached_property
    def pieces(self) -> tuple[Interval, ...]:
        """The open intervals on which the function is defined, in order."""
        if self.parameters or not self.is_smooth:
            return (self.domain,)
        try:
            found = continuous_domain(self.bare(self.function), self.plain, self.domain)
        except UNSOLVED:
            raise NotDerivable("SymPy does not find where the function is defined") from None
        listed = list(found.args) if isinstance(found, Union) else [found]
        if not all(isinstance(piece, Interval) for piece in listed):
            raise NotDerivable(f"the function is defined on {found}")
        return tuple(sorted(listed, key=lambda piece: piece.start))

    @cached_property
    def points(self) -> tuple[Expr, ...]:
        """All stationary points, in order where they are numbers. Raises NotDerivable where SymPy is not sure."""
        if not self.is_smooth:
            raise NotDerivable("the function has kinks, at which it has no derivative")
        if self.derivative == 0:
            raise NotDerivable(f"the function does not depend on {self.variable}")
        found = roots(self.bare(self.derivative), self.plain, self.domain)
        found = [p for p in found if self.parameters or any(self._inside(p, piece) for piece in self.pieces)]
        return tuple(found if self.parameters else sorted(found))

    def _inside(self, point: Expr, piece: Interval) -> bool:
        return bool(piece.start < point) and bool(point < piece.end)

    def value(self, expr: Expr, point: Expr) -> Expr:
        """An expression at a point of the variable."""
        return with_small_logarithms(shortest(expr.xreplace({self.variable: point})))

    @cached_property
    def curvature(self) -> int:
        """1 where the second derivative is nowhere negative, -1 where nowhere positive, 0 where that is not known."""
        second = self.bare(self.second)
        for sign_, expr in ((1, second), (-1, -second)):
            if is_nonnegative(expr, self.plain, self.domain):
                return sign_
        return 0

    @cached_property
    def ends(self) -> tuple[tuple[Expr, str, Expr], ...]:
        """Every end of the domain: where, from which side ('+' from above), and what the function tends to."""
        if self.parameters:
            raise NotDerivable("what the function tends to depends on its parameters")
        found = []
        for piece in self.pieces:
            for end, side in ((piece.start, "+"), (piece.end, "-")):
                try:
                    value = limit(self.bare(self.function), self.plain, end, side)
                except UNSOLVED:
                    raise NotDerivable(f"SymPy does not find the limit at {end}") from None
                if value in (nan, zoo) or not (value.is_number and value.is_extended_real):
                    raise NotDerivable(f"the limit at {end} is {value}")
                found.append((end, side, value))
        return tuple(found)

    def kind_at(self, k: int) -> int:
        """1 for a local minimum, -1 for a local maximum, 0 for neither: by the second derivative, else by the sign of the
        derivative on both sides, which is constant between stationary points."""
        bend = self.value(self.second, self.points[k])
        if bend.is_positive or bend.is_negative:
            return 1 if bend.is_positive else -1
        if self.parameters:
            raise NotDerivable("the sign of the second derivative depends on the parameters")
        before, after = (self._slope_between(k + side) for side in (0, 1))
        return 0 if before == after else after

    def _slope_between(self, gap: int) -> int:
        """The sign of the derivative in the gap before the k-th stationary point (after the last, for their number)."""
        point = self.points[min(gap, len(self.points) - 1)]
        piece = next(p for p in self.pieces if self._inside(point, p))
        marks = [piece.start, *[p for p in self.points if self._inside(p, piece)], piece.end]
        place = marks.index(point) + (0 if gap < len(self.points) and self.points[gap] == point else 1)
        low, high = marks[place - 1], marks[place]
        value = self.bare(self.derivative).xreplace({self.plain: between(low, high)}).evalf(50)
        return 1 if value > 0 else -1


def between(low: Expr, high: Expr) -> Expr:
    """A number between two, either of which may be infinite."""
    if low == -oo and high == oo:
        return Integer(0)
    if low == -oo:
        return high - 1
    return low + 1 if high == oo else (low + high) / 2


def roots(expr: Expr, variable: Symbol, domain: Any) -> list[Expr]:
    """All real roots in the domain; raises NotDerivable where SymPy gives no finite list of them."""
    try:
        found = solveset(expr, variable, domain)
    except UNSOLVED:
        raise NotDerivable("SymPy finds no solution in closed form") from None
    if found is EmptySet or found == S.EmptySet:
        return []
    if not isinstance(found, FiniteSet):
        raise NotDerivable("SymPy finds no list of all solutions in closed form")
    listed = [shortest(root) for root in found]
    for root in listed:
        if not root.is_real or (root.is_number and count_ops(root) > SMALL):
            raise NotDerivable("SymPy does not tell whether a solution is real, or has no short form for it")
        if domain.start == 0 and not root.is_positive:
            raise NotDerivable("SymPy does not tell whether a solution lies in the domain")
    return listed


def is_nonnegative(expr: Expr, variable: Symbol, domain: Any) -> bool:
    """Whether an expression is shown to be nowhere negative on the domain; False says nothing."""
    forms = (expr, factor(together(expr)), together(expr)) if count_ops(expr) <= SMALL else (expr,)
    if any(form.is_nonnegative for form in forms):
        return True
    if expr.free_symbols - {variable}:
        return False
    try:
        crossings = roots(expr, variable, domain)
        defined = continuous_domain(expr, variable, domain)
    except (NotDerivable, *UNSOLVED):
        return False
    if defined != domain:
        return False
    marks = [domain.start, *sorted(crossings), domain.end]
    values = [expr.xreplace({variable: between(a, b)}).evalf(50) for a, b in pairwise(marks)]
    return all(value.is_extended_real and bool(value > 0) for value in values)


def is_zero(expr: Expr) -> bool:
    """Whether an expression is shown to be zero."""
    return bool(expr == 0 or expand(expr) == 0 or cancel(together(expr)) == 0 or simplify(expr) == 0)
