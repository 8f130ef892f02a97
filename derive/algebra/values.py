"""Exact values of expressions whose symbols are given numbers: rationals stay rational, the rest has fifty digits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

from sympy import Basic, Expr, ImmutableDenseMatrix, Integer, exp
from sympy.matrices.expressions import MatAdd, MatMul, OneMatrix, Transpose
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra.derivatives import local_derivative
from derive.algebra.functions import TABLE, TableFunction
from derive.algebra.nodes import Map, Mean, Prime, Softmax, Total, is_array, plain
from derive.algebra.numbers import exact
from derive.errors import NotDerivable

Values = Mapping[Any, Any]


def value_of(expr: Any, values: Values) -> Any:
    """The value of a scalar or an array: a Rational, a Float of fifty digits, or a matrix of these.

    Raises NotDerivable for a symbol without a value.
    """
    return array_value_of(expr, values) if is_array(expr) else _scalar(expr, values)


def _scalar(expr: Any, values: Values) -> Any:
    expr = plain(expr)
    inner = {node: scalar_node(node, values) for node in _scalar_nodes(expr)}
    inner.update(
        {symbol: values[symbol] for symbol in expr.free_symbols if symbol in values and not is_array(values[symbol])}
    )
    expr = expr.xreplace(inner)
    missing = [str(symbol) for symbol in expr.free_symbols]
    if missing:
        raise NotDerivable(f"{', '.join(sorted(missing))} has no value")
    return exact(unfolded(expr))


def _scalar_nodes(expr: Expr) -> list[Basic]:
    """The scalars inside an expression that arrays make: totals, means, entries."""
    if any(is_array(arg) for arg in getattr(expr, "args", ())):
        return [expr]
    return [node for arg in expr.args for node in _scalar_nodes(arg)]


@singledispatch
def scalar_node(expr: Any, values: Values) -> Any:
    """The value of a scalar that is made of arrays."""
    raise NotDerivable(f"no value for {type(expr).__name__}")


@scalar_node.register(MatrixElement)
def _element(expr: Any, values: Values) -> Any:
    return array_value_of(expr.parent, values)[int(expr.i), int(expr.j)]


@scalar_node.register(Total)
def _total(expr: Any, values: Values) -> Any:
    return exact(sum(array_value_of(expr.array, values), Integer(0)))


@scalar_node.register(Mean)
def _mean(expr: Any, values: Values) -> Any:
    entries = list(array_value_of(expr.array, values))
    return exact(sum(entries, Integer(0)) / len(entries))


def unfolded(expr: Any) -> Any:
    """Functions of the table, and their derivatives, replaced by what they are."""
    for _ in range(8):
        unfolded_once = expr.replace(lambda e: isinstance(e, TableFunction | Prime), _meaning)
        if unfolded_once == expr:
            return expr
        expr = unfolded_once
    return expr


def _meaning(node: Any) -> Any:
    if isinstance(node, TableFunction):
        return node.definition
    name, *args = node.args
    known = local_derivative(TABLE[str(name)])
    return known.textbook.xreplace(dict(zip((known.variable, *known.parameters), args, strict=True)))


def array_value_of(expr: Any, values: Values) -> ImmutableDenseMatrix:
    """The value of an array: explicit, or worked out by the rule of its node."""
    return values[expr] if expr in values else array_value(expr, values)


@singledispatch
def array_value(expr: Any, values: Values) -> ImmutableDenseMatrix:
    """The rule of a node."""
    raise NotDerivable(f"no value for {type(expr).__name__}")


@array_value.register(ImmutableDenseMatrix)
def _explicit(expr: ImmutableDenseMatrix, values: Values) -> ImmutableDenseMatrix:
    return expr.applyfunc(lambda entry: _scalar(entry, values))


@array_value.register(MatrixSymbol)
def _named(expr: MatrixSymbol, values: Values) -> ImmutableDenseMatrix:
    if expr not in values:
        raise NotDerivable(f"{expr.name} has no value")
    return values[expr]


@array_value.register(MatAdd)
def _sum(expr: MatAdd, values: Values) -> ImmutableDenseMatrix:
    first, *rest = (array_value_of(arg, values) for arg in expr.args)
    for term in rest:
        first = first + term
    return first.applyfunc(exact)


@array_value.register(MatMul)
def _product(expr: MatMul, values: Values) -> ImmutableDenseMatrix:
    found: Any = Integer(1)
    for arg in expr.args:
        found = found * (array_value_of(arg, values) if is_array(arg) else _scalar(arg, values))
    return ImmutableDenseMatrix(found).applyfunc(exact)


@array_value.register(Transpose)
def _transposed(expr: Transpose, values: Values) -> ImmutableDenseMatrix:
    return array_value_of(expr.args[0], values).T


@array_value.register(OneMatrix)
def _ones(expr: OneMatrix, values: Values) -> ImmutableDenseMatrix:
    sizes = [int(_scalar(size, values)) for size in expr.shape]
    return ImmutableDenseMatrix(*sizes, lambda i, j: Integer(1))


@array_value.register(Map)
def _map(expr: Map, values: Values) -> ImmutableDenseMatrix:
    arrays = [array_value_of(array, values) for array in expr.arrays]
    rows, columns = arrays[0].shape
    return ImmutableDenseMatrix(rows, columns, lambda i, j: _scalar(expr.at([a[i, j] for a in arrays]), values))


@array_value.register(Softmax)
def _softmax(expr: Softmax, values: Values) -> ImmutableDenseMatrix:
    powers = [exp(entry) for entry in array_value_of(expr.args[0], values)]
    return ImmutableDenseMatrix([[exact(power / sum(powers))] for power in powers])
