"""Signs that an expression shows by the way it is built: squares, norms, quadratic forms, sums and products of what has a
sign, quadratic polynomials whose matrix is positive semidefinite. Nothing is evaluated; what shows no sign has none (0).

A sign is 1 (positive), 0.5 (not negative), -0.5, -1, or 0 (not known).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import singledispatch
from typing import Any

from sympy import (
    Abs,
    Add,
    Dummy,
    Expr,
    Indexed,
    Matrix,
    Max,
    Min,
    Mul,
    Poly,
    Pow,
    Rational,
    Sum,
    Symbol,
    cancel,
    exp,
    expand,
    factor_list,
    fraction,
    log,
    together,
)
from sympy.matrices.expressions import Identity, MatAdd, MatMul, OneMatrix, Transpose, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra import arrays, nodes
from derive.algebra.functions import TableFunction
from derive.algebra.nodes import plain, transpose

BY_PARTS = "by the signs of its parts"
BY_FACTORS = "factored, by the signs of factors and squares"
BY_GRAM = "as a quadratic form with a positive semidefinite matrix"
MOST_TERMS, MOST_DEGREE = 60, 24


def sign_of(expr: Any) -> float:
    """The sign that the expression shows."""
    if isinstance(expr, Expr) and expr.is_number and expr.is_comparable:
        return 1.0 if expr > 0 else -1.0 if expr < 0 else 0.5 if expr == 0 else 0.0
    return _sign(expr)


@singledispatch
def _sign(expr: Any) -> float:
    """The rule of a node."""
    return 0.0


@_sign.register(Symbol)
def _of_symbol(expr: Symbol) -> float:
    return 1.0 if expr.is_positive else 0.5 if expr.is_nonnegative else -1.0 if expr.is_negative else 0.0


@_sign.register(nodes.Numeral)
@_sign.register(nodes.Power)
def _of_written(expr: Any) -> float:
    return sign_of(plain(expr))


def _sum(signs: Iterable[float]) -> float:
    """Of terms that do not pull against each other."""
    listed = list(signs)
    if listed and all(s > 0 for s in listed):
        return max(listed)
    return min(listed) if listed and all(s < 0 for s in listed) else 0.0


def _product(signs: Iterable[float]) -> float:
    found = math.prod(signs)
    return 0.0 if found == 0 else math.copysign(1.0 if abs(found) == 1 else 0.5, found)


@_sign.register(Add)
@_sign.register(nodes.Terms)
def _of_sum(expr: Any) -> float:
    return _sum(map(sign_of, expr.args))


@_sign.register(Mul)
@_sign.register(nodes.Factors)
@_sign.register(nodes.Quotient)
def _of_product(expr: Any) -> float:
    counted: dict[Any, int] = {}
    for arg in expr.args:
        counted[arg] = counted.get(arg, 0) + 1
    return _product(0.5 if n % 2 == 0 and not sign_of(arg) else sign_of(arg) ** n for arg, n in counted.items())


@_sign.register(Pow)
def _of_power(expr: Pow) -> float:
    base, exponent = expr.args
    inner = sign_of(base)
    if inner == 1.0:
        return 1.0
    if exponent.is_Integer and exponent % 2 == 0:
        return 1.0 if abs(inner) == 1 else 0.5
    if exponent.is_Integer:
        return inner
    return 0.5 if inner == 0.5 and exponent.is_positive else 0.0


@_sign.register(exp)
def _of_exponential(expr: Any) -> float:
    return 1.0


@_sign.register(Abs)
@_sign.register(nodes.Magnitude)
@_sign.register(arrays.Norm)
def _of_magnitude(expr: Any) -> float:
    return 1.0 if not nodes.is_array(expr.args[0]) and abs(sign_of(expr.args[0])) == 1 else 0.5


@_sign.register(Max)
@_sign.register(nodes.Largest)
def _of_largest(expr: Any) -> float:
    signs = [sign_of(arg) for arg in expr.args]
    return max(signs) if max(signs) > 0 or all(s < 0 for s in signs) else 0.0


@_sign.register(Min)
def _of_smallest(expr: Any) -> float:
    signs = [sign_of(arg) for arg in expr.args]
    return min(signs) if min(signs) < 0 or all(s > 0 for s in signs) else 0.0


TABLE_SIGNS = {"sigmoid": 1.0, "softplus": 1.0, "relu": 0.5}


@_sign.register(TableFunction)
def _of_table_function(expr: TableFunction) -> float:
    if expr.row.name == "tanh":
        return sign_of(expr.args[0])
    inner = sign_of(expr.args[0])
    return inner if expr.row.name == "relu" and inner > 0 else TABLE_SIGNS.get(expr.row.name, 0.0)


@_sign.register(Sum)
def _of_series(expr: Sum) -> float:
    """Over at least one term."""
    return sign_of(expr.function)


@_sign.register(Indexed)
def _of_entry(expr: Indexed) -> float:
    return 1.0 if expr.is_positive else 0.0


@_sign.register(MatrixElement)
def _of_element(expr: MatrixElement) -> float:
    return entry_sign(expr.parent)


@_sign.register(nodes.Total)
@_sign.register(nodes.Mean)
@_sign.register(arrays.LargestEntry)
def _of_entries(expr: Any) -> float:
    return entry_sign(expr.args[0])


@_sign.register(arrays.Scalar)
@_sign.register(arrays.TraceOf)
def _of_form(expr: Any) -> float:
    array = expr.args[0]
    return max(definiteness(array), entry_sign(array) if isinstance(expr, arrays.Scalar) else 0.0)


@_sign.register(arrays.Det)
def _of_determinant(expr: Any) -> float:
    return max(definiteness(expr.args[0]), 0.0)


ENTRIES = {"positive": 1.0, "probabilities": 0.5, "binary": 0.5, "one_hot": 0.5, "count": 0.5}


def entry_sign(array: Any) -> float:
    """The sign of every entry."""
    if isinstance(array, MatrixSymbol):
        return ENTRIES.get(str(getattr(array, "domain", "")), 0.0)
    if isinstance(array, nodes.Map):
        places = {nodes.Slot(k): _signed(entry_sign(part)) for k, part in enumerate(array.arrays)}
        return sign_of(nodes.filled(array.body, places)) or _between_ends(array)
    if isinstance(array, nodes.Softmax) and not isinstance(array, nodes.LogSoftmax | arrays.RowLogSoftmax):
        return 1.0
    if isinstance(array, OneMatrix):
        return 1.0
    if isinstance(array, Transpose | arrays.Diagonal | arrays.Reshaped):
        return definiteness(array.args[0]) if isinstance(array, arrays.Diagonal) else entry_sign(array.args[0])
    if isinstance(array, MatAdd):
        return _sum(map(entry_sign, array.args))
    if isinstance(array, MatMul):
        return _product(entry_sign(f) if nodes.is_array(f) else sign_of(f) for f in array.args)
    return 0.0


UNIT = ("binary", "one_hot", "probabilities")  # entries from 0 to 1


def _between_ends(array: nodes.Map) -> float:
    """1 - y for y from 0 to 1: what is affine in y lies between its values at the ends."""
    for k, part in enumerate(array.arrays):
        slot = nodes.Slot(k)
        if str(getattr(part, "domain", "")) not in UNIT or not array.body.is_polynomial(slot):
            continue
        if array.body.diff(slot).has(slot):
            continue
        ends = [entry_sign(nodes.Map(nodes.filled(array.body, {slot: Rational(v)}), *array.arrays)) for v in (0, 1)]
        zero = [nodes.filled(array.body, {slot: Rational(v)}) == 0 for v in (0, 1)]
        signs = [0.5 if z else e for z, e in zip(zero, ends, strict=True)]
        if all(s > 0 for s in signs) or all(s < 0 or z for s, z in zip(signs, zero, strict=True)):
            return math.copysign(0.5, min(signs))
    return 0.0


def _signed(sign: float) -> Symbol:
    return (
        Dummy("s", positive=True)
        if sign == 1
        else Dummy("s", nonnegative=True)
        if sign == 0.5
        else Dummy("s", real=True)
    )


def definiteness(matrix: Any) -> float:
    """1 for what is shown to be positive definite, 0.5 for positive semidefinite (a square for 1 x 1), 0 for the rest."""
    if isinstance(matrix, arrays.PositiveDefinite | Identity):
        return 1.0
    if isinstance(matrix, ZeroMatrix):
        return 0.5
    if isinstance(matrix, arrays.Inv):
        return 1.0 if definiteness(matrix.array) == 1 else 0.0
    if isinstance(matrix, Transpose):
        return definiteness(matrix.args[0])
    if isinstance(matrix, arrays.Diag):
        return max(entry_sign(matrix.array), 0.0)
    if isinstance(matrix, MatAdd):
        return max(_sum(map(definiteness, matrix.args)), 0.0)
    if isinstance(matrix, MatMul):
        scalars = [f for f in matrix.args if not nodes.is_array(f)]
        return max(_product([*map(sign_of, scalars), _congruence([f for f in matrix.args if nodes.is_array(f)])]), 0.0)
    return 0.0


def _congruence(chain: list[Any]) -> float:
    """A' M A is positive semidefinite where M is, and A' A is."""
    chain = [part for f in chain for part in _turned(f)]
    left, right = 0, len(chain) - 1
    while left < right and transpose(chain[left]) == chain[right]:
        left, right = left + 1, right - 1
    if left > right:
        return 0.5
    if left < right:
        return 0.0
    middle = definiteness(chain[left])
    return middle if left == 0 else min(middle, 0.5)


def _turned(factor: Any) -> list[Any]:
    """(A B)' as B' A'."""
    if isinstance(factor, Transpose) and isinstance(factor.args[0], MatMul):
        return [part for f in reversed(factor.args[0].args) for part in _turned(transpose(f))]
    return [factor]


# scalars of several variables


def proved_sign(expr: Any) -> tuple[float, str]:
    """The sign with the way in which it is shown: by its parts; as a product of factors, squares and quadratic forms."""
    expr = plain(expr)
    found = sign_of(expr)
    if found:
        return found, BY_PARTS
    named, back = _named(expr)
    if len(Add.make_args(expand(named))) > MOST_TERMS:
        return 0.0, ""
    top, bottom = fraction(cancel(together(named)))
    below = sign_of(bottom.xreplace(back)) or sign_of(expand(bottom))
    if abs(below) != 1:
        return 0.0, ""
    above, method = _factored(top)
    return _product([above, below]), method


def _named(expr: Expr) -> tuple[Expr, dict[Any, Any]]:
    """Scalars made of arrays, exponentials and roots by symbols of their signs, so that a polynomial is left."""
    places: dict[Any, Any] = {}

    def name(node: Any) -> Any:
        return places.setdefault(node, _signed(sign_of(node)))

    def visit(node: Any) -> Any:
        if any(nodes.is_array(arg) for arg in getattr(node, "args", ())) or isinstance(node, Sum | Indexed):
            return name(node)
        return node.func(*map(visit, node.args)) if getattr(node, "args", ()) else node

    flat = _without_roots(_without_exponentials(visit(expr)))
    return flat, {symbol: node for node, symbol in places.items()}


def _without_exponentials(expr: Expr) -> Expr:
    """e^(x/2 + y) as a b^2 for positive a, b: exponentials whose exponents are sums of fractions of symbols."""
    found = list(expr.atoms(exp))
    steps: dict[Any, list[Rational]] = {}
    for node in found:
        for term in Add.make_args(node.args[0].expand()):
            coefficient, rest = term.as_coeff_Mul()
            steps.setdefault(rest, []).append(coefficient)
    if not found or not all(c.is_Rational for listed in steps.values() for c in listed):
        return expr
    if any(
        max(abs(c) for c in listed) * math.lcm(*[int(c.q) for c in listed]) > MOST_DEGREE for listed in steps.values()
    ):
        return expr
    roots = {rest: (Dummy("e", positive=True), math.lcm(*[int(c.q) for c in listed])) for rest, listed in steps.items()}

    def power(node: Any) -> Any:
        factors = []
        for term in Add.make_args(node.args[0].expand()):
            coefficient, rest = term.as_coeff_Mul()
            symbol, k = roots[rest]
            factors.append(symbol ** (coefficient * k))
        return Mul(*factors)

    return expr.replace(lambda e: isinstance(e, exp), power)


def _without_roots(expr: Expr) -> Expr:
    """Positive p as a^k where roots of it occur."""
    roots: dict[Any, int] = {}
    for node in expr.atoms(Pow):
        base, exponent = node.args
        if base.is_Symbol and base.is_positive and exponent.is_Rational and not exponent.is_Integer:
            roots[base] = math.lcm(roots.get(base, 1), int(exponent.q))
    return expr.xreplace({p: Dummy("r", positive=True) ** k for p, k in roots.items()})


def _factored(top: Expr) -> tuple[float, str]:
    symbols = sorted(top.free_symbols, key=str)
    if not symbols or not top.is_polynomial(*symbols) or Poly(top, *symbols).total_degree() > MOST_DEGREE:
        return sign_of(top), BY_PARTS
    if not all(
        c.is_algebraic for c in Poly(top, *symbols).coeffs()
    ):  # SymPy would factor e^1000 as a power of a letter
        return sign_of(top), BY_PARTS
    coefficient, factors = factor_list(top)
    signs, method = [sign_of(coefficient)], BY_FACTORS
    for f, power in factors:
        one = sign_of(f) or sign_of(expand(f))
        if not one:
            one = quadratic(f)
            method = BY_GRAM if one else method
        signs.append(one**power if one else 0.5 if power % 2 == 0 else 0.0)
    return _product(signs), method


def quadratic(expr: Expr) -> float:
    """The sign of a polynomial of degree 2 with rational numbers: that of the quadratic form in (1, x, y, ...), exactly."""
    symbols = sorted(expr.free_symbols, key=str)
    if not symbols or not expr.is_polynomial(*symbols):
        return 0.0
    poly = Poly(expr, *symbols)
    if poly.total_degree() > 2 or not all(c.is_Rational for c in poly.coeffs()):
        return 0.0
    size = len(symbols) + 1
    form = Matrix.zeros(size, size)
    for powers, c in poly.terms():
        places = [k + 1 for k, n in enumerate(powers) for _ in range(n)]
        i, j = ([0, 0] + places)[-2:]
        form[i, j] += c / 2
        form[j, i] += c / 2
    for way in (1, -1):
        pivots = _pivots(way * form)
        if pivots is not None:
            return way * (1.0 if all(p > 0 for p in pivots) else 0.5)
    return 0.0


def _pivots(form: Any) -> list[Rational] | None:
    """The pivots of elimination without exchanges of a positive semidefinite matrix; None where it is not one."""
    form, found = form.copy(), []
    for k in range(form.rows):
        pivot = form[k, k]
        if pivot < 0 or (pivot == 0 and any(form[k, j] != 0 for j in range(k, form.rows))):
            return None
        found.append(pivot)
        if pivot == 0:
            continue
        for i in range(k + 1, form.rows):
            ratio = form[i, k] / pivot
            for j in range(k, form.rows):
                form[i, j] -= ratio * form[k, j]
    return found


def exponentiated(gap: Expr) -> Expr | None:
    """A - e^B for log(A) - B with A shown to be positive: of the same sign. None where the gap is not of this form."""
    terms = list(Add.make_args(plain(gap)))
    logs = [(term, *term.as_coeff_Mul()) for term in terms if term.as_coeff_Mul()[1].func is log]
    if len(logs) != 1:
        return None
    term, coefficient, logarithm = logs[0]
    inside = logarithm.args[0]
    if sign_of(inside) != 1:
        return None
    rest = -Add(*[t for t in terms if t is not term]) / coefficient
    return (inside - exp(expand(rest))) * (1 if coefficient > 0 else -1)
