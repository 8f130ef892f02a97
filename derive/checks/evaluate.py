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
    return value_in(expr, Scope(bindings))


def number(value: Any) -> Tensor:
    return torch.tensor(float(value), dtype=torch.float64)


def integer(expr: Any, scope: Scope) -> int:
    """A size, an index or a limit of a sum."""
    return round(float(value_in(expr, scope)))


@singledispatch
def value_in(expr: Any, scope: Scope) -> Tensor:
    """The value of a node, one function a kind of node."""
    if isinstance(expr, int | float):
        return number(expr)
    raise Bug(f"the referee cannot evaluate {type(expr).__name__}")


@value_in.register(Number)
@value_in.register(NumberSymbol)
@value_in.register(Float)
def _number(expr: Any, scope: Scope) -> Tensor:
    return number(expr)


@value_in.register(type(S.NaN))
@value_in.register(type(S.ComplexInfinity))
@value_in.register(type(S.ImaginaryUnit))
def _no_number(expr: Any, scope: Scope) -> Tensor:
    """What is no real number equals nothing, not even itself."""
    return torch.tensor(float("nan"), dtype=torch.float64)


@value_in.register(nodes.Numeral)
def _numeral(expr: nodes.Numeral, scope: Scope) -> Tensor:
    return number(expr.value)


@value_in.register(Symbol)
@value_in.register(Dummy)
@value_in.register(Idx)
@value_in.register(MatrixSymbol)
def _symbol(expr: Basic, scope: Scope) -> Tensor:
    return scope[expr]


@value_in.register(nodes.Expectation)
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


@value_in.register(Indexed)
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


@value_in.register(Add)
@value_in.register(nodes.Terms)
@value_in.register(MatAdd)
def _sum(expr: Basic, scope: Scope) -> Tensor:
    first, *rest = (value_in(arg, scope) for arg in expr.args)
    for term in rest:
        first = first + term
    return first


@value_in.register(Mul)
@value_in.register(nodes.Factors)
@value_in.register(HadamardProduct)
def _product(expr: Basic, scope: Scope) -> Tensor:
    first, *rest = (value_in(arg, scope) for arg in expr.args)
    for factor in rest:
        first = first * factor
    return first


@value_in.register(nodes.Quotient)
def _quotient(expr: nodes.Quotient, scope: Scope) -> Tensor:
    return value_in(expr.args[0], scope) / value_in(expr.args[1], scope)


@value_in.register(Pow)
@value_in.register(nodes.Power)
def _power(expr: Basic, scope: Scope) -> Tensor:
    base, exponent = value_in(expr.args[0], scope), value_in(expr.args[1], scope)
    if exponent.ndim == 0 and float(exponent.detach()) == round(float(exponent.detach())):
        return base ** round(float(exponent))
    return base**exponent


@value_in.register(nodes.Magnitude)
@value_in.register(Abs)
def _magnitude(expr: Basic, scope: Scope) -> Tensor:
    return torch.abs(value_in(expr.args[0], scope))


@value_in.register(nodes.Floor)
@value_in.register(floor)
def _floor(expr: Basic, scope: Scope) -> Tensor:
    return torch.floor(value_in(expr.args[0], scope) + 1e-12)


@value_in.register(nodes.Largest)
@value_in.register(Max)
def _largest(expr: Basic, scope: Scope) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*[value_in(arg, scope) for arg in expr.args])).amax(0)


@value_in.register(Min)
def _smallest(expr: Basic, scope: Scope) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*[value_in(arg, scope) for arg in expr.args])).amin(0)


@value_in.register(exp)
@value_in.register(log)
@value_in.register(erf)
@value_in.register(sign)
def _elementary(expr: Function, scope: Scope) -> Tensor:
    return {exp: torch.exp, log: torch.log, erf: torch.erf, sign: torch.sign}[expr.func](value_in(expr.args[0], scope))


@value_in.register(TableFunction)
def _table_function(expr: TableFunction, scope: Scope) -> Tensor:
    point, *parameters = (value_in(arg, scope) for arg in expr.args)
    return twin_of(expr.row)(point, *[float(p.detach()) for p in parameters])


@value_in.register(nodes.Prime)
def _prime(expr: nodes.Prime, scope: Scope) -> Tensor:
    """f'(t), by torch.autograd on the function's twin."""
    name, point, *parameters = expr.args
    t = value_in(point, scope)
    leaf = t if t.requires_grad else t.detach().requires_grad_()
    value = resolve(str(name))(leaf, *[float(value_in(p, scope).detach()) for p in parameters])
    (slope,) = torch.autograd.grad(value.sum(), leaf, create_graph=True, allow_unused=True)
    return torch.zeros_like(t) if slope is None else slope


@value_in.register(Piecewise)
def _piecewise(expr: Piecewise, scope: Scope) -> Tensor:
    found: Any = None
    for branch, condition in reversed(expr.args):
        value = value_in(branch, scope)
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
        left, right = (value_in(side, scope) for side in condition.args)
        return COMPARE[condition.rel_op](left, right)
    raise Bug(f"the referee cannot judge {type(condition).__name__}")


COMPARE = {"<": torch.lt, "<=": torch.le, ">": torch.gt, ">=": torch.ge, "==": torch.eq, "!=": torch.ne}


def truth(relation: Any, bindings: Bindings) -> bool:
    """Whether a relation holds at these values (in every entry)."""
    return bool(_truth(relation, Scope(bindings)).all())


@value_in.register(KroneckerDelta)
def _kronecker(expr: KroneckerDelta, scope: Scope) -> Tensor:
    left, right = (value_in(arg, scope) for arg in expr.args)
    return (left == right).to(torch.float64)


def _over_indices(expr: Sum | Product, scope: Scope) -> list[Tensor]:
    scopes = [scope]
    for index, low, high in expr.limits:
        scopes = [
            inner.having({index: number(k)})
            for inner in scopes
            for k in range(integer(low, inner), integer(high, inner) + 1)
        ]
    return [value_in(expr.function, inner) for inner in scopes]


@value_in.register(Sum)
def _series(expr: Sum, scope: Scope) -> Tensor:
    terms = _over_indices(expr, scope)
    return torch.stack(terms).sum(0) if terms else number(0)


@value_in.register(Product)
def _series_product(expr: Product, scope: Scope) -> Tensor:
    terms = _over_indices(expr, scope)
    return torch.stack(terms).prod(0) if terms else number(1)


@value_in.register(nodes.Map)
def _map(expr: nodes.Map, scope: Scope) -> Tensor:
    arrays = [value_in(array, scope) for array in expr.arrays]
    value = value_in(expr.body, scope.having({nodes.Slot(k): array for k, array in enumerate(arrays)}))
    return value.expand(arrays[0].shape)


@value_in.register(nodes.Total)
def _total(expr: nodes.Total, scope: Scope) -> Tensor:
    return value_in(expr.array, scope).sum()


@value_in.register(nodes.Mean)
def _mean(expr: nodes.Mean, scope: Scope) -> Tensor:
    return value_in(expr.array, scope).mean()


@value_in.register(nodes.Softmax)
def _softmax(expr: nodes.Softmax, scope: Scope) -> Tensor:
    return torch.softmax(value_in(expr.args[0], scope), 0)


@value_in.register(nodes.LogSoftmax)
def _log_softmax(expr: nodes.LogSoftmax, scope: Scope) -> Tensor:
    return torch.log_softmax(value_in(expr.args[0], scope), 0)


@value_in.register(nodes.Gradient)
@value_in.register(nodes.Partial)
def _gradient(expr: Any, scope: Scope) -> Tensor:
    """By torch.autograd, in the graph in which the world was built; in several symbols one after another."""
    of, *wrt = expr.args
    found = value_in(of, scope)
    for symbol in wrt:
        found = scope.bindings.gradient(found, symbol)
    return found


@value_in.register(nodes.At)
def _at(expr: nodes.At, scope: Scope) -> Tensor:
    """The value where the variables have other ones."""
    return value_in(expr.args[0], scope.having({variable: value_in(value, scope) for variable, value in expr.places}))


@value_in.register(MatMul)
def _matmul(expr: MatMul, scope: Scope) -> Tensor:
    scalar, product = number(1), None
    for arg in expr.args:
        value = value_in(arg, scope)
        if not nodes.is_array(arg):
            scalar = scalar * value
        else:
            product = value if product is None else product @ value
    return scalar if product is None else scalar * product


@value_in.register(MatPow)
def _matrix_power(expr: MatPow, scope: Scope) -> Tensor:
    return torch.linalg.matrix_power(value_in(expr.args[0], scope), integer(expr.args[1], scope))


@value_in.register(Inverse)
def _inverse(expr: Inverse, scope: Scope) -> Tensor:
    return torch.linalg.inv(value_in(expr.args[0], scope))


@value_in.register(Trace)
def _trace(expr: Trace, scope: Scope) -> Tensor:
    return torch.trace(value_in(expr.args[0], scope))


@value_in.register(Transpose)
def _transpose(expr: Transpose, scope: Scope) -> Tensor:
    return value_in(expr.args[0], scope).T


@value_in.register(OneMatrix)
def _ones(expr: OneMatrix, scope: Scope) -> Tensor:
    return torch.ones([integer(size, scope) for size in expr.shape], dtype=torch.float64)


@value_in.register(ZeroMatrix)
def _zeros(expr: ZeroMatrix, scope: Scope) -> Tensor:
    return torch.zeros([integer(size, scope) for size in expr.shape], dtype=torch.float64)


@value_in.register(Identity)
def _identity(expr: Identity, scope: Scope) -> Tensor:
    return torch.eye(integer(expr.shape[0], scope), dtype=torch.float64)


@value_in.register(MatrixElement)
def _element(expr: MatrixElement, scope: Scope) -> Tensor:
    return value_in(expr.parent, scope)[integer(expr.i, scope), integer(expr.j, scope)]


@value_in.register(ImmutableDenseMatrix)
def _matrix(expr: ImmutableDenseMatrix, scope: Scope) -> Tensor:
    return torch.stack([torch.stack([value_in(entry, scope).reshape(()) for entry in row]) for row in expr.tolist()])


@value_in.register(tuple)
@value_in.register(list)
@value_in.register(Tuple)
def _sequence(expr: Any, scope: Scope) -> Tensor:
    return torch.stack([value_in(entry, scope) for entry in expr])


from derive.checks import evaluate_arrays  # noqa: E402, F401  the nodes of matrix calculus are never left to a base class's rule
