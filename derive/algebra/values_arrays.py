"""Exact values of the nodes of matrix calculus at explicit numbers."""

from __future__ import annotations

from typing import Any, TypeAlias

from sympy import Add, Expr, ImmutableDenseMatrix, Integer, Max, Rational, exp, log, sqrt
from sympy.matrices.exceptions import NonInvertibleMatrixError
from sympy.matrices.expressions import Identity, ZeroMatrix

from derive.algebra import arrays
from derive.algebra.nodes import LogSoftmax
from derive.algebra.numbers import exact
from derive.algebra.values import Values, array_value, array_value_of, scalar_node
from derive.errors import NotDerivable

Matrix: TypeAlias = ImmutableDenseMatrix  # type: ignore[valid-type]


@scalar_node.register(arrays.Scalar)
def _scalar(expr: Any, values: Values) -> Expr:
    found = array_value_of(expr.array, values)
    if found.shape != (1, 1):
        raise NotDerivable("no scalar")
    return found[0, 0]


@scalar_node.register(arrays.Norm)
def _norm(expr: Any, values: Values) -> Expr:
    return sqrt(Add(*[entry**2 for entry in array_value_of(expr.array, values)]))


@scalar_node.register(arrays.TraceOf)
def _trace(expr: Any, values: Values) -> Expr:
    return array_value_of(expr.array, values).trace()


@scalar_node.register(arrays.Det)
def _det(expr: Any, values: Values) -> Expr:
    return array_value_of(expr.array, values).det(method="bareiss")


@scalar_node.register(arrays.LogDet)
def _logdet(expr: Any, values: Values) -> Expr:
    return log(abs(array_value_of(expr.array, values).det(method="bareiss")))


@scalar_node.register(arrays.LargestEntry)
def _largest(expr: Any, values: Values) -> Expr:
    return Max(*array_value_of(expr.array, values))


@scalar_node.register(arrays.LogSumExp)
def _logsumexp(expr: Any, values: Values) -> Expr:
    return log(Add(*[exp(entry) for entry in array_value_of(expr.array, values)]))


@array_value.register(arrays.RowLogSumExp)
def _row_logsumexp(expr: Any, values: Values) -> Matrix:
    rows = array_value_of(expr.array, values).tolist()
    return Matrix([[exact(log(Add(*map(exp, row))))] for row in rows])


@array_value.register(arrays.RowLargest)
def _row_largest(expr: Any, values: Values) -> Matrix:
    return Matrix([[Max(*row)] for row in array_value_of(expr.array, values).tolist()])


@array_value.register(arrays.RowSoftmax)
def _row_softmax(expr: Any, values: Values) -> Matrix:
    rows = array_value_of(expr.args[0], values).tolist()
    return Matrix([[exact(exp(entry) / Add(*map(exp, row))) for entry in row] for row in rows])


@array_value.register(arrays.RowLogSoftmax)
def _row_log_softmax(expr: Any, values: Values) -> Matrix:
    return _row_softmax(expr, values).applyfunc(lambda p: exact(log(p)))


@array_value.register(LogSoftmax)
def _log_softmax(expr: Any, values: Values) -> Matrix:
    column = array_value_of(expr.args[0], values)
    total = log(Add(*[exp(entry) for entry in column]))
    return Matrix([[exact(entry - total)] for entry in column])


@array_value.register(arrays.Inv)
def _inverse(expr: Any, values: Values) -> Matrix:
    matrix = array_value_of(expr.array, values)
    try:
        if all(isinstance(entry, Rational) for entry in matrix):
            return Matrix(matrix.inv())
        return Matrix(matrix.inv(method="LU")).applyfunc(exact)
    except (NonInvertibleMatrixError, ZeroDivisionError):
        raise NotDerivable("a matrix that has no inverse") from None


@array_value.register(arrays.Diag)
def _diag(expr: Any, values: Values) -> Matrix:
    entries = list(array_value_of(expr.array, values))
    return Matrix(len(entries), len(entries), lambda i, j: entries[i] if i == j else Integer(0))


@array_value.register(arrays.Diagonal)
def _diagonal(expr: Any, values: Values) -> Matrix:
    matrix = array_value_of(expr.array, values)
    return Matrix([[matrix[k, k]] for k in range(matrix.shape[0])])


@array_value.register(arrays.Kron)
def _kron(expr: Any, values: Values) -> Matrix:
    left, right = (array_value_of(arg, values) for arg in expr.args)
    (a, b), (c, d) = left.shape, right.shape
    return Matrix(a * c, b * d, lambda i, j: left[i // c, j // d] * right[i % c, j % d])


@array_value.register(arrays.Grouped)
def _grouped(expr: Any, values: Values) -> Matrix:
    return array_value_of(expr.array, values)


@array_value.register(arrays.Reshaped)
def _reshaped(expr: Any, values: Values) -> Matrix:
    rows, columns = (_size(size, values) for size in expr.shape)
    return Matrix(rows, columns, list(array_value_of(expr.array, values)))


def places_of_windows(expr: Any) -> list[list[int | None]]:
    """For each window the places of its entries in the image, None where it is padding."""
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


@array_value.register(arrays.Patches)
def _patches(expr: Any, values: Values) -> Matrix:
    image = array_value_of(expr.array, values)
    return Matrix([
        [Integer(0) if place is None else image[place, c] for c in range(image.shape[1]) for place in window]
        for window in places_of_windows(expr)
    ])  # fmt: skip


@array_value.register(arrays.Folded)
def _folded(expr: Any, values: Values) -> Matrix:
    given = array_value_of(expr.array, values)
    channels = given.shape[1] // expr.size
    found = [[Integer(0)] * channels for _ in range(expr.places)]
    for row, window in enumerate(places_of_windows(expr)):
        for k, place in enumerate(window):
            for c in range(channels):
                if place is not None:
                    found[place][c] += given[row, c * expr.size + k]
    return Matrix(found)


@array_value.register(arrays.WindowLargest)
def _window_largest(expr: Any, values: Values) -> Matrix:
    image = array_value_of(expr.array, values)
    return Matrix([
        [max(image[place, c] for place in window if place is not None) for c in range(image.shape[1])]
        for window in places_of_windows(expr)
    ])  # fmt: skip


@array_value.register(arrays.Unpooled)
def _unpooled(expr: Any, values: Values) -> Matrix:
    given, image = array_value_of(expr.array, values), array_value_of(expr.image, values)
    found = [[Integer(0)] * image.shape[1] for _ in range(expr.places)]
    for row, window in enumerate(places_of_windows(expr)):
        for c in range(image.shape[1]):
            inside = [place for place in window if place is not None]
            found[max(inside, key=lambda place: image[place, c])][c] += given[row, c]
    return Matrix(found)


@array_value.register(arrays.Commutation)
def _commutation(expr: Any, values: Values) -> Matrix:
    m, n = (_size(size, values) for size in expr.args)
    return Matrix(m * n, m * n, lambda r, c: Integer(int(r % n == c // m and r // n == c % m)))


@array_value.register(arrays.Unit)
def _unit(expr: Any, values: Values) -> Matrix:
    place = int(expr.args[1])
    return Matrix(_size(expr.args[0], values), 1, lambda i, j: Integer(int(i == place)))


@array_value.register(Identity)
def _identity(expr: Any, values: Values) -> Matrix:
    size = _size(expr.shape[0], values)
    return Matrix(size, size, lambda i, j: Integer(int(i == j)))


@array_value.register(ZeroMatrix)
def _zeros(expr: Any, values: Values) -> Matrix:
    rows, columns = (_size(size, values) for size in expr.shape)
    return Matrix(rows, columns, lambda i, j: Integer(0))


def _size(size: Any, values: Values) -> int:
    return int(
        size.xreplace({k: v for k, v in values.items() if getattr(k, "is_Symbol", False) and not hasattr(v, "shape")})
    )
