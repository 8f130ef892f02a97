"""Limits of scalar formulas from one side, by SymPy, where it can be trusted with them."""

from __future__ import annotations

from typing import Any

from sympy import (
    AccumBounds,
    Dummy,
    Expr,
    Limit,
    Max,
    Min,
    Piecewise,
    Rational,
    S,
    Symbol,
    exp,
    false,
    limit,
    log,
    nan,
    oo,
    simplify,
    true,
    zoo,
)
from sympy.series.gruntz import gruntz

from derive.algebra import arrays
from derive.algebra.branches import UNDECIDED, by_definition
from derive.errors import NotDerivable

UNREAL = (nan, zoo, S.ImaginaryUnit)


def limit_from(expr: Any, x: Symbol, target: Any, side: int) -> Any:
    """What the expression tends to as x comes to the target from above (side 1) or below (-1): a number, an infinity, or None
    where it has no real values there. Raises NotDerivable where that is not found."""
    numbers = {
        b: exp(-Dummy(f"rate_{b}", positive=True)) for b in expr.free_symbols if isinstance(b, arrays.UnitNumber)
    }
    plain = settled(by_definition(expr), x, beside(target, side)).xreplace(numbers)
    try:
        found = limit(plain, x, target, "+" if side > 0 else "-")
    except UNDECIDED:
        raise NotDerivable(f"the limit of {expr}") from None
    if found.has(*UNREAL):
        return None
    if found.has(Limit, AccumBounds, gruntz) or (found.is_infinite and found not in (oo, -oo)):
        raise NotDerivable(f"the limit of {expr}: SymPy finds none")
    back = {-value.args[0]: -log(b) for b, value in numbers.items()}
    return simplify(found.xreplace(back)) if numbers else found


def beside(target: Any, side: int) -> Any:
    """A place near the target on that side (far out, for an infinity)."""
    near = Rational(1, 10**6)
    return target + side * near if target.is_finite else (1 / near if target == oo else -1 / near)


def settled(expr: Any, x: Symbol, place: Any) -> Expr:
    """The formula with the branches that hold at a place, as far as that can be told; so a value of its own at a single point
    means nothing to a limit there."""
    branches = {node: node.rewrite(Piecewise) for node in expr.atoms(Max, Min)}
    expr = expr.xreplace(branches)
    for node in expr.atoms(Piecewise):
        for value, condition in node.args:
            holds = condition.xreplace({x: place})
            if holds == true:
                return settled(expr.xreplace({node: value}), x, place)
            if holds != false:
                break
    return expr
