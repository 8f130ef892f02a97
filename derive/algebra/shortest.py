"""The shortest of a few equal forms of a scalar expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Dummy, Expr, Piecewise, cancel, count_ops, factor, fraction, nan, simplify, together, zoo
from sympy.functions.elementary.hyperbolic import HyperbolicFunction

from derive.algebra.nodes import plain
from derive.algebra.quotients import signed
from derive.algebra.tidy import array_scalars

SMALL = 120  # operations up to which an expression is rewritten
SIMPLE = 25  # operations up to which SymPy's own simplification is tried, which takes long


def shortest(expr: Any) -> Any:
    """The shortest of: the value as it stands, over one denominator, factorised, and as SymPy simplifies it. What is made
    of arrays, and branches, stay as they are."""
    value = plain(expr)
    if not getattr(value, "args", ()) or count_ops(value) >= SMALL:
        return value
    inside: dict[Any, Any] = {node: Dummy(real=True) for node in [*array_scalars(value), *value.atoms(Piecewise)]}
    back = {dummy: node for node, dummy in inside.items()}
    flat = value.xreplace(inside)
    return min(forms(flat), key=count_ops).xreplace(back)


def forms(flat: Expr) -> Iterator[Any]:
    """Equal forms of an expression, the better ones first: itself, with signs and factors as one writes them, multiplied out."""
    yield flat
    top, bottom = fraction(cancel(together(flat)))
    found = [signed(factor(top) / factor(bottom)), top / bottom, factor(flat)]
    for form in [*found, *([simplify(flat)] if count_ops(flat) < SIMPLE else [])]:
        if not form.has(nan, zoo) and not form.has(HyperbolicFunction):
            yield form
