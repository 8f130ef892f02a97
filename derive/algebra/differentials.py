"""Forward mode: the differential of an expression, one rule a node type; and the matrix that a differential holds.

`differential(F, {X: dX})` is dF. For a column y of a column x, dy = J dx, and `coefficient(dy, dx)` reads J off
(Magnus and Neudecker 1985); for matrices it reads off vec(dY) = J vec(dX).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

from sympy import Add, Function, Integer, Max, Min, Mul, Number, NumberSymbol, Pow, Symbol
from sympy.matrices.expressions import Identity, MatAdd, MatMul, OneMatrix, Transpose, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol
from sympy.matrices.immutable import ImmutableDenseMatrix

from derive.algebra import arrays as nodes
from derive.algebra.adjoints import adjoints, local_map, paired, row_softmax_pull_back
from derive.algebra.nodes import LogSoftmax, Map, Mean, Slot, Softmax, Total, add, hadamard, is_array, matmul, transpose
from derive.algebra.scalars import parts, scalar_derivative
from derive.algebra.tidy import Chain, product, tidy, transposed
from derive.errors import NotDerivable

Changes = Mapping[Any, Any]  # a symbol, and its differential


def differential(expr: Any, changes: Changes) -> Any:
    """d expr where each symbol of `changes` changes by what is given for it; zero where it does not change."""
    found = change(expr, changes)
    if found is None:
        return ZeroMatrix(*expr.shape) if is_array(expr) else Integer(0)
    return found


@singledispatch
def change(expr: Any, changes: Changes) -> Any:
    """The rule of a node type; None for no change."""
    raise NotDerivable(f"no differential for {type(expr).__name__}")


@change.register(Symbol)
@change.register(MatrixSymbol)
def _symbol(expr: Any, changes: Changes) -> Any:
    """A symbol changes by what is given."""
    return changes.get(expr)


@change.register(Number)
@change.register(NumberSymbol)
@change.register(ImmutableDenseMatrix)
@change.register(Identity)
@change.register(OneMatrix)
@change.register(ZeroMatrix)
@change.register(nodes.Unit)
def _constant(expr: Any, changes: Changes) -> Any:
    """A constant does not change."""
    return None


def total_of(terms: list[Any]) -> Any:
    """The sum of the differentials that are there."""
    found = [term for term in terms if term is not None]
    if not found:
        return None
    return add(*found) if is_array(found[0]) else Add(*found)


@change.register(Add)
@change.register(MatAdd)
def _sum(expr: Any, changes: Changes) -> Any:
    """d(A + B) = dA + dB."""
    return total_of([change(arg, changes) for arg in expr.args])


@change.register(MatMul)
def _product(expr: MatMul, changes: Changes) -> Any:
    """d(A B) = dA B + A dB, for scalars among the factors too."""
    terms = []
    for k, factor in enumerate(expr.args):
        inner = change(factor, changes)
        if inner is not None:
            terms.append(matmul(*expr.args[:k], inner, *expr.args[k + 1 :]))
    return total_of(terms)


@change.register(Transpose)
def _transpose(expr: Transpose, changes: Changes) -> Any:
    """d(X') = (dX)'."""
    inner = change(expr.args[0], changes)
    return None if inner is None else transposed(inner)


@change.register(Map)
def _map(expr: Map, changes: Changes) -> Any:
    """d f(X, c) = f_X o dX + f_c dc."""
    terms = []
    for k, array in enumerate(expr.arrays):
        inner = change(array, changes)
        if inner is not None:
            terms.append(hadamard(local_map(expr, Slot(k)), inner))
    for scalar in sorted(parts(expr.body), key=str):
        inner = None if isinstance(scalar, Slot) else change(scalar, changes)
        if inner is not None:
            terms.append(matmul(inner, local_map(expr, scalar)))
    return total_of(terms)


@change.register(Mul)
@change.register(Pow)
@change.register(Function)
@change.register(Max)
@change.register(Min)
def _scalar(expr: Any, changes: Changes) -> Any:
    """d f(a, b) = f_a da + f_b db."""
    terms = []
    for part in parts(expr):
        inner = change(part, changes)
        if inner is not None:
            terms.append(scalar_derivative(expr, part) * inner)
    return total_of(terms)


def _linear(node: Any) -> Any:
    """f(dX) for what is linear: sums, means, traces, entries, transposes, diagonals."""

    def rule(expr: Any, changes: Changes) -> Any:
        inner = change(expr.args[0], changes)
        return None if inner is None else node(inner, *expr.args[1:])

    return rule


for _node in (
    Total,
    Mean,
    nodes.Scalar,
    nodes.TraceOf,
    nodes.Diag,
    nodes.Diagonal,
    nodes.Reshaped,
    nodes.Patches,
    nodes.Folded,
    MatrixElement,
):
    change.register(_node)(_linear(_node))


@change.register(nodes.Norm)
def _norm(expr: nodes.Norm, changes: Changes) -> Any:
    """y^2 = <X, X>:  dy = <X, dX>/y."""
    inner = change(expr.array, changes)
    return None if inner is None else paired(expr.array, inner) / expr


@change.register(nodes.Det)
def _det(expr: nodes.Det, changes: Changes) -> Any:
    """d det X = det(X) tr(inv(X) dX)  (Jacobi)."""
    inner = change(expr.array, changes)
    return None if inner is None else expr * nodes.TraceOf(matmul(nodes.Inv(expr.array), inner))


@change.register(nodes.LogDet)
def _logdet(expr: nodes.LogDet, changes: Changes) -> Any:
    """d log det X = tr(inv(X) dX)."""
    inner = change(expr.array, changes)
    return None if inner is None else nodes.TraceOf(matmul(nodes.Inv(expr.array), inner))


@change.register(nodes.Inv)
def _inverse(expr: nodes.Inv, changes: Changes) -> Any:
    """d(X Y) = 0 for Y = inv(X):  dY = -Y dX Y."""
    inner = change(expr.array, changes)
    return None if inner is None else matmul(-1, expr, inner, expr)


@change.register(Softmax)
def _softmax(expr: Softmax, changes: Changes) -> Any:
    """s = softmax(z):  ds = s o dz - (s' dz) s."""
    inner = change(expr.args[0], changes)
    return None if inner is None else softmax_change(expr, inner)


def softmax_change(s: Any, dz: Any) -> Any:
    """(diag(s) - s s') dz, for s = softmax(z) or a name for it."""
    return matmul(add(nodes.Diag(s), matmul(-1, s, transpose(s))), dz)


@change.register(LogSoftmax)
def _log_softmax(expr: LogSoftmax, changes: Changes) -> Any:
    """l = z - logsumexp(z) 1:  dl = dz - 1 s' dz."""
    z = expr.args[0]
    inner = change(z, changes)
    if inner is None:
        return None
    return add(inner, matmul(-1, OneMatrix(z.shape[0], 1), transpose(Softmax(z)), inner))


@change.register(nodes.RowSoftmax)
def _row_softmax(expr: nodes.RowSoftmax, changes: Changes) -> Any:
    """Row by row as softmax:  dP = P o (dZ - ((P o dZ) 1) 1')."""
    inner = change(expr.args[0], changes)
    return None if inner is None else row_softmax_pull_back(expr, inner)  # the rule is its own adjoint


@change.register(nodes.RowLogSoftmax)
def _row_log_softmax(expr: nodes.RowLogSoftmax, changes: Changes) -> Any:
    """Row by row as log-softmax:  dL = dZ - ((P o dZ) 1) 1'."""
    inner, columns = change(expr.args[0], changes), expr.shape[1]
    if inner is None:
        return None
    sums = matmul(hadamard(nodes.RowSoftmax(expr.args[0]), inner), OneMatrix(columns, 1), OneMatrix(1, columns))
    return add(inner, matmul(-1, sums))


@change.register(nodes.LogSumExp)
def _logsumexp(expr: nodes.LogSumExp, changes: Changes) -> Any:
    """y = logsumexp(x):  dy = softmax(x)' dx."""
    inner = change(expr.array, changes)
    if inner is None:
        return None
    if expr.array.shape[1] != 1:
        raise NotDerivable("the differential of logsumexp over a whole matrix")
    return nodes.Scalar(matmul(transpose(Softmax(expr.array)), inner))


@change.register(nodes.RowLogSumExp)
def _row_logsumexp(expr: nodes.RowLogSumExp, changes: Changes) -> Any:
    """Row by row as logsumexp:  dy = (P o dX) 1."""
    inner = change(expr.array, changes)
    if inner is None:
        return None
    return matmul(hadamard(nodes.RowSoftmax(expr.array), inner), OneMatrix(expr.array.shape[1], 1))


@change.register(nodes.Kron)
def _kron(expr: nodes.Kron, changes: Changes) -> Any:
    """d(A kron B) = dA kron B + A kron dB."""
    left, right = expr.args
    first, second = change(left, changes), change(right, changes)
    terms = [None if first is None else nodes.Kron(first, right), None if second is None else nodes.Kron(left, second)]
    return total_of(terms)


# Jacobians and Hessians


def jacobian(expr: Any, x: Any) -> Any:
    """d vec(F)/d vec(X)', as a matrix."""
    free, dx = _free(x), nodes.SmallChange(f"d{x.name}", *x.shape)
    found = coefficient(differential(expr.xreplace({x: free}), {free: dx}), dx)
    return tidy(found.xreplace({free: x}))


def hessian(expr: Any, x: Any) -> Any:
    """The Jacobian of the gradient of a scalar."""
    free, of = _free(x), Symbol("_")
    gradient = adjoints([(of, expr.xreplace({x: free}))], of).get(free, ZeroMatrix(*x.shape))
    return tidy(jacobian(tidy(gradient), free).xreplace({free: x}))


def _free(x: Any) -> Any:
    """The symbol with entries that are independent of one another: what is symmetric is differentiated so as well."""
    return MatrixSymbol(f"{x.name}", *x.shape) if isinstance(x, nodes.Symmetric) else x


# reading the matrix off


def coefficient(dy: Any, dx: Any) -> Any:
    """J with dy = J dx for columns (or a scalar dy: a row), vec(dY) = J vec(dX) for matrices.

    Raises NotDerivable where the differential has no such form in matrix notation.
    """
    if not is_array(dy):
        dy = matmul(dy, OneMatrix(1, 1))
    terms = chains(tidy(dy), dx)
    found = [one for scalar, chain in terms for one in _read(scalar, chain, dx)]
    rows, columns = Mul(*dy.shape), Mul(*dx.shape)
    return tidy(add(*found)) if found else ZeroMatrix(rows, columns)


def chains(array: Any, moving: Any = None) -> list[tuple[Any, Chain]]:
    """The terms of a tidy array; brackets that hold `moving` (all, without it) are multiplied out."""
    if isinstance(array, ZeroMatrix):
        return []
    if isinstance(array, Transpose) and isinstance(array.args[0], MatAdd):
        array = MatAdd(*map(transposed, array.args[0].args))
    listed: list[tuple[Any, Chain]] = []
    for term in array.args if isinstance(array, MatAdd) else (array,):
        scalar = Mul(*[a for a in term.args if not is_array(a)]) if isinstance(term, MatMul) else Integer(1)
        factors = tuple(a for a in term.args if is_array(a)) if isinstance(term, MatMul) else (term,)
        k = next((k for k, factor in enumerate(factors) if _is_open(factor, moving)), None)
        if k is None:
            listed.append((scalar, factors))
            continue
        inner = factors[k].args[0] if isinstance(factors[k], Transpose) else factors[k]
        parts_ = [transposed(part) if isinstance(factors[k], Transpose) else part for part in inner.args]
        for part in parts_:
            listed += chains(tidy(matmul(scalar, *factors[:k], part, *factors[k + 1 :])), moving)
    return listed


def _is_open(factor: Any, moving: Any) -> bool:
    inner = factor.args[0] if isinstance(factor, Transpose) else factor
    return isinstance(inner, MatAdd) and (moving is None or inner.has(moving))


def _read(scalar: Any, chain: Chain, dx: Any) -> list[Any]:
    if scalar.has(dx):
        return _read_scalar(scalar, chain, dx)
    if dx.shape[1] != 1:
        return [_read_matrix(scalar, chain, dx)]
    last = chain[-1]
    if last == dx:
        return [matmul(scalar, *(chain[:-1] or (Identity(dx.shape[0]),)))]
    if isinstance(last, Map) and not any(f.has(dx) for f in chain[:-1]):
        return [matmul(scalar, *chain[:-1], inner) for inner in _read_map(last, dx)]
    if chain[-1].shape[1] == 1 and len(chain) == 1:
        raise NotDerivable(f"the differential of a column holds {type(last).__name__} of the change")
    if chain[0].shape[0] == 1 and sum(f.has(dx) for f in chain) == 1:  # a row: x' A as (A' x)'
        return _read(scalar, tuple(transposed(f) for f in reversed(chain)), dx)
    raise NotDerivable("this differential has no matrix form that can be read off")


def _read_map(last: Map, dx: Any) -> list[Any]:
    """u o (A dx) = diag(u) A dx."""
    moving = [k for k, array in enumerate(last.arrays) if array.has(dx)]
    if len(moving) != 1 or any(scalar.has(dx) for scalar in parts(last.body) if not isinstance(scalar, Slot)):
        raise NotDerivable("this differential has no matrix form that can be read off")
    (k,) = moving
    rest = scalar_derivative(last.body, Slot(k))
    if rest.has(Slot(k)):
        raise NotDerivable("a differential that is not linear")
    if any(isinstance(s, Slot) for s in rest.free_symbols):
        front: Any = nodes.Diag(tidy(Map(rest, *last.arrays)))
    else:
        front = matmul(rest, Identity(last.shape[0]))
    return [matmul(front, coefficient(last.arrays[k], dx))]


def _read_scalar(scalar: Any, chain: Chain, dx: Any) -> list[Any]:
    """(u' dx) v = v u' dx: the scalar's own row, after what it multiplies."""
    found = []
    moving = [p for p in parts(scalar) if p.has(dx)]
    for part in moving:
        rest = scalar_derivative(scalar, part)
        if any(p.has(dx) for p in parts(rest)):
            raise NotDerivable("a differential that is not linear")
        column = product(Integer(1), chain)
        stacked = column if column.shape[1] == 1 else None
        if stacked is None:
            raise NotDerivable("a scalar change of a matrix has no matrix form here")
        found.append(matmul(rest, stacked, row_of(part, dx)))
    return found


def row_of(part: Any, dx: Any) -> Any:
    """The row g' with part = g' dx (or g' = vec(G)' for matrices), for a linear scalar of dx."""
    symbol = MatrixSymbol(f"{dx.name}_", *dx.shape)
    gradient = adjoints([(Symbol("_"), part.xreplace({dx: symbol}))], Symbol("_")).get(symbol)
    if gradient is None or gradient.has(symbol):
        raise NotDerivable("a differential that is not linear")
    if dx.shape[1] != 1:
        raise NotDerivable("a scalar change of a matrix has no matrix form here")
    return transpose(tidy(gradient))


def _read_matrix(scalar: Any, chain: Chain, dx: Any) -> Any:
    """vec(A dX B) = (B' kron A) vec(dX), and vec(dX') = K vec(dX)."""
    places = [k for k, factor in enumerate(chain) if factor.has(dx)]
    if len(places) != 1 or chain[places[0]] not in (dx, Transpose(dx)):
        raise NotDerivable("this differential has no matrix form that can be read off")
    k = places[0]
    here = chain[k]
    left = product(Integer(1), chain[:k]) if k else Identity(here.shape[0])
    right = product(Integer(1), chain[k + 1 :]) if k + 1 < len(chain) else Identity(here.shape[1])
    front = nodes.Kron(tidy(transpose(right)), left)
    if here == dx:
        return matmul(scalar, front)
    return matmul(scalar, front, nodes.Commutation(*dx.shape))
