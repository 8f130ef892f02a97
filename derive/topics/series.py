"""`taylor` for functions of one variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Add, Expr, Piecewise, S, Symbol, factorial, false, log, nan, oo, zoo

from derive.algebra.branches import value_at_a_point
from derive.algebra.functions import TableFunction
from derive.algebra.kinks import kinks
from derive.algebra.limits import limit_from
from derive.algebra.nodes import At, Partial
from derive.algebra.notation import text
from derive.algebra.scalars import scalar_derivative
from derive.algebra.shortest import shortest
from derive.derivation import Answer, Derivation, Equal, Reason, Section, Work, rule
from derive.errors import GivenError
from derive.problem.types import Exact, Formula, Size, SymbolNames
from derive.topics import headings
from derive.topics.one_variable import OneVariable, function_of, moved_by
from derive.topics.registry import questions
from derive.worlds import Formulas

DERIVATIVE = rule("derivative of an order", "differentiate")
AT_POINT = rule("derivative at the point", "at {0}")
POLYNOMIAL = rule("Taylor polynomial", "each derivative at the point, over the factorial of its order, times the power")


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
        work, terms = Work("Derivatives", function.smooth), []
        values = Work(Reason(headings.AT_PLACE, (x, point)), function.at(point))
        current = function.expr
        for k in range(self.order + 1):
            if k:
                need_slope(current, x, point, k)
                following = shortest(scalar_derivative(current, x))
                work.equal(Partial(of, *[x] * k), following, why=DERIVATIVE)
                current = following
            value = value_at(current, x, point)
            values.equal(At(Partial(of, *[x] * k) if k else of, x, point), value, why=AT_POINT, about=(point,))
            terms.append(value / factorial(k) * (x - point) ** k)
        need_conditions(function, point)
        polynomial = Add(*terms)
        symbol, section = polynomial_section(function, point, self.order, polynomial)
        answer = Answer("taylor", polynomial, lambda v: Equal(section.steps[0].claim.world, (symbol, v)), is_main=True)
        sections = (*function.sections(), work.section(), values.section(), section)
        return Derivation("Taylor polynomial", sections, (answer,))


def value_at(expr: Expr, x: Symbol, point: Any) -> Expr:
    """The value at the point; raises GivenError where there is none."""
    try:
        value = shortest(expr.xreplace({x: point}).replace(_has_short_value, lambda e: e.definition))
    except (TypeError, ValueError):  # SymPy compares what has no value
        value = nan
    if value.has(nan, zoo, oo, -oo, S.ImaginaryUnit):
        raise GivenError(f"{text(expr)} has no value at {text(x)} = {text(point)}")
    return value


def need_conditions(function: OneVariable, point: Any) -> None:
    """Raises GivenError where a condition of the formula fails at the point."""
    for condition in function.domain:
        relation = condition.relation.xreplace({function.x: point})
        if not condition.is_of_array and relation.doit() == false:
            left, right = (text(side) for side in condition.relation.args)
            at = f"{text(function.x)} = {text(point)}"
            raise GivenError(f"{left} {condition.relation.rel_op} {right} does not hold at {at}")


def _has_short_value(expr: Any) -> bool:
    """relu(1), sigmoid(0), softplus(0): functions of the table whose value is a fraction or the logarithm of one."""
    if not (isinstance(expr, TableFunction) and expr.args[0].is_number):
        return False
    value = expr.definition
    return bool(value.is_Rational) or (isinstance(value, log) and bool(value.args[0].is_Rational))


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
    needed = tuple(relation.xreplace(there) for relation in function.world.conditions)
    world = Formulas(definitions, ((x, "real"), *function.given.domains), conditions=needed)
    work = Work("The polynomial", world)
    work.equal(symbol, polynomial, why=POLYNOMIAL, result=True)
    return symbol, work.section()
