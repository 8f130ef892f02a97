"""Proofs that an expression in one variable is not negative (or is positive) on an open interval, finite or not.

Branches are split at their breakpoints, which are solved for. On each piece: exactly, as a rational function of x or of
e^x, by Sturm's theorem; else by enclosures with subdivision, where it touches zero by the first derivative there that is
not zero, and towards the ends by the signs of derivatives and limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from flint import arb, ctx
from sympy import (
    Abs,
    Add,
    Dummy,
    Expr,
    Integer,
    Max,
    Min,
    Mul,
    Piecewise,
    Poly,
    Rational,
    Symbol,
    cancel,
    count_ops,
    exp,
    factor,
    fraction,
    limit,
    log,
    oo,
    real_roots,
    sign,
    simplify,
    together,
)
from sympy.core.relational import Eq, Ge, Gt, Le, Lt, Ne, Relational

from derive.algebra.functions import TableFunction, tanh
from derive.algebra.nodes import Prime, plain
from derive.checks.balls import NoBall, Point, ball, scalar, slope_of
from derive.checks.ranges import INFINITY, NoRange, Range, is_smooth, range_over

MOST_PARTS, DEEPEST, ORDERS = 600, 5, 6  # subdivisions; derivatives towards an end; derivatives where zero is touched
REACH = (8, 64, 1024)  # how far out subdivision goes before the ends are looked at by their derivatives
BITS = 200
MOST_DEGREE = 48
EXACTLY = "exactly, as a polynomial by Sturm's theorem"
IN_EXPONENTIAL = "exactly, as a polynomial in the exponential by Sturm's theorem"
BY_ENCLOSURE = "by interval arithmetic (Arb) with subdivision, and by derivatives and limits at the ends"


@dataclass(frozen=True)
class Interval:
    """An open interval with rational or infinite ends."""

    low: Any = -oo
    high: Any = oo

    def inside(self) -> Rational:
        """A rational number in it."""
        if self.low.is_finite and self.high.is_finite:
            return (self.low + self.high) / 2
        if self.low.is_finite:
            return self.low + 1
        return self.high - 1 if self.high.is_finite else Integer(0)


class Unproved(Exception):
    """No proof was found; nothing is said against the claim."""


def prove(expr: Any, variable: Symbol, interval: Interval, strict: bool) -> str:
    """In words how `expr >= 0` (`> 0` where strict) was proved on the interval; raises Unproved."""
    methods: dict[str, None] = {}
    with ctx.workprec(BITS):
        try:
            whole, interval = _moved(elementary(plain(expr)), variable, interval)
            for piece, branch in pieces(whole, variable, interval):
                methods[_proved_on(branch, variable, piece, strict)] = None
                for end in (piece.low, piece.high):
                    if end.is_finite and interval.low < end < interval.high:
                        _at(whole, variable, end, strict)
        except (NoBall, NotImplementedError, ZeroDivisionError, OverflowError, ValueError) as error:
            raise Unproved(str(error)) from None
    return "; ".join(methods)


def elementary(expr: Any) -> Any:
    """Functions of the table by their definitions in exp, log and erf, tanh as the one that holds e^x once."""
    while expr.has(TableFunction) or expr.has(Prime):
        expr = expr.replace(lambda e: isinstance(e, Prime), slope_of)
        expr = expr.replace(lambda e: isinstance(e, tanh), lambda e: 1 - 2 / (1 + exp(2 * e.args[0])))
        expr = expr.replace(lambda e: isinstance(e, TableFunction), lambda e: e.definition)
    return expr


def _moved(expr: Expr, variable: Symbol, interval: Interval) -> tuple[Expr, Interval]:
    """e^(2 x - 80) as e^(2 x), with x counted from 40."""
    for node in expr.atoms(exp):
        constant, rest = node.args[0].expand().as_independent(variable, as_Add=True)
        rate = rest / variable
        if constant.is_Rational and constant != 0 and rate.is_Rational:
            shift = -constant / rate
            moved = expr.xreplace({variable: variable + shift})
            moved = moved.replace(lambda e: isinstance(e, exp), lambda e: exp(e.args[0].expand()))
            return moved, Interval(interval.low - shift, interval.high - shift)
    return expr, interval


# branches


def pieces(expr: Expr, variable: Symbol, interval: Interval) -> list[tuple[Interval, Expr]]:
    """The open intervals between breakpoints, and the branch that holds on each; raises Unproved where a breakpoint is
    not found exactly."""
    switch = switching(expr)
    if switch is None:
        return [(interval, expr)]
    cuts = [interval.low, *_zeros(switch, variable, interval), interval.high]
    found = []
    for low, high in zip(cuts, cuts[1:]):
        part = Interval(low, high)
        value = scalar(ball(switch, Point({variable: part.inside()}, bits=BITS)))
        if not (value > 0 or value < 0):
            raise Unproved("the sign of a switch")
        found += pieces(resolved(expr, switch, 1 if value > 0 else -1), variable, part)
    return found


def switching(expr: Any) -> Expr | None:
    """An expression by whose sign a branch is chosen, and which has no branches of its own; None where there is none."""
    for node in reversed(_postorder(expr)):
        if isinstance(node, Abs | sign):
            candidate = node.args[0]
        elif isinstance(node, Max | Min | Relational):
            candidate = node.args[0] - node.args[1]
        else:
            continue
        if not candidate.has(Abs, sign, Max, Min, Piecewise) and candidate.free_symbols:
            return candidate
    return None


def _postorder(expr: Any) -> list[Any]:
    return [expr, *[node for arg in getattr(expr, "args", ()) for node in _postorder(arg)]]


COMPARED: dict[Any, tuple[bool, bool, bool]] = {
    Lt: (True, False, False), Le: (True, True, False), Gt: (False, False, True),
    Ge: (False, True, True), Eq: (False, True, False), Ne: (True, False, True),
}  # fmt: skip
# whether each relation holds where left - right is negative, zero, positive


def resolved(expr: Any, switch: Expr, way: int) -> Any:
    """The expression where the switch is negative, zero or positive (way -1, 0, 1)."""
    if not getattr(expr, "args", ()):
        return expr
    args = [resolved(arg, switch, way) for arg in expr.args]
    if isinstance(expr, Relational):
        side = _side(args[0] - args[1], switch)
        return COMPARED[type(expr)][side * way + 1] if side else expr.func(*args)
    if isinstance(expr, Abs | sign):
        side = _side(args[0], switch)
        if side:
            return args[0] * side * way if isinstance(expr, Abs) else Integer(side * way)
    if isinstance(expr, Max | Min):
        side = _side(args[0] - args[1], switch)
        if side:
            first = (side * way >= 0) == isinstance(expr, Max)
            rest = [args[0] if first else args[1], *args[2:]]
            return rest[0] if len(rest) == 1 else expr.func(*rest)
    return expr.func(*args)


def _side(value: Any, switch: Expr) -> int:
    """1 where the value is the switch, -1 where it is its negative, 0 where it is another."""
    return 1 if value == switch or (value - switch).expand() == 0 else -1 if (value + switch).expand() == 0 else 0


def _zeros(switch: Expr, variable: Symbol, interval: Interval) -> list[Any]:
    """Every point in the interval where the switch is zero or has a pole, in order; only rational ones are cut at."""
    if switch.free_symbols != {variable}:
        raise Unproved("a switch of several variables")
    found = _rational(switch, variable)
    if found is None:
        raise Unproved("a switch that is not solved for")
    top, bottom, u = found
    if u is not None:  # in e^(x/k), whose zeros are logarithms: only x = 0 is rational
        polynomial = Poly(top * bottom, u.symbol)
        away = polynomial.count_roots(0, None) - int(polynomial.eval(0) == 0)
        at_one = int(polynomial.eval(1) == 0)
        if away != at_one:
            raise Unproved("a breakpoint that is no fraction")
        return [Integer(0)] if at_one and interval.low < 0 < interval.high else []
    roots = {root for part in (top, bottom) if part.has(variable) for root in real_roots(Poly(part, variable))}
    inside = [root for root in roots if interval.low < root < interval.high]
    if not all(root.is_Rational for root in inside):
        raise Unproved("a breakpoint that is no fraction")
    return sorted(inside)


@dataclass(frozen=True)
class Exponential:
    """u = e^(rate x)."""

    symbol: Any
    rate: Rational


def _rational(expr: Expr, variable: Symbol) -> tuple[Expr, Expr, Exponential | None] | None:
    """Numerator and denominator as polynomials with rational numbers in the variable, or in an exponential of it; None
    where the expression is neither."""
    found = over_exponential(expr, variable)
    if found is None:
        return None
    top, bottom, u = found
    if u is not None and (top * bottom).has(variable):
        return None
    return found if all(_is_polynomial(part, u.symbol if u else variable) for part in (top, bottom)) else None


def over_exponential(expr: Expr, variable: Symbol) -> tuple[Expr, Expr, Exponential | None] | None:
    """Numerator and denominator, every exponential in them a power of one; None where exponents are not proportional to x."""
    if not expr.has(exp):
        top, bottom = fraction(cancel(together(expr)))
        return top, bottom, None
    terms = [term for node in expr.atoms(exp) for term in Add.make_args(node.args[0].expand())]
    steps = [(term / variable).cancel() for term in terms]
    if not all(step.is_Rational for step in steps):
        return None
    k = math.lcm(*[int(step.q) for step in steps])
    if max(abs(step) for step in steps) * k > MOST_DEGREE:
        return None
    u = Dummy("u", positive=True)
    power = expr.replace(lambda e: isinstance(e, exp), lambda e: u ** (k * e.args[0].expand() / variable).cancel())
    top, bottom = fraction(cancel(together(power)))
    return top, bottom, Exponential(u, Rational(1, k))


def _is_polynomial(expr: Expr, variable: Any) -> bool:
    if not expr.has(variable):
        return bool(expr.is_Rational)
    if not expr.is_polynomial(variable) or expr.free_symbols != {variable}:
        return False
    poly = Poly(expr, variable)
    return bool((poly.domain.is_QQ or poly.domain.is_ZZ) and poly.degree() <= MOST_DEGREE)


# one branch


def _proved_on(branch: Expr, variable: Symbol, interval: Interval, strict: bool) -> str:
    exact = exact_sign(branch, variable, interval)
    if exact is not None:
        found, method = exact
        if found == 1 or (found == 0.5 and not strict):
            return method
        raise Unproved("it changes its sign")
    _Enclosed(branch, variable, interval, strict).prove()
    return BY_ENCLOSURE


def exact_sign(expr: Expr, variable: Symbol, interval: Interval) -> tuple[float, str] | None:
    """1 where the expression is positive on the interval, 0.5 where it is not negative, -1 and -0.5 alike, 0 where it is
    zero or has both signs; with the method. None where it is no rational function of x or of e^x with rational numbers."""
    expr = elementary(expr)
    if not expr.has(variable):
        value = scalar(ball(expr, Point({}, bits=BITS)))
        if is_zero(expr):
            return 0.5, EXACTLY
        return (1.0 if value > 0 else -1.0, EXACTLY) if value > 0 or value < 0 else None
    found = _rational(expr, variable)
    if found is None:
        return None
    top, bottom, u = found
    low, high, is_wider = interval.low, interval.high, False
    if u is not None:
        (low, high), is_wider = _in_exponential(interval, u.rate)
    symbol, method = (variable, EXACTLY) if u is None else (u.symbol, IN_EXPONENTIAL)
    if top == 0:
        return 0.5, method
    if _roots_inside(bottom, symbol, low, high):
        return None
    product = top * bottom
    _, factors = Poly(product, symbol).factor_list() if product.has(symbol) else (1, [])
    odd = Mul(*[f.as_expr() for f, power in factors if power % 2])
    even = Mul(*[f.as_expr() for f, power in factors if power % 2 == 0])
    if _roots_inside(odd, symbol, low, high):
        return None if is_wider else (0.0, method)
    touches = _roots_inside(even, symbol, low, high)
    at = next(point for point in _points_inside(low, high) if (product.xreplace({symbol: point})) != 0)
    way = 1 if product.xreplace({symbol: at}) > 0 else -1
    return (way * 0.5 if touches else float(way)), method


def _in_exponential(interval: Interval, rate: Rational) -> tuple[tuple[Any, Any], bool]:
    """An interval of e^(rate x) with rational ends that holds all values, and whether it holds more."""
    known = {-oo: Integer(0), Integer(0): Integer(1), oo: oo}
    if interval.low in known and interval.high in known:
        return (known[interval.low], known[interval.high]), False
    low, high = (
        known.get(end) if end in known else _near(exp(rate * end), way)
        for end, way in ((interval.low, -1), (interval.high, 1))
    )
    return (low, high), True


def _near(value: Expr, way: int) -> Rational:
    """A fraction that is no larger (no smaller) than the number, and near to it."""
    found = scalar(ball(value, Point({}, bits=BITS)))
    mantissa, exponent = (found.lower() if way < 0 else found.upper()).man_exp()
    return Integer(int(mantissa)) * Integer(2) ** int(exponent)


def _roots_inside(polynomial: Expr, symbol: Any, low: Any, high: Any) -> int:
    """How many real roots lie in the open interval."""
    if not polynomial.has(symbol):
        return 0
    poly = Poly(polynomial, symbol)
    bounds = [None if not end.is_finite else end for end in (low, high)]
    at_ends = sum(int(poly.eval(end) == 0) for end in bounds if end is not None)
    return int(poly.count_roots(*bounds)) - at_ends


def _points_inside(low: Any, high: Any) -> list[Rational]:
    interval = Interval(low, high)
    middle = interval.inside()
    width = high - low if low.is_finite and high.is_finite else Integer(1)
    return [middle + width * Rational(k, 97) for k in range(40)]


def dominant_sign(expr: Expr, variable: Symbol, interval: Interval) -> int:
    """The sign towards infinity of a quotient of sums of c x^i e^(jx), by the terms that grow fastest, where these outweigh
    all others on the whole half-line; 0 where that is not shown."""
    if interval.high != oo:
        if interval.low != -oo:
            return 0
        return dominant_sign(expr.xreplace({variable: -variable}), variable, Interval(-interval.high, oo))
    found = over_exponential(expr, variable)
    if found is None or not interval.low > 0:
        return 0
    *parts, u = found
    symbol, rate = (u.symbol, u.rate) if u else (Dummy("u"), Integer(1))
    signs = [_dominant(part, variable, symbol, rate, interval.low) for part in parts]
    return signs[0] * signs[1]


def _dominant(part: Expr, x: Symbol, u: Any, rate: Rational, start: Rational) -> int:
    """For each other term, x^a e^(-b x) falls from `start` on where start >= a/b, so that its weight there is its largest."""
    if not part.is_polynomial(x, u) or not part.free_symbols <= {x, u}:
        return 0
    terms = sorted(Poly(part, u, x).terms(), reverse=True)
    (j, i), lead = terms[0]
    weights = arb(0)
    for (other_j, other_i), coefficient in terms[1:]:
        falls, grows = rate * (j - other_j), other_i - i
        if grows > 0 and not start * falls >= grows:
            return 0
        weights += abs(scalar(ball(coefficient / lead * start**grows * exp(-falls * start), Point({}, bits=BITS))))
    value = scalar(ball(lead, Point({}, bits=BITS)))
    return (1 if value > 0 else -1 if value < 0 else 0) if weights < 1 else 0


def _at(expr: Expr, variable: Symbol, point: Rational, strict: bool) -> None:
    """The claim at a breakpoint, exactly or by a ball."""
    value = expr.xreplace({variable: point})
    if value == 0 or is_zero(value):
        if strict:
            raise Unproved("zero at a breakpoint")
        return
    found = scalar(ball(expr, Point({variable: point}, bits=BITS)))
    if not found >= 0:
        raise Unproved("a breakpoint")


def is_zero(value: Expr) -> bool:
    """Whether a number is zero, exactly: SymPy says so, and its ball does not deny it."""
    if value.is_Rational:
        return bool(value == 0)
    try:
        with ctx.workprec(BITS):
            return scalar(ball(value, Point({}, bits=BITS))).contains(0) and bool(simplify(value) == 0)
    except (TypeError, ValueError, RecursionError):
        return False


class _Enclosed:
    """Subdivision of one smooth branch on one interval."""

    def __init__(self, expr: Expr, variable: Symbol, interval: Interval, strict: bool):
        if not is_smooth(expr):
            raise Unproved("a function that is not smooth")
        self.x, self.interval, self.strict = variable, interval, strict
        self.derivatives: list[Expr] = [expr]
        self.touching: list[Expr] = []
        self.parts = 0

    def derivative(self, order: int) -> Expr:
        while len(self.derivatives) <= order:
            self.derivatives.append(_tidied(self.derivatives[-1].diff(self.x), self.x))
        return self.derivatives[order]

    def prove(self) -> None:
        low, high = self.interval.low, self.interval.high
        for reach in REACH:
            left = low if low.is_finite else min(-Integer(reach), high - reach if high.is_finite else -Integer(reach))
            right = high if high.is_finite else max(Integer(reach), low + reach if low.is_finite else Integer(reach))
            left, right, ends = self._without_poles(left, right, reach)
            try:
                for far, near in ends:
                    if self.sign_towards(far, near) < (1 if self.strict else 0):
                        raise Unproved("an end")
            except (Unproved, NoRange):
                if reach == REACH[-1]:
                    raise
                continue
            self.subdivide(left, right)
            return

    def _without_poles(self, left: Any, right: Any, reach: int) -> tuple[Any, Any, list[tuple[Any, Any]]]:
        """A closed interval inside, and what is left towards each end: (the end, where it starts)."""
        ends = []
        small = (
            Rational(1, reach)
            if not (self.interval.low.is_finite and self.interval.high.is_finite)
            else (right - left) / (4 * reach)
        )
        if not self.interval.low.is_finite:
            ends.append((self.interval.low, left))
        elif not self._is_regular(left):
            left = left + small
            ends.append((self.interval.low, left))
        if not self.interval.high.is_finite:
            ends.append((self.interval.high, right))
        elif not self._is_regular(right):
            right = right - small
            ends.append((self.interval.high, right))
        return left, right, ends

    def _is_regular(self, end: Any) -> bool:
        """Whether the expression and its first derivatives have values at a finite end."""
        try:
            return all(range_over(self.derivative(k), self.x, _between(end, end)).is_finite for k in range(3))
        except NoRange:
            return False

    # towards an end

    def sign_towards(self, far: Any, near: Any) -> int:
        """1 (positive) or 0 (not negative) from `near` to the end `far`, which is not reached; raises Unproved."""
        found = self._sign(0, far, near, DEEPEST)
        if found not in (1.0, 0.5):
            raise Unproved("an end")
        return 1 if found == 1.0 else 0

    def _sign(self, order: int, far: Any, near: Any, depth: int) -> float:
        """The sign of a derivative there: 1, 0.5, -0.5, -1 as in `exact_sign`; by its range, or by the sign of the next one
        together with the value at the near end or the limit at the far one."""
        expr = self.derivative(order)
        if expr == 0:
            return 0.5
        part = Interval(*sorted((far, near)))
        exact = exact_sign(expr, self.x, part)
        if exact is not None:
            if exact[0] == 0:
                raise Unproved("an end")
            return exact[0]
        dominant = dominant_sign(expr, self.x, part)
        if dominant:
            return float(dominant)
        shown = self._sign_of_range(expr, part)
        if abs(shown) == 1 or (shown and not self.strict):
            return shown
        if depth == 0:
            raise Unproved("an end")
        try:
            return self._sign_by_slope(order, far, near, depth)
        except (Unproved, NoRange):
            if shown:
                return shown
            raise

    def _sign_of_range(self, expr: Expr, part: Interval) -> float:
        try:
            found = range_over(expr, self.x, _between(part.low, part.high))
        except NoRange:
            return 0.0
        return float(found.sign) or (0.5 if found.low >= 0 else -0.5 if found.high <= 0 else 0.0)

    def _sign_by_slope(self, order: int, far: Any, near: Any, depth: int) -> float:
        """What grows outwards stays above its value at the near end and below its limit at the far one."""
        expr = self.derivative(order)
        slope = self._sign(order + 1, far, near, depth - 1)
        outwards = slope if far > near else -slope
        here = range_over(expr, self.x, _between(near, near))
        if (outwards > 0 and here.low > 0) or (outwards < 0 and here.high < 0):
            return 1.0 if outwards > 0 else -1.0
        there = limit(expr, self.x, far, "+" if far < near else "-")
        if outwards < 0 and (there == oo or (there.is_finite and there >= 0)):
            return 1.0 if abs(slope) == 1 or there > 0 else 0.5
        if outwards > 0 and (there == -oo or (there.is_finite and there <= 0)):
            return -1.0 if abs(slope) == 1 or there < 0 else -0.5
        raise Unproved("an end")

    # in between

    def subdivide(self, left: Rational, right: Rational) -> None:
        work = [(left, right, 0)]
        while work:
            low, high, depth = work.pop()
            self.parts += 1
            if self.parts > MOST_PARTS:
                raise Unproved("too many parts")
            if self._holds_on(low, high):
                continue
            middle = _binary((low + high) / 2, high - low)
            if range_over(self.derivatives[0], self.x, _between(middle, middle)).high < 0:
                raise Unproved("it is negative somewhere")
            if depth > 12 and self._find_touching(low, high):
                work.append((low, high, depth))
                continue
            if depth > 40:
                raise Unproved("too deep")
            work += [(low, middle, depth + 1), (middle, high, depth + 1)]

    def _holds_on(self, low: Rational, high: Rational) -> bool:
        try:
            part, f = _between(low, high), self.derivatives[0]
            if self._suffices(range_over(f, self.x, part)):
                return True
            slope = range_over(self.derivative(1), self.x, part)
        except NoRange:
            return False
        for end, way in ((low, slope), (high, -slope)):  # it grows from this end on
            if way.is_not_negative and self._suffices(range_over(f, self.x, _between(end, end))):
                return True
        return self._by_tangent(low, high) or self._where_it_touches(low, high)

    def _suffices(self, values: Range) -> bool:
        return values.is_positive if self.strict else values.is_not_negative

    def _by_tangent(self, low: Rational, high: Rational) -> bool:
        """A convex function lies above each of its tangents."""
        try:
            if not range_over(self.derivative(2), self.x, _between(low, high)).is_not_negative:
                return False
            middle = _binary((low + high) / 2, high - low)
            value, slope = (range_over(self.derivative(k), self.x, _between(middle, middle)) for k in (0, 1))
            tangent = [value + slope * _between(end - middle, end - middle) for end in (low, high)]
            return all(map(self._suffices, tangent))
        except NoRange:
            return False

    def _where_it_touches(self, low: Rational, high: Rational) -> bool:
        """f, f', ... are zero at c, and the next derivative has one sign: even orders on both sides, odd ones on one."""
        for c in [*self.touching, self.interval.low, self.interval.high]:
            if not c.is_finite or not low <= c <= high:
                continue
            is_end = c in (self.interval.low, self.interval.high)
            if self.strict and not is_end:
                continue
            if not is_zero(self.derivatives[0].xreplace({self.x: c})):
                continue
            order = next((k for k in range(1, ORDERS) if not is_zero(self.derivative(k).xreplace({self.x: c}))), None)
            if order is None:
                continue
            try:
                found = range_over(self.derivative(order), self.x, _between(low, high))
            except NoRange:
                continue
            even = order % 2 == 0
            if (found.is_positive and (even or c == low)) or ((-found).is_positive and not even and c == high):
                return True
        return False

    def _find_touching(self, low: Rational, high: Rational) -> bool:
        """A point nearby at which the expression is exactly zero, guessed from its decimals: a fraction, a logarithm or
        a root of one."""
        middle = float((low + high) / 2)
        reach = 8 * float(high - low)
        guesses: list[Any] = [Rational(middle).limit_denominator(64)]
        if abs(middle) < 50:
            guesses.append(
                log(Rational(math.exp(middle)).limit_denominator(64)) if math.exp(middle) > 1 / 64 else Integer(0)
            )
        guesses.append(Rational(middle**2).limit_denominator(64) ** Rational(1, 2) * (1 if middle > 0 else -1))
        for guess in guesses:
            is_near = abs(float(guess) - middle) <= reach and guess not in self.touching
            if is_near and is_zero(self.derivatives[0].xreplace({self.x: guess})):
                self.touching.append(guess)
                return True
        return False


def _tidied(expr: Expr, variable: Symbol) -> Expr:
    """The shorter of the derivative and its form over one denominator, in which a rational function holds no infinite quotients."""
    found = _rational(expr, variable)
    if found is not None:
        top, bottom, u = found
        return (top / bottom).xreplace({u.symbol: exp(u.rate * variable)}) if u else top / bottom
    return factor(expr) if count_ops(expr) < 80 else expr


def _binary(value: Rational, width: Rational) -> Rational:
    """A binary fraction near the value, much nearer than the width."""
    scale = 2 ** max(0, 8 - math.floor(math.log2(float(width))))
    return Rational(round(value * scale), scale)


def _between(low: Any, high: Any) -> Range:
    """The range of all numbers from low to high, ends rounded outwards."""
    return Range(_end(low, -1), _end(high, 1))


def _end(value: Any, way: int) -> arb:
    if not value.is_finite:
        return INFINITY if value > 0 else -INFINITY
    found = scalar(ball(value, Point({}, bits=BITS)))
    return found.lower() if way < 0 else found.upper()
