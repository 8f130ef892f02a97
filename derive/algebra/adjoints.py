"""Reverse mode over expressions: one adjoint rule a node type, by dispatch; anything unknown is refused by name.

For Y = f(X) and a scalar L, `pull_back(f(X), Y_bar)` gives what X receives, where Y_bar = dL/dY in denominator layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import singledispatch
from typing import Any

from sympy import Add, Expr, Integer, Mul, Number, NumberSymbol, Pow, Symbol
from sympy.matrices.expressions import MatAdd, MatMul, OneMatrix, Transpose
from sympy.matrices.expressions.matexpr import MatrixSymbol
from sympy.matrices.immutable import ImmutableDenseMatrix

from derive.algebra.nodes import Map, Slot, Softmax, Total, add, hadamard, is_array, matmul, transpose
from derive.errors import NotDerivable

Contribution = tuple[Any, Any]  # a child, and what it receives


@singledispatch
def pull_back(expr: Any, bar: Any) -> Iterator[Contribution]:
    """What each child of `expr` receives when `expr` receives `bar`."""
    raise NotDerivable(f"no adjoint rule for {type(expr).__name__}")


@pull_back.register(Symbol)
@pull_back.register(MatrixSymbol)
@pull_back.register(Number)
@pull_back.register(NumberSymbol)
@pull_back.register(ImmutableDenseMatrix)
def _leaf(expr: Any, bar: Any) -> Iterator[Contribution]:
    """A leaf passes nothing on."""
    return iter(())


@pull_back.register(Add)
@pull_back.register(MatAdd)
def _adjoint_of_sum(expr: Any, bar: Any) -> Iterator[Contribution]:
    """Y = A + B:  dY = dA + dB,  so each term receives Y_bar."""
    return ((term, bar) for term in expr.args)


@pull_back.register(MatMul)
def _adjoint_of_product(expr: MatMul, bar: Any) -> Iterator[Contribution]:
    """Y = c A B:  <Y_bar, c dA B> = <c Y_bar B', dA>  and  <Y_bar, c A dB> = <c A' Y_bar, dB>  (Giles 2008)."""
    scalar = Mul(*[arg for arg in expr.args if not is_array(arg)])
    arrays = [arg for arg in expr.args if is_array(arg)]
    for k, factor in enumerate(arrays):
        left = [transpose(a) for a in reversed(arrays[:k])]
        right = [transpose(a) for a in reversed(arrays[k + 1 :])]
        yield factor, matmul(scalar, *left, bar, *right)
    if not scalar.is_number:
        yield scalar, Total(hadamard(bar, matmul(*arrays)))


@pull_back.register(Transpose)
def _adjoint_of_transpose(expr: Transpose, bar: Any) -> Iterator[Contribution]:
    """Y = X':  <Y_bar, dX'> = <Y_bar', dX>."""
    yield expr.args[0], transpose(bar)


@pull_back.register(Map)
def _adjoint_of_map(expr: Map, bar: Any) -> Iterator[Contribution]:
    """Y_i = f(X_i, c):  dY_i = f'(X_i, c) dX_i,  so X_bar = f'(X) o Y_bar, and c receives the sum of df/dc o Y_bar."""
    for k, array in enumerate(expr.arrays):
        yield array, scaled(local_map(expr, Slot(k)), bar)
    for scalar in sorted(expr.body.free_symbols, key=str):
        if not isinstance(scalar, Slot):
            yield scalar, Total(scaled(local_map(expr, scalar), bar))


@pull_back.register(Softmax)
def _adjoint_of_softmax(expr: Softmax, bar: Any) -> Iterator[Contribution]:
    """s = softmax(z):  ds_i = s_i (dz_i - sum_k s_k dz_k),  so z_bar = s o (s_bar - (s_bar' s) 1)."""
    yield expr.args[0], softmax_pull_back(expr, bar)


@pull_back.register(Total)
def _adjoint_of_total(expr: Total, bar: Any) -> Iterator[Contribution]:
    """t = 1' X 1:  every entry of X receives t_bar."""
    yield expr.array, matmul(bar, OneMatrix(*expr.array.shape))


@pull_back.register(Mul)
def _adjoint_of_scalar_product(expr: Mul, bar: Any) -> Iterator[Contribution]:
    """y = a b:  dy = b da + a db."""
    for k, factor in enumerate(expr.args):
        yield factor, bar * Mul(*expr.args[:k], *expr.args[k + 1 :])


@pull_back.register(Pow)
def _adjoint_of_power(expr: Pow, bar: Any) -> Iterator[Contribution]:
    """y = a^n, n constant:  dy = n a^(n-1) da."""
    base, exponent = expr.args
    if exponent.free_symbols:
        raise NotDerivable("a power whose exponent varies")
    yield base, bar * exponent * base ** (exponent - 1)


def softmax_pull_back(s: Any, bar: Any) -> Any:
    """s o (bar - (sum of s o bar) 1), for s = softmax(z) or a name for it."""
    inner = Total(hadamard(s, bar))
    return Map(Slot(0) * (Slot(1) - inner), s, bar)


def local_map(expr: Map, wrt: Expr) -> Any:
    """The derivative of the body in one of its slots (or scalars), at the same arrays; one for a function alone: f'."""
    return Map(expr.body.diff(wrt), *expr.arrays)


def scaled(local: Any, bar: Any) -> Any:
    """local o bar; a bar of equal entries scales, and a constant local derivative leaves no vector of ones behind."""
    if isinstance(bar, OneMatrix):
        return local
    if isinstance(bar, MatMul) and isinstance(bar.args[-1], OneMatrix):
        return Map(bar.args[0] * local.body, *local.arrays) if isinstance(local, Map) else matmul(bar.args[0], local)
    if isinstance(local, Map) and not any(isinstance(s, Slot) for s in local.body.free_symbols):
        return matmul(local.body, bar)
    return hadamard(bar, local)


def adjoints(definitions: Iterable[tuple[Any, Any]], of: Any, named: Mapping[Any, Any] | None = None) -> dict[Any, Any]:
    """The adjoint of every quantity that the scalar `of` depends on, through definitions in their order.

    Each defined quantity stays named; where `named` gives a symbol for its adjoint (delta), what lies before it is
    written with that symbol. Linear in the number of definitions.
    """
    named = dict(named or {})
    received: dict[Any, Any] = {of: Integer(1)}
    for symbol, expr in reversed(list(definitions)):
        if symbol in received:
            _spread(expr, named.get(symbol, received[symbol]), received)
    return received


def _spread(expr: Any, bar: Any, received: dict[Any, Any]) -> None:
    if isinstance(expr, Symbol | MatrixSymbol):
        received[expr] = add(received[expr], bar) if expr in received else bar
        return
    for child, contribution in pull_back(expr, bar):
        _spread(child, contribution, received)
