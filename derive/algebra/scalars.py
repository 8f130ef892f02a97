"""The derivative of a scalar expression in one of its symbols: one rule a node type, and no answer for the unknown."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from sympy import (
    Abs,
    Add,
    Basic,
    Expr,
    Integer,
    Max,
    Min,
    Mul,
    Number,
    NumberSymbol,
    Piecewise,
    Pow,
    Symbol,
    erf,
    exp,
    log,
    pi,
    sign,
    sqrt,
)
from sympy.core.relational import Relational
from sympy.logic.boolalg import ITE, And, Not, Or

from derive.algebra.functions import TableFunction
from derive.algebra.nodes import Written, is_array, plain
from derive.errors import NotDerivable


def scalar_derivative(expr: Any, symbol: Basic) -> Any:
    """d expr/d part, for one of the `parts` of the expression and the others held fixed; raises NotDerivable for a node
    without a rule."""
    if expr == symbol:
        return Integer(1)
    if any(is_array(arg) for arg in getattr(expr, "args", ())):
        return Integer(0)  # another of the parts below, which are differentiated one by one
    if not depends(expr, symbol):
        return Integer(0)
    return decided(derivative(expr, symbol))


def decided(expr: Any) -> Any:
    """Branches that are decided by branches, as and, or: (a if c else b) is (c and a) or (not c and b)."""
    if not expr.has(ITE):
        return expr
    return expr.replace(ITE, lambda c, a, b: Or(And(c, a), And(Not(c), b)))


def depends(expr: Any, symbol: Basic) -> bool:
    """Whether a symbol (or a node that stands for a scalar) occurs in an expression."""
    return bool(expr.has(symbol))


@singledispatch
def derivative(expr: Any, symbol: Basic) -> Any:
    """The rule of a node type, for an expression in which the symbol occurs."""
    raise NotDerivable(f"no rule for the derivative of {type(expr).__name__}")


@derivative.register(Add)
def _sum(expr: Add, symbol: Basic) -> Any:
    """(u + v)' = u' + v'."""
    return Add(*[scalar_derivative(term, symbol) for term in expr.args])


@derivative.register(Mul)
def _product(expr: Mul, symbol: Basic) -> Any:
    """(u v)' = u' v + u v'."""
    return Add(
        *[
            Mul(*expr.args[:k], scalar_derivative(factor, symbol), *expr.args[k + 1 :])
            for k, factor in enumerate(expr.args)
        ]
    )


@derivative.register(Pow)
def _power(expr: Pow, symbol: Basic) -> Any:
    """(u^n)' = n u^(n-1) u',  (a^v)' = a^v log(a) v',  (u^v)' = u^v (v' log u + v u'/u)."""
    base, power = expr.args
    du, dv = scalar_derivative(base, symbol), scalar_derivative(power, symbol)
    if dv == 0:
        return power * base ** (power - 1) * du
    if du == 0:
        return expr * log(base) * dv
    return expr * (dv * log(base) + power * du / base)


@derivative.register(exp)
def _exp(expr: Any, symbol: Basic) -> Any:
    """(e^u)' = e^u u'."""
    return expr * scalar_derivative(expr.args[0], symbol)


@derivative.register(log)
def _log(expr: Any, symbol: Basic) -> Any:
    """(log u)' = u'/u."""
    return scalar_derivative(expr.args[0], symbol) / expr.args[0]


@derivative.register(erf)
def _erf(expr: Any, symbol: Basic) -> Any:
    """erf(u)' = 2/sqrt(pi) exp(-u^2) u'."""
    return 2 / sqrt(pi) * exp(-(expr.args[0] ** 2)) * scalar_derivative(expr.args[0], symbol)


@derivative.register(Abs)
def _magnitude(expr: Abs, symbol: Basic) -> Any:
    """|u|' = sign(u) u', away from 0."""
    return sign(expr.args[0]) * scalar_derivative(expr.args[0], symbol)


@derivative.register(Max)
@derivative.register(Min)
def _extreme(expr: Any, symbol: Basic) -> Any:
    """max(u, v)' = u' where u > v, v' elsewhere; min with the order turned."""
    first, *rest = sorted(expr.args, key=lambda a: not depends(a, symbol))
    other = rest[0] if len(rest) == 1 else expr.func(*rest)
    larger, smaller = (first, other) if isinstance(expr, Max) else (other, first)
    return chosen(scalar_derivative(first, symbol), larger, smaller, scalar_derivative(other, symbol))


def chosen(value: Any, larger: Any, smaller: Any, otherwise: Any) -> Any:
    """`value` where larger > smaller. SymPy turns some comparisons to and fro without end; another form of the same is found."""
    for relation in (larger > smaller, larger - smaller > 0, smaller - larger < 0):
        try:
            return Piecewise((value, relation), (otherwise, True))
        except RecursionError:
            continue
    raise NotDerivable(f"the comparison of {larger} and {smaller}")


@derivative.register(sign)
def _sign(expr: Any, symbol: Basic) -> Any:
    """sign(u)' = 0, away from 0."""
    return Integer(0)


@derivative.register(TableFunction)
def _table_function(expr: TableFunction, symbol: Basic) -> Any:
    """f(u)' = f'(u) u', with f' derived from the definition of f."""
    if any(depends(parameter, symbol) for parameter in expr.args[1:]):
        raise NotDerivable(f"the derivative of {expr.row.name} in its parameter")
    return expr.fdiff(1) * scalar_derivative(expr.args[0], symbol)


@derivative.register(Written)
def _written(expr: Written, symbol: Basic) -> Any:
    """As its value."""
    return scalar_derivative(plain(expr), symbol)


SCALAR_TYPES = (Add, Mul, Pow, exp, log, erf, Abs, sign, Max, Min, Piecewise, TableFunction, Written)


def parts(expr: Any) -> list[Basic]:
    """What a scalar expression is made of: its symbols, and its largest parts that are made of arrays.

    Raises NotDerivable for a node that no rule covers.
    """
    if isinstance(expr, Number | NumberSymbol):
        return []
    if isinstance(expr, Symbol):
        return [expr]
    if any(is_array(arg) for arg in getattr(expr, "args", ())):
        return [expr]
    if isinstance(expr, Piecewise):
        inner = [value for value, _ in expr.args]
        compared = [side for _, condition in expr.args for side in _sides(condition)]
        return list(dict.fromkeys(part for arg in [*inner, *compared] for part in parts(arg)))
    if not isinstance(expr, SCALAR_TYPES):
        if isinstance(expr, Expr) and not expr.free_symbols:
            return []
        raise NotDerivable(f"no rule for the derivative of {type(expr).__name__}")
    return list(dict.fromkeys(part for arg in expr.args for part in parts(arg)))


def _sides(condition: Any) -> list[Any]:
    return [side for relation in condition.atoms(Relational) for side in relation.args]


from derive.algebra import branches  # noqa: E402, F401  the rule of branches
