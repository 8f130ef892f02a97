"""Reasons of local derivatives, and of gradients that vanish."""

from __future__ import annotations

from typing import Any

from sympy import Add, Mul, Piecewise, Pow
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra.functions import TableFunction
from derive.algebra.nodes import At, Factors, Gradient, Partial, Prime, Terms, plain
from derive.checks.reasons.cited import (
    Cited,
    has,
    is_a,
    is_value,
    is_zero,
    same,
    symbols,
)
from derive.checks.reasons.networks import fractions, here
from derive.checks.reasons.vocabulary import (
    Predicate,
    about_is,
    about_nothing,
    claims,
    in_world,
    left,
    right,
)
from derive.derivation import Definition, Equal, Holds, IsGradient, IsLimit
from derive.worlds import Formulas

# the local derivatives


def is_slope(expr: Any) -> bool:
    return isinstance(expr, Prime)


def is_own_definition(c: Cited) -> bool:
    return isinstance(c.left, TableFunction) and plain(c.right) == plain(c.left.definition)


LOCAL = {
    "definition of the activation": claims(Equal, Definition)
    & Predicate("it is the definition of the function", is_own_definition),
    "differentiate the definition": claims(Equal)
    & left(is_slope)
    & right(lambda e: not has(TableFunction, Piecewise)(e), "has no other function"),
    "differentiate the branches": claims(Equal) & left(is_slope) & right(has(Piecewise)),
    "product and chain rule": claims(Equal) & left(is_slope) & right(has(TableFunction)) & right(is_a(Add, Terms, Mul)),
    "in terms of itself": claims(Equal)
    & in_world(Formulas)
    & left(lambda e: not has(TableFunction)(e), "has exponentials only")
    & right(has(TableFunction))
    & right(lambda e: not isinstance(e, TableFunction), "is no single function")
    & about_nothing,
    "recognise": claims(Equal)
    & in_world(Formulas)
    & left(lambda e: not has(TableFunction)(e), "has exponentials only")
    & right(is_a(TableFunction)),
    "quotient rule": claims(IsGradient)
    & in_world(Formulas)
    & left(is_a(Partial))
    & right(has(Pow))
    & Predicate(
        "it speaks of a letter of the denominator", lambda c: len(c.about) == 1 and c.about[0] in symbols(c.right)
    ),
    "softmax in itself": claims(Equal)
    & in_world(Formulas)
    & left(lambda e: fractions(e) > 0, "has fractions")
    & right(lambda e: fractions(e) == 0, "has none")
    & Predicate("the outputs are defined", lambda c: bool(symbols(c.right)) and symbols(c.right) <= set(c.definitions)),
    "definition of softmax": claims(Equal, Definition)
    & Predicate("its own definition", lambda c: c.left in c.definitions and c.definitions[c.left] == c.right)
    & Predicate(
        "it speaks of a letter of the denominator", lambda c: len(c.about) == 1 and c.about[0] in symbols(c.right)
    ),
}

# what vanishes


def entry(c: Cited, *tags: str) -> bool:
    return isinstance(c.left, MatrixElement) and c.tag(c.left)[:1] in [(t,) for t in tags]


def is_off(c: Cited) -> bool:
    """z_i <= 0 of the unit and the layer that the reason names."""
    z = c.left
    return (
        entry(c, "pre_activation")
        and is_zero(c.right)
        and same(z.i + 1, c.about[0])
        and same(c.tag(z)[1] + 1, c.about[1])
    )


def error_entry(expr: Any) -> bool:
    return isinstance(expr, MatrixElement) and str(expr.parent).startswith("delta")


def silent_row(c: Cited) -> bool:
    """dL/dW_ij = delta_i a_j = 0 with delta_i shown to be zero before."""
    if not entry(c, "weight", "bias"):
        return False
    error = f"delta{c.tag(c.left)[1] + 1}"
    zeros = [s.claim.sides[0] for s in c.before if isinstance(s.claim, Equal) and is_zero(s.claim.sides[-1])]
    return any(error_entry(z) and str(z.parent) == error and same(z.i, c.left.i) for z in zeros)


def silent_source(c: Cited) -> bool:
    """a_j is zero, or the gradient in a weight that it meets: input j of the layer named."""
    if len(c.about) != 2 or not isinstance(c.left, MatrixElement):
        return False
    tag = c.tag(c.left)
    if isinstance(c.left.parent, Gradient):
        return tag[:1] == ("weight",) and same(c.left.j + 1, c.about[0]) and same(tag[1] + 1, c.about[1])
    layer = 0 if tag[:1] == ("input",) else tag[1] + 1 if tag[:1] == ("activation",) else -1
    return same(c.left.i + 1, c.about[0]) and same(layer + 1, c.about[1])


def _bounds_before(c: Cited, of: Any, value: Any) -> bool:
    """The step before says that the quantity is at most the value."""
    relation = c.before[-1].claim.relation if c.before and isinstance(c.before[-1].claim, Holds) else None
    return relation is not None and relation.args[0] == of and same(relation.args[1], value)


VANISHING = {
    "unit is off": claims(Holds)
    & here
    & Predicate("it names the unit and its layer", is_off)
    & Predicate("below the kink", lambda c: c.claim.relation.rel_op == "<"),
    "unit at a kink": claims(Equal) & here & Predicate("it names the unit and its layer", is_off),
    "slope taken at a kink": claims(Equal)
    & here
    & left(is_a(Prime))
    & right(is_zero)
    & Predicate(
        "the unit was found to stand at the kink",
        lambda c: any(isinstance(s.claim, Equal) and c.left.args[1] == s.claim.sides[0] for s in c.before[-1:]),
    ),
    "flat branch": claims(Equal)
    & here
    & left(is_a(Prime))
    & right(is_zero)
    & Predicate(
        "the unit was found to be off",
        lambda c: any(isinstance(s.claim, Holds) and c.left.args[1] in s.claim.relation.args for s in c.before[-1:]),
    ),
    "no error passes": claims(Equal)
    & here
    & left(error_entry)
    & right(is_zero)
    & Predicate(
        "its slope was found to be zero",
        lambda c: (
            bool(c.before) and isinstance(c.before[-1].claim, Equal) and isinstance(c.before[-1].claim.sides[0], Prime)
        ),
    ),
    "no error": claims(Equal)
    & here
    & left(error_entry)
    & right(is_zero)
    & Predicate(
        "no slope is zero",
        lambda c: (
            not c.before
            or not (isinstance(c.before[-1].claim, Equal) and isinstance(c.before[-1].claim.sides[0], Prime))
        ),
    ),
    "gradient of an off unit": claims(Equal)
    & here
    & right(is_zero)
    & about_nothing
    & Predicate("the error of its unit is zero", silent_row),
    "silent input": claims(Equal)
    & here
    & right(is_zero)
    & Predicate("it names the input and the layer", silent_source),
    "local derivative through depth": claims(Equal)
    & in_world(Formulas)
    & left(is_slope)
    & right(lambda e: not has(Prime)(e), "is worked out"),
    "at most so much": claims(Holds)
    & in_world(Formulas)
    & right(is_value)
    & Predicate(
        "it is the derivative of the function named",
        lambda c: (
            bool(c.before)
            and len(c.about) == 1
            and any(
                c.left in s.claim.sides
                and isinstance(s.claim.sides[0], Prime)
                and str(s.claim.sides[0].args[0]) == str(c.about[0])
                for s in c.before
                if isinstance(s.claim, Equal)
            )
        ),
    ),
    "a bound that is attained": claims(Equal)
    & in_world(Formulas)
    & about_nothing
    & left(is_a(At))
    & Predicate("it is the bound that was shown before", lambda c: _bounds_before(c, c.left.args[0], c.right)),
    "a bound that is approached": claims(IsLimit)
    & in_world(Formulas)
    & about_nothing
    & Predicate("it is the bound that was shown before", lambda c: _bounds_before(c, c.claim.of, c.claim.value)),
    "product through depth": claims(Equal)
    & in_world(Formulas)
    & left(lambda e: is_value(e) or isinstance(e, Factors), "is a product")
    & about_is(0, lambda c: len(c.left.args) if isinstance(c.left, Factors) else 1, "there are so many factors")
    & Predicate(
        "every factor is a bound from above",
        lambda c: all(
            same(f, 1) or any(isinstance(s.claim, Holds) and same(s.claim.relation.args[1], f) for s in c.before)
            for f in (c.left.args if isinstance(c.left, Factors) else (c.left,))
        ),
    ),
}

TABLE = {**LOCAL, **VANISHING}
