"""Reasons of minima and maxima: sums over data, normal equations, solving, second derivatives, proofs."""

from __future__ import annotations

from typing import Any

from sympy import Add, Mul, Pow, Sum
from sympy.core.relational import Gt

from derive.algebra import arrays
from derive.algebra.nodes import Factors, Mean, Partial, Quotient, Terms, is_array
from derive.checks.reasons.cited import Cited, has, is_a, is_name, is_value, is_zero, parts, symbols
from derive.checks.reasons.vocabulary import (
    Predicate,
    about_is,
    about_left,
    about_nothing,
    claims,
    gone,
    in_world,
    left,
    right,
    that,
)
from derive.derivation import Definition, Equal, Holds, IsGradient, IsMinimum
from derive.worlds import Formulas

here = in_world(Formulas)


def sums(expr: Any) -> list[Any]:
    return [p for p in parts(expr) if isinstance(p, Sum)]


@that("the unknown stands alone on the left, and not on the right")
def solved_for_left(c: Cited) -> bool:
    return is_name(c.left) and c.left not in symbols(c.right)


@that("every unknown of the equation is the one named, or another on the left as well")
def about_unknown_of_sides(c: Cited) -> bool:
    return bool(c.about) and any(s == c.about[0] for side in c.sides for s in symbols(side))


def centred(expr: Any) -> bool:
    """There is a sum of products of differences."""
    return any(
        any(
            isinstance(f, Add | Terms) or (isinstance(f, Pow) and isinstance(f.base, Add | Terms))
            for f in Mul.make_args(s.function)
        )
        for s in sums(expr)
    )


def sum_outside(expr: Any) -> int:
    return len(sums(expr))


def is_determinant(expr: Any) -> bool:
    """a d - b^2."""
    return isinstance(expr, Terms) and len(expr.args) == 2 and isinstance(expr.args[0], Factors)


def derivative_shown(c: Cited) -> bool:
    """The derivative in what is named was shown before, and is what is set to zero here."""
    return len(c.about) > 0 and any(isinstance(s.claim, IsGradient) and s.claim.wrt == c.about[0] for s in c.before)


def minimum_kind(c: Cited) -> str:
    objective = c.claim.objective
    return "maximum" if objective.could_extract_minus_sign() and not objective.is_Add else "minimum"


SUMS = {
    "objective in components": claims(Equal) & here & about_nothing & left(is_name) & right(has(Sum)),
    "derivative under the sum": claims(IsGradient) & here & about_nothing & right(has(Sum)),
    "linearity of sums": claims(Equal)
    & here
    & about_nothing
    & left(has(Sum))
    & right(has(Sum))
    & Predicate("more sums, of simpler terms", lambda c: sum_outside(c.right) >= sum_outside(c.left))
    & right(is_a(Factors, Terms)),
    "normal equation": claims(Equal)
    & here
    & Predicate("the derivative in what is named was shown", derivative_shown)
    & Predicate("the unknown is named", lambda c: len(c.about) == 1 and c.about[0] in symbols(c.left))
    & ~left(is_name),
    "solve for": claims(Equal)
    & here
    & about_left()
    & solved_for_left
    & Predicate("one is named", lambda c: len(c.about) == 1),
    "sums as means": claims(Equal) & here & about_nothing & gone(Sum) & right(has(Mean)),
    "eliminate": claims(Equal)
    & here
    & about_left(1)
    & solved_for_left
    & Predicate(
        "the other was solved for before",
        lambda c: any(isinstance(s.claim, Equal) and s.claim.sides[0] == c.about[0] for s in c.before),
    )
    & Predicate("it does not occur", lambda c: c.about[0] not in symbols(c.right)),
    "solve the linear system": claims(Equal) & here & about_left() & solved_for_left,
    "multiply out the centred sum": claims(Equal)
    & here
    & about_nothing
    & left(is_a(Sum))
    & right(lambda e: not isinstance(e, Sum), "is split"),
    "means cancel": claims(Equal)
    & here
    & about_nothing
    & left(has(Sum))
    & Predicate(
        "there are fewer terms", lambda c: len(getattr(c.right, "args", ())) < len(getattr(c.left, "args", ()))
    ),
    "centred sums": claims(Equal)
    & here
    & about_nothing
    & left(is_a(Quotient))
    & right(is_a(Quotient))
    & right(centred),
    "second derivative": claims(Equal)
    & here
    & about_nothing
    & left(is_a(Partial))
    & Predicate("of second order", lambda c: len(c.left.args) == 3),
    "determinant of second derivatives": claims(Equal) & here & about_nothing & left(is_determinant) & right(centred),
    "determinant of second derivatives as it is": claims(Equal)
    & here
    & about_nothing
    & left(is_determinant)
    & ~right(centred),
    "positive": claims(Holds)
    & here
    & about_nothing
    & Predicate("something is above zero", lambda c: isinstance(c.claim.relation, Gt) and is_zero(c.right)),
    "it is the minimum": claims(IsMinimum)
    & about_nothing
    & Predicate(
        "second derivatives were shown to be positive", lambda c: any(isinstance(s.claim, Holds) for s in c.before)
    ),
}


def inverted(c: Cited) -> bool:
    """An inverse stands on the right, or a factor that was multiplied by cancelled."""
    return is_name(c.left) and (
        has(arrays.Inv)(c.right)
        or any(has(arrays.Inv)(side) for s in c.before[-2:] for side in getattr(s.claim, "sides", ()))
    )


def collected(c: Cited) -> bool:
    return (
        len(c.about) == 1
        and c.about[0] in symbols(c.left)
        and c.about[0] not in symbols(c.right)
        and not is_name(c.left)
    )


def names_point(c: Cited) -> bool:
    return len(c.about) == 2 and str(c.about[1]) in ("minimum", "maximum", "stationary point")


STATIONARY = {
    "stationary": claims(Equal)
    & here
    & right(is_zero)
    & Predicate("the derivative in what is named was shown", derivative_shown)
    & Predicate("the point is named", names_point),
    "collect the unknown": claims(Equal) & here & Predicate("the unknown is on the left only", collected),
    "multiply by the inverse": claims(Equal) & here & solved_for_left & Predicate("there is an inverse", inverted),
    "divide by the factor": claims(Equal) & here & about_nothing & solved_for_left,
    "solve entry by entry": claims(Equal) & here & about_nothing & solved_for_left & left(is_array),
    "multiply from both sides": claims(Equal) & here & about_left() & left(is_array) & solved_for_left,
    "solve for a scalar": claims(Equal)
    & here
    & about_left()
    & solved_for_left
    & left(lambda e: not is_array(e), "is a number"),
    "insert the multiplier": claims(Equal)
    & here
    & about_nothing
    & Predicate(
        "the multiplier was solved for just before",
        lambda c: any(
            isinstance(s.claim, Equal) and is_name(s.claim.sides[0]) and s.claim.sides[0] in symbols(c.sides[1])
            for s in c.before[-3:]
        ),
    ),
    "the constraint": claims(Equal) & here & about_nothing & ~left(is_name) & right(is_value),
    "Lagrange function": claims(Equal, Definition) & here & about_nothing & left(is_name) & right(is_a(Add)),
    "second derivatives of the objective": claims(Equal) & here & about_nothing & left(is_a(arrays.Hessian)),
    "as a quadratic form": claims(Equal) & here & about_nothing & left(is_a(arrays.Scalar)),
    "not negative": claims(Holds)
    & here
    & about_nothing
    & right(is_zero)
    & Predicate(
        "it is a sum of squares",
        lambda c: any(isinstance(s.claim, Equal) and c.left == s.claim.sides[-1] for s in c.before),
    ),
    "so it is the minimum": claims(IsMinimum)
    & about_is(0, minimum_kind, "it says whether it is the minimum or the maximum"),
    "Newton step": claims(Equal)
    & here
    & right(has(arrays.Inv))
    & Predicate("in what is named", lambda c: len(c.about) == 1 and str(c.left) == f"{c.about[0]}_new"),
    "no closed form": claims(IsGradient) & about_is(0, lambda c: c.claim.wrt, "in what is named"),
}

TABLE = {**SUMS, **STATIONARY}
