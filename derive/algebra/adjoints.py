"""Reverse mode over expressions: one adjoint rule a node type, by dispatch; anything unknown is refused by name.

For Y = f(X) and a scalar L, `pull_back(f(X), Y_bar)` gives what X receives, where Y_bar = dL/dY in denominator layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import singledispatch
from typing import Any

from sympy import Add, Basic, Function, Integer, Max, Min, Mul, Number, NumberSymbol, Piecewise, Pow, Symbol, exp
from sympy.matrices.expressions import Identity, MatAdd, MatMul, OneMatrix, Transpose, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol
from sympy.matrices.immutable import ImmutableDenseMatrix

from derive.algebra import arrays as nodes
from derive.algebra.nodes import LogSoftmax, Map, Mean, Slot, Softmax, Total, add, hadamard, is_array, matmul, transpose
from derive.algebra.scalars import parts, scalar_derivative
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
        yield scalar, paired(bar, matmul(*arrays))


@pull_back.register(Transpose)
def _adjoint_of_transpose(expr: Transpose, bar: Any) -> Iterator[Contribution]:
    """Y = X':  <Y_bar, dX'> = <Y_bar', dX>."""
    yield expr.args[0], transpose(bar)


@pull_back.register(Map)
def _adjoint_of_map(expr: Map, bar: Any) -> Iterator[Contribution]:
    """Y_i = f(X_i, c):  dY_i = f'(X_i, c) dX_i,  so X_bar = f'(X) o Y_bar, and c receives the sum of df/dc o Y_bar."""
    for k, array in enumerate(expr.arrays):
        yield array, scaled(local_map(expr, Slot(k)), bar)
    for scalar in sorted(parts(expr.body), key=str):
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


@pull_back.register(Mean)
def _adjoint_of_mean(expr: Mean, bar: Any) -> Iterator[Contribution]:
    """m = 1' X 1/N:  every entry of X receives m_bar/N."""
    yield expr.array, matmul(bar / Mul(*expr.array.shape), OneMatrix(*expr.array.shape))


@pull_back.register(Mul)
@pull_back.register(Pow)
@pull_back.register(Function)
@pull_back.register(Max)
@pull_back.register(Min)
def _adjoint_of_scalar(expr: Any, bar: Any) -> Iterator[Contribution]:
    """y = f(a, b):  dy = f_a da + f_b db, for the symbols and the scalars made of arrays in f."""
    for part in parts(expr):
        yield part, bar * scalar_derivative(expr, part)


@pull_back.register(nodes.Scalar)
def _adjoint_of_entry(expr: nodes.Scalar, bar: Any) -> Iterator[Contribution]:
    """y = A for A of 1 x 1:  A receives y_bar; and y = a' B c:  B receives y_bar a c'."""
    factors = [a for a in expr.array.args if is_array(a)] if isinstance(expr.array, MatMul) else []
    if len(factors) < 2 or len(factors) < len(expr.array.args):
        yield expr.array, matmul(bar, OneMatrix(1, 1))
        return
    for k, factor in enumerate(factors):
        left = [transpose(a) for a in reversed(factors[:k])]
        yield factor, matmul(bar, *left, *[transpose(a) for a in reversed(factors[k + 1 :])])


@pull_back.register(nodes.Norm)
def _adjoint_of_norm(expr: nodes.Norm, bar: Any) -> Iterator[Contribution]:
    """y^2 = <X, X>:  2 y dy = 2 <X, dX>,  so X_bar = y_bar X/y."""
    yield expr.array, matmul(bar / expr, expr.array)


@pull_back.register(nodes.TraceOf)
def _adjoint_of_trace(expr: nodes.TraceOf, bar: Any) -> Iterator[Contribution]:
    """y = tr X = <I, X>:  X_bar = y_bar I."""
    yield expr.array, matmul(bar, Identity(expr.array.shape[0]))


@pull_back.register(nodes.Det)
def _adjoint_of_det(expr: nodes.Det, bar: Any) -> Iterator[Contribution]:
    """d det X = det X tr(inv(X) dX)  (Jacobi),  so X_bar = y_bar det(X) inv(X)'."""
    yield expr.array, matmul(bar * expr, transpose(nodes.Inv(expr.array)))


@pull_back.register(nodes.LogDet)
def _adjoint_of_logdet(expr: nodes.LogDet, bar: Any) -> Iterator[Contribution]:
    """d log det X = tr(inv(X) dX),  so X_bar = y_bar inv(X)'."""
    yield expr.array, matmul(bar, transpose(nodes.Inv(expr.array)))


@pull_back.register(nodes.Inv)
def _adjoint_of_inverse(expr: nodes.Inv, bar: Any) -> Iterator[Contribution]:
    """d(X Y) = 0 for Y = inv(X):  dY = -Y dX Y,  so X_bar = -Y' Y_bar Y'."""
    yield expr.array, matmul(-1, transpose(expr), bar, transpose(expr))


@pull_back.register(nodes.LogSumExp)
def _adjoint_of_logsumexp(expr: nodes.LogSumExp, bar: Any) -> Iterator[Contribution]:
    """y = log sum e^x:  dy = sum (e^x/sum e^x) dx,  so x_bar = y_bar softmax(x)."""
    x = expr.array
    share = Softmax(x) if x.shape[1] == 1 else Map(exp(Slot(0) - expr), x)
    yield x, matmul(bar, share)


@pull_back.register(nodes.RowLogSumExp)
def _adjoint_of_row_logsumexp(expr: nodes.RowLogSumExp, bar: Any) -> Iterator[Contribution]:
    """Row by row as logsumexp:  X_bar = diag(y_bar) softmax(X)."""
    yield expr.array, hadamard(matmul(bar, OneMatrix(1, expr.array.shape[1])), nodes.RowSoftmax(expr.array))


@pull_back.register(nodes.LargestEntry)
def _adjoint_of_largest(expr: nodes.LargestEntry, bar: Any) -> Iterator[Contribution]:
    """y = x_k for the largest entry (one alone):  x_k receives y_bar."""
    yield expr.array, Map(bar * Piecewise((1, Slot(0) >= expr), (0, True)), expr.array)


@pull_back.register(nodes.RowLargest)
def _adjoint_of_row_largest(expr: nodes.RowLargest, bar: Any) -> Iterator[Contribution]:
    """Row by row as the largest entry."""
    across = OneMatrix(1, expr.array.shape[1])
    chosen = Piecewise((Slot(2), Slot(0) >= Slot(1)), (0, True))
    yield expr.array, Map(chosen, expr.array, matmul(expr, across), matmul(bar, across))


@pull_back.register(nodes.RowSoftmax)
def _adjoint_of_row_softmax(expr: nodes.RowSoftmax, bar: Any) -> Iterator[Contribution]:
    """Row by row as softmax:  X_bar = P o (P_bar - ((P o P_bar) 1) 1')."""
    yield expr.args[0], row_softmax_pull_back(expr, bar)


def row_softmax_pull_back(p: Any, bar: Any) -> Any:
    """P o (bar - ((P o bar) 1) 1'), for P the softmax of rows or a name for it."""
    columns = p.shape[1]
    inner = matmul(hadamard(p, bar), OneMatrix(columns, 1), OneMatrix(1, columns))
    return Map(Slot(0) * (Slot(1) - Slot(2)), p, bar, inner)


@pull_back.register(LogSoftmax)
def _adjoint_of_log_softmax(expr: LogSoftmax, bar: Any) -> Iterator[Contribution]:
    """l = z - logsumexp(z) 1:  z_bar = l_bar - (1' l_bar) softmax(z)."""
    z = expr.args[0]
    yield z, add(bar, matmul(-Total(bar), Softmax(z)))


@pull_back.register(nodes.RowLogSoftmax)
def _adjoint_of_row_log_softmax(expr: nodes.RowLogSoftmax, bar: Any) -> Iterator[Contribution]:
    """Row by row as log-softmax:  Z_bar = L_bar - diag(L_bar 1) softmax(Z)."""
    z, columns = expr.args[0], expr.shape[1]
    sums = matmul(bar, OneMatrix(columns, 1), OneMatrix(1, columns))
    yield z, add(bar, matmul(-1, hadamard(sums, nodes.RowSoftmax(z))))


@pull_back.register(nodes.Diag)
def _adjoint_of_diag(expr: nodes.Diag, bar: Any) -> Iterator[Contribution]:
    """<Y_bar, diag(dx)> = <diagonal of Y_bar, dx>."""
    yield expr.array, nodes.Diagonal(bar)


@pull_back.register(nodes.Diagonal)
def _adjoint_of_diagonal(expr: nodes.Diagonal, bar: Any) -> Iterator[Contribution]:
    """<y_bar, diagonal of dX> = <diag(y_bar), dX>."""
    yield expr.array, nodes.Diag(bar)


@pull_back.register(nodes.Kron)
def _adjoint_of_kron(expr: nodes.Kron, bar: Any) -> Iterator[Contribution]:
    """Refused where a factor varies: its adjoint needs blocks of Y_bar, which have no matrix notation here."""
    for factor in expr.args:
        if factor.atoms(MatrixSymbol) - factor.atoms(Identity):
            raise NotDerivable("the adjoint of a Kronecker product")
    return iter(())


@pull_back.register(nodes.Reshaped)
def _adjoint_of_reshaped(expr: nodes.Reshaped, bar: Any) -> Iterator[Contribution]:
    """Entries keep their order, so the adjoint is the reshaping back."""
    yield expr.array, nodes.Reshaped(bar, *expr.array.shape)


@pull_back.register(nodes.Patches)
def _adjoint_of_patches(expr: nodes.Patches, bar: Any) -> Iterator[Contribution]:
    """Each entry of the patches is an entry of X (or 0), so that X receives the sum over all places it was copied to."""
    yield expr.array, nodes.Folded(bar, expr.plan)


@pull_back.register(nodes.Folded)
def _adjoint_of_folded(expr: nodes.Folded, bar: Any) -> Iterator[Contribution]:
    """<Y_bar, fold(G)> = <patches(Y_bar), G>."""
    yield expr.array, nodes.Patches(bar, expr.plan)


@pull_back.register(nodes.WindowLargest)
def _adjoint_of_window_largest(expr: nodes.WindowLargest, bar: Any) -> Iterator[Contribution]:
    """y = x_k for the largest entry of a window (one alone):  x_k receives y_bar, from every window it leads."""
    yield expr.array, nodes.Unpooled(bar, expr.plan, expr.array)


@pull_back.register(MatrixElement)
def _adjoint_of_element(expr: MatrixElement, bar: Any) -> Iterator[Contribution]:
    """y = e_i' X e_j:  X_bar = y_bar e_i e_j'."""
    parent, i, j = expr.args
    rows, columns = parent.shape
    yield parent, matmul(bar, nodes.Unit(rows, i), transpose(nodes.Unit(columns, j)))


@pull_back.register(Identity)
@pull_back.register(OneMatrix)
@pull_back.register(ZeroMatrix)
@pull_back.register(nodes.Unit)
def _constant(expr: Any, bar: Any) -> Iterator[Contribution]:
    """A constant passes nothing on."""
    return iter(())


def paired(left: Any, right: Any) -> Any:
    """<left, right>, the sum of the products of their entries."""
    if left.shape[1] == 1:
        return nodes.Scalar(matmul(transpose(left), right))
    return Total(hadamard(left, right))


def softmax_pull_back(s: Any, bar: Any) -> Any:
    """s o (bar - (sum of s o bar) 1), for s = softmax(z) or a name for it."""
    inner = Total(hadamard(s, bar))
    return Map(Slot(0) * (Slot(1) - inner), s, bar)


def local_map(expr: Map, wrt: Basic) -> Any:
    """The derivative of the body in one of its slots (or scalars), at the same arrays; one for a function alone: f'."""
    return Map(scalar_derivative(expr.body, wrt), *expr.arrays)


def scaled(local: Any, bar: Any) -> Any:
    """local o bar; a bar of equal entries scales, and a constant local derivative leaves no vector of ones behind."""
    if isinstance(bar, OneMatrix):
        return local
    if (
        isinstance(bar, MatMul)
        and len(bar.args) == 2
        and isinstance(bar.args[1], OneMatrix)
        and not is_array(bar.args[0])
    ):
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
