"""Claims that are sentences: words and formulas by turns, for every printer."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from sympy import Expr, Sum, count_ops, oo
from sympy.matrices.expressions import Identity, OneMatrix, ZeroMatrix

from derive.algebra.nodes import is_array
from derive.derivation import Claim, IsMinimum, IsPositiveDefinite, IsSaddle, IsStationary, NoMinimum, Point

SAID = (IsMinimum, IsPositiveDefinite, IsSaddle, IsStationary, NoMinimum)
SIGNS = ("=", r"\to")  # pieces that are signs of a formula, and no words
PLAIN = (ZeroMatrix, OneMatrix, Identity)  # arrays that are read at a glance
SHORT = 12  # operations up to which a point says its values


@singledispatch
def said(claim: Claim) -> tuple[Any, ...]:
    """The pieces of a claim: text is words (or one of SIGNS), everything else a formula."""
    raise TypeError(type(claim).__name__)


@said.register
def _minimum(claim: IsMinimum) -> tuple[Any, ...]:
    kind = "maximum" if claim.is_maximum else "minimum"
    pieces = at_point(claim.point)
    if not claim.proof:
        pieces += ("is stationary, and checked numerically to be the", f"{kind} of", claim.objective)
    elif claim.is_local:
        pieces += (f"is a local {kind} of", claim.objective)
    else:
        pieces += ("maximises" if claim.is_maximum else "minimises", claim.objective)
    for k, constraint in enumerate(claim.constraints):
        number, rest = (0, constraint) if is_array(constraint) else constraint.as_coeff_Add()
        pieces += ("and" if k else "subject to", rest, "=", -number)
    return (*pieces, *for_every(claim.point))


@said.register
def _definite(claim: IsPositiveDefinite) -> tuple[Any, ...]:
    return (claim.matrix, "is positive definite")


@said.register
def _saddle(claim: IsSaddle) -> tuple[Any, ...]:
    return (*at_point(claim.point), "is a saddle of", claim.objective, *for_every(claim.point))


@said.register
def _stationary(claim: IsStationary) -> tuple[Any, ...]:
    if not claim.points:
        return (claim.objective, "has no stationary point")
    pieces: tuple[Any, ...] = (claim.objective, "is stationary at")
    for k, point in enumerate(claim.points):
        if k:
            pieces += (", at" if k < len(claim.points) - 1 else "and at",)
        pieces += (*at_point(point), *for_every(point))
    return (*pieces, "and nowhere else") if claim.are_all else pieces


@said.register
def _none(claim: NoMinimum) -> tuple[Any, ...]:
    kind, end = ("maximum", "supremum") if claim.is_maximum else ("minimum", "infimum")
    way = (*at_point(claim.path), "as", claim.parameter, r"\to", oo)
    if claim.bound in (oo, -oo):
        return (claim.objective, f"has no {kind}; it tends to", claim.bound, "along", *way)
    return (claim.objective, f"has no {kind}; its {end}", claim.bound, "is not reached, but approached along", *way)


def at_point(point: Point) -> tuple[Any, ...]:
    """The unknowns with their values where these are short, else their names alone."""
    shown = [(s, v) for s, v in point if v != s]
    if all(is_short(value) for _, value in shown):
        pieces: list[Any] = []
        for symbol, value in shown:
            pieces += [",", symbol, "=", value] if pieces else [symbol, "=", value]
        return tuple(pieces)
    names = tuple(symbol for symbol, _ in point)
    return (names if len(names) > 1 else names[0],)


def is_short(value: Any) -> bool:
    """Whether a value is read at a glance."""
    if is_array(value):
        factors = [a for a in getattr(value, "args", ()) if is_array(a)]
        return value.is_symbol or isinstance(value, PLAIN) or (len(factors) == 1 and is_short(factors[0]))
    return not isinstance(value, Expr) or (count_ops(value) <= SHORT and not value.has(Sum))


def for_every(point: Point) -> tuple[Any, ...]:
    """The unknowns that may have any value."""
    free = [symbol for symbol, value in point if value == symbol]
    return tuple(piece for symbol in free for piece in ("for every", symbol))
