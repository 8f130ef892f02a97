"""Expressions to float64 tensors, one function a node. Nothing here knows a derivative or a rewriting rule.

Inside, every value has the axes (point, row, column): many points are evaluated at once, a scalar is 1 x 1 at each point,
and what is the same at all points has a single one. `evaluate` gives the value at one point, `values_at` at all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce, singledispatch
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
from sympy.logic.boolalg import ITE, And, BooleanFalse, BooleanTrue, Not, Or, Xor
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
from derive.algebra.functions import TableFunction, sigmoid
from derive.checks.bindings import Bindings, together
from derive.checks.twins import resolve, twin_of
from derive.errors import Bug

Tensor = torch.Tensor


LARGEST_WHOLE = 2.0**53  # from here on every float is a whole number


class Scope:
    """Bindings, and the local values of summation indices and slots on top of them."""

    def __init__(self, bindings: Bindings, local: Mapping[Basic, Tensor] | None = None):
        self.bindings, self.local = bindings, dict(local or {})

    def __getitem__(self, symbol: Basic) -> Tensor:
        return self.local[symbol] if symbol in self.local else self.bindings.at_points(symbol)

    def knows(self, symbol: Basic) -> bool:
        return symbol in self.local or self.bindings.has(symbol)

    def having(self, more: Mapping[Basic, Tensor]) -> Scope:
        return Scope(self.bindings, {**self.local, **more})


def evaluate(expr: Any, bindings: Bindings) -> Tensor:
    """The value of an expression where its symbols have the values of `bindings` (one point): 0-d for scalars, 1-d for
    sequences, 2-d for arrays."""
    value = values_at(expr, bindings)
    if isinstance(expr, tuple | list | Tuple):
        return value[0, :, 0]
    return value.reshape(()) if value.numel() == 1 and not nodes.is_array(expr) else value[0]


def values_at(expr: Any, bindings: Bindings) -> Tensor:
    """The values of an expression at all points of `bindings`, with the axes (point, row, column)."""
    return value_of(expr, Scope(bindings))


def value_of(expr: Any, scope: Scope) -> Tensor:
    """`value_in`, remembered where the bindings are complete and nothing is local."""
    known = scope.bindings.known
    if known is None or scope.local or not isinstance(expr, Basic):
        return value_in(expr, scope)
    if expr not in known:
        known[expr] = value_in(expr, scope)
    return known[expr]


def number(value: Any) -> Tensor:
    return torch.tensor([[[float(value)]]], dtype=torch.float64)


def integer(expr: Any, scope: Scope) -> int:
    """A size, an index or a limit of a sum: one number at all points."""
    if isinstance(expr, int | Number):
        return int(expr)
    found = value_of(expr, scope).detach()
    first = round(float(found.reshape(-1)[0]))
    if found.numel() > 1 and not bool((found.round() == first).all()):
        raise Bug(f"{expr} is a size (or an index) and differs from point to point")
    return first


@singledispatch
def value_in(expr: Any, scope: Scope) -> Tensor:
    """The values of a node, one function a kind of node."""
    if isinstance(expr, int | float):
        return number(expr)
    raise Bug(f"the referee cannot evaluate {type(expr).__name__}")


@value_in.register(Number)
@value_in.register(NumberSymbol)
@value_in.register(Float)
def _number(expr: Any, scope: Scope) -> Tensor:
    return number(expr)


NO_NUMBER = float("nan")


@value_in.register(type(S.NaN))
@value_in.register(type(S.ComplexInfinity))
@value_in.register(type(S.ImaginaryUnit))
def _no_number(expr: Any, scope: Scope) -> Tensor:
    """What is no real number equals nothing, not even itself."""
    return number(NO_NUMBER)


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
    if scope.bindings.has(expr):
        return scope[expr]
    entries = list(expr.args[0].atoms(Indexed))
    if len(entries) != 1:
        raise Bug(f"the world does not know {expr}")
    whole = nodes.Expectation(expr.args[0].xreplace({entries[0]: Symbol(str(entries[0].base.label))}))
    return _entry(scope[whole], (integer(entries[0].indices[0], scope) - 1,))


@value_in.register(Indexed)
def _indexed(expr: Indexed, scope: Scope) -> Tensor:
    """x_i of a sequence or a column, counted from 1; the array is known by its base or by its name."""
    return _entry(_by_name(expr.base, scope), tuple(integer(index, scope) - 1 for index in expr.indices))


def _entry(values: Tensor, place: tuple[int, ...]) -> Tensor:
    """An entry by its place, counted from 0; one that there is not is no number."""
    if len(place) == 1:
        values, place = values.flatten(1).unsqueeze(2), (*place, 0)
    if any(not 0 <= k < size for k, size in zip(place, values.shape[1:], strict=True)):
        return number(NO_NUMBER)
    return values[:, place[0], place[1]].reshape(-1, 1, 1)


def _by_name(base: IndexedBase, scope: Scope) -> Tensor:
    for key in (base, base.label):
        if key in scope.local or scope.bindings.has(key):
            return scope[key]
    for key in scope.bindings.values:
        if isinstance(key, MatrixSymbol | IndexedBase) and str(key.name) == str(base.label):
            return scope[key]
    raise Bug(f"the world does not know {base}")


@value_in.register(Add)
@value_in.register(nodes.Terms)
@value_in.register(MatAdd)
def _sum(expr: Basic, scope: Scope) -> Tensor:
    first, *rest = (value_of(arg, scope) for arg in expr.args)
    for term in rest:
        first = first + term
    return first


@value_in.register(Mul)
@value_in.register(nodes.Factors)
@value_in.register(HadamardProduct)
def _product(expr: Basic, scope: Scope) -> Tensor:
    """The product; 0 log 0 is 0, as its limit, which is how entropies are meant."""
    logs = [arg for arg in expr.args if isinstance(arg, log)]
    factors = [value_of(arg, scope) for arg in expr.args if arg not in logs[:1]]
    if not factors:
        return value_of(logs[0], scope)
    first, *rest = factors
    for factor in rest:
        first = first * factor
    if not logs:
        return first
    logarithm = value_of(logs[0], scope)
    empty = (first == 0) & torch.isneginf(logarithm)
    return first * torch.where(empty, 0.0, logarithm)


@value_in.register(nodes.Quotient)
def _quotient(expr: nodes.Quotient, scope: Scope) -> Tensor:
    return value_of(expr.args[0], scope) / value_of(expr.args[1], scope)


@value_in.register(Pow)
@value_in.register(nodes.Power)
def _power(expr: Basic, scope: Scope) -> Tensor:
    base, exponent = value_of(expr.args[0], scope), value_of(expr.args[1], scope)
    if expr.args[1].is_integer:
        exponent = exponent.round()
    if exponent.numel() == 1 and abs(whole := float(exponent.detach())) < LARGEST_WHOLE and whole == round(whole):
        return base ** round(whole)
    return base**exponent


@value_in.register(nodes.Magnitude)
@value_in.register(Abs)
def _magnitude(expr: Basic, scope: Scope) -> Tensor:
    return torch.abs(value_of(expr.args[0], scope))


@value_in.register(nodes.Floor)
@value_in.register(floor)
def _floor(expr: Basic, scope: Scope) -> Tensor:
    return torch.floor(value_of(expr.args[0], scope) + 1e-12)


@value_in.register(nodes.Largest)
@value_in.register(Max)
def _largest(expr: Basic, scope: Scope) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*[value_of(arg, scope) for arg in expr.args])).amax(0)


@value_in.register(Min)
def _smallest(expr: Basic, scope: Scope) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*[value_of(arg, scope) for arg in expr.args])).amin(0)


@value_in.register(exp)
@value_in.register(erf)
@value_in.register(sign)
def _elementary(expr: Function, scope: Scope) -> Tensor:
    return {exp: torch.exp, erf: torch.erf, sign: torch.sign}[expr.func](value_of(expr.args[0], scope))


@value_in.register(log)
def _logarithm(expr: Function, scope: Scope) -> Tensor:
    """log sigma(z) and log(1 - sigma(z)) by torch's own function for them: the difference cancels where a unit saturates."""
    inner = expr.args[0]
    if isinstance(inner, sigmoid):
        return torch.nn.functional.logsigmoid(value_of(inner.args[0], scope))
    rest = 1 - nodes.plain(inner) if isinstance(inner, Add | nodes.Terms) else None
    if isinstance(rest, sigmoid):
        return torch.nn.functional.logsigmoid(-value_of(rest.args[0], scope))
    return torch.log(value_of(inner, scope))


@value_in.register(TableFunction)
def _table_function(expr: TableFunction, scope: Scope) -> Tensor:
    """By torch's twin, which takes numbers as its parameters; with a parameter that varies, by the definition."""
    point, *parameters = (value_of(arg, scope) for arg in expr.args)
    if any(p.numel() > 1 or p.requires_grad for p in parameters):
        return value_of(expr.definition, scope)
    return twin_of(expr.row)(point, *[float(p) for p in parameters])


@value_in.register(nodes.Prime)
def _prime(expr: nodes.Prime, scope: Scope) -> Tensor:
    """f'(t), by torch.autograd on the function's twin."""
    name, point, *parameters = expr.args
    t = value_of(point, scope)
    leaf = t if t.requires_grad else t.detach().requires_grad_()
    value = resolve(str(name))(leaf, *[float(value_of(p, scope).reshape(-1)[0].detach()) for p in parameters])
    (slope,) = torch.autograd.grad(value.sum(), leaf, create_graph=True, allow_unused=True)
    return torch.zeros_like(t) if slope is None else slope


@value_in.register(Piecewise)
def _piecewise(expr: Piecewise, scope: Scope) -> Tensor:
    """The first branch whose condition holds; no number where none does."""
    found: Tensor = number(NO_NUMBER)
    for branch, condition in reversed(expr.args):
        value = value_of(branch, scope)
        found = value if condition == True else torch.where(_truth(condition, scope), value, found)  # noqa: E712
    return found


def _truth(condition: Any, scope: Scope) -> Tensor:
    if isinstance(condition, BooleanTrue | BooleanFalse | bool):
        return torch.tensor([[[bool(condition)]]])
    if type(condition) in CONNECTIVES:
        return CONNECTIVES[type(condition)](*[_truth(arg, scope) for arg in condition.args])
    if isinstance(condition, Relational):
        left, right = (value_of(side, scope) for side in condition.args)
        return COMPARE[condition.rel_op](left, right)
    raise Bug(f"the referee cannot judge {type(condition).__name__}")


def _folded(merge: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda *parts: reduce(merge, parts)


CONNECTIVES: dict[Any, Callable[..., Tensor]] = {
    And: _folded(torch.logical_and),
    Or: _folded(torch.logical_or),
    Xor: _folded(torch.logical_xor),
    Not: torch.logical_not,
    ITE: torch.where,
}
COMPARE = {"<": torch.lt, "<=": torch.le, ">": torch.gt, ">=": torch.ge, "==": torch.eq, "!=": torch.ne}


def truth(relation: Any, bindings: Bindings) -> bool:
    """Whether a relation holds at these values (in every entry)."""
    return bool(_truth(relation, Scope(bindings)).all())


def truths(relation: Any, bindings: Bindings) -> Tensor:
    """At which points a relation holds (in every entry)."""
    return _truth(relation, Scope(bindings)).flatten(1).all(1)


@value_in.register(KroneckerDelta)
def _kronecker(expr: KroneckerDelta, scope: Scope) -> Tensor:
    left, right = (value_of(arg, scope) for arg in expr.args)
    return (left == right).to(torch.float64)


def _over_indices(expr: Sum | Product, scope: Scope) -> list[Tensor]:
    scopes = [scope]
    for index, low, high in expr.limits:
        scopes = [
            inner.having({index: number(k)})
            for inner in scopes
            for k in range(integer(low, inner), integer(high, inner) + 1)
        ]
    return [value_of(expr.function, inner) for inner in scopes]


@value_in.register(Sum)
def _series(expr: Sum, scope: Scope) -> Tensor:
    terms = _over_indices(expr, scope)
    return torch.stack(together(*terms)).sum(0) if terms else number(0)


@value_in.register(Product)
def _series_product(expr: Product, scope: Scope) -> Tensor:
    terms = _over_indices(expr, scope)
    return torch.stack(together(*terms)).prod(0) if terms else number(1)


@value_in.register(nodes.Map)
def _map(expr: nodes.Map, scope: Scope) -> Tensor:
    arrays = [value_of(array, scope) for array in expr.arrays]
    value = value_of(expr.body, scope.having({nodes.Slot(k): array for k, array in enumerate(arrays)}))
    return value.expand(torch.broadcast_shapes(value.shape, *[array.shape for array in arrays]))


def scalars(values: Tensor) -> Tensor:
    """One number a point, as 1 x 1 arrays."""
    return values.reshape(-1, 1, 1)


@value_in.register(nodes.Total)
def _total(expr: nodes.Total, scope: Scope) -> Tensor:
    return scalars(value_of(expr.array, scope).flatten(1).sum(1))


@value_in.register(nodes.Mean)
def _mean(expr: nodes.Mean, scope: Scope) -> Tensor:
    return scalars(value_of(expr.array, scope).flatten(1).mean(1))


@value_in.register(nodes.Softmax)
def _softmax(expr: nodes.Softmax, scope: Scope) -> Tensor:
    return torch.softmax(value_of(expr.args[0], scope), 1)


@value_in.register(nodes.LogSoftmax)
def _log_softmax(expr: nodes.LogSoftmax, scope: Scope) -> Tensor:
    return torch.log_softmax(value_of(expr.args[0], scope), 1)


@value_in.register(nodes.Gradient)
@value_in.register(nodes.Partial)
def _gradient(expr: Any, scope: Scope) -> Tensor:
    """By torch.autograd, in the graph in which the world was built; in several symbols one after another."""
    of, *wrt = expr.args
    found = value_of(of, scope)
    for symbol in wrt:
        found = scope.bindings.gradient_at_points(found, symbol)
    return found


@value_in.register(nodes.At)
def _at(expr: nodes.At, scope: Scope) -> Tensor:
    """The value where the variables have these values. Where the world has put them there already, it is the world's own, in
    whose graph the derivatives at that place are."""
    there = {variable: value_in(value, scope) for variable, value in expr.places}
    moved = {variable: value for variable, value in there.items() if not _stands_at(variable, value, scope)}
    return value_in(expr.args[0], scope.having(moved)) if moved else value_of(expr.args[0], scope)


def _stands_at(variable: Basic, value: Tensor, scope: Scope) -> bool:
    return scope.knows(variable) and bool((scope[variable] == value).all())


@value_in.register(MatMul)
def _matmul(expr: MatMul, scope: Scope) -> Tensor:
    scalar, product = None, None
    for arg in expr.args:
        value = value_of(arg, scope)
        if not nodes.is_array(arg):
            scalar = value if scalar is None else scalar * value
        else:
            product = value if product is None else product @ value
    if product is None or scalar is None:
        return scalar if product is None else product  # type: ignore[return-value]
    return scalar * product


@value_in.register(MatPow)
def _matrix_power(expr: MatPow, scope: Scope) -> Tensor:
    return torch.linalg.matrix_power(value_of(expr.args[0], scope), integer(expr.args[1], scope))


SINGULAR = 1e-14  # the smallest singular value beside the largest, below which float64 cannot tell a matrix from a singular one


def invertible(matrices: Tensor) -> Tensor:
    """Which of the matrices (one a point) are regular, as far as this arithmetic can tell."""
    known = torch.nan_to_num(matrices.detach(), nan=0.0, posinf=0.0, neginf=0.0)
    values = torch.linalg.svdvals(known)
    return scalars(values[:, -1] > SINGULAR * matrices.shape[1] * values[:, 0])


def where_invertible(function: Callable[[Tensor], Tensor], matrices: Tensor, otherwise: Any = NO_NUMBER) -> Tensor:
    """A function of the regular matrices; torch never meets the others, whose way back it refuses."""
    regular = invertible(matrices)
    unit = torch.eye(matrices.shape[1], dtype=torch.float64)
    return torch.where(regular, function(torch.where(regular, matrices, unit)), otherwise)


def inverse(matrices: Tensor) -> Tensor:
    """The inverses; no numbers where a matrix has none."""
    return where_invertible(torch.linalg.inv, matrices)


@value_in.register(Inverse)
def _inverse(expr: Inverse, scope: Scope) -> Tensor:
    return inverse(value_of(expr.args[0], scope))


@value_in.register(Trace)
def _trace(expr: Trace, scope: Scope) -> Tensor:
    return trace(value_of(expr.args[0], scope))


def trace(matrices: Tensor) -> Tensor:
    return scalars(torch.diagonal(matrices, dim1=1, dim2=2).sum(1))


@value_in.register(Transpose)
def _transpose(expr: Transpose, scope: Scope) -> Tensor:
    return value_of(expr.args[0], scope).mT


@value_in.register(OneMatrix)
def _ones(expr: OneMatrix, scope: Scope) -> Tensor:
    return torch.ones([1, *(integer(size, scope) for size in expr.shape)], dtype=torch.float64)


@value_in.register(ZeroMatrix)
def _zeros(expr: ZeroMatrix, scope: Scope) -> Tensor:
    return torch.zeros([1, *(integer(size, scope) for size in expr.shape)], dtype=torch.float64)


@value_in.register(Identity)
def _identity(expr: Identity, scope: Scope) -> Tensor:
    return torch.eye(integer(expr.shape[0], scope), dtype=torch.float64).unsqueeze(0)


@value_in.register(MatrixElement)
def _element(expr: MatrixElement, scope: Scope) -> Tensor:
    i, j = integer(expr.i, scope), integer(expr.j, scope)
    return value_of(expr.parent, scope)[:, i, j].reshape(-1, 1, 1)


@value_in.register(ImmutableDenseMatrix)
def _matrix(expr: ImmutableDenseMatrix, scope: Scope) -> Tensor:
    entries = expr.flat()
    if all(isinstance(entry, Number) for entry in entries):
        return torch.tensor([float(entry) for entry in entries], dtype=torch.float64).reshape(1, *expr.shape)
    values = together(*[scalars(value_of(entry, scope)) for entry in entries])
    return torch.cat(values, 1).reshape(-1, *expr.shape)


@value_in.register(tuple)
@value_in.register(list)
@value_in.register(Tuple)
def _sequence(expr: Any, scope: Scope) -> Tensor:
    return torch.cat(together(*[scalars(value_of(entry, scope)) for entry in expr]), 1)


from derive.checks import evaluate_arrays  # noqa: E402, F401  the nodes of matrix calculus are never left to a base class's rule
