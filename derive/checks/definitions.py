"""The checkers of what is no claim: a line that is called a definition must be one, and the points of a world must obey what
is assumed of it."""

from __future__ import annotations

from typing import Any

from sympy import Basic, MatrixBase

from derive.algebra.nodes import plain
from derive.checks.evaluate import truth
from derive.checks.referee import check, points
from derive.derivation import Assumption, Definition
from derive.report import Verdict


@check.register
def check_definition(claim: Definition, seed: int = 0) -> Verdict:
    """The world gives the symbol this very meaning (or this value); a definition of anything else hides a claim."""
    world = claim.world
    given = [*getattr(world, "definitions", ()), *getattr(world, "values", ())]
    meanings = [meaning for symbol, meaning in given if symbol == claim.symbol]
    if any(_same(meaning, claim.meaning) for meaning in meanings):
        return Verdict(True, "a definition", 0, 0.0, strength="defined")
    detail = f"{claim.symbol} is not defined so" if meanings else f"{claim.symbol} is not defined at all"
    return Verdict(False, "a definition", 0, float("inf"), detail)


@check.register
def check_assumption(claim: Assumption, seed: int = 0) -> Verdict:
    """The points at which everything else is checked obey the assumption."""
    count = 0
    for count, bindings in enumerate(points(claim.world, [claim.relation], seed), 1):
        if not truth(claim.relation, bindings):
            return Verdict(False, "an assumption", count, float("inf"), "the points tried do not obey it", "assumed")
    return Verdict(True, "an assumption", count, 0.0, strength="assumed")


def _same(one: Any, other: Any) -> bool:
    """Whether two meanings are one: the same expression, or the same numbers however they are shown."""
    if one == other:
        return True
    if isinstance(one, MatrixBase) and isinstance(other, MatrixBase):
        return one.shape == other.shape and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return isinstance(one, Basic) and isinstance(other, Basic) and plain(one) == plain(other)
