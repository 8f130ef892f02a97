"""Numbers in the places of their symbols, each where it stands on the page: what was a product stays one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Add, Expr, Function, Integer, Mul, Piecewise, Pow, fraction

from derive.algebra.nodes import Factors, Power, Quotient, Written, is_array
from derive.algebra.notation import ordered_factors


def put_in(expr: Any, shown: Mapping[Any, Any]) -> Any:
    """The expression with `shown` in it. Factors keep their order and are not merged: x*y with 1 and 1 is 1*1, and no square.

    >>> from sympy.abc import x, y
    >>> from derive.algebra.nodes import Numeral
    >>> from derive.algebra.notation import text
    >>> text(put_in(x * y / (x + y), {x: Numeral(1), y: Numeral(-2)}))
    '(1*(-2))/(1 - 2)'
    """
    if expr in shown:
        return shown[expr]
    if is_array(expr) or not isinstance(expr, Expr) or not expr.free_symbols & set(shown):
        return expr.xreplace(shown) if hasattr(expr, "xreplace") else expr
    if isinstance(expr, Mul):
        return _product(expr, shown)
    if isinstance(expr, Add):
        return expr.func(*[put_in(arg, shown) for arg in expr.args])
    if isinstance(expr, Pow) and expr.exp.is_Integer and expr.exp > 0:
        return Power(put_in(expr.base, shown), expr.exp)
    if isinstance(expr, Written | Function) and not isinstance(expr, Piecewise):
        return expr.func(*[put_in(arg, shown) for arg in expr.args])
    return expr.xreplace(shown)


def _product(expr: Mul, shown: Mapping[Any, Any]) -> Any:
    coefficient, rest = expr.as_coeff_Mul()
    top, bottom = fraction(rest, exact=True)
    above = _factors(coefficient, top, shown)
    return above if bottom == 1 else Quotient(above, _factors(Integer(1), bottom, shown))


def _factors(coefficient: Any, product: Any, shown: Mapping[Any, Any]) -> Any:
    factors = [put_in(factor, shown) for factor in ordered_factors(Mul.make_args(product)) if factor != 1]
    lead = [] if coefficient == 1 and factors else [coefficient]
    if coefficient < 0 and factors:
        lead = [Integer(-1), *([-coefficient] if coefficient != -1 else [])]
    return Factors(*lead, *factors)
