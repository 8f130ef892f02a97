"""The nodes of matrix calculus that SymPy lacks, and symbols that know what they are: symmetric, positive definite, ...

Repeating is a product with ones (1 b' repeats a row, u 1' a column) and summing along an axis is one too (X 1, 1' X), so
that the product rule differentiates both.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sympy import Basic, Expr, Integer, MatrixExpr, Symbol, Tuple
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra.nodes import OfArray, Softmax
from derive.errors import ShapeError


class Symmetric(MatrixSymbol):
    """A symmetric matrix by name. Derivatives treat its entries as independent of one another."""

    domain: ClassVar[str] = "symmetric"


class PositiveDefinite(Symmetric):
    """A symmetric positive definite matrix by name."""

    domain: ClassVar[str] = "positive_definite"


class PositiveArray(MatrixSymbol):
    """An array of positive numbers by name."""

    domain: ClassVar[str] = "positive"


class LabelArray(MatrixSymbol):
    """An array of zeros and ones by name."""

    domain: ClassVar[str] = "binary"


class SignArray(MatrixSymbol):
    """An array of labels -1 and 1 by name."""

    domain: ClassVar[str] = "sign"


class CountArray(MatrixSymbol):
    """An array of counts 0, 1, 2, ... by name."""

    domain: ClassVar[str] = "count"


class UnitNumber(Symbol):
    """A number between 0 and 1 by name."""

    domain: ClassVar[str] = "unit"

    def __new__(cls, name: str) -> Symbol:
        return Symbol.__xnew__(cls, name, positive=True)

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.name,), {}


class ChosenNumber(Symbol):
    """A number that is one of two by name: 0 or 1 in the domain 'binary', -1 or 1 in the domain 'sign'."""

    def __new__(cls, name: str, domain: str) -> Symbol:
        assumptions = {"nonnegative": True} if domain == "binary" else {"nonzero": True}
        symbol = Symbol.__xnew__(cls, name, real=True, **assumptions)
        symbol.domain = domain
        return symbol

    def __getnewargs_ex__(self) -> tuple[tuple[str, str], dict[str, Any]]:
        return (self.name, self.domain), {}


class RangedNumber(Symbol):
    """A number between two ends by name: without its ends where both are given, else from the lower one on."""

    domain: str

    def __new__(cls, name: str, low: Any, high: Any = None) -> Symbol:
        signs = (
            {"positive": True}
            if low > 0 or (low == 0 and high is not None)
            else {"nonnegative": True}
            if low == 0
            else {}
        )
        signs = {"negative": True} if high is not None and high <= 0 else signs
        symbol = Symbol.__xnew__(cls, name, **(signs or {"real": True}))
        symbol.ends = (low, high)
        symbol.domain = f"at_least({low})" if high is None else f"range({low}, {high})"
        return symbol

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, *self.ends), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.domain)


class Distribution(MatrixSymbol):
    """Probabilities that add up to one: a column by name, or one distribution in each row of a matrix."""

    domain: ClassVar[str] = "probabilities"


class OneHot(Distribution):
    """A distribution with a single one."""

    domain: ClassVar[str] = "one_hot"


class Column(MatrixSymbol):
    """A matrix of one column by name, which NumPy repeats along rows; a vector is repeated as a row."""


class _OfArrays(OfArray):
    """A real number made of one array."""

    is_real = True


class Scalar(_OfArrays):
    """The one entry of a 1 x 1 array: x' A x as the number that it is."""


class Norm(_OfArrays):
    """The Euclidean norm of a vector, the Frobenius norm of a matrix."""

    is_nonnegative = True


class TraceOf(_OfArrays):
    """The sum of the diagonal of a square matrix."""


class Det(_OfArrays):
    """The determinant of a square matrix."""


class LogDet(_OfArrays):
    """The logarithm of the determinant of a matrix whose determinant is positive."""


class Rank(_OfArrays):
    """The number of independent columns (or rows) of a matrix."""


class LargestEntry(_OfArrays):
    """The largest entry of an array."""


class LogSumExp(_OfArrays):
    """log of the sum of the exponentials of all entries."""


class _Square(MatrixExpr):
    def __new__(cls, array: Any) -> MatrixExpr:
        return Basic.__new__(cls, array)

    @property
    def array(self) -> Any:
        return self.args[0]

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class Inv(_Square):
    """The inverse of a square matrix."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.array.shape


class Diag(_Square):
    """The diagonal matrix of a column."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return (self.array.shape[0], self.array.shape[0])


class Diagonal(_Square):
    """The diagonal of a square matrix, as a column."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return (self.array.shape[0], Integer(1))


class RowLogSumExp(_Square):
    """log of the sum of the exponentials of each row, as a column."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return (self.array.shape[0], Integer(1))


class RowLargest(_Square):
    """The largest entry of each row, as a column."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return (self.array.shape[0], Integer(1))


class RowSoftmax(Softmax):
    """softmax of each row."""


class RowLogSoftmax(RowSoftmax):
    """log of the softmax of each row."""


class Kron(MatrixExpr):
    """The Kronecker product: every entry of the left one times the right one."""

    def __new__(cls, left: Any, right: Any) -> MatrixExpr:
        return Basic.__new__(cls, left, right)

    @property
    def shape(self) -> tuple[Any, Any]:
        (a, b), (c, d) = self.args[0].shape, self.args[1].shape
        return (a * c, b * d)

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class Commutation(MatrixExpr):
    """K with vec(X') = K vec(X) for X of m rows and n columns."""

    def __new__(cls, rows: Any, columns: Any) -> MatrixExpr:
        return Basic.__new__(cls, rows, columns)

    @property
    def shape(self) -> tuple[Any, Any]:
        size = self.args[0] * self.args[1]
        return (size, size)

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class Unit(MatrixExpr):
    """The column with a one at a place (counted from 0) and zeros elsewhere."""

    is_unit = True

    def __new__(cls, size: Any, place: Any) -> MatrixExpr:
        return Basic.__new__(cls, size, place)

    @property
    def shape(self) -> tuple[Any, Any]:
        return (self.args[0], Integer(1))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class Reshaped(MatrixExpr):
    """The entries of an array in another shape, row by row as NumPy does."""

    def __new__(cls, array: Any, rows: Any, columns: Any) -> MatrixExpr:
        return Basic.__new__(cls, array, rows, columns)

    @property
    def array(self) -> Any:
        return self.args[0]

    @property
    def shape(self) -> tuple[Any, Any]:
        return (self.args[1], self.args[2])

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class Grouped(MatrixExpr):
    """A product in the brackets that an author wrote: A (B x), where the brackets are what is meant."""

    def __new__(cls, array: Any) -> MatrixExpr:
        return Basic.__new__(cls, array)

    @property
    def array(self) -> Any:
        return self.args[0]

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[0].shape

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class OfWindows(MatrixExpr):
    """Of an image on the page (a row for each place, row by row of the image; a column for each channel), by windows.

    `plan` holds the image's height and width, the window's, the strides, and the padding with zeros, each in both directions.
    """

    def __new__(cls, array: Any, plan: Any, *more: Any) -> MatrixExpr:
        return Basic.__new__(cls, array, Tuple(*map(Integer, plan)), *more)

    @property
    def array(self) -> Any:
        return self.args[0]

    @property
    def plan(self) -> tuple[int, ...]:
        return tuple(map(int, self.args[1]))

    @property
    def windows(self) -> int:
        """How many windows there are."""
        height, width, kh, kw, sh, sw, ph, pw = self.plan
        return ((height + 2 * ph - kh) // sh + 1) * ((width + 2 * pw - kw) // sw + 1)

    @property
    def places(self) -> int:
        """How many places the image has."""
        return self.plan[0] * self.plan[1]

    @property
    def size(self) -> int:
        """How many places a window has."""
        return self.plan[2] * self.plan[3]

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class Patches(OfWindows):
    """A row for each window, with its entries channel after channel: what a convolution multiplies by its filters."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return (Integer(self.windows), self.array.shape[1] * self.size)


class Folded(OfWindows):
    """The adjoint of patches: each entry of the image is the sum of all entries of windows that were taken from it."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return (Integer(self.places), self.array.shape[1] / self.size)


class WindowLargest(OfWindows):
    """The largest entry of each window, channel by channel: a row for each window."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return (Integer(self.windows), self.array.shape[1])


class Unpooled(OfWindows):
    """The entries of an array with a row for each window, put where the windows of `image` (the last argument) are largest,
    and summed there; zero elsewhere."""

    @property
    def image(self) -> Any:
        return self.args[2]

    @property
    def shape(self) -> tuple[Any, Any]:
        return (Integer(self.places), self.array.shape[1])


class Jacobian(MatrixExpr):
    """d vec(F)/d vec(X)': rows for the entries of F, columns for those of X, stacked column by column."""

    def __new__(cls, of: Any, wrt: Any) -> MatrixExpr:
        return Basic.__new__(cls, of, wrt)

    @property
    def shape(self) -> tuple[Any, Any]:
        (a, b), (c, d) = self.args[0].shape, self.args[1].shape
        return (a * b, c * d)

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class Hessian(MatrixExpr):
    """The second derivatives of a scalar in an array, whose entries are stacked column by column."""

    def __new__(cls, of: Any, wrt: Any) -> MatrixExpr:
        return Basic.__new__(cls, of, wrt)

    @property
    def shape(self) -> tuple[Any, Any]:
        a, b = self.args[1].shape
        return (a * b, a * b)

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class SmallChange(MatrixSymbol):
    """dX, a small change of X, by name."""


class Change(MatrixExpr):
    """The differential d F of an array in the directions d X_k, not yet carried out: Change(F, X, dX, Y, dY, ...)."""

    def __new__(cls, of: Any, *directions: Any) -> MatrixExpr:
        return Basic.__new__(cls, of, *directions)

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[0].shape

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class ScalarChange(Expr):
    """The differential of a scalar in the directions d X_k, not yet carried out."""

    is_commutative = True

    def __new__(cls, of: Any, *directions: Any) -> Expr:
        return Expr.__new__(cls, of, *directions)


def square(array: Any) -> Any:
    """The array itself; ShapeError where it has not as many rows as columns."""
    if array.shape[0] != array.shape[1]:
        raise ShapeError(f"a square matrix is needed here, not {array.shape[0]} x {array.shape[1]}")
    return array
