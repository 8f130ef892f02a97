"""Expressions to balls: rigorous enclosures of their values, by python-flint's `arb` and `arb_mat`. One function a node.

    point = Point({x: Rational(1, 10), A: tensor}, definitions)     # exact numbers in, definitions in order
    left, right = ball(lhs, point), ball(rhs, point)                # each holds the exact value of its side
    meet(left, right)                                               # False refutes lhs == rhs at this point, rigorously
    truth(Le(lhs, rhs), point)                                      # True and False are proofs, None is undecided

A ball is a promise: the exact real value lies in it, whatever cancels. Balls that do not meet are a proof that two values
differ; balls that meet prove nothing, but are 1e-38 wide where nothing cancels. A float64 is an exact binary fraction, so
a point that torch used can be handed over as it is, and torch's answer must then lie within its own rounding of the ball.
A condition that its balls do not decide leaves both branches open, and the ball holds both values; where a value is not
real, or the domain is undecided, the ball is not finite (`is_finite`): draw another point. Values may also be wide balls
(`between`): then the result encloses the expression over the whole box.

What has no rule is refused by name (NoBall): derivatives are torch.autograd's, moments are their world's.
Nothing here knows a derivative of the engine or a rewriting rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from fractions import Fraction
from functools import reduce, singledispatch
from typing import Any, TypeAlias

from flint import arb, arb_mat, ctx, fmpq
from sympy import (
    Abs,
    Add,
    Basic,
    Dummy,
    Float,
    Function,
    Idx,
    Indexed,
    Max,
    Min,
    Mul,
    NumberSymbol,
    Piecewise,
    Pow,
    Product,
    Rational,
    S,
    Sum,
    Symbol,
    erf,
    exp,
    floor,
    log,
    sign,
)  # fmt: skip
from sympy.core.relational import Relational
from sympy.functions.special.tensor_functions import KroneckerDelta
from sympy.logic.boolalg import ITE, And, BooleanFalse, BooleanTrue, Not, Or
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import nodes
from derive.algebra.functions import TABLE, TableFunction, argument
from derive.errors import DeriveError

Ball: TypeAlias = arb | arb_mat
BITS = 128
DIGITS = 30  # of a `Float`, which stands for an irrational and was rounded at fifty


class NoBall(DeriveError):
    """There is no rigorous value: a node without a rule (its name is `node`), or a choice that the balls leave open."""

    def __init__(self, node: str, why: str = "has no ball"):
        super().__init__(f"{node} {why}")
        self.node = node


class Point:
    """Exact values (or balls) by symbol, and definitions on top of them, which are evaluated where they are asked for.

    A value is an int, Fraction, float, SymPy number or `arb`; a list (of lists) of these, a SymPy matrix or a tensor for an
    array. Symbolic sizes are values too. `bits` is the working precision; with more bits, balls are narrower.
    """

    def __init__(self, values: Mapping[Any, Any], definitions: Iterable[tuple[Any, Any]] = (), bits: int = BITS):
        self.bits = bits
        self.definitions = dict(definitions)
        self.values: dict[Basic, Ball] = {}
        self.local: dict[Basic, Ball] = {}
        self.known: dict[Basic, Ball] = {}  # values of arrays, and of scalars made of arrays
        self.exact = {
            symbol: Rational(value) for symbol, value in values.items() if isinstance(value, int | float | Rational)
        }
        with ctx.workprec(bits):
            self.values.update({symbol: as_ball(value) for symbol, value in values.items()})

    def having(self, more: Mapping[Basic, Ball]) -> Point:
        """The same point with local values (of slots, of summation indices) on top."""
        inner = copy(self)
        inner.local = {**self.local, **more}
        return inner

    def value(self, symbol: Basic) -> Ball:
        """The value of a symbol; NoBall where the point does not know it."""
        if symbol in self.local:
            return self.local[symbol]
        if symbol not in self.values:
            if symbol not in self.definitions:
                raise NoBall(str(symbol), "has no value at this point")
            self.values[symbol] = value_in(self.definitions[symbol], self.outermost())
        return self.values[symbol]

    def outermost(self) -> Point:
        """The point without local values, in which definitions are read."""
        point = self.having({})
        point.local = {}
        return point

    def by_name(self, name: str) -> Ball:
        """The value of the array (or sequence) of this name."""
        for symbol in [*self.local, *self.values, *self.definitions]:
            if str(getattr(symbol, "name", symbol)) == name:
                return self.value(symbol)
        raise NoBall(name, "has no value at this point")


def ball(expr: Any, point: Point) -> Ball:
    """A ball (a matrix of balls for an array) that holds the exact value of the expression at the point."""
    with ctx.workprec(point.bits):
        return value_in(expr, point)


def meet(one: Ball, other: Ball) -> bool:
    """Whether two balls have a number in common: False proves that the values differ. Balls that are not finite meet all;
    a 1 x 1 array and a scalar are one number, other shapes that differ do not meet."""
    left, right = entries(one), entries(other)
    if len(left) != len(right) or shape(one) != shape(other):
        return False
    return all(not (a.is_finite() and b.is_finite()) or a.overlaps(b) for a, b in zip(left, right))


def truth(relation: Any, point: Point) -> bool | None:
    """Whether a relation (or a combination of them) holds at the point: a proof either way, or None where it is undecided."""
    with ctx.workprec(point.bits):
        return decided(relation, point)


def is_finite(value: Ball) -> bool:
    """Whether the value is real and its ball bounded, in every entry."""
    return all(entry.is_finite() for entry in entries(value))


def entries(value: Ball) -> list[arb]:
    """All entries, row by row."""
    return [value] if isinstance(value, arb) else value.entries()


def shape(value: Ball) -> tuple[int, int]:
    return (1, 1) if isinstance(value, arb) else (value.nrows(), value.ncols())


def as_ball(value: Any) -> Ball:
    """A number (or a nested list of numbers) as the ball of just that value."""
    if isinstance(value, arb | arb_mat):
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        rows = [list(row) if isinstance(row, list | tuple) else [row] for row in value]
        if any(isinstance(entry, list | tuple) for row in rows for entry in row):
            raise NoBall("an array of more than two axes")
        return arb_mat([[number(entry) for entry in row] for row in rows])
    return number(value)


def number(value: Any) -> arb:
    """One number: a rational or a float exactly (to the last bit of the precision), a `Float` to DIGITS digits."""
    if isinstance(value, arb):
        return value
    if isinstance(value, int | float):
        return arb(value)
    if isinstance(value, Fraction):
        return arb(fmpq(value.numerator, value.denominator))
    if isinstance(value, Basic):
        return scalar(value_in(value, Point({})))
    raise NoBall(type(value).__name__, "is no number")


def between(low: Any, high: Any) -> arb:
    """The ball of an interval."""
    return number(low).union(number(high))


def scalar(value: Ball) -> arb:
    """A 1 x 1 array as the number that it is."""
    if isinstance(value, arb):
        return value
    if shape(value) != (1, 1):
        raise NoBall(f"an array of size {shape(value)}", "is no scalar")
    return value[0, 0]


def integer(expr: Any, point: Point) -> int:
    """A size, an index or a limit of a sum."""
    found = scalar(value_in(expr, point)).unique_fmpz()
    if found is None:
        raise NoBall(str(expr), "is no whole number")
    return int(found)


def value_in(expr: Any, point: Point) -> Ball:
    """The value of a node at the working precision; arrays, and scalars made of them, are worked out once a point."""
    if not isinstance(expr, list) and (expr in point.local or expr in point.values):
        return point.value(expr)
    if not _is_of_arrays(expr) or any(symbol in point.local for symbol in expr.free_symbols):
        return node_value(expr, point)
    if expr not in point.known:
        point.known[expr] = node_value(expr, point)
    return point.known[expr]


def _is_of_arrays(expr: Any) -> bool:
    return nodes.is_array(expr) or any(nodes.is_array(arg) for arg in getattr(expr, "args", ()))


@singledispatch
def node_value(expr: Any, point: Point) -> Ball:
    """The rule of a node."""
    if isinstance(expr, int | float | Fraction):
        return number(expr)
    raise NoBall(type(expr).__name__)


@node_value.register(Rational)
def _rational(expr: Any, point: Point) -> Ball:
    return arb(fmpq(int(expr.p), int(expr.q)))


@node_value.register(Float)
def _rounded(expr: Float, point: Point) -> Ball:
    """A `Float` was rounded: the ball holds what it may have been."""
    middle = arb(fmpq(*(int(part) for part in Rational(expr).as_numer_denom())))
    return middle + arb(0, abs(middle) * arb(10) ** -DIGITS)


@node_value.register(NumberSymbol)
def _constant(expr: Any, point: Point) -> Ball:
    known = {S.Pi: arb.pi, S.Exp1: arb.const_e, S.EulerGamma: arb.const_euler, S.Catalan: arb.const_catalan}
    if expr not in known:
        raise NoBall(type(expr).__name__)
    return known[expr]()


@node_value.register(type(S.NaN))
@node_value.register(type(S.ComplexInfinity))
@node_value.register(type(S.ImaginaryUnit))
@node_value.register(type(S.Infinity))
@node_value.register(type(S.NegativeInfinity))
def _no_number(expr: Any, point: Point) -> Ball:
    """What is no real number: a ball that is not finite."""
    return arb.nan()


@node_value.register(nodes.Numeral)
def _numeral(expr: nodes.Numeral, point: Point) -> Ball:
    return node_value(expr.value, point)


@node_value.register(nodes.Rounded)
def _rounded_numeral(expr: nodes.Rounded, point: Point) -> Ball:
    """Every number that is written with these digits."""
    half = arb(fmpq(1, 2)) * arb(10) ** -expr.places if expr.places >= 0 else arb(0)
    return node_value(expr.value, point) + arb(0, half)


@node_value.register(Symbol)
@node_value.register(Dummy)
@node_value.register(Idx)
@node_value.register(MatrixSymbol)
@node_value.register(nodes.Slot)
def _symbol(expr: Basic, point: Point) -> Ball:
    return point.value(expr)


@node_value.register(Indexed)
def _indexed(expr: Indexed, point: Point) -> Ball:
    """x_i of a sequence or a column, A_ij of a matrix, counted from 1; an entry that there is not has no value."""
    values = point.by_name(str(expr.base.label))
    places = [integer(index, point) - 1 for index in expr.indices]
    sizes = [len(entries(values))] if len(places) == 1 else list(shape(values))
    if any(not 0 <= place < size for place, size in zip(places, sizes, strict=True)):
        return arb.nan()
    return entries(values)[places[0] if len(places) == 1 else places[0] * sizes[1] + places[1]]


def _args(expr: Basic, point: Point) -> list[Any]:
    return [value_in(arg, point) for arg in expr.args]


@node_value.register(Add)
@node_value.register(nodes.Terms)
def _sum(expr: Basic, point: Point) -> Ball:
    return reduce(lambda a, b: a + b, _args(expr, point))


@node_value.register(Mul)
@node_value.register(nodes.Factors)
def _product(expr: Basic, point: Point) -> Ball:
    """Of scalars; 1 x 1 arrays among them are numbers."""
    return reduce(lambda a, b: a * b, map(scalar, _args(expr, point)))


@node_value.register(nodes.Quotient)
def _quotient(expr: nodes.Quotient, point: Point) -> Ball:
    top, bottom = map(scalar, _args(expr, point))
    return top / bottom


@node_value.register(Pow)
@node_value.register(nodes.Power)
def _power(expr: Basic, point: Point) -> Ball:
    base, exponent = map(scalar, _args(expr, point))
    return power(base, exponent)


def power(base: arb, exponent: arb) -> arb:
    """base^exponent; an even power of an interval does not reach below zero, and a root is of what is not negative."""
    whole = exponent.unique_fmpz() if exponent.is_exact() and exponent.is_integer() else None
    if whole is not None:
        n = int(whole)
        return (abs(base) if n % 2 == 0 else base) ** n
    twice = (2 * exponent).unique_fmpz() if exponent.is_exact() else None
    if twice is not None and (2 * exponent).is_integer() and not base.is_zero():
        return base.sqrt() ** int(twice)
    if base.is_zero() and exponent > 0:
        return arb(0)
    if exponent > 0 and base.lower() >= 0 and not base > 0:
        return arb(0).union((exponent * base.upper().log()).exp())  # it grows from 0 to there
    return (exponent * base.log()).exp()


@node_value.register(nodes.Magnitude)
@node_value.register(Abs)
def _magnitude(expr: Basic, point: Point) -> Ball:
    return abs(scalar(value_in(expr.args[0], point)))


@node_value.register(nodes.Floor)
@node_value.register(floor)
def _floor(expr: Basic, point: Point) -> Ball:
    return scalar(value_in(expr.args[0], point)).floor()


@node_value.register(nodes.Largest)
@node_value.register(Max)
def _largest(expr: Basic, point: Point) -> Ball:
    return reduce(arb.max, map(scalar, _args(expr, point)))


@node_value.register(Min)
def _smallest(expr: Basic, point: Point) -> Ball:
    return reduce(arb.min, map(scalar, _args(expr, point)))


ELEMENTARY: dict[Any, Callable[[arb], arb]] = {exp: arb.exp, log: arb.log, erf: arb.erf, sign: arb.sgn}


@node_value.register(exp)
@node_value.register(log)
@node_value.register(erf)
@node_value.register(sign)
def _elementary(expr: Function, point: Point) -> Ball:
    return ELEMENTARY[expr.func](scalar(value_in(expr.args[0], point)))


def _sigmoid(t: arb) -> arb:
    """1/(1 + e^-t) holds t once, so that it is narrow for wide t, too."""
    return 1 / (1 + (-t).exp())


SANE: dict[str, Callable[[arb], arb]] = {
    "sigmoid": _sigmoid,
    "tanh": arb.tanh,
    "softplus": lambda t: t.exp().log1p(),
    "silu": lambda t: t * _sigmoid(t),
    "gelu": lambda t: t * (-t / arb(2).sqrt()).erfc() / 2,
}  # the same functions as the table defines (a test compares), in forms that lose no digits and hold t as seldom as they can


@node_value.register(TableFunction)
def _table_function(expr: TableFunction, point: Point) -> Ball:
    """As the table defines it."""
    arguments = [scalar(value) for value in _args(expr, point)]
    if expr.row.name in SANE:
        return SANE[expr.row.name](*arguments)
    return _at(type(expr).row.definition, arguments, point)


def _at(definition: Callable[..., Any], arguments: list[arb], point: Point) -> Ball:
    slots = [nodes.Slot(-1 - k) for k in range(len(arguments))]
    return value_in(definition(*slots), point.having(dict(zip(slots, arguments))))


@node_value.register(nodes.Prime)
def _prime(expr: nodes.Prime, point: Point) -> Ball:
    """f'(t), as `slope_of` finds it."""
    slots = [nodes.Slot(-1 - k) for k in range(len(expr.args) - 1)]
    values = [scalar(value_in(argument, point)) for argument in expr.args[1:]]
    return value_in(slope_of(expr.func(expr.args[0], *slots)), point.having(dict(zip(slots, values))))


def slope_of(expr: nodes.Prime) -> Any:
    """f'(t), the definition in elementary functions differentiated by SymPy; at a kink the slope of the branch that holds there."""
    name, *arguments = expr.args
    places = [argument(), *[Symbol(parameter, real=True) for parameter, _ in TABLE[str(name)].row.parameters]]
    return elementary(TABLE[str(name)](*places)).diff(argument()).xreplace(dict(zip(places, arguments)))


def elementary(expr: Any) -> Any:
    """The expression with every function of the table replaced by its definition."""
    while expr.has(TableFunction):
        expr = expr.replace(lambda e: isinstance(e, TableFunction), lambda e: e.definition)
    return expr


@node_value.register(Piecewise)
def _piecewise(expr: Piecewise, point: Point) -> Ball:
    """The branch whose condition holds; the hull of all branches that may hold, where conditions are undecided."""
    possible: list[arb] = []
    for branch, condition in expr.args:
        holds = decided(condition, point)
        if holds is not False:
            possible.append(scalar(value_in(branch, point)))
        if holds:
            return reduce(arb.union, possible)
    return arb.nan()  # no branch is sure to hold


COMPARE: dict[str, Callable[[arb, arb], tuple[bool, bool]]] = {
    "<": lambda a, b: (a < b, a >= b),
    "<=": lambda a, b: (a <= b, a > b),
    ">": lambda a, b: (a > b, a <= b),
    ">=": lambda a, b: (a >= b, a < b),
    "==": lambda a, b: (a == b, a != b),
    "!=": lambda a, b: (a != b, a == b),
}  # what proves the relation, and what proves its opposite; neither may be provable


def decided(condition: Any, point: Point) -> bool | None:
    """Three-valued: True and False are proofs."""
    if isinstance(condition, BooleanTrue | BooleanFalse | bool):
        return bool(condition)
    if isinstance(condition, Relational):
        left, right = (scalar(value_in(side, point)) for side in condition.args)
        proves, disproves = COMPARE[condition.rel_op](left, right)
        return True if proves else False if disproves else exactly(condition, point)
    if not isinstance(condition, And | Or | Not | ITE):
        raise NoBall(type(condition).__name__)
    parts = [decided(arg, point) for arg in condition.args]
    if isinstance(condition, Not):
        return None if parts[0] is None else not parts[0]
    if isinstance(condition, ITE):
        return parts[1] if parts[0] or parts[1] is parts[2] else parts[2] if parts[0] is False else None
    settles = isinstance(condition, Or)
    return settles if settles in parts else None if None in parts else not settles


def exactly(condition: Relational, point: Point) -> bool | None:
    """A comparison of rational numbers, such as x >= 1/10 at x = 1/10, which no binary ball decides."""
    gap = nodes.plain(condition.args[0] - condition.args[1])
    for symbol, meaning in reversed(list(point.definitions.items())):
        gap = gap.xreplace({symbol: nodes.plain(meaning)})
    gap = gap.xreplace({symbol: value for symbol, value in point.exact.items() if symbol not in point.local})
    return bool(condition.func(gap, 0)) if isinstance(gap, Rational) else None


@node_value.register(KroneckerDelta)
def _kronecker(expr: KroneckerDelta, point: Point) -> Ball:
    return arb(int(integer(expr.args[0], point) == integer(expr.args[1], point)))


def _over_indices(expr: Sum | Product, point: Point) -> list[arb]:
    points = [point]
    for index, low, high in expr.limits:
        points = [
            inner.having({index: arb(k)})
            for inner in points
            for k in range(integer(low, inner), integer(high, inner) + 1)
        ]
    return [scalar(value_in(expr.function, inner)) for inner in points]


@node_value.register(Sum)
def _series(expr: Sum, point: Point) -> Ball:
    return sum(_over_indices(expr, point), arb(0))


@node_value.register(Product)
def _series_product(expr: Product, point: Point) -> Ball:
    return reduce(lambda a, b: a * b, _over_indices(expr, point), arb(1))


@node_value.register(nodes.At)
def _where(expr: nodes.At, point: Point) -> Ball:
    """The value where the variables have other ones."""
    return value_in(expr.args[0], point.having({variable: value_in(value, point) for variable, value in expr.places}))


@node_value.register(nodes.Gradient)
@node_value.register(nodes.Partial)
def _derivative(expr: Any, point: Point) -> Ball:
    raise NoBall(type(expr).__name__, "is torch.autograd's")


@node_value.register(nodes.LimitOf)
@node_value.register(nodes.Expectation)
def _of_its_world(expr: Any, point: Point) -> Ball:
    raise NoBall(type(expr).__name__, "has a checker of its own")


from derive.checks import balls_arrays  # noqa: E402, F401  the nodes of arrays are never left to a base class's rule
