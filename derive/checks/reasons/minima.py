"""Reasons of minima and maxima: sums over data, normal equations, solving, second derivatives, proofs."""

from __future__ import annotations

from typing import Any

from sympy import Add, Indexed, Mul, Poly, Pow, Sum
from sympy.core.relational import Ge, Gt, Le
from sympy.matrices.expressions import MatAdd, MatMul, Transpose

from derive.algebra import arrays
from derive.algebra.nodes import At, Factors, Gradient, Mean, Partial, Quotient, Terms, is_array, plain
from derive.checks.reasons.cited import (
    Cited,
    has,
    is_a,
    is_name,
    is_symbolic,
    is_value,
    is_zero,
    parts,
    same,
    sides_of,
    symbols,
)
from derive.checks.reasons.vocabulary import (
    Predicate,
    about_is,
    about_left,
    about_nothing,
    about_occurs,
    claims,
    follows,
    gone,
    in_world,
    left,
    right,
    speaks_of,
    that,
    unfolds,
)
from derive.derivation import (
    Assumption,
    Definition,
    Equal,
    Holds,
    IsGradient,
    IsLimit,
    IsMinimum,
    IsPositiveDefinite,
    IsSaddle,
    IsStationary,
    NoMinimum,
)
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


def is_form(array: Any) -> bool:
    """A quadratic form v' H v."""
    return isinstance(array, MatMul) and array.args[0] == Transpose(array.args[-1])


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


def is_determinant_of_sums(expr: Any) -> bool:
    """a d - b^2 and the like: products of sums, one of them subtracted."""
    return isinstance(expr, Add) and any(t.could_extract_minus_sign() for t in expr.args) and len(sums(expr)) > 1


@that("the direction is named")
def direction_named(c: Cited) -> bool:
    return len(c.about) == 1 and isinstance(c.about[0], tuple) and set(c.about[0]) <= symbols(c.right)


@that("the column that varies is named")
def varying_named(c: Cited) -> bool:
    names = {str(p.base.label) for p in parts(c.left) if isinstance(p, Indexed)}
    return len(c.about) == 1 and bool({str(s) for s in symbols(c.about[0])} & names)


def is_number_above_zero(before: Any) -> bool:
    """The only second derivative is a positive number."""
    shown = [s.claim.sides for s in before if isinstance(s.claim, Equal) and is_a(Partial)(s.claim.sides[0])]
    return len(shown) == 1 and bool(shown[0][-1].is_number and shown[0][-1] > 0)


def derivative_shown(c: Cited) -> bool:
    """The derivative in what is named was shown before, and is what is set to zero here."""
    if not c.about:
        return False
    of_it = [s.claim for s in c.before if isinstance(s.claim, IsGradient) and s.claim.wrt == c.about[0]]
    of_others = [s.claim for s in c.before if isinstance(s.claim, IsGradient) and s.claim.wrt != c.about[0]]
    return bool(of_it) and not (
        any(c.left in one.sides for one in of_others) and not any(c.left in one.sides for one in of_it)
    )


def set_to_zero(c: Cited) -> bool:
    """What is on the right side is what is left in the derivative without the unknowns."""
    from_here = [k for k, s in enumerate(c.before) if isinstance(s.claim, IsGradient) and s.claim.wrt == c.about[0]]
    if not from_here or not is_symbolic(c.right):
        return bool(from_here)
    following = c.before[from_here[-1] : from_here[-1] + 2]
    terms = {
        plain(t)
        for s in following
        for side in sides_of(s.claim)
        for p in parts(side)
        if isinstance(p, Terms | Add | Mul | Factors | Sum)
        for t in (p, *p.args)
    }
    return all(plain(t) in terms for t in Add.make_args(plain(c.right)))


def minimum_kind(c: Cited) -> str:
    return "maximum" if c.claim.is_maximum else "minimum"


def was_differentiated_in(c: Cited, symbol: Any) -> bool:
    """Whether a derivative in the symbol stands before: it is one of the unknowns."""
    return any(
        (isinstance(step.claim, IsGradient) and step.claim.wrt == symbol)
        or any(isinstance(p, Partial) and symbol in p.args[1:] for side in sides_of(step.claim) for p in parts(side))
        for step in c.before
    )


def is_positive_unknown(symbol: Any) -> bool:
    """A number above zero, but no size; or a positive definite matrix."""
    return isinstance(symbol, arrays.PositiveDefinite) or bool(symbol.is_positive and not symbol.is_integer)


def ends_each_term(c: Cited, vector: Any) -> bool:
    """Whether every term of the form on the left is a product that ends in the vector."""
    form = c.left.args[0]
    terms = form.args if isinstance(form, MatAdd) else (form,)
    return all(isinstance(term, MatMul) and term.args[-1] == vector for term in terms)


SUMS = {
    "objective in components": claims(Equal)
    & here
    & about_nothing
    & left(is_name)
    & right(has(Sum))
    & Predicate(
        "the world has it in arrays", lambda c: c.left in c.definitions and not has(Sum)(c.definitions[c.left])
    ),
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
    & Predicate("it is what is left of that derivative", set_to_zero)
    & Predicate("the unknown is on the left only", lambda c: c.about[0] not in symbols(c.right))
    & left(lambda e: not has(Partial, Gradient)(e) and not is_name(e), "is no derivative and no name"),
    "solve for": claims(Equal, Definition)
    & here
    & about_left()
    & solved_for_left
    & Predicate("one is named", lambda c: len(c.about) == 1),
    "sums as means": claims(Equal)
    & here
    & about_nothing
    & gone(Sum)
    & right(has(Mean))
    & left(is_a(Quotient))
    & right(lambda e: not has(Sum)(e), "has no sum"),
    "eliminate": claims(Equal, Definition)
    & here
    & about_left(1)
    & solved_for_left
    & Predicate(
        "the other was solved for before",
        lambda c: any(sides_of(s.claim)[:1] == (c.about[0],) for s in c.before),
    )
    & Predicate("it does not occur", lambda c: c.about[0] not in symbols(c.right))
    & speaks_of(0, was_differentiated_in, "it is an unknown"),
    "solve the linear system": claims(Equal, Definition) & here & about_left() & solved_for_left,
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
    & ~right(centred)
    & Predicate(
        "second derivatives were shown",
        lambda c: any(isinstance(s.claim, Equal) and isinstance(s.claim.sides[0], Partial) for s in c.before),
    ),
    "positive as assumed": claims(Holds)
    & here
    & about_nothing
    & Predicate("something is above zero", lambda c: isinstance(c.claim.relation, Gt) and is_zero(c.right))
    & Predicate("something was assumed", lambda c: any(isinstance(s.claim, Assumption) for s in c.before)),
    "positive": claims(Holds)
    & here
    & about_nothing
    & Predicate("something is above zero", lambda c: isinstance(c.claim.relation, Gt) and is_zero(c.right)),
    "second derivatives as a sum of squares": claims(Equal) & here & right(has(Sum)) & direction_named,
    "data that are not all zero": claims(Assumption)
    & about_nothing
    & left(lambda e: not is_determinant_of_sums(e), "is no determinant"),
    "data that vary": claims(Assumption) & left(centred) & varying_named,
    "data that are no multiples": claims(Assumption) & about_nothing & left(is_determinant_of_sums),
    "independent columns": claims(Assumption) & about_nothing & left(is_determinant_of_sums),
    "it is the minimum": claims(IsMinimum)
    & about_nothing
    & Predicate(
        "second derivatives were shown to be positive",
        lambda c: any(isinstance(s.claim, Holds) for s in c.before) or is_number_above_zero(c.before),
    ),
}


def inverted(c: Cited) -> bool:
    """An inverse stands on the right, or a factor that was multiplied by cancelled."""
    last = c.before[-1].claim if c.before else None
    return (
        is_name(c.left)
        and isinstance(last, Equal)
        and isinstance(last.sides[0], MatMul | arrays.Scalar)
        and c.left in symbols(last.sides[0])
    )


def collected(c: Cited) -> bool:
    return (
        len(c.about) == 1
        and c.about[0] in symbols(c.left)
        and c.about[0] not in symbols(c.right)
        and not is_name(c.left)
        and not is_zero(c.right)
        and not has(arrays.Hessian)(c.left)
    )


def names_point(c: Cited) -> bool:
    return len(c.about) == 2 and str(c.about[1]) in ("minimum", "maximum", "stationary point")


def proved_by(*proofs: str) -> Predicate:
    """The minimum rests on one of these proofs."""
    return claims(IsMinimum) & Predicate("the proof is " + " or ".join(proofs), lambda c: c.claim.proof in proofs)


@that("it is a global minimum or maximum, and which of them")
def is_global(c: Cited) -> bool:
    return not c.claim.is_local


@that("a minimum is meant")
def for_minimum(c: Cited) -> bool:
    return not c.claim.is_maximum


@that("the variables and their places were named as stationary points before")
def listed_before(c: Cited) -> bool:
    return any(
        isinstance(s.claim, IsStationary) and s.claim.are_all and c.claim.point in s.claim.points for s in c.before
    )


@that("the second derivative there was shown before, and is not zero")
def bend_before(c: Cited) -> bool:
    last = c.before[-1].claim if c.before else None
    return (
        isinstance(last, Equal)
        and isinstance(last.sides[0], At)
        and tuple(last.sides[0].places) == c.claim.point
        and not is_zero(last.sides[1])
        and (last.sides[1] > 0) != c.claim.is_maximum
    )


@that("the second derivatives were shown to have one sign, the right one")
def convex_before(c: Cited) -> bool:
    kinds = Le if c.claim.is_maximum else Ge
    shown = [s.claim for s in c.before if isinstance(s.claim, Holds) and is_zero(s.claim.relation.args[1])]
    numbers = [s.claim.sides[-1] for s in c.before if isinstance(s.claim, Equal) and is_a(Partial)(s.claim.sides[0])]
    signed = [n for n in numbers if n.is_number and (n < 0 if c.claim.is_maximum else n > 0)]
    return any(isinstance(one.relation, kinds) for one in shown) or bool(signed)


def better(c: Cited) -> str:
    return "higher" if c.claim.is_maximum else "lower"


def is_of_the_constraint(c: Cited) -> bool:
    if is_value(c.right):
        return True
    shown = [side for s in c.before for side in sides_of(s.claim) if s.reason.rule.name == "Lagrange function"]
    return any(c.right == part for side in shown for part in parts(side))


def value_at_the_end(c: Cited) -> bool:
    """The line before gives the quantity, at the end, the value that it is bounded by here."""
    before = c.before[-1].claim if c.before else None
    return (
        isinstance(before, Equal)
        and same(before.sides[-1], c.right)
        and c.about[1] in getattr(before.sides[0], "args", ())
    )


def second_order(c: Cited) -> bool:
    return is_a(Partial)(c.left) and len(c.left.args) == 3


def is_squares(c: Cited) -> bool:
    """Squares with coefficients, and numbers."""
    return any(isinstance(p, Pow) and p.exp == 2 for p in parts(c.right))


def seconds(c: Cited, *kinds: type) -> bool:
    """What is compared with zero is a second derivative that was shown, or a minor of those."""
    return isinstance(c.claim.relation, kinds) and is_zero(c.right)


def point_of_left(c: Cited) -> bool:
    """The place at which something is worked out is named on the left."""
    return isinstance(c.left, At) and all(value not in c.left.args[:1] for _, value in c.left.places)


@that("there is one unknown")
def one_unknown(c: Cited) -> bool:
    return len(c.claim.over) == 1


@that("the derivatives shown before are linear in the unknowns")
def linear(c: Cited) -> bool:
    shown = [s.claim.sides[-1] for s in c.before if isinstance(s.claim, IsGradient) and s.claim.wrt in c.claim.over]
    return bool(shown) and all(
        e.is_polynomial(*c.claim.over) and Poly(e, *c.claim.over).total_degree() <= 1 for e in shown
    )


@that("the second derivatives were shown before")
def after_second(c: Cited) -> bool:
    return any(isinstance(s.claim, Equal) and is_a(Partial)(s.claim.sides[0]) for s in c.before)


derivative = Predicate("of second order", second_order)
no_points = Predicate("there is none", lambda c: not c.claim.points)
some_points = Predicate("there is one", lambda c: bool(c.claim.points))
everywhere = Predicate("these are all", lambda c: c.claim.are_all)


def is_relation(kind: type) -> Predicate:
    return Predicate(f"it is a {kind.__name__}", lambda c: isinstance(c.claim.relation, kind))


@that("it is what the second derivatives were shown to be just before")
def squares_before(c: Cited) -> bool:
    return any(
        isinstance(s.claim, Equal) and any(same_but_for_turns(c.left, side) for side in s.claim.sides)
        for s in c.before[-2:]
    ) or any(isinstance(p, arrays.Scalar) and is_form(p.array) for p in parts(c.left))


def same_but_for_turns(one: Any, other: Any) -> bool:
    return bool(one == other)


def bend_word(place: int) -> Predicate:
    """Convex where something was shown to be at least zero before, concave where at most."""

    def test(c: Cited) -> bool:
        shown = [s.claim.relation for s in c.before if isinstance(s.claim, Holds) and is_zero(s.claim.relation.args[1])]
        numbers = [
            s.claim.sides[-1] for s in c.before if isinstance(s.claim, Equal) and is_a(Partial)(s.claim.sides[0])
        ]
        found = ["convex" if isinstance(r, Ge) else "concave" for r in shown[-1:]]
        found += ["convex" if n > 0 else "concave" for n in numbers if n.is_number]
        return c.about[place] in found

    return Predicate("convex or concave was shown before", test)


def factors_of(whole: Any, part: Any) -> bool:
    return whole.has(part) or (whole / part).count_ops() < whole.count_ops()


def kind_of(step: Any) -> str:
    claim = step.claim
    return ("maximum" if claim.is_maximum else "minimum") if isinstance(claim, IsMinimum) else ""


def rank_of(step: Any) -> Any:
    claim = step.claim
    left_ = claim.relation.args[0] if isinstance(claim, Assumption) else None
    return left_.array if isinstance(left_, arrays.Rank) else None


@that("one unknown is named")
def one_named(c: Cited) -> bool:
    return len(c.about) == 1 and is_name(c.about[0])


STATIONARY = {
    "stationary": claims(Equal)
    & here
    & right(is_zero)
    & Predicate("the derivative in what is named was shown", derivative_shown)
    & Predicate("the point is named", names_point),
    "collect the unknown": claims(Equal)
    & here
    & Predicate("the unknown is on the left only", collected)
    & speaks_of(0, was_differentiated_in, "it is an unknown"),
    "multiply by the inverse": claims(Equal, Definition)
    & here
    & solved_for_left
    & Predicate("there is an inverse", inverted),
    "divide by the factor": claims(Equal, Definition) & here & about_nothing & solved_for_left,
    "solve entry by entry": claims(Equal, Definition)
    & here
    & about_nothing
    & solved_for_left
    & left(is_array)
    & Predicate("in one step", lambda c: len(c.sides) == 2),
    "multiply from both sides": claims(Equal, Definition) & here & about_left() & left(is_array) & solved_for_left,
    "solve for a scalar": claims(Equal, Definition)
    & here
    & about_left()
    & solved_for_left
    & left(lambda e: not is_array(e), "is a number"),
    "insert the multiplier": claims(Equal, Definition)
    & here
    & about_nothing
    & Predicate(
        "the multiplier was solved for just before",
        lambda c: any(
            isinstance(s.claim, Equal | Definition)
            and is_name(sides_of(s.claim)[0])
            and sides_of(s.claim)[0] in symbols(c.sides[1])
            for s in c.before[-3:]
        ),
    ),
    "the constraint": claims(Equal)
    & here
    & about_nothing
    & ~left(is_name)
    & Predicate("the right side is a value, or stands in the Lagrange function", is_of_the_constraint)
    & ~right(is_zero),
    "Lagrange function": claims(Equal, Definition) & here & about_nothing & left(is_name) & right(is_a(Add)),
    "second derivatives of the objective": claims(Equal) & here & about_nothing & left(is_a(arrays.Hessian)),
    "as a quadratic form": claims(Equal)
    & here
    & left(is_a(arrays.Scalar))
    & speaks_of(0, ends_each_term, "each term ends in the vector"),
    "not negative": claims(Holds) & here & about_nothing & right(is_zero) & is_relation(Ge) & squares_before,
    "not positive": claims(Holds) & here & about_nothing & right(is_zero) & is_relation(Le) & squares_before,
    "so it is the minimum": proved_by("convex")
    & is_global
    & bend_word(0)
    & about_is(1, lambda c: c.claim.point[0][0], "it names the unknown")
    & about_is(2, minimum_kind, "it says whether it is the minimum or the maximum")
    & Predicate("there are no constraints", lambda c: not c.claim.constraints),
    "the minimum under constraints": proved_by("convex")
    & is_global
    & bend_word(0)
    & about_is(1, lambda c: c.claim.point[0][0], "it names the unknown")
    & Predicate("there are constraints", lambda c: bool(c.claim.constraints)),
    "the first stage": proved_by("convex")
    & about_is(1, minimum_kind, "it says which")
    & about_is(2, lambda c: c.claim.point[0][0], "it names the unknown")
    & Predicate("the other does not occur", lambda c: c.about[0] not in symbols(c.claim.point[0][1]))
    & Predicate("it is another unknown", lambda c: c.about[0] != c.about[2] and was_differentiated_in(c, c.about[0])),
    "derivative by the distance": claims(IsGradient) & about_nothing & right(is_a(Mul)),
    "the other factor is positive": claims(Holds)
    & about_nothing
    & is_relation(Gt)
    & Predicate(
        "it is a factor of the derivative",
        lambda c: (
            bool(c.before)
            and isinstance(c.before[-1].claim, IsGradient)
            and factors_of(c.before[-1].claim.sides[-1], c.left)
        ),
    ),
    "in the inverse": claims(Equal)
    & right(lambda e: not any(isinstance(p, arrays.Inv) for p in parts(e)), "has no inverse")
    & left(has(arrays.Inv))
    & about_occurs()
    & follows(lambda c, s: isinstance(s.claim, Definition) and s.claim.symbol == c.about[0], "it was named before"),
    "with a root": claims(Definition) & about_left() & right(is_a(MatMul)),
    "the inverse by a name": claims(Definition)
    & right(is_a(arrays.Inv))
    & about_is(0, lambda c: c.right.array, "of what"),
    "along a direction": claims(Equal, Definition) & left(is_name) & about_occurs(),
    "second derivative along a direction": claims(Equal) & derivative & about_occurs(),
    "in two stages": proved_by("stages")
    & about_is(0, lambda c: c.claim.point[0][0], "the first unknown")
    & about_is(1, lambda c: c.claim.point[1][0], "the second unknown")
    & about_is(2, minimum_kind, "it says which"),
    "a direction without bound in vectors": claims(NoMinimum)
    & about_is(1, lambda c: "grows" if c.claim.is_maximum else "falls", "it says whether it grows or falls"),
    "only zero is sent to zero": claims(Equal, Definition) & here & about_nothing & left(is_name) & right(is_zero),
    "the value at the stationary point": claims(Equal)
    & here
    & Predicate("the minimum or the maximum was shown", lambda c: any(kind_of(s) == c.about[0] for s in c.before)),
    "full column rank": claims(Assumption)
    & left(is_a(arrays.Rank))
    & about_is(0, lambda c: c.left.array, "of this matrix"),
    "a Gram matrix of full rank": claims(IsPositiveDefinite)
    & Predicate("its rank was stated", lambda c: any(rank_of(s) == c.about[0] for s in c.before)),
    "definite by its form": claims(IsPositiveDefinite)
    & Predicate("it names a part of the matrix", lambda c: any(p == c.about[0] for p in parts(c.claim.matrix)))
    & speaks_of(0, lambda c, w: bool(w.is_positive or isinstance(w, arrays.PositiveArray)), "which is positive"),
    "invertible": claims(Assumption) & left(is_a(arrays.Det)) & about_nothing,
    "in the domain": claims(Assumption)
    & left(lambda e: not isinstance(e, arrays.Det | arrays.Rank), "is a value")
    & one_named
    & speaks_of(0, lambda c, w: is_positive_unknown(w), "a positive unknown"),
    "a covariance that spans": claims(Assumption)
    & left(is_a(arrays.Det))
    & one_named
    & speaks_of(0, lambda c, w: isinstance(w, arrays.PositiveDefinite), "which is positive definite"),
    "Newton step": claims(Equal)
    & here
    & right(has(arrays.Inv))
    & Predicate("in what is named", lambda c: len(c.about) == 1 and str(c.left) == f"{c.about[0]}_new"),
}


EXTREMA = {
    "definitions put in": claims(Equal) & here & about_nothing & left(is_name) & unfolds,
    "derivative of the objective": claims(IsGradient) & here & about_nothing,
    "where the derivative vanishes": claims(IsStationary) & about_nothing & some_points & everywhere & one_unknown,
    "the derivative vanishes nowhere": claims(IsStationary) & about_nothing & no_points & everywhere & one_unknown,
    "second derivative of the objective": claims(Equal) & here & about_nothing & derivative,
    "convex objective": claims(Holds)
    & about_nothing
    & Predicate("at least zero", lambda c: seconds(c, Ge))
    & after_second,
    "concave objective": claims(Holds)
    & about_nothing
    & Predicate("at most zero", lambda c: seconds(c, Le))
    & after_second,
    "convex objective, of degree two": claims(Equal)
    & derivative
    & right(lambda e: e.is_number and e > 0, "is above 0"),
    "concave objective, of degree two": claims(Equal)
    & derivative
    & right(lambda e: e.is_number and e < 0, "is below 0"),
    "local extremum by the second derivative": proved_by("curvature") & ~is_global & listed_before & bend_before,
    "local extremum by the first derivative": proved_by("curvature") & ~is_global & listed_before & ~bend_before,
    "inflection": claims(IsStationary) & about_nothing & ~everywhere & one_unknown,
    "a convex function at its stationary point": proved_by("convex")
    & is_global
    & for_minimum
    & listed_before
    & convex_before,
    "a concave function at its stationary point": proved_by("convex")
    & is_global
    & ~for_minimum
    & listed_before
    & convex_before,
    "limit at an end of the domain": claims(IsLimit) & here & about_nothing,
    "the value at a point": claims(Equal) & here & about_nothing & Predicate("at a point", point_of_left),
    "the best of all stationary points": proved_by("values")
    & is_global
    & listed_before
    & about_is(0, better, "it says lower or higher"),
    "an end is better than all stationary points": claims(NoMinimum) & about_is(0, better, "it says lower or higher"),
    "the best at an end of the domain": claims(Holds)
    & about_is(0, lambda c: "higher" if isinstance(c.claim.relation, Le) else "lower", "it says lower or higher")
    & Predicate("the bound is the value at the end that is named, shown just before", value_at_the_end),
    "all derivatives vanish": claims(IsStationary) & about_nothing & some_points & everywhere & ~one_unknown & ~linear,
    "a linear system": claims(IsStationary) & about_nothing & some_points & everywhere & ~one_unknown & linear,
    "a system without solution": claims(IsStationary) & about_nothing & no_points & everywhere & ~one_unknown,
    "complete the square": claims(Equal) & here & about_nothing & left(is_name) & Predicate("squares", is_squares),
    "squares are not negative": proved_by("squares") & is_global & for_minimum & listed_before,
    "squares with a minus": proved_by("squares") & is_global & ~for_minimum & listed_before,
    "second derivatives of both signs": claims(IsSaddle) & about_nothing & listed_before,
    "a direction without bound": claims(NoMinimum)
    & about_is(0, lambda c: "rises" if c.claim.is_maximum else "falls", "it says whether it rises or falls"),
    "local extremum by second derivatives": proved_by("curvature")
    & ~is_global
    & listed_before
    & about_is(0, lambda c: "negative" if c.claim.is_maximum else "positive", "it says which sign"),
    "leading minors": claims(Holds) & about_nothing & Predicate("above zero", lambda c: seconds(c, Gt)) & after_second,
    "convex in several unknowns": proved_by("convex")
    & is_global
    & listed_before
    & about_is(0, lambda c: "concave" if c.claim.is_maximum else "convex", "it says convex or concave"),
    "only checked numerically": claims(IsMinimum)
    & is_global
    & about_is(0, minimum_kind, "it says which")
    & Predicate("there is no proof", lambda c: not c.claim.proof),
    "no closed form found": claims(Equal) & left(is_a(arrays.Hessian)),
    "no entry of the derivative is zero": claims(IsStationary)
    & no_points
    & everywhere
    & about_is(0, lambda c: c.claim.over[0], "in what"),
    "an end of every entry": claims(NoMinimum) & about_is(0, better, "it says lower or higher"),
}

TABLE = {**SUMS, **STATIONARY, **EXTREMA}
