"""The nodes that SymPy lacks. Scalars are SymPy's `Expr`, arrays its `MatrixExpr`; a vector is a column, n x 1.

Nothing here simplifies: what a teacher writes down stays as it was written, so that a step can show both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from sympy import (
    Add,
    Basic,
    Expr,
    Float,
    Function,
    Integer,
    MatrixBase,
    MatrixExpr,
    Mul,
    Number,
    Rational,
    Symbol,
)
from sympy.core.symbol import Str
from sympy.core.sympify import _sympify as strict  # numbers and expressions only: text is never evaluated
from sympy.matrices.expressions import Identity, MatAdd, MatMul, OneMatrix, Transpose
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.errors import NotDerivable, ShapeError

# SymPy takes the 1/2 of a matrix product out as if it were a product of numbers, and then makes such a one of it
MatMul.as_content_primitive = Expr.as_content_primitive

Array: TypeAlias = Any  # a MatrixExpr or an explicit matrix


def is_array(expr: Any) -> bool:
    """Whether `expr` has rows and columns."""
    return isinstance(expr, MatrixExpr | MatrixBase)


class Written(Expr):
    """Base of scalar nodes that are shown as written; `plain()` is the same value in SymPy's own nodes."""

    is_commutative = True

    def plain(self) -> Expr:
        raise NotImplementedError

    def _eval_derivative(self, symbol: Symbol) -> Expr:
        return plain(self).diff(symbol)

    def _eval_evalf(self, prec: int) -> Expr:
        return plain(self)._eval_evalf(prec)


class Numeral(Written):
    """A number on the page: its exact value, and the decimals shown (-1: all of them, the decimal expansion ends; -3: a
    number rounded to thousands).

    It is an atom to SymPy, so that `2 * 3` stays a product on the page.
    """

    def __new__(cls, value: Any, places: int = -1) -> Numeral:
        value = strict(value) if not isinstance(value, Basic) else value
        if not isinstance(value, Number):
            raise NotDerivable(f"{value} is no number")
        return Expr.__new__(cls, value, Integer(places))

    @property
    def value(self) -> Number:
        return self.args[0]

    @property
    def places(self) -> int:
        return int(self.args[1])

    @property
    def shown(self) -> Rational:
        """The number that the printed digits denote."""
        if self.places == -1:
            return Rational(self.value)
        scale = Rational(10) ** self.places
        scaled = abs(Rational(self.value) * scale)
        rounded = int(scaled + Rational(1, 2))
        return (rounded if self.value >= 0 else -rounded) / scale

    @property
    def is_exact(self) -> bool:
        """Whether the digits shown are the number itself. A `Float` is never exact: it stands for an irrational."""
        return not isinstance(self.value, Float) and self.shown == self.value

    @property
    def free_symbols(self) -> set[Basic]:
        return set()

    def plain(self) -> Expr:
        return self.value

    def _eval_is_real(self) -> bool:
        return True


class Rounded(Numeral):
    """A number known only by its rounded digits, such as an author's 1.57: right when it is within half a unit."""

    @property
    def is_exact(self) -> bool:
        return False


class Terms(Written):
    """A sum in the order in which it is written."""

    def __new__(cls, *args: Any) -> Expr:
        return args[0] if len(args) == 1 else Expr.__new__(cls, *map(strict, args))

    def plain(self) -> Expr:
        return Add(*map(plain, self.args))


class Factors(Written):
    """A product in the order in which it is written."""

    def __new__(cls, *args: Any) -> Expr:
        return args[0] if len(args) == 1 else Expr.__new__(cls, *map(strict, args))

    def plain(self) -> Expr:
        return Mul(*map(plain, self.args))


class Quotient(Written):
    """A fraction as it is written."""

    def __new__(cls, numerator: Any, denominator: Any) -> Expr:
        return Expr.__new__(cls, strict(numerator), strict(denominator))

    def plain(self) -> Expr:
        return plain(self.args[0]) / plain(self.args[1])


class Power(Written):
    """A power as it is written: `0.9^2` before it is 0.81."""

    def __new__(cls, base: Any, exponent: Any) -> Expr:
        return Expr.__new__(cls, strict(base), strict(exponent))

    def plain(self) -> Expr:
        return plain(self.args[0]) ** plain(self.args[1])


class Magnitude(Written):
    """An absolute value as it is written."""

    def __new__(cls, inner: Any) -> Expr:
        return Expr.__new__(cls, strict(inner))

    def plain(self) -> Expr:
        return abs(plain(self.args[0]))


class Largest(Written):
    """The maximum of a few written numbers."""

    def __new__(cls, *args: Any) -> Expr:
        return Expr.__new__(cls, *map(strict, args))

    def plain(self) -> Expr:
        from sympy import Max

        return Max(*map(plain, self.args))


class Floor(Written):
    """The integer part, as it is written."""

    def __new__(cls, inner: Any) -> Expr:
        return Expr.__new__(cls, strict(inner))

    def plain(self) -> Expr:
        from sympy import floor

        return floor(plain(self.args[0]))


def plain(expr: Any) -> Any:
    """`expr` with every written node replaced by its value: numerals become numbers, written sums are summed."""
    if isinstance(expr, Written):
        return expr.plain()
    if isinstance(expr, MatrixBase):
        return expr.applyfunc(plain)
    if not isinstance(expr, Basic) or not expr.args or not expr.has(Written):
        return expr
    return expr.func(*[plain(arg) for arg in expr.args])


class Slot(Symbol):
    """The place of the k-th argument in the body of a `Map`."""

    def __new__(cls, index: int) -> Slot:
        slot = Symbol.__xnew__(cls, f"_slot{index}", real=True)
        slot.index = index
        return slot

    def __getnewargs_ex__(self) -> tuple[tuple[int], dict[str, Any]]:
        return (self.index,), {}


class Map(MatrixExpr):
    """A function applied entry by entry to arrays of one shape: `Map(body, X, Y)`, with `Slot(0)`, `Slot(1)` in body.

    Sums with scalars, Hadamard products, powers and activations are all this one node, so one rule differentiates them.
    """

    def __new__(cls, body: Any, *arrays: Any) -> MatrixExpr:
        shapes = {array.shape for array in arrays}
        if len(shapes) != 1:
            raise ShapeError(" and ".join(shape_text(array.shape) for array in arrays) + " do not match entry by entry")
        body, merged = _merged(strict(body), arrays)
        if len(merged) == 1 and body == Slot(0):
            return merged[0]
        return Basic.__new__(cls, body, *merged)

    @property
    def body(self) -> Expr:
        return self.args[0]

    @property
    def arrays(self) -> tuple[Array, ...]:
        return self.args[1:]

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[1].shape

    @property
    def free_symbols(self) -> set[Basic]:
        slots = {symbol for symbol in self.body.free_symbols if isinstance(symbol, Slot)}
        return (set(self.body.free_symbols) - slots).union(*(array.free_symbols for array in self.arrays))

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return self.at([array[i, j] for array in self.arrays])

    def at(self, entries: Iterable[Expr]) -> Expr:
        """The body with the entries put into its slots."""
        return filled(self.body, {Slot(k): entry for k, entry in enumerate(entries)})


def filled(body: Any, slots: dict[Basic, Basic]) -> Any:
    """The body with its slots replaced; what an inner array binds (inside a total, say) is not touched."""
    if body in slots:
        return slots[body]
    if not isinstance(body, Basic) or not body.args or any(isinstance(arg, MatrixExpr) for arg in body.args):
        return body
    return body.func(*[filled(arg, slots) for arg in body.args])


def _merged(body: Expr, arrays: Any) -> tuple[Expr, list[Array]]:
    """Maps inside a Map dissolve, and an array that occurs twice takes one slot."""
    flat: list[Array] = []
    replacement: dict[Basic, Basic] = {}

    def slot_of(array: Array) -> Slot:
        if array not in flat:
            flat.append(array)
        return Slot(flat.index(array))

    for k, array in enumerate(arrays):
        if isinstance(array, Map):
            inner = {Slot(m): slot_of(part) for m, part in enumerate(array.arrays)}
            replacement[Slot(k)] = filled(array.body, inner)
        else:
            replacement[Slot(k)] = slot_of(array)
    return _pruned(filled(body, replacement), flat)


def _pruned(body: Expr, arrays: list[Array]) -> tuple[Expr, list[Array]]:
    """Arrays that the body no longer mentions leave (one stays, for the shape)."""
    used = sorted(symbol.index for symbol in body.free_symbols if isinstance(symbol, Slot))
    if len(used) == len(arrays) or not used:
        return body, arrays if used else arrays[:1]
    renumbered: dict[Basic, Basic] = {Slot(old): Slot(new) for new, old in enumerate(used)}
    return filled(body, renumbered), [arrays[k] for k in used]


class OfArray(Expr):
    """Base of scalars that are made of one array. SymPy's rewriting of scalars takes them as they are: inside, where products
    do not commute, it would go wrong."""

    is_commutative = True
    is_Atom = True

    def __new__(cls, array: Any) -> Expr:
        return Expr.__new__(cls, array)

    @property
    def array(self) -> Array:
        return self.args[0]

    def _sympystr(self, printer: Any) -> str:
        """By this SymPy puts terms in order; its own printing of products takes time exponential in how deep they stand in one
        another."""
        return signature(self)


def signature(thing: Any) -> str:
    """A text by which expressions are put in the same order each time, in time linear in their size."""
    if isinstance(thing, tuple):
        return ", ".join(map(signature, thing))
    if not getattr(thing, "args", ()) or isinstance(thing, MatrixSymbol):
        return str(thing)
    return f"{type(thing).__name__}({', '.join(map(signature, thing.args))})"


class Total(OfArray):
    """The sum of all entries of an array, a scalar."""

    def _eval_derivative(self, symbol: Symbol) -> Expr:
        if symbol in self.free_symbols:
            raise NotDerivable("a sum over an array is differentiated by adjoints, not by SymPy")
        return Integer(0)


class Mean(OfArray):
    """The mean of all entries of an array, a scalar; of a named vector it is written with a bar."""

    def _eval_derivative(self, symbol: Symbol) -> Expr:
        if symbol in self.free_symbols:
            raise NotDerivable("a mean over an array is differentiated by adjoints, not by SymPy")
        return Integer(0)


class Softmax(MatrixExpr):
    """softmax of a column: e^z / (1' e^z)."""

    def __new__(cls, array: Any) -> MatrixExpr:
        return Basic.__new__(cls, array)

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[0].shape

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class LogSoftmax(Softmax):
    """log of the softmax of a column."""


class Gradient(MatrixExpr):
    """The gradient of a scalar in an array: an array of that array's shape (denominator layout)."""

    def __new__(cls, of: Any, wrt: Any) -> MatrixExpr:
        return Basic.__new__(cls, of, wrt)

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[1].shape

    def _entry(self, i: Any, j: Any, **_: Any) -> Expr:
        return MatrixElement(self, i, j)


class Partial(Expr):
    """The partial derivative of a scalar in scalars, not yet carried out: Partial(f, x), Partial(f, x, y)."""

    is_commutative = True

    def __new__(cls, of: Any, *wrt: Any) -> Expr:
        return Expr.__new__(cls, strict(of), *map(strict, wrt))


class Prime(Function):
    """The derivative of a function of the table at a point: Prime(Str('sigmoid'), z). Known by its name alone."""

    nargs = (2, 3)

    @classmethod
    def eval(cls, *args: Any) -> None:
        return None

    def _eval_is_real(self) -> bool:
        return True


class LimitOf(Expr):
    """The limit of a scalar as a variable tends to a number (from above where `side` is 1, from below where it is -1) or to
    infinity, not yet worked out."""

    is_commutative = True

    def __new__(cls, of: Any, variable: Any, to: Any, side: int = 0) -> Expr:
        return Expr.__new__(cls, strict(of), variable, strict(to), *([Integer(side)] if side else []))


class At(Expr):
    """A scalar where variables have values, not yet worked out: At(x**2, x, 3), At(x*y, x, 3, y, 4)."""

    is_commutative = True

    def __new__(cls, of: Any, *places: Any) -> Expr:
        return Expr.__new__(cls, strict(of), *places)

    @property
    def places(self) -> list[tuple[Any, Any]]:
        """(variable, value), in order."""
        return list(zip(self.args[1::2], self.args[2::2], strict=True))


class Expectation(Expr):
    """The expected value of a random scalar."""

    is_commutative = True

    def __new__(cls, of: Any) -> Expr:
        return Expr.__new__(cls, strict(of))


def gradient_symbol(of: Expr, wrt: Any) -> Expr | MatrixExpr:
    """The unevaluated derivative of a scalar, as a scalar or as an array."""
    return Gradient(of, wrt) if is_array(wrt) else Partial(of, wrt)


def prime(name: str, *args: Any) -> Expr:
    """f'(t) for the function `name`."""
    return Prime(Str(name), *args)


# Constructors that keep the order in which a person writes.


def add(*terms: Any) -> Any:
    """A sum of arrays (or of scalars) of one shape, in the order given."""
    if not is_array(terms[0]):
        return Add(*terms)
    shapes = {tuple(term.shape) for term in terms}
    if len(shapes) != 1:
        raise ShapeError(" and ".join(shape_text(term.shape) for term in terms) + " cannot be added")
    flat = [part for term in terms for part in (term.args if isinstance(term, MatAdd) else (term,))]
    return flat[0] if len(flat) == 1 else MatAdd(*flat)


def matmul(*factors: Any) -> Any:
    """A product, scalars first, in the order given; sizes are compared. What is a one of size 1 x 1 is left out."""
    flat = [part for factor in factors for part in (factor.args if isinstance(factor, MatMul) else (factor,))]
    scalars, arrays = [f for f in flat if not is_array(f)], [f for f in flat if is_array(f)]
    arrays = without_ones(arrays)
    for left, right in zip(arrays, arrays[1:], strict=False):
        if left.shape[1] != right.shape[0]:
            raise ShapeError(f"{shape_text(left.shape)} times {shape_text(right.shape)}: the inner sizes differ")
    scalar = Mul(*scalars)
    if not arrays:
        return scalar
    if scalar == 1:
        return arrays[0] if len(arrays) == 1 else MatMul(*arrays)
    return MatMul(scalar, *arrays)


def is_one(array: Any) -> bool:
    """Whether an array is the number 1: ones, an identity or a unit vector of size 1 x 1."""
    inner = array.args[0] if isinstance(array, Transpose) else array
    return tuple(inner.shape) == (1, 1) and (
        isinstance(inner, OneMatrix | Identity) or getattr(inner, "is_unit", False)
    )


def without_ones(arrays: list[Any]) -> list[Any]:
    """The factors of a product without those that are the number 1; where all are, one of them."""
    return [array for array in arrays if not is_one(array)] or arrays[:1]


def transpose(array: Any) -> Any:
    """The transpose, never doubled; of a one of size 1 x 1, that itself."""
    if is_one(array):
        return array
    if isinstance(array, OneMatrix):
        return OneMatrix(array.shape[1], array.shape[0])
    return array.args[0] if isinstance(array, Transpose) else Transpose(array)


def hadamard(*arrays: Any) -> Any:
    """The entrywise product."""
    return Map(Mul(*[Slot(k) for k in range(len(arrays))]), *arrays)


def shape_text(shape: Iterable[Any]) -> str:
    """'2 x 3'."""
    return " x ".join(map(str, shape))
