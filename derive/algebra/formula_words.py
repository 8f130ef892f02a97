"""The functions that formulas may call, and NumPy's broadcasting. Vectors are columns that NumPy sees as 1-D."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sympy import Abs, Expr, Integer, Max, Min, Mul, exp, im, log, re, sqrt
from sympy.matrices.expressions import Identity, OneMatrix, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra import arrays
from derive.algebra.functions import TABLE
from derive.algebra.nodes import (
    LogSoftmax,
    Map,
    Mean,
    Slot,
    Softmax,
    Total,
    hadamard,
    is_array,
    matmul,
    shape_text,
    transpose,
)
from derive.errors import ShapeError


@dataclass(frozen=True)
class Value:
    """What a part of a formula denotes. `kept` marks a column that NumPy sees as a matrix of one column."""

    expr: Any
    kept: bool = False

    @property
    def shape(self) -> tuple[Any, Any]:
        return tuple(self.expr.shape) if is_array(self.expr) else (Integer(1), Integer(1))

    @property
    def is_array(self) -> bool:
        return is_array(self.expr)

    @property
    def is_vector(self) -> bool:
        """One-dimensional in NumPy."""
        return self.is_array and self.shape[1] == 1 and not self.kept


def broadcast(values: Iterable[Value]) -> tuple[list[Any], bool]:
    """The expressions with every array repeated to one shape as NumPy does; and whether the result is a kept column.

    Raises ShapeError where the shapes do not fit.
    """
    listed = list(values)
    found = [v for v in listed if v.is_array]
    shapes = {v.shape for v in found}
    kept = any(v.kept for v in found if v.shape[1] == 1)
    if len(shapes) <= 1:
        return [v.expr for v in listed], kept
    wide = [v for v in found if not v.is_vector]
    if not wide:
        raise _misfit(found)
    rows, columns = (_common([v.shape[axis] for v in wide], found) for axis in (0, 1))
    if any(v.is_vector for v in found) and rows == 1:
        raise ShapeError(f"a vector and a row, {_shapes(found)}: write x[:, None] for a column, or x.T for a row")
    return [_spread(v, rows, columns, found) if v.is_array else v.expr for v in listed], kept and columns == 1


def _common(sizes: list[Any], found: list[Value]) -> Any:
    different = {size for size in sizes if size != 1}
    if len(different) > 1:
        raise _misfit(found)
    return different.pop() if different else Integer(1)


def _spread(value: Value, rows: Any, columns: Any, found: list[Value]) -> Any:
    """1 b' repeats a row, u 1' a column."""
    array, shape = value.expr, value.shape
    if value.is_vector:
        if shape[0] != columns:
            hint = "; NumPy adds a vector to each row; write x[:, None] for each column" if shape[0] == rows else ""
            raise _misfit(found, hint)
        return matmul(OneMatrix(rows, Integer(1)), transpose(array))
    if shape[0] == 1 and rows != 1:
        array = matmul(OneMatrix(rows, Integer(1)), array)
    if shape[1] == 1 and columns != 1:
        array = matmul(array, OneMatrix(Integer(1), columns))
    return array


def _misfit(found: list[Value], hint: str = "") -> ShapeError:
    return ShapeError(f"{_shapes(found)} do not fit together{hint}")


def _shapes(found: list[Value]) -> str:
    shapes = list(dict.fromkeys(shape_text(v.shape) for v in found))
    return " and ".join(shapes)


def entrywise(function: Callable[..., Expr], *values: Value) -> Value:
    """A scalar function of scalars and arrays, entry by entry over the arrays."""
    exprs, kept = broadcast(values)
    found = [expr for expr in exprs if is_array(expr)]
    if not found:
        return Value(function(*exprs))
    places = iter(range(len(found)))
    return Value(Map(function(*[Slot(next(places)) if is_array(e) else e for e in exprs]), *found), kept)


def matrix_product(left: Value, right: Value) -> Value:
    """a @ b: 1-D vectors as NumPy has them; what is 1 x 1 is a scalar."""
    if not left.is_array or not right.is_array:
        raise ShapeError("'@' multiplies arrays; use '*' with a scalar")
    a, b = left.expr, right.expr
    if left.is_vector and a.shape[1] != b.shape[0] and a.shape[0] == b.shape[0]:
        a = transpose(a)
        if not right.is_vector:
            return Value(transpose(matmul(a, b))) if b.shape[1] != 1 else as_scalar(matmul(a, b))
    product = matmul(a, b)
    if product.shape == (1, 1):
        return as_scalar(product)
    return Value(product, right.kept and product.shape[1] == 1)


def as_scalar(product: Any) -> Value:
    """A 1 x 1 array as the number that it is."""
    return Value(arrays.Scalar(product)) if product.shape == (1, 1) else Value(product)


def transposed(value: Value) -> Value:
    """A vector's transpose is a row."""
    result = transpose(value.expr)
    return Value(result, result.shape[1] == 1 and not isinstance(value.expr, arrays.Symmetric) and value.shape[0] == 1)


# functions with axis= and keepdims=


@dataclass(frozen=True)
class Axis:
    """The keywords of a reduction: axis None, 0 or 1, and keepdims."""

    axis: int | None = None
    keepdims: bool = False


def _resolved(value: Value, axis: Axis) -> int | None:
    """None where the whole array is meant."""
    if axis.axis is None:
        return None
    dimensions = 1 if value.is_vector else 2
    if not -dimensions <= axis.axis < dimensions:
        raise ShapeError(
            f"a vector has the axis 0 only, not {axis.axis}" if dimensions == 1 else f"there is no axis {axis.axis}"
        )
    return None if dimensions == 1 else axis.axis % 2


def _reduction(
    whole: Callable[[Any], Any], by_row: Callable[[Any], Any], values: Value, axis: Axis, scalar: Any = None
) -> Value:
    if not values.is_array:
        return Value(values.expr if scalar is None else scalar)
    along = _resolved(values, axis)
    if along is None:
        return Value(whole(values.expr))
    if along == 1:
        return Value(by_row(values.expr), axis.keepdims)
    column = by_row(transpose(values.expr))
    return Value(transpose(column)) if axis.keepdims else Value(column)


def row_sums(array: Any) -> Any:
    """X 1."""
    return matmul(array, OneMatrix(array.shape[1], Integer(1)))


def _column_total(value: Value, axis: Axis) -> Value:
    if value.is_array and _resolved(value, axis) == 0:
        row = matmul(OneMatrix(Integer(1), value.shape[0]), value.expr)
        return Value(row if axis.keepdims else transpose(row) if not _is_product(row) else _turned(row))
    return _reduction(Total, row_sums, value, axis)


def _is_product(row: Any) -> bool:
    return bool(row.args)


def _turned(row: Any) -> Any:
    """(1' X)' as X' 1."""
    *front, last = [f for f in row.args if is_array(f)]
    scalar = [f for f in row.args if not is_array(f)]
    return matmul(*scalar, transpose(last), *[transpose(f) for f in reversed(front)])


def total(value: Value, axis: Axis) -> Value:
    """sum, along an axis as a product with ones."""
    return _column_total(value, axis)


def mean(value: Value, axis: Axis) -> Value:
    """mean, along an axis as a product with ones."""
    along = _resolved(value, axis) if value.is_array else None
    if along is None:
        return _reduction(Mean, row_sums, value, axis)
    found = _column_total(value, axis)
    return Value(matmul(1 / value.shape[along], found.expr), found.kept)


def variance(value: Value, axis: Axis) -> Value:
    """The mean squared distance from the mean (divided by N, as NumPy does)."""
    middle = mean(value, Axis(axis.axis, True))
    return mean(entrywise(lambda x, m: (x - m) ** 2, value, middle), axis)


def largest(value: Value, axis: Axis) -> Value:
    """max."""
    return _reduction(arrays.LargestEntry, arrays.RowLargest, value, axis)


def log_sum_exp(value: Value, axis: Axis) -> Value:
    """log of the sum of exponentials."""
    return _reduction(arrays.LogSumExp, arrays.RowLogSumExp, value, axis)


def _softmax(column: Callable[[Any], Any], rows: Callable[[Any], Any]) -> Callable[[Value, Axis], Value]:
    def apply(value: Value, axis: Axis) -> Value:
        if not value.is_array:
            raise ShapeError("this function takes an array")
        along = _resolved(value, axis)
        if along is None and value.shape[1] != 1:
            raise ShapeError("softmax of a matrix needs axis=1 (or axis=0)")
        if along is None or value.shape[1] == 1:
            return Value(column(value.expr), value.kept)
        return Value(rows(value.expr)) if along == 1 else Value(transpose(rows(transpose(value.expr))))

    return apply


REDUCTIONS: dict[str, Callable[[Value, Axis], Value]] = {
    "sum": total,
    "mean": mean,
    "var": variance,
    "max": largest,
    "logsumexp": log_sum_exp,
    "softmax": _softmax(Softmax, arrays.RowSoftmax),
    "log_softmax": _softmax(LogSoftmax, arrays.RowLogSoftmax),
}


# plain functions


def _square(node: Callable[[Any], Any]) -> Callable[[Value], Value]:
    def apply(value: Value) -> Value:
        if not value.is_array:
            raise ShapeError("this function takes a square matrix")
        return Value(node(arrays.square(value.expr)))

    return apply


def norm(value: Value) -> Value:
    """The Euclidean (Frobenius) norm; of a number its magnitude."""
    return Value(arrays.Norm(value.expr) if value.is_array else Abs(value.expr))


def dot(left: Value, right: Value) -> Value:
    """x'y."""
    if not left.is_array and not right.is_array:
        return Value(left.expr * right.expr)
    if not (left.is_vector and right.is_vector):
        raise ShapeError("dot takes two vectors; use '@' for matrices")
    return as_scalar(matmul(transpose(left.expr), right.expr))


def outer(left: Value, right: Value) -> Value:
    """x y'."""
    if not (left.is_array and right.is_array and left.shape[1] == right.shape[1] == 1):
        raise ShapeError("outer takes two vectors")
    return Value(matmul(left.expr, transpose(right.expr)))


def diag(value: Value) -> Value:
    """The diagonal matrix of a vector, the diagonal of a matrix."""
    if not value.is_array:
        raise ShapeError("diag takes an array")
    if value.shape[1] == 1:
        return Value(arrays.Diag(value.expr))
    return Value(arrays.Diagonal(arrays.square(value.expr)))


def _size(value: Value) -> Any:
    size = value.expr
    if value.is_array or not (size.is_integer and size.is_positive):
        raise ShapeError(f"a size is needed here, such as 3 or n, not {size}")
    return size


def ones(*sizes: Value) -> Value:
    """ones(n), ones(n, m)."""
    shape = [_size(size) for size in sizes]
    return Value(OneMatrix(shape[0], Integer(1)) if len(shape) == 1 else OneMatrix(*shape), len(shape) == 2)


def zeros(*sizes: Value) -> Value:
    """zeros(n), zeros(n, m)."""
    shape = [_size(size) for size in sizes]
    return Value(ZeroMatrix(shape[0], Integer(1)) if len(shape) == 1 else ZeroMatrix(*shape), len(shape) == 2)


def eye(size: Value) -> Value:
    """The identity matrix."""
    return Value(Identity(_size(size)))


def kron(left: Value, right: Value) -> Value:
    """The Kronecker product."""
    if not (left.is_array and right.is_array):
        raise ShapeError("kron takes two arrays")
    return Value(arrays.Kron(left.expr, right.expr))


def reshape(value: Value, *sizes: Value) -> Value:
    """The entries in another shape, row by row."""
    shape = [_size(size) for size in sizes]
    rows, columns = (shape[0], Integer(1)) if len(shape) == 1 else shape
    if not value.is_array or Mul(*value.shape) != rows * columns:
        raise ShapeError(f"{shape_text(value.shape)} entries do not make {shape_text((rows, columns))}")
    return Value(arrays.Reshaped(value.expr, rows, columns), len(shape) == 2 and columns == 1)


def absolute(number: Any) -> Any:
    """|x| of a real number; SymPy takes the entries of arrays to be complex and would write exp(re(x)) for |exp(x)|."""
    return Abs(number).replace(re, lambda t: t).replace(im, lambda t: Integer(0))


def _table_function(name: str) -> Callable[..., Value]:
    function = TABLE[name]
    names = [parameter for parameter, _ in function.row.parameters]
    defaults = [value for _, value in function.row.parameters]

    def apply(x: Value, *given: Value) -> Value:
        for parameter, value in zip(names, given, strict=False):
            if value.is_array:
                raise ShapeError(f"the {parameter} of {name} is a scalar")
        settings = [*[value.expr for value in given], *defaults[len(given) :]]
        return entrywise(lambda t: function(t, *settings), x)

    return apply


def _elementary(function: Callable[..., Expr]) -> Callable[..., Value]:
    return lambda *values: entrywise(function, *values)


FUNCTIONS: dict[str, tuple[int, int, Callable[..., Value]]] = {
    **{name: (1, 1, function) for name, function in REDUCTIONS.items()},  # type: ignore[dict-item]
    "dot": (2, 2, dot),
    "outer": (2, 2, outer),
    "trace": (1, 1, _square(arrays.TraceOf)),
    "det": (1, 1, _square(arrays.Det)),
    "logdet": (1, 1, _square(arrays.LogDet)),
    "inv": (1, 1, _square(arrays.Inv)),
    "norm": (1, 1, norm),
    "diag": (1, 1, diag),
    "ones": (1, 2, ones),
    "zeros": (1, 2, zeros),
    "eye": (1, 1, eye),
    "kron": (2, 2, kron),
    "reshape": (2, 3, reshape),
    "exp": (1, 1, _elementary(exp)),
    "log": (1, 1, _elementary(log)),
    "sqrt": (1, 1, _elementary(sqrt)),
    "abs": (1, 1, _elementary(absolute)),
    "maximum": (2, 2, _elementary(Max)),
    "minimum": (2, 2, _elementary(Min)),
    "where": (3, 3, _elementary(lambda c, a, b: a)),  # its condition is read apart: formula.py
    **{name: (1, 1 + len(row.row.parameters), _table_function(name)) for name, row in TABLE.items()},
}


def plus(left: Value, right: Value) -> Value:
    """a + b: a sum of arrays where both are arrays."""
    from derive.algebra.nodes import add

    if left.is_array and right.is_array:
        exprs, kept = broadcast([left, right])
        return Value(add(*exprs), kept)
    return entrywise(lambda a, b: a + b, left, right)


def minus(left: Value, right: Value) -> Value:
    """a - b."""
    from derive.algebra.nodes import add

    if left.is_array and right.is_array:
        (a, b), kept = broadcast([left, right])
        return Value(add(a, matmul(-1, b)), kept)
    return entrywise(lambda a, b: a - b, left, right)


def times(left: Value, right: Value) -> Value:
    """a * b, entry by entry."""
    if left.is_array and right.is_array:
        exprs, kept = broadcast([left, right])
        return Value(hadamard(*exprs), kept)
    if left.is_array or right.is_array:
        return Value(matmul(left.expr, right.expr), left.kept or right.kept)
    return Value(left.expr * right.expr)


def over(left: Value, right: Value) -> Value:
    """a / b, entry by entry."""
    if left.is_array and not right.is_array:
        return Value(matmul(1 / right.expr, left.expr), left.kept)
    return entrywise(lambda a, b: a / b, left, right)


def entry(value: Value, indices: tuple[int, ...]) -> Value:
    """x[i], A[i, j], counted from 0 as NumPy does."""
    wanted = 1 if value.is_vector else 2
    if len(indices) != wanted:
        raise ShapeError(f"this array has {wanted} ind{'ex' if wanted == 1 else 'ices'}, not {len(indices)}")
    row, column = indices if wanted == 2 else (indices[0], 0)
    for index, size in ((row, value.shape[0]), (column, value.shape[1])):
        if size.is_Integer and index >= size:
            raise ShapeError(f"there is no entry {index}: the size is {size}, and NumPy counts from 0")
    return Value(MatrixElement(value.expr, Integer(row), Integer(column)))
