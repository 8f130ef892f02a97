"""Where the minus signs of a quotient stand."""

from __future__ import annotations

from sympy import Add, Expr, Mul, fraction


def signed(expr: Expr) -> Expr:
    """(y - p)/(p (p - 1)) as (p - y)/(p (1 - p)): denominators lose their minus signs."""
    top, bottom = fraction(expr)
    factors, sign = [], 1
    for f in Mul.make_args(bottom):
        if isinstance(f, Add) and _constant_is_negative(f):
            factors.append(-f)
            sign = -sign
        else:
            factors.append(f)
    top = top if sign > 0 else _negated(top)
    return _absorbed(top) / Mul(*factors)


def _absorbed(top: Expr) -> Expr:
    """-x (x - 1) as x (1 - x): a minus in front goes into a bracket whose constant is negative."""
    if not top.could_extract_minus_sign():
        return top
    factors = list(Mul.make_args(top))
    bracket = next((f for f in factors if isinstance(f, Add) and _constant_is_negative(f)), None)
    if bracket is None:
        return top
    factors.remove(bracket)
    return Mul(-Mul(*factors), -bracket)


def _negated(expr: Expr) -> Expr:
    adds = [f for f in Mul.make_args(expr) if isinstance(f, Add)]
    return -expr if not adds else Mul(*[f for f in Mul.make_args(expr) if f is not adds[0]], -adds[0])


def _constant_is_negative(expr: Add) -> bool:
    constant, _ = expr.as_coeff_Add()
    return bool(constant < 0)
