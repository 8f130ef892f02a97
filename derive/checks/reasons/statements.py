"""Reasons of identities, counterexamples, values, and of what an author says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Integer, exp, expand
from sympy.matrices.expressions import MatMul, Transpose

from derive.algebra.arrays import Det, Grouped, Inv, LogSumExp, Norm, Symmetric, TraceOf
from derive.algebra.functions import TableFunction
from derive.algebra.nodes import Factors, Map, Mean, Softmax, Terms, Total, is_array, plain
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
from derive.derivation import Claim, Conjecture, Definition, Equal, Holds, Refuted
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
    return bool(forms[0] & forms[1]) or any(_difference_vanishes(step.claim, *forms) for step in c.before)


def _difference_vanishes(claim: Any, left: set[Any], right: set[Any]) -> bool:
    """Whether a line says that a form of the one side less a form of the other is zero."""
    if not isinstance(claim, Equal) or claim.sides[-1] != 0 or is_array(claim.sides[0]):
        return False
    return any(claim.sides[0] == Terms(one, Factors(Integer(-1), other)) for one in left for other in right)


def factors(expr: Any) -> list[Any]:
    """The factors of a product in their order, whatever brackets it has."""
    if isinstance(expr, Grouped):
        return factors(expr.array)
    return [f for arg in expr.args for f in factors(arg)] if isinstance(expr, MatMul) else [expr]


@that("the two sides differ in their brackets alone")
def differ_in_brackets(c: Cited) -> bool:
    """The same factors in the same order, brackets apart."""
    return c.left != c.right and len(c.sides) == 2 and factors(c.left) == factors(c.right) != [c.left]


def is_number(expr: Any) -> bool:
    """A number, also one such as e^1000 that has no digits to be written with."""
    return is_value(expr) or bool(getattr(expr, "is_number", False) and not is_array(expr))


def is_given_number(c: Cited) -> bool:
    return c.left in c.definitions and same(c.definitions[c.left], c.right)


def _is_inverse_of(kind: Any) -> Callable[[Any], bool]:
    return lambda p: isinstance(p, Inv) and isinstance(p.args[0], kind)


def _sums_sums(p: Any) -> bool:
    """A sum (or mean) over entries each of which is itself a sum, or a power of one."""
    if not isinstance(p, Total | Mean) or not isinstance(p.args[0], Map):
        return False
    return expand(p.args[0].body).is_Add is True


def fewer(is_one: Callable[[Any], bool]) -> Predicate:
    """Of the parts that the law is about there are fewer on the right side than on the left."""
    return Predicate(
        "the law has something to act on", lambda c: sum(map(is_one, parts(c.left))) > sum(map(is_one, parts(c.right)))
    )


def traced(expr: Any) -> list[list[Any]]:
    return [list(p.args[0].args) for p in parts(expr) if isinstance(p, TraceOf) and isinstance(p.args[0], MatMul)]


def turned_symmetric(expr: Any) -> Any:
    """The symmetric matrix that stands transposed in an expression."""
    return next((p.args[0] for p in parts(expr) if isinstance(p, Transpose) and isinstance(p.args[0], Symmetric)), None)


@that("a sum of products of entries became a trace or an inner product")
def sums_products(c: Cited) -> bool:
    """There are fewer sums over two arrays entry by entry."""
    counts = [sum(isinstance(p, Total) and len(p.args[0].args) > 2 for p in parts(e)) for e in (c.left, c.right)]
    return counts[0] > counts[1]


def go_around(c: Cited) -> bool:
    """Each product under a trace on the right is one on the left that begins elsewhere."""
    before, after = traced(c.left), traced(c.right)
    turned = [chain[k:] + chain[:k] for chain in before for k in range(len(chain))]
    return bool(before) and all(chain in turned for chain in after)


SHOW = {
    "names written out": claims(Equal, Definition)
    & here
    & about_nothing
    & Predicate(
        "names of the world are gone", lambda c: bool((symbols(c.left) - symbols(c.right)) & set(c.definitions))
    ),
    "definitions of the functions": claims(Equal) & here & about_nothing & gone(TableFunction, Softmax, LogSumExp),
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
    "inverse of a product": claims(Equal) & here & about_nothing & fewer(_is_inverse_of(MatMul)),
    "inverse of a transpose": claims(Equal) & here & about_nothing & fewer(_is_inverse_of(Transpose)),
    "determinant of a product": claims(Equal)
    & here
    & about_nothing
    & fewer(lambda p: isinstance(p, Det) and not p.args[0].is_symbol),
    "transpose of a product": claims(Equal)
    & here
    & about_nothing
    & fewer(lambda p: isinstance(p, Transpose) and isinstance(p.args[0], MatMul)),
    "symmetric matrix": claims(Equal)
    & here
    & fewer(lambda p: isinstance(p, Transpose) and isinstance(p.args[0], Symmetric))
    & about_is(0, lambda c: turned_symmetric(c.left), "it names the matrix"),
    "sum of products of entries": claims(Equal) & here & about_nothing & sums_products,
    "one form as read": claims(Equal) & about_is(0, lambda c: c.left, "it names the form"),
    "trace of a product": claims(Equal) & here & about_nothing & Predicate("the factors go around", go_around),
    "squared norm": claims(Equal) & here & about_nothing & gone(Norm),
    "sum of sums": claims(Equal) & here & about_nothing & fewer(_sums_sums),
    "multiplied out": claims(Equal)
    & here
    & about_nothing
    & left(is_symbolic)
    & left(lambda e: not is_array(e), "is a number")
    & Predicate("no product of sums is left", lambda c: expand(plain(c.right)) == plain(c.right)),
    "associative law": claims(Equal) & here & about_nothing & differ_in_brackets,
    "the two sides agree": claims(Equal) & here & about_nothing & both_reach_one_form,
    "the two sides agree at points": claims(Conjecture) & here & about_nothing,
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
    & right(is_number)
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
    & right(lambda e: not is_value(e), "is a formula")
    & Predicate("the world defines it so", lambda c: c.definitions.get(c.left) == c.right),
    "value": claims(Equal) & here & about_nothing & computes,
}

SAID = {
    "the author's answer": claims(Claim) & about_nothing,
    "a disputed answer": claims(Refuted) & about_is(0, lambda c: c.claim.by, "it says who"),
}

TABLE = {**SHOW, **EVALUATE, **SAID}
