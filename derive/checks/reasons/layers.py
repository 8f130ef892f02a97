"""Reasons of the equations of layers: what form the right side has."""

from __future__ import annotations

from typing import Any

from sympy import Pow
from sympy.matrices.expressions import MatAdd, MatMul, OneMatrix, Transpose
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra import arrays
from derive.algebra.functions import TableFunction
from derive.algebra.nodes import Map, Mean, Softmax, is_array
from derive.checks.reasons.cited import Cited, has, is_a, is_name, is_symbolic, parts, symbols
from derive.checks.reasons.vocabulary import (
    Predicate,
    claims,
    in_world,
    is_tagged,
    names_a_formula_or_name,
    right,
    that,
)
from derive.derivation import Definition, Equal
from derive.worlds import StackRun

run = in_world(StackRun)


def terms_of(expr: Any) -> tuple[Any, ...]:
    return tuple(expr.args) if isinstance(expr, MatAdd) else (expr,)


def adds_products(expr: Any) -> bool:
    """A sum with a product among its terms."""
    return isinstance(expr, MatAdd) and any(isinstance(t, MatMul) for t in expr.args)


def two_factors(expr: Any) -> list[Any]:
    return [a for a in expr.args if is_array(a)] if isinstance(expr, MatMul) else []


def applies_a_function(expr: Any) -> bool:
    return isinstance(expr, Map) and isinstance(expr.body, TableFunction)


def is_scaled(expr: Any) -> bool:
    """Entries times something, plus something: in one function, or as a sum of a product entry by entry and more."""
    if isinstance(expr, Map):
        return expr.body.is_Add
    return isinstance(expr, MatAdd) and any(isinstance(t, Map) and t.body.is_Mul for t in expr.args)


def averaged(expr: Any) -> Any:
    """What the mean is taken of, over all entries, rows or columns; None where there is no mean."""
    if isinstance(expr, Mean):
        return expr.array
    factors = two_factors(expr)
    if len(factors) != 2 or not isinstance(factors[1], OneMatrix) or len(factors) == len(expr.args):
        return None
    return factors[0].args[0] if isinstance(factors[0], Transpose) else factors[0]


def is_root(expr: Any) -> bool:
    return isinstance(expr, Pow) and expr.exp.is_Rational and expr.exp.is_positive and expr.exp.q == 2


@that("learned arrays stand in it")
def has_weights(c: Cited) -> bool:
    return any(c.tags.get(s, ("",))[0] in ("weight", "whole") for s in symbols(c.right))


@that("biases are added")
def adds_biases(c: Cited) -> bool:
    return any(is_name(t) or has(OneMatrix)(t) for t in terms_of(c.right))


@that("a layer that carries a state from step to step is there")
def recurrent(c: Cited) -> bool:
    return any(getattr(layer, "call", "") == "recurrent" for layer in c.world.layers)


def products_and_biases(*counts: int) -> Predicate:
    """So many products with weights (of the input, of the state), and so many biases."""

    def fits(c: Cited) -> bool:
        terms = terms_of(c.right)
        return (sum(isinstance(t, MatMul) for t in terms), sum(map(is_name, terms))) == counts

    return Predicate(f"it adds {counts[0]} products with weights and {counts[1]} biases", fits)


def adds_gated(expr: Any) -> bool:
    """A sum of products entry by entry."""
    return isinstance(expr, MatAdd) and all(isinstance(t, Map) and t.body.is_Mul for t in expr.args)


equation = (
    claims(Equal, Definition)
    & run
    & names_a_formula_or_name
    & ~is_tagged(("loss",))
    & right(is_symbolic)
    & Predicate(
        "it is a quantity of the forward pass",
        lambda c: c.tag(c.left)[:1] not in (("weight",), ("after",)) and not isinstance(c.left, MatrixElement),
    )
)

TABLE = {
    "equation of a layer": equation & Predicate("no other form is named", lambda c: not isinstance(c.right, Softmax)),
    "softmax of a layer": equation & right(is_a(Softmax)),
    "activation of a layer": equation
    & right(applies_a_function)
    & right(lambda e: all(map(is_name, e.arrays)), "of a name"),
    "activation of an affine map": equation & right(applies_a_function) & has_weights,
    "affine map of a layer": equation & has_weights & right(adds_products) & adds_biases & ~right(is_scaled),
    "affine map of input and state": equation & recurrent & products_and_biases(2, 2),
    "affine map of a first step": equation & recurrent & products_and_biases(1, 2),
    "affine map of a state": equation & recurrent & products_and_biases(1, 1),
    "affine map with a gated state": equation
    & recurrent
    & has_weights
    & right(lambda e: isinstance(e, MatAdd) and any(isinstance(t, Map) for t in e.args), "has a gated term"),
    "gates of a first step": equation
    & recurrent
    & ~has_weights
    & right(
        lambda e: isinstance(e, Map) and e.body.is_Mul and not has(TableFunction)(e.body),
        "is a product without a state",
    ),
    "linear map of a layer": equation
    & has_weights
    & right(lambda e: adds_products(e) or isinstance(e, MatMul), "is a product")
    & ~adds_biases,
    "rows picked from a table": equation
    & has_weights
    & right(is_a(MatMul))
    & Predicate("of words", lambda c: any(type(layer).__name__ == "Embedding" for layer in c.world.layers)),
    "windows as rows": equation & right(is_a(arrays.Patches)),
    "entries in one vector": equation & right(is_a(arrays.Reshaped)),
    "largest entry of each window": equation & right(is_a(arrays.WindowLargest)),
    "scores of pairs": equation
    & ~has_weights
    & right(lambda e: len(two_factors(e)) == 2 and isinstance(two_factors(e)[1], Transpose), "is a product A B'"),
    "weighted rows": equation
    & ~has_weights
    & Predicate(
        "of the two named",
        lambda c: len(c.about) == 2 and two_factors(c.right) == list(c.about) and all(map(is_name, c.about)),
    ),
    "input added": equation
    & ~has_weights
    & right(lambda e: isinstance(e, MatAdd) and all(map(is_name, e.args)), "is a sum of names"),
    "mean in a layer": equation & right(lambda e: is_name(averaged(e)), "is a mean"),
    "variance in a layer": equation & right(lambda e: isinstance(averaged(e), Map), "is a mean of squares"),
    "less the mean": equation
    & ~has_weights
    & right(
        lambda e: isinstance(e, MatAdd) and any(isinstance(t, MatMul) and t.args[0] == -1 for t in e.args),
        "is a difference",
    ),
    "root of the variance": equation
    & ~has_weights
    & right(lambda e: is_root(e.body if isinstance(e, Map) else e), "is a root"),
    "over the root": equation
    & ~has_weights
    & right(
        lambda e: isinstance(e, Map) and any(isinstance(p, Pow) and p.exp.is_negative for p in parts(e.body)),
        "has a quotient",
    ),
    "gain and offset": equation & has_weights & right(is_scaled, "is a product and a sum"),
    "entries left out": equation
    & right(is_a(Map))
    & Predicate("by a mask", lambda c: any(c.tags.get(s, ("",))[0] == "mask" for s in symbols(c.right))),
    "gates times contents": equation
    & ~has_weights
    & right(
        lambda e: (isinstance(e, Map) and (e.body.is_Mul or e.body.is_Add) and not is_root(e.body)) or adds_gated(e),
        "is made of products",
    )
    & Predicate("no mask", lambda c: not any(c.tags.get(s, ("",))[0] == "mask" for s in symbols(c.right))),
    "passed on unchanged": equation & right(is_name),
}
