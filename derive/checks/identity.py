"""Identities that stand alone: proved exactly, branch by branch where the sign of something chooses the formula, or tried."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import Abs, Max, Min, Piecewise, cancel, fraction, sign, simplify, solve, together

from derive.algebra.nodes import is_array, plain
from derive.checks.referee import check, check_equal
from derive.checks.univariate import Interval, Unproved, elementary, pieces, resolved, switching
from derive.derivation import Conjecture
from derive.errors import DeriveError
from derive.report import Verdict
from derive.worlds import Formulas

MOST_BRANCHES = 81
EXACTLY, BY_BRANCHES = "exactly by SymPy", "branch by branch, exactly by SymPy"


@check.register
def check_identity(claim: Conjecture, seed: int = 0) -> Verdict:
    """At the points of the world first; what no point refutes is proved, or has no tick."""
    verdict = check_equal(claim, seed)
    if not verdict.passed or verdict.strength == "proved":
        return verdict
    method = proof(claim)
    if method:
        return replace(verdict, method=f"proved {method}; {verdict.method}", strength="proved")
    return replace(verdict, strength="tried")


def proof(claim: Conjecture) -> str:
    """In words how all sides were shown to be equal; '' where they were not."""
    world = claim.world
    if not isinstance(world, Formulas) or any(is_array(side) for side in claim.sides):
        return ""
    sides = list(map(plain, claim.sides))
    for symbol, meaning in reversed(world.definitions):
        sides = [side.xreplace({symbol: meaning}) for side in sides]
    try:
        gaps = [elementary(sides[0] - side) for side in sides[1:]]
        branches = sum(vanishes(gap) or (len(gap.free_symbols) == 1 and vanishes_on_the_line(gap)) for gap in gaps)
    except (DeriveError, NotImplementedError, ValueError, TypeError, ArithmeticError, RecursionError):
        return ""
    return "" if branches < len(gaps) else BY_BRANCHES if any(map(switching, gaps)) else EXACTLY


def vanishes_on_the_line(gap: Any) -> bool:
    """The same for one variable, piece by piece between the breakpoints, which are all found, and at each of them."""
    (variable,) = gap.free_symbols
    try:
        found = pieces(gap, variable, Interval())
    except Unproved:
        return False
    ends = [interval.low for interval, _ in found if interval.low.is_finite]
    return all(_is_zero(branch) for _, branch in found) and all(_is_zero(gap.xreplace({variable: end})) for end in ends)


def vanishes(gap: Any, budget: int = MOST_BRANCHES) -> bool:
    """Whether the expression is zero wherever it is defined: on each side of every switch, and where the switch is zero."""
    switch = switching(gap)
    if switch is None:
        return not gap.has(Abs, sign, Max, Min, Piecewise) and _is_zero(gap)
    if budget < 3:
        return False
    return all(
        vanishes(branch, budget // 3)
        for branch in (resolved(gap, switch, 1), resolved(gap, switch, -1), _on(resolved(gap, switch, 0), switch))
    )


def _on(branch: Any, switch: Any) -> Any:
    """The branch where the switch is zero: one symbol solved for, where that has one solution."""
    for symbol in sorted(switch.free_symbols, key=str):
        slope = switch.diff(symbol)
        if slope.is_nonzero and not slope.has(symbol):
            (solution,) = solve(switch, symbol)
            return branch.xreplace({symbol: solution})
    return branch


def _is_zero(gap: Any) -> bool:
    top = fraction(cancel(together(gap)))[0]
    return bool(top == 0 or top.expand() == 0 or simplify(top) == 0)
