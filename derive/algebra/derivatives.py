"""Local derivatives, derived from the definitions in the table of functions, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sympy import Dummy, Expr, Piecewise, Poly, cancel, exp, factor, fraction, resultant, roots, together

from derive.algebra.functions import TABLE, TableFunction, argument
from derive.errors import NotDerivable


@dataclass(frozen=True)
class LocalDerivative:
    """How f' comes out: the definition's derivative as SymPy's `diff` gives it, and the form that a teacher writes.

    `rule` names what led to the last form: 'differentiate' (nothing more to do), 'in terms of itself', 'recognise'.
    """

    variable: Expr
    parameters: tuple[Expr, ...]
    raw: Expr
    textbook: Expr
    rule: str


def local_derivative(function: type[TableFunction]) -> LocalDerivative:
    """The derivative of a function of the table in its first argument."""
    known: LocalDerivative = _local_derivative(cast(Any, function))
    return known


@cache
def _local_derivative(function: Any) -> LocalDerivative:
    """The derivative of a function of the table in its first argument."""
    from sympy import Symbol

    t = argument()
    parameters = tuple(Symbol(name, real=True) for name, _ in function.row.parameters)
    definition = function.row.definition(t, *parameters)
    if isinstance(definition, Piecewise):
        raw = Piecewise(*[(branch.diff(t), condition) for branch, condition in definition.args])
        return LocalDerivative(t, parameters, raw, raw, "differentiate")
    raw = definition.diff(t)
    for rule, attempt in (("recognise", _recognised), ("in terms of itself", _in_terms_of_itself)):
        found = attempt(function, definition, raw, t)
        if found is not None and found != raw:
            return LocalDerivative(t, parameters, raw, found, rule)
    return LocalDerivative(t, parameters, raw, raw, "differentiate")


def derivative_at(function: type[TableFunction], argindex: int, args: tuple[Expr, ...]) -> Expr:
    """The textbook form of the derivative at the arguments; only the first argument varies."""
    if argindex != 1:
        raise NotDerivable(f"the derivative of {function.__name__} in its parameter")
    known = local_derivative(function)
    return known.textbook.xreplace(dict(zip((known.variable, *known.parameters), args, strict=True)))


def _in_exponential(expr: Expr, t: Expr) -> tuple[Expr, Expr] | None:
    """`expr` as a rational function of u = e^t, with u; None when it is not one."""
    u = Dummy("u", positive=True)
    rational = expr.replace(lambda e: isinstance(e, exp) and e.args[0].has(t), lambda e: u ** (e.args[0] / t))
    if rational.has(t) or not rational.is_rational_function(u):
        return None
    return cancel(together(rational)), u


def _recognised(function: type[TableFunction], definition: Expr, raw: Expr, t: Expr) -> Expr | None:
    """The derivative is another function of the table: softplus' = sigmoid."""
    mine = _in_exponential(raw, t)
    if mine is None:
        return None
    for other in TABLE.values():
        if other is function or other.row.parameters:
            continue
        theirs = _in_exponential(other.row.definition(t), t)
        if theirs is not None and cancel(mine[0] - theirs[0].xreplace({theirs[1]: mine[1]})) == 0:
            return other(t)
    return None


def _in_terms_of_itself(function: type[TableFunction], definition: Expr, raw: Expr, t: Expr) -> Expr | None:
    """Eliminates e^t between s = f and d = f': a polynomial in s and d, linear in d, gives f' as a formula in f."""
    value, slope = _in_exponential(definition, t), _in_exponential(raw, t)
    if value is None or slope is None:
        return None
    u, s, d = value[1], Dummy("s"), Dummy("d")
    equations = []
    for unknown, expr in ((s, value[0]), (d, slope[0].xreplace({slope[1]: u}))):
        top, bottom = fraction(expr)
        equations.append(top - unknown * bottom)
    eliminant = Poly(resultant(*equations, u), d)
    candidates = [root for root in roots(eliminant) if root.is_polynomial(s)]
    return _sign_normal(factor(candidates[0]), s).xreplace({s: function(t)}) if len(candidates) == 1 else None


def _sign_normal(expr: Expr, s: Expr) -> Expr:
    """-s(s - 1) as s(1 - s), and -(s - 1)(s + 1) as 1 - s^2: signs go into the factor that leads with a minus."""
    if not expr.is_Mul or not expr.could_extract_minus_sign():
        return expr
    others = [arg for arg in expr.args if arg != -1]
    for k, arg in enumerate(others):
        if arg.is_Add and len(others) == 2 and s in others:
            return (-arg) * others[1 - k]
    return expr.expand()


def parameters_of(function: type[TableFunction], given: dict[str, Any]) -> tuple[Any, ...]:
    """The values of a function's parameters, the given ones before the defaults."""
    return tuple(given.get(name, default) for name, default in function.row.parameters)
