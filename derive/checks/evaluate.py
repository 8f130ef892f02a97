"""Expressions to float64 tensors, one function a node. Nothing here knows a derivative or a rewriting rule."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import torch
from sympy import (
    Abs,
    Add,
    Basic,
    Dummy,
    Float,
    Function,
    Idx,
    Indexed,
    IndexedBase,
    Max,
    Min,
    Mul,
    Number,
    NumberSymbol,
    Piecewise,
    Pow,
    Product,
    S,
    Sum,
    Symbol,
    Tuple,
    erf,
    exp,
    floor,
    log,
    sign,
)  # fmt: skip
from sympy.core.relational import Relational
from sympy.functions.special.tensor_functions import KroneckerDelta
from sympy.logic.boolalg import And, BooleanFalse, BooleanTrue, Not, Or
from sympy.matrices.expressions import (
    HadamardProduct,
    Identity,
    Inverse,
    MatAdd,
    MatMul,
    MatPow,
    OneMatrix,
    Trace,
    Transpose,
    ZeroMatrix,
)
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol
from sympy.matrices.immutable import ImmutableDenseMatrix

from derive.algebra import nodes
from derive.algebra.functions import TableFunction
from derive.checks.bindings import Bindings
from derive.checks.twins import resolve, twin_of
from derive.errors import Bug

Tensor = torch.Tensor


class Scope:
    """Bindings, and the local values of summation indices and slots on top of them."""

    def __init__(self, bindings: Bindings, local: Mapping[Basic, Tensor] | None = None):
        self.bindings, self.local = bindings, dict(local or {})

    def __getitem__(self, symbol: Basic) -> Tensor:
        return self.local[symbol] if symbol in self.local else self.bindings.value(symbol)

    def having(self, more: Mapping[Basic, Tensor]) -> Scope:
        return Scope(self.bindings, {**self.local, **more})


def evaluate(expr: Any, bindings: Bindings) -> Tensor:
    """The value of an expression where its symbols have the values of `bindings`: 0-d for scalars, 2-d for arrays."""
    return _value(expr, Scope(bindings))


def number(value: Any) -> Tensor:
    return torch.tensor(float(value), dtype=torch.float64)


def integer(expr: Any, scope: Scope) -> int:
    """A size, an index or a limit of a sum."""
    return round(float(_value(expr, scope)))


@singledispatch
def _value(expr: Any, scope: Scope) -> Tensor:
    if isinstance(expr, int | float):
        return number(expr)
    raise Bug(f"the referee cannot evaluate {type(expr).__name__}")


@_value.register(Number)
@_value.register(NumberSymbol)
@_value.register(Float)
def _number(expr: Any, scope: Scope) -> Tensor:
    return number(expr)


@_value.register(type(S.NaN))
@_value.register(type(S.ComplexInfinity))
@_value.register(type(S.ImaginaryUnit))
def _no_number(expr: Any, scope: Scope) -> Tensor:
    """What is no real number equals nothing, not even itself."""
    return torch.tensor(float("nan"), dtype=torch.float64)


@_value.register(nodes.Numeral)
def _numeral(expr: nodes.Numeral, scope: Scope) -> Tensor:
    return number(expr.value)


@_value.register(Symbol)
@_value.register(Dummy)
@_value.register(Idx)
@_value.register(MatrixSymbol)
def _symbol(expr: Basic, scope: Scope) -> Tensor:
    return scope[expr]


@_value.register(nodes.Expectation)
def _expectation(expr: nodes.Expectation, scope: Scope) -> Tensor:
    """An expectation that the world observed; of an entry of a sequence (or of its power), that entry's."""
    if expr in scope.bindings.values:
        return scope[expr]
    entries = list(expr.args[0].atoms(Indexed))
    if len(entries) != 1:
        raise Bug(f"the world does not know {expr}")
    whole = nodes.Expectation(expr.args[0].xreplace({entries[0]: Symbol(str(entries[0].base.label))}))
    place = integer(entries[0].indices[0], scope) - 1
    known = scope[whole]
    return known[place] if 0 <= place < len(known) else torch.tensor(float("nan"), dtype=torch.float64)


@_value.register(Indexed)
def _indexed(expr: Indexed, scope: Scope) -> Tensor:
    """x_i of a 1-d or column tensor, counted from 1; the array is known by its base or by its name."""
    values = _by_name(expr.base, scope)
    indices = [integer(index, scope) - 1 for index in expr.indices]
    sizes = (values.numel(),) if len(indices) == 1 else values.shape
    if any(not 0 <= k < size for k, size in zip(indices, sizes, strict=True)):
        return torch.tensor(float("nan"), dtype=torch.float64)  # there is no such entry
    return values.reshape(-1)[indices[0]] if len(indices) == 1 else values[tuple(indices)]


def _by_name(base: IndexedBase, scope: Scope) -> Tensor:
    for key in (base, base.label):
        if key in scope.local or key in scope.bindings.values:
            return scope[key]
    for key, tensor in scope.bindings.values.items():
        if isinstance(key, MatrixSymbol | IndexedBase) and str(key.name) == str(base.label):
            return tensor
    raise Bug(f"the world does not know {base}")


@_value.register(Add)
@_value.register(nodes.Terms)
@_value.register(MatAdd)
def _sum(expr: Basic, scope: Scope) -> Tensor:
    first, *rest = (_value(arg, scope) for arg in expr.args)
    for term in rest:
        first = first + term
    return first


@_value.register(Mul)
@_value.register(nodes.Factors)
@_value.register(HadamardProduct)
def _product(expr: Basic, scope: Scope) -> Tensor:
    first, *rest = (_value(arg, scope) for arg in expr.args)
    for factor in rest:
        first = first * factor
    return first


@_value.register(nodes.Quotient)
def _quotient(expr: nodes.Quotient, scope: Scope) -> Tensor:
    return _value(expr.args[0], scope) / _value(expr.args[1], scope)


@_value.register(Pow)
@_value.register(nodes.Power)
def _power(expr: Basic, scope: Scope) -> Tensor:
    base, exponent = _value(expr.args[0], scope), _value(expr.args[1], scope)
    if exponent.ndim == 0 and float(exponent) == round(float(exponent)):
        return base ** round(float(exponent))
    return base**exponent


@_value.register(nodes.Magnitude)
@_value.register(Abs)
def _magnitude(expr: Basic, scope: Scope) -> Tensor:
    return torch.abs(_value(expr.args[0], scope))


@_value.register(nodes.Floor)
@_value.register(floor)
def _floor(expr: Basic, scope: Scope) -> Tensor:
    return torch.floor(_value(expr.args[0], scope) + 1e-12)


@_value.register(nodes.Largest)
@_value.register(Max)
def _largest(expr: Basic, scope: Scope) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*[_value(arg, scope) for arg in expr.args])).amax(0)


@_value.register(Min)
def _smallest(expr: Basic, scope: Scope) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*[_value(arg, scope) for arg in expr.args])).amin(0)


@_value.register(exp)
@_value.register(log)
@_value.register(erf)
@_value.register(sign)
def _elementary(expr: Function, scope: Scope) -> Tensor:
    return {exp: torch.exp, log: torch.log, erf: torch.erf, sign: torch.sign}[expr.func](_value(expr.args[0], scope))


@_value.register(TableFunction)
def _table_function(expr: TableFunction, scope: Scope) -> Tensor:
    point, *parameters = (_value(arg, scope) for arg in expr.args)
    return twin_of(expr.row)(point, *[float(p.detach()) for p in parameters])


@_value.register(nodes.Prime)
def _prime(expr: nodes.Prime, scope: Scope) -> Tensor:
    """f'(t), by torch.autograd on the function's twin."""
    name, point, *parameters = expr.args
    t = _value(point, scope)
    leaf = t if t.requires_grad else t.detach().requires_grad_()
    value = resolve(str(name))(leaf, *[float(_value(p, scope).detach()) for p in parameters])
    (slope,) = torch.autograd.grad(value.sum(), leaf, create_graph=True, allow_unused=True)
    return torch.zeros_like(t) if slope is None else slope


@_value.register(Piecewise)
def _piecewise(expr: Piecewise, scope: Scope) -> Tensor:
    found: Any = None
    for branch, condition in reversed(expr.args):
        value = _value(branch, scope)
        found = value if found is None else torch.where(_truth(condition, scope), value, found)
    return found


def _truth(condition: Any, scope: Scope) -> Tensor:
    if isinstance(condition, BooleanTrue | BooleanFalse | bool):
        return torch.tensor(bool(condition))
    if isinstance(condition, And | Or):
        parts = [_truth(arg, scope) for arg in condition.args]
        merge = torch.logical_and if isinstance(condition, And) else torch.logical_or
        first, *rest = parts
        for part in rest:
            first = merge(first, part)
        return first
    if isinstance(condition, Not):
        return torch.logical_not(_truth(condition.args[0], scope))
    if isinstance(condition, Relational):
        left, right = (_value(side, scope) for side in condition.args)
        return COMPARE[condition.rel_op](left, right)
    raise Bug(f"the referee cannot judge {type(condition).__name__}")


COMPARE = {"<": torch.lt, "<=": torch.le, ">": torch.gt, ">=": torch.ge, "==": torch.eq, "!=": torch.ne}


def truth(relation: Any, bindings: Bindings) -> bool:
    """Whether a relation holds at these values (in every entry)."""
    return bool(_truth(relation, Scope(bindings)).all())


@_value.register(KroneckerDelta)
def _kronecker(expr: KroneckerDelta, scope: Scope) -> Tensor:
    left, right = (_value(arg, scope) for arg in expr.args)
    return (left == right).to(torch.float64)


def _over_indices(expr: Sum | Product, scope: Scope) -> list[Tensor]:
    scopes = [scope]
    for index, low, high in expr.limits:
        scopes = [
            inner.having({index: number(k)})
            for inner in scopes
            for k in range(integer(low, inner), integer(high, inner) + 1)
        ]
    return [_value(expr.function, inner) for inner in scopes]


@_value.register(Sum)
def _series(expr: Sum, scope: Scope) -> Tensor:
    terms = _over_indices(expr, scope)
    return torch.stack(terms).sum(0) if terms else number(0)


@_value.register(Product)
def _series_product(expr: Product, scope: Scope) -> Tensor:
    terms = _over_indices(expr, scope)
    return torch.stack(terms).prod(0) if terms else number(1)


@_value.register(nodes.Map)
def _map(expr: nodes.Map, scope: Scope) -> Tensor:
    arrays = [_value(array, scope) for array in expr.arrays]
    value = _value(expr.body, scope.having({nodes.Slot(k): array for k, array in enumerate(arrays)}))
    return value.expand(arrays[0].shape)


@_value.register(nodes.Total)
def _total(expr: nodes.Total, scope: Scope) -> Tensor:
    return _value(expr.array, scope).sum()


@_value.register(nodes.Mean)
def _mean(expr: nodes.Mean, scope: Scope) -> Tensor:
    return _value(expr.array, scope).mean()


@_value.register(nodes.Softmax)
def _softmax(expr: nodes.Softmax, scope: Scope) -> Tensor:
    return torch.softmax(_value(expr.args[0], scope), 0)


@_value.register(nodes.LogSoftmax)
def _log_softmax(expr: nodes.LogSoftmax, scope: Scope) -> Tensor:
    return torch.log_softmax(_value(expr.args[0], scope), 0)


@_value.register(nodes.Gradient)
@_value.register(nodes.Partial)
def _gradient(expr: Any, scope: Scope) -> Tensor:
    """By torch.autograd, in the graph in which the world was built; in several symbols one after another."""
    of, *wrt = expr.args
    found = _value(of, scope)
    for symbol in wrt:
        found = scope.bindings.gradient(found, symbol)
    return found


@_value.register(MatMul)
def _matmul(expr: MatMul, scope: Scope) -> Tensor:
    scalar, product = number(1), None
    for arg in expr.args:
        value = _value(arg, scope)
        if not nodes.is_array(arg):
            scalar = scalar * value
        else:
            product = value if product is None else product @ value
    return scalar if product is None else scalar * product


@_value.register(MatPow)
def _matrix_power(expr: MatPow, scope: Scope) -> Tensor:
    return torch.linalg.matrix_power(_value(expr.args[0], scope), integer(expr.args[1], scope))


@_value.register(Inverse)
def _inverse(expr: Inverse, scope: Scope) -> Tensor:
    return torch.linalg.inv(_value(expr.args[0], scope))


@_value.register(Trace)
def _trace(expr: Trace, scope: Scope) -> Tensor:
    return torch.trace(_value(expr.args[0], scope))


@_value.register(Transpose)
def _transpose(expr: Transpose, scope: Scope) -> Tensor:
    return _value(expr.args[0], scope).T


@_value.register(OneMatrix)
def _ones(expr: OneMatrix, scope: Scope) -> Tensor:
    return torch.ones([integer(size, scope) for size in expr.shape], dtype=torch.float64)


@_value.register(ZeroMatrix)
def _zeros(expr: ZeroMatrix, scope: Scope) -> Tensor:
    return torch.zeros([integer(size, scope) for size in expr.shape], dtype=torch.float64)


@_value.register(Identity)
def _identity(expr: Identity, scope: Scope) -> Tensor:
    return torch.eye(integer(expr.shape[0], scope), dtype=torch.float64)


@_value.register(MatrixElement)
def _element(expr: MatrixElement, scope: Scope) -> Tensor:
    return _value(expr.parent, scope)[integer(expr.i, scope), integer(expr.j, scope)]


@_value.register(ImmutableDenseMatrix)
def _matrix(expr: ImmutableDenseMatrix, scope: Scope) -> Tensor:
    return torch.stack([torch.stack([_value(entry, scope).reshape(()) for entry in row]) for row in expr.tolist()])


@_value.register(tuple)
@_value.register(list)
@_value.register(Tuple)
def _sequence(expr: Any, scope: Scope) -> Tensor:
    return torch.stack([_value(entry, scope) for entry in expr])
