"""Balls of arrays: a matrix of balls for each node, a ball for the scalars that arrays make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from flint import arb, arb_mat
from sympy import Tuple
from sympy.matrices.expressions import (
    Determinant,
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
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.immutable import ImmutableDenseMatrix

from derive.algebra import arrays, nodes
from derive.checks.balls import Ball, NoBall, Point, entries, integer, node_value, scalar, shape, value_in


def array(expr: Any, point: Point) -> arb_mat:
    """The value of an array; a number counts as 1 x 1."""
    value = value_in(expr, point)
    return arb_mat([[value]]) if isinstance(value, arb) else value


def built(rows: int, columns: int, entry: Callable[[int, int], arb]) -> arb_mat:
    """The matrix with these entries."""
    return arb_mat(rows, columns, [entry(i, j) for i in range(rows) for j in range(columns)])


def column(values: Iterable[arb]) -> arb_mat:
    listed = list(values)
    return arb_mat(len(listed), 1, listed)


def total(values: Iterable[arb]) -> arb:
    return sum(values, arb(0))


def greatest(values: Iterable[arb]) -> arb:
    return reduce(arb.max, values)


@node_value.register(tuple)
@node_value.register(list)
@node_value.register(Tuple)
def _sequence(expr: Any, point: Point) -> Ball:
    return column(scalar(value_in(entry, point)) for entry in expr)


@node_value.register(ImmutableDenseMatrix)
def _matrix(expr: ImmutableDenseMatrix, point: Point) -> Ball:
    rows, columns = expr.shape
    return arb_mat(rows, columns, [scalar(value_in(entry, point)) for entry in expr])


@node_value.register(MatAdd)
def _sum(expr: MatAdd, point: Point) -> Ball:
    return reduce(_plus, (array(arg, point) for arg in expr.args))


def _plus(left: arb_mat, right: arb_mat) -> arb_mat:
    if shape(left) != shape(right):
        raise NoBall("MatAdd", f"of {shape(left)} and {shape(right)} is no sum")
    return left + right


@node_value.register(HadamardProduct)
def _hadamard(expr: HadamardProduct, point: Point) -> Ball:
    factors = [array(arg, point) for arg in expr.args]
    return built(*shape(factors[0]), lambda i, j: reduce(lambda a, b: a * b, [f[i, j] for f in factors]))


@node_value.register(MatMul)
def _product(expr: MatMul, point: Point) -> Ball:
    factor, product = arb(1), None
    for arg in expr.args:
        value = value_in(arg, point)
        if isinstance(value, arb):
            factor *= value
        elif product is None:
            product = value
        elif product.ncols() != value.nrows():
            raise NoBall("MatMul", f"of {shape(product)} and {shape(value)} is no product")
        else:
            product = product * value
    return factor if product is None else product * factor


@node_value.register(MatPow)
def _matrix_power(expr: MatPow, point: Point) -> Ball:
    base, power = array(expr.args[0], point), integer(expr.args[1], point)
    factor = inverse(base) if power < 0 else base
    return reduce(lambda a, b: a * b, [factor] * abs(power), built(*shape(base), lambda i, j: arb(int(i == j))))


@node_value.register(Inverse)
@node_value.register(arrays.Inv)
def _inverse(expr: Any, point: Point) -> Ball:
    return inverse(array(expr.args[0], point))


def inverse(matrix: arb_mat) -> arb_mat:
    """The inverse; NoBall where the balls do not show that there is one."""
    try:
        return matrix.inv()
    except (ZeroDivisionError, ValueError):
        raise NoBall("Inv", "of what is not shown to be invertible") from None


@node_value.register(Transpose)
def _transpose(expr: Transpose, point: Point) -> Ball:
    return array(expr.args[0], point).transpose()


def constant(expr: Any, entry: arb, point: Point) -> arb_mat:
    rows, columns = (integer(size, point) for size in expr.shape)
    return built(rows, columns, lambda i, j: entry)


@node_value.register(OneMatrix)
def _ones(expr: OneMatrix, point: Point) -> Ball:
    return constant(expr, arb(1), point)


@node_value.register(ZeroMatrix)
def _zeros(expr: ZeroMatrix, point: Point) -> Ball:
    return constant(expr, arb(0), point)


@node_value.register(Identity)
def _identity(expr: Identity, point: Point) -> Ball:
    size = integer(expr.shape[0], point)
    return built(size, size, lambda i, j: arb(int(i == j)))


@node_value.register(MatrixElement)
def _element(expr: MatrixElement, point: Point) -> Ball:
    """An entry, counted from 0; one that there is not has no value."""
    values = array(expr.parent, point)
    i, j = integer(expr.i, point), integer(expr.j, point)
    return values[i, j] if 0 <= i < values.nrows() and 0 <= j < values.ncols() else arb.nan()


@node_value.register(nodes.Map)
def _map(expr: nodes.Map, point: Point) -> Ball:
    values = [array(part, point) for part in expr.arrays]
    slots = [nodes.Slot(k) for k in range(len(values))]

    def entry(i: int, j: int) -> arb:
        return scalar(value_in(expr.body, point.having(dict(zip(slots, [value[i, j] for value in values])))))

    return built(*shape(values[0]), entry)


@node_value.register(nodes.Total)
def _total(expr: nodes.Total, point: Point) -> Ball:
    return total(entries(array(expr.array, point)))


@node_value.register(nodes.Mean)
def _mean(expr: nodes.Mean, point: Point) -> Ball:
    values = entries(array(expr.array, point))
    return total(values) / len(values)


def softmax(values: list[arb]) -> list[arb]:
    """1 over the sum of e^(z_j - z_i): each z_i once, and no large exponential over another."""
    return [1 / total([(other - value).exp() for other in values]) for value in values]


def log_sum_exp(values: list[arb]) -> arb:
    """log of the sum of exponentials, less an exact number near the largest that is added again."""
    if not all(value.is_finite() for value in values):
        return arb.nan()
    shift = greatest(values).mid()
    return total([(value - shift).exp() for value in values]).log() + shift


@node_value.register(nodes.Softmax)
def _softmax(expr: nodes.Softmax, point: Point) -> Ball:
    return _by_columns(array(expr.args[0], point), softmax)


@node_value.register(nodes.LogSoftmax)
def _log_softmax(expr: nodes.LogSoftmax, point: Point) -> Ball:
    return _by_columns(array(expr.args[0], point), log_softmax)


def log_softmax(values: list[arb]) -> list[arb]:
    whole = log_sum_exp(values)
    return [value - whole for value in values]


def _by_columns(values: arb_mat, rule: Callable[[list[arb]], list[arb]]) -> arb_mat:
    return _by_rows(values.transpose(), rule).transpose()


def _by_rows(values: arb_mat, rule: Callable[[list[arb]], list[arb]]) -> arb_mat:
    return arb_mat([rule(row) for row in values.tolist()])


@node_value.register(arrays.RowSoftmax)
def _row_softmax(expr: arrays.RowSoftmax, point: Point) -> Ball:
    return _by_rows(array(expr.args[0], point), softmax)


@node_value.register(arrays.RowLogSoftmax)
def _row_log_softmax(expr: arrays.RowLogSoftmax, point: Point) -> Ball:
    return _by_rows(array(expr.args[0], point), log_softmax)


@node_value.register(arrays.LogSumExp)
def _logsumexp(expr: arrays.LogSumExp, point: Point) -> Ball:
    return log_sum_exp(entries(array(expr.array, point)))


@node_value.register(arrays.RowLogSumExp)
def _row_logsumexp(expr: arrays.RowLogSumExp, point: Point) -> Ball:
    return column(map(log_sum_exp, array(expr.array, point).tolist()))


@node_value.register(arrays.LargestEntry)
def _largest(expr: arrays.LargestEntry, point: Point) -> Ball:
    return greatest(entries(array(expr.array, point)))


@node_value.register(arrays.RowLargest)
def _row_largest(expr: arrays.RowLargest, point: Point) -> Ball:
    return column(map(greatest, array(expr.array, point).tolist()))


@node_value.register(arrays.Scalar)
def _scalar(expr: arrays.Scalar, point: Point) -> Ball:
    return scalar(value_in(expr.array, point))


@node_value.register(arrays.Norm)
def _norm(expr: arrays.Norm, point: Point) -> Ball:
    squares = total(abs(entry) ** 2 for entry in entries(array(expr.array, point)))
    return squares.nonnegative_part().sqrt() if squares.is_finite() else squares


@node_value.register(arrays.TraceOf)
@node_value.register(Trace)
def _trace(expr: Any, point: Point) -> Ball:
    return array(expr.args[0], point).trace()


@node_value.register(arrays.Det)
@node_value.register(Determinant)
def _det(expr: Any, point: Point) -> Ball:
    return array(expr.args[0], point).det()


@node_value.register(arrays.Rank)
def _rank(expr: arrays.Rank, point: Point) -> Ball:
    """Full where the determinant of the smaller Gram matrix is shown to be positive; else anything up to that."""
    matrix = array(expr.array, point)
    flat = matrix if matrix.nrows() <= matrix.ncols() else matrix.transpose()
    full = arb(flat.nrows())
    return full if (flat * flat.transpose()).det() > 0 else arb(0).union(full)


@node_value.register(arrays.LogDet)
def _logdet(expr: arrays.LogDet, point: Point) -> Ball:
    """Not finite where the determinant is not shown to be positive."""
    return array(expr.array, point).det().log()


@node_value.register(arrays.Diag)
def _diag(expr: arrays.Diag, point: Point) -> Ball:
    values = entries(array(expr.array, point))
    return built(len(values), len(values), lambda i, j: values[i] if i == j else arb(0))


@node_value.register(arrays.Diagonal)
def _diagonal(expr: arrays.Diagonal, point: Point) -> Ball:
    values = array(expr.array, point)
    return column(values[k, k] for k in range(values.nrows()))


@node_value.register(arrays.Kron)
def _kron(expr: arrays.Kron, point: Point) -> Ball:
    left, right = (array(arg, point) for arg in expr.args)
    (a, b), (c, d) = shape(left), shape(right)
    return built(a * c, b * d, lambda i, j: left[i // c, j // d] * right[i % c, j % d])


@node_value.register(arrays.Grouped)
def _grouped(expr: arrays.Grouped, point: Point) -> Ball:
    return array(expr.array, point)


@node_value.register(arrays.Reshaped)
def _reshaped(expr: arrays.Reshaped, point: Point) -> Ball:
    values, (rows, columns) = entries(array(expr.array, point)), [integer(size, point) for size in expr.shape]
    if len(values) != rows * columns:
        raise NoBall("Reshaped", f"of {len(values)} entries to {(rows, columns)} is no array")
    return arb_mat(rows, columns, values)


@node_value.register(arrays.Commutation)
def _commutation(expr: arrays.Commutation, point: Point) -> Ball:
    m, n = (integer(size, point) for size in expr.args)
    return built(m * n, m * n, lambda r, c: arb(int(r % n == c // m and r // n == c % m)))


@node_value.register(arrays.Unit)
def _unit(expr: arrays.Unit, point: Point) -> Ball:
    size, place = (integer(arg, point) for arg in expr.args)
    return built(size, 1, lambda i, j: arb(int(i == place)))


def windows(expr: arrays.OfWindows) -> list[list[int | None]]:
    """For each window the places of its entries in the image, row by row; None where it reaches beyond the image."""
    height, width, kh, kw, sh, sw, ph, pw = expr.plan
    return [
        [
            y * width + x if 0 <= y < height and 0 <= x < width else None
            for y in range(top, top + kh)
            for x in range(left, left + kw)
        ]
        for top in range(-ph, height + ph - kh + 1, sh)
        for left in range(-pw, width + pw - kw + 1, sw)
    ]


@node_value.register(arrays.Patches)
def _patches(expr: arrays.Patches, point: Point) -> Ball:
    """A row a window, channel after channel; zero beyond the image."""
    page = array(expr.array, point)
    return arb_mat([
        [arb(0) if place is None else page[place, c] for c in range(page.ncols()) for place in window]
        for window in windows(expr)
    ])  # fmt: skip


@node_value.register(arrays.Folded)
def _folded(expr: arrays.Folded, point: Point) -> Ball:
    """The entries of windows added up at their places."""
    given = array(expr.array, point)
    channels = given.ncols() // expr.size
    found = [[arb(0)] * channels for _ in range(expr.places)]
    for row, window in enumerate(windows(expr)):
        for k, place in enumerate(window):
            for c in range(channels):
                if place is not None:
                    found[place][c] += given[row, c * expr.size + k]
    return arb_mat(found)


@node_value.register(arrays.WindowLargest)
def _window_largest(expr: arrays.WindowLargest, point: Point) -> Ball:
    page = array(expr.array, point)
    return arb_mat([
        [greatest(page[place, c] for place in window if place is not None) for c in range(page.ncols())]
        for window in windows(expr)
    ])  # fmt: skip


@node_value.register(arrays.Unpooled)
def _unpooled(expr: arrays.Unpooled, point: Point) -> Ball:
    """The entries put where the windows of the image are largest; the first place of several that are equal."""
    given, page = array(expr.array, point), array(expr.image, point)
    found = [[arb(0)] * page.ncols() for _ in range(expr.places)]
    for row, window in enumerate(windows(expr)):
        for c in range(page.ncols()):
            found[_first_largest([place for place in window if place is not None], page, c)][c] += given[row, c]
    return arb_mat(found)


def _first_largest(places: list[int], page: arb_mat, c: int) -> int:
    for k, place in enumerate(places):
        before, after = places[:k], places[k + 1 :]
        if all(page[place, c] > page[p, c] for p in before) and all(page[place, c] >= page[p, c] for p in after):
            return place
    raise NoBall("Unpooled", "leaves open which entry of a window is the largest")


@node_value.register(arrays.Jacobian)
@node_value.register(arrays.Hessian)
@node_value.register(arrays.Change)
@node_value.register(arrays.ScalarChange)
def _derivative(expr: Any, point: Point) -> Ball:
    raise NoBall(type(expr).__name__, "is torch.autograd's")
