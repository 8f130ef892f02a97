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


def shortest(expr: Any) -> Any:
    """The shortest of: the value as it stands, over one denominator, factorised, and as SymPy simplifies it. What is made
    of arrays, and branches, stay as they are."""
    value = plain(expr)
    if not getattr(value, "args", ()) or count_ops(value) >= SMALL:
        return value
    inside: dict[Any, Any] = {node: Dummy(real=True) for node in [*array_scalars(value), *value.atoms(Piecewise)]}
    back = {dummy: node for node, dummy in inside.items()}
    flat = value.xreplace(inside)
    return min(forms(flat), key=lambda e: (count_ops(e), len(str(e)))).xreplace(back)


def forms(flat: Expr) -> Iterator[Any]:
    """Equal forms of an expression, itself first."""
    yield flat
    top, bottom = fraction(cancel(together(flat)))
    for form in (signed(factor(top) / factor(bottom)), top / bottom, factor(flat), simplify(flat)):
        if not form.has(nan, zoo) and not form.has(HyperbolicFunction):
            yield form
