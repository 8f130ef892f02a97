"""Reasons of identities, counterexamples, values, and of what an author says."""

from __future__ import annotations

from typing import Any

from sympy import exp
from sympy.matrices.expressions import MatMul

from derive.algebra.arrays import Det, Grouped, Inv, Rank
from derive.algebra.functions import TableFunction
from derive.algebra.nodes import Softmax, is_array
from derive.checks.reasons.cited import Cited, is_symbolic, is_value, parts, same, symbols
from derive.checks.reasons.vocabulary import (
    Predicate,
    about_is,
    about_nothing,
    claims,
    computes,
    gone,
    in_world,
    left,
    names_a_formula,
    right,
    that,
)
from derive.derivation import Assumption, Claim, Conjecture, Definition, Equal, Holds, Refuted
from derive.worlds import Formulas

here = in_world(Formulas)


def exponents(expr: Any) -> int:
    """How many exponentials of sums there are."""
    return sum(isinstance(p, exp) and p.args[0].is_Add for p in parts(expr))


@that("both sides were brought to one form")
def both_reach_one_form(c: Cited) -> bool:
    """What was shown before connects the two sides (or one of them is that form)."""
    forms = [{side} for side in (c.left, c.right)]
    for group in forms:
        grown = True
        while grown:
            grown = False
            for step in c.before:
                sides = set(getattr(step.claim, "sides", ()))
                if isinstance(step.claim, Equal) and sides & group and not sides <= group:
                    group |= sides
                    grown = True
    return bool(forms[0] & forms[1])


def factors(expr: Any) -> list[Any]:
    """The factors of a product in their order, whatever brackets it has."""
    if isinstance(expr, Grouped):
        return factors(expr.array)
    return [f for arg in expr.args for f in factors(arg)] if isinstance(expr, MatMul) else [expr]


@that("the two sides differ in their brackets alone")
def differ_in_brackets(c: Cited) -> bool:
    """The same factors in the same order, brackets apart."""
    return c.left != c.right and len(c.sides) == 2 and factors(c.left) == factors(c.right) != [c.left]


def is_given_number(c: Cited) -> bool:
    return c.left in c.definitions and same(c.definitions[c.left], c.right)


def _full_side(c: Cited) -> bool:
    """As many rows (or columns) as the rank says."""
    rows, columns = c.left.args[0].shape
    return len(c.about) > 1 and {"rows": rows, "columns": columns}.get(str(c.about[1])) == c.right


SHOW = {
    "names written out": claims(Equal, Definition)
    & here
    & about_nothing
    & Predicate(
        "names of the world are gone", lambda c: bool((symbols(c.left) - symbols(c.right)) & set(c.definitions))
    ),
    "definitions of the functions": claims(Equal) & here & about_nothing & gone(TableFunction, Softmax),
    "products and sums tidied": claims(Equal)
    & here
    & about_nothing
    & Predicate("arrays are tidied", lambda c: any(map(is_array, parts(c.left)))),
    "exponential of a sum": claims(Equal)
    & here
    & about_nothing
    & Predicate("there are fewer exponentials of sums", lambda c: exponents(c.left) > exponents(c.right)),
    "matrix times its inverse": claims(Equal) & here & about_nothing & gone(Inv),
    "simplified": claims(Equal)
    & here
    & about_nothing
    & left(is_symbolic)
    & left(lambda e: not is_array(e), "is a number"),
    "associative law": claims(Equal) & here & about_nothing & differ_in_brackets,
    "the two sides agree": claims(Equal) & here & about_nothing & both_reach_one_form,
    "the two sides agree at points": claims(Conjecture) & here & about_nothing,
    "rank of a factor": claims(Assumption)
    & left(lambda e: isinstance(e, Rank), "is a rank")
    & about_is(0, lambda c: c.left.args[0], "it names the matrix")
    & Predicate("it says of which the rank is the number", _full_side),
    "regular matrix": claims(Assumption)
    & left(lambda e: isinstance(e, Det), "is a determinant")
    & about_is(0, lambda c: c.left.args[0], "it names the matrix"),
    "an inequality": claims(Holds)
    & here
    & about_nothing
    & Predicate("something is free", lambda c: is_symbolic(c.left) or is_symbolic(c.right)),
    "a false identity": claims(Refuted)
    & Predicate("an identity is refuted", lambda c: isinstance(c.claim.claim, Equal))
    & about_is(0, lambda c: c.claim.by, "it says who"),
    "a false inequality": claims(Refuted)
    & Predicate("an inequality is refuted", lambda c: isinstance(c.claim.claim, Holds))
    & about_is(0, lambda c: c.claim.by, "it says who"),
    "a counterexample": claims(Equal, Definition)
    & here
    & about_nothing
    & right(is_value)
    & Predicate("the world gives it this value", is_given_number)
    & left(is_array)
    | claims(Equal, Definition)
    & here
    & about_nothing
    & right(is_value)
    & Predicate("the world gives it this value", is_given_number),
    "value of a side": claims(Equal)
    & here
    & about_nothing
    & right(is_value)
    & left(is_symbolic)
    & Predicate("it is not given", lambda c: not is_given_number(c)),
}

EVALUATE = {
    "formula to evaluate": claims(Equal, Definition)
    & here
    & about_nothing
    & names_a_formula
    & right(is_symbolic)
    & Predicate("the world defines it so", lambda c: c.definitions.get(c.left) == c.right),
    "value": claims(Equal) & here & about_nothing & computes,
}

SAID = {
    "the author's answer": claims(Claim) & about_nothing,
    "a disputed answer": claims(Refuted) & about_is(0, lambda c: c.claim.by, "it says who"),
}

TABLE = {**SHOW, **EVALUATE, **SAID}
