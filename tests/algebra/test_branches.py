"""The derivative of what is put together of branches: at single points too, and where the parts meet."""

from __future__ import annotations

import pytest
from sympy import Rational

from derive.algebra.branches import by_definition
from derive.algebra.formula import parse_formula
from derive.algebra.scalars import scalar_derivative
from tests.algebra.declared import declared

SMOOTH = {
    "where(x == 0, 0, x)": (0, 1),
    "where(x == 0, 1, (exp(x) - 1)/x)": (0, "1/2"),
    "where(x != 0, (exp(x) - 1)/x, 1)": (0, "1/2"),
    "where(x == 1, 2, (x**2 - 1)/(x - 1))": (1, 1),
    "where(x == 2, 4, x**2)": (2, 4),
    "where(x**2 == 1, 1, x**2)": (-1, -2),
    "where(x > 0, x**2, 0)": (0, 0),
    "where(x >= 1, 2*x - 1, x**2)": (1, 2),
    "where(abs(x) <= 1, x**2/2, abs(x) - 1/2)": (-1, -1),
    "elu(x)": (0, 1),
}


@pytest.mark.parametrize("formula", SMOOTH)
def test_a_derivative_is_the_limit_of_difference_quotients(formula: str) -> None:
    known = declared("x: scalar")
    x, expr = known["x"], parse_formula(formula, known)
    place, slope = SMOOTH[formula]
    function, found = by_definition(expr), scalar_derivative(expr, x)
    assert found.xreplace({x: Rational(place)}) == Rational(slope)
    for step in (Rational(1, 10**6), -Rational(1, 10**6)):
        there, here = (function.xreplace({x: p}) for p in (place + step, Rational(place)))
        assert abs(((there - here) / step - Rational(slope)).evalf(30)) < 1e-5
    away = Rational(7, 3)
    assert (found - by_definition(expr).diff(x)).xreplace({x: away}).simplify() == 0


@pytest.mark.parametrize("formula", ["where(x != 0, x, 1)", "where(x == 0, 3, x**2)", "where(x == a, 1, x)"])
def test_a_value_by_itself_leaves_the_slope_around_it(formula: str) -> None:
    known = declared("x: scalar; a: scalar")
    expr, x = parse_formula(formula, known), known["x"]
    around = [value for value, condition in expr.args if value.has(x)]
    assert scalar_derivative(expr, x) == around[0].diff(x)
