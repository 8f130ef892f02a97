"""`taylor` and `convex` for functions of one variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Add, Expr, Ge, Integer, Interval, Le, Piecewise, S, Symbol, expand, factor, factorial, nan, oo, zoo
from sympy.calculus.util import minimum
from sympy.sets.sets import Set

from derive.algebra.branches import by_definition, value_at_a_point
from derive.algebra.functions import TableFunction
from derive.algebra.kinks import kinks
from derive.algebra.limits import limit_from
from derive.algebra.nodes import At, Partial
from derive.algebra.notation import text
from derive.algebra.scalars import scalar_derivative
from derive.algebra.shortest import shortest
from derive.derivation import Answer, Derivation, Equal, Holds, Reason, Section, Work, rule
from derive.errors import GivenError, NotDerivable
from derive.problem.types import Exact, Formula, Size, SymbolNames
from derive.topics import headings
from derive.topics.one_variable import OneVariable, function_of, moved_by
from derive.topics.registry import questions
from derive.worlds import Formulas

DERIVATIVE = rule("derivative of an order", "differentiate")
AT_POINT = rule("derivative at the point", "at {0}")
POLYNOMIAL = rule("Taylor polynomial", "each derivative at the point, over the factorial of its order, times the power")
SECOND = rule("second derivative of a function", "the second derivative")
CONVEX = rule("convex", "the second derivative is nowhere negative, so the function is convex")
CONCAVE = rule("concave", "the second derivative is nowhere positive, so the function is concave")
HERE = rule("second derivative at a point", "at {0} it is positive")
NEITHER = rule(
    "neither convex nor concave",
    "the second derivative is positive at {0} and negative at {1}, so the function is neither convex nor concave",
)


@questions("taylor")
@dataclass(frozen=True)
class Taylor:
    """The Taylor polynomial of `of` in `wrt` around `at`, up to `order`."""

    of: Formula
    wrt: SymbolNames
    at: Exact = 0
    order: Size = 2

    def derive(self, given: Any) -> Derivation:
        function = function_of(given, self.of, self.wrt)
        if self.order > 8:
            raise GivenError("the order goes up to 8")
        of, x, point = function.of, function.x, S(self.at)
        work, terms = Work("Derivatives", function.world), []
        values = Work(Reason(headings.AT_PLACE, (x, point)), function.at(point))
        current = function.expr
        for k in range(self.order + 1):
            if k:
                need_slope(current, x, point, k)
                following = shortest(scalar_derivative(current, x))
                work.equal(Partial(of, *[x] * k), following, why=DERIVATIVE)
                current = following
            value = value_at(current, x, point)
            values.equal(Partial(of, *[x] * k) if k else of, value, why=AT_POINT, about=(point,))
            terms.append(value / factorial(k) * (x - point) ** k)
        polynomial = Add(*terms)
        symbol, section = polynomial_section(function, point, self.order, polynomial)
        answer = Answer("taylor", polynomial, lambda v: Equal(section.steps[0].claim.world, (symbol, v)), is_main=True)
        sections = (*function.sections(), work.section(), values.section(), section)
        return Derivation("Taylor polynomial", sections, (answer,))


def value_at(expr: Expr, x: Symbol, point: Any) -> Expr:
    """The value at the point; raises GivenError where there is none."""
    value = shortest(expr.xreplace({x: point}).replace(_is_rational, lambda e: e.definition))
    if value.has(nan, zoo, oo, -oo, S.ImaginaryUnit):
        raise GivenError(f"{text(expr)} has no value at {text(x)} = {text(point)}")
    return value


def _is_rational(expr: Any) -> bool:
    """relu(1), sigmoid(0): functions of the table whose value is a fraction."""
    return isinstance(expr, TableFunction) and expr.args[0].is_number and expr.definition.is_Rational


def need_slope(expr: Expr, x: Symbol, point: Any, order: int) -> None:
    """Raises GivenError where the function (its derivative before this order) has none at the point."""
    for node in expr.atoms(Piecewise):
        single = value_at_a_point(node)
        if single is not None and (single.left - single.right).xreplace({x: point}).simplify() == 0:
            raise GivenError(
                f"{text(expr)} has a value of its own at {text(x)} = {text(point)}; it is not expanded there"
            )
    for kink in kinks(expr, {x}):
        if (kink.left - kink.right).xreplace({x: point}).simplify() != 0:
            continue
        slope = scalar_derivative(expr, x)
        left, right = (limit_from(slope, x, point, side) for side in (-1, 1))
        if left != right:
            where = f"at {text(x)} = {text(point)}: {text(left)} from the left, {text(right)} from the right"
            of = text(expr) if order == 1 else f"the derivative of order {order - 1}, {text(expr)},"
            raise GivenError(f"{of} has no derivative {where}")


def polynomial_section(function: OneVariable, point: Any, order: int, polynomial: Expr) -> tuple[Symbol, Section]:
    """The polynomial, in a world where it is made of the derivatives that torch finds at the point: all that the variable
    moves stands there a second time, around the point."""
    x, symbol, centre = function.x, Symbol(f"T_{order}", real=True), Symbol("x_0", real=True)
    there: dict[Any, Any] = {x: centre}
    copies = []
    for name, meaning in moved_by(function.used, x):
        copies.append((Symbol(f"{name}_at_{centre}", real=True), meaning.xreplace(there)))
        there[name] = copies[-1][0]
    at = function.of.xreplace(there)
    powers = [(Partial(at, *[centre] * k) if k else at) / factorial(k) * (x - centre) ** k for k in range(order + 1)]
    held = tuple((s, e) for s, e in function.used if s != x and s not in there)
    definitions = (*held, (centre, point), *copies, (symbol, Add(*powers)))
    world = Formulas(definitions, ((x, "real"), *function.given.domains))
    work = Work("The polynomial", world)
    work.equal(symbol, polynomial, why=POLYNOMIAL, result=True)
    return symbol, work.section()


@questions("convex")
@dataclass(frozen=True)
class Convex:
    """Whether `of` is convex in `wrt` on the whole line (above 0 for a positive variable)."""

    of: Formula
    wrt: SymbolNames

    def derive(self, given: Any) -> Derivation:
        function = function_of(given, self.of, self.wrt)
        expr, x, world = function.expr, function.x, function.world
        second = shortest(scalar_derivative(shortest(scalar_derivative(expr, x)), x))
        second = min((second, factor(expand(second))), key=lambda e: len(str(e)))
        work = Work("Second derivative", world)
        work.equal(Partial(function.of, x, x), second, why=SECOND)
        sign = sign_of(second, x)
        if sign is None:
            raise NotDerivable("the sign of the second derivative")
        if isinstance(sign, tuple):
            for k, point in enumerate(sign):
                value = shortest(second.xreplace({x: point}))
                why, about = (NEITHER, sign) if k else (HERE, (point,))
                work.equal(At(second, x, point), value, why=why, about=about, result=bool(k))
        else:
            relation, why = (Ge, CONVEX) if sign >= 0 else (Le, CONCAVE)
            work.claim(Holds(world, relation(second, 0, evaluate=False)), why, (), True)
        answer = Answer("second", second, lambda v: Equal(world, (Partial(function.of, x, x), v)), is_main=True)
        return Derivation("Convexity", (*function.sections(), work.section()), (answer,))


def sign_of(second: Expr, x: Symbol) -> Any:
    """1 where nowhere negative, -1 where nowhere positive, two points of different signs; None for unknown."""
    domain: Set = Interval.open(0, oo) if x.is_positive else S.Reals
    plain = by_definition(second)
    points = [Integer(k) for k in (1, 2, 3, 5)] + ([] if x.is_positive else [Integer(k) for k in (-1, -2, -3, 0)])
    values = [(p, plain.xreplace({x: p})) for p in points]
    if any(v.free_symbols for _, v in values):
        return 1 if second.is_nonnegative else -1 if second.is_nonpositive else None
    above = [p for p, v in values if v.evalf() > 0]
    below = [p for p, v in values if v.evalf() < 0]
    if above and below:
        return above[0], below[0]
    if second.is_nonnegative or second.is_nonpositive:
        return 1 if second.is_nonnegative else -1
    try:
        lowest = minimum(plain, x, domain) if above else -minimum(-plain, x, domain)
    except (NotImplementedError, ValueError):
        return None if not plain.is_polynomial(x) else _even(plain, x, bool(above))
    return (1 if lowest >= 0 else None) if above else (-1 if lowest <= 0 else None)


def _even(plain: Expr, x: Symbol, positive: bool) -> Any:
    return (1 if positive else -1) if not plain.has(x) else None
