"""Solving for a symbol where its equation is linear, in matrices too, or can be made so; nothing else is tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import (
    Add,
    Basic,
    Dummy,
    Expr,
    Integer,
    Mul,
    Poly,
    PolynomialError,
    Symbol,
    cancel,
    expand,
    fraction,
    solve,
    sqrt,
    together,
)
from sympy.matrices.expressions import Identity, MatAdd, MatMul, Transpose, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import arrays
from derive.algebra.critical import UNSOLVED, domain_of, roots
from derive.algebra.differentials import chains
from derive.algebra.nodes import Map, Mean, Slot, Total, add, filled, is_array, matmul, transpose
from derive.algebra.scalars import parts
from derive.algebra.signs import sign_of, sign_of_entries
from derive.algebra.tidy import constant_entry, content_of, inverse, product, tidy
from derive.errors import NotDerivable


@dataclass(frozen=True)
class Solved:
    """A symbol's value, the equation from which it came in the form left = right, and how it came."""

    symbol: Any
    value: Any
    left: Any
    right: Any
    how: str


def solve_for(symbol: Any, equation: Any) -> Solved:
    """The symbol from `equation` = 0; raises NotDerivable where no closed form is found."""
    if not is_array(symbol):
        return _scalar(symbol, equation)
    for attempt in (_linear, _entrywise, _between):
        found = attempt(symbol, equation)
        if found is not None:
            return found
    raise NotDerivable(f"the equation for {symbol} is neither linear nor solved entry by entry")


def _linear(symbol: Any, equation: Any) -> Solved | None:
    """M u - b = 0:  u = inv(M) b;  U M - B = 0 likewise."""
    left: list[tuple[Any, tuple[Any, ...]]] = []
    right: list[Any] = []
    side = ""
    for scalar, chain in chains(tidy(by_diagonals(equation, symbol), distribute=True)):
        if scalar.has(symbol):
            return None
        chain = tuple(part for factor in chain for part in _opened(factor, symbol))
        places = [k for k, factor in enumerate(chain) if factor.has(symbol)]
        if not places:
            right.append(product(-scalar, chain))
            continue
        if len(places) > 1 or chain[places[0]] != symbol:
            return None
        k = places[0]
        here = "left" if k == len(chain) - 1 else "right" if k == 0 else "both"
        if len(chain) > 1:
            if here == "both" or side not in ("", here):
                return None
            side = here
        left.append((scalar, chain[:k] + chain[k + 1 :]))
    if not left:
        return None
    size = symbol.shape[0] if side != "right" else symbol.shape[1]
    matrix = tidy(add(*[product(scalar, chain or (Identity(size),)) for scalar, chain in left]))
    whole = tidy(add(*right)) if right else ZeroMatrix(*symbol.shape)
    matrix, whole = _without_common(matrix, whole)
    if isinstance(matrix, Identity):
        return Solved(symbol, whole, symbol, whole, "divide")
    shown = matmul(matrix, symbol) if side != "right" else matmul(symbol, matrix)
    if isinstance(whole, ZeroMatrix):
        return Solved(symbol, whole, shown, whole, "invert")
    inverted = inverse(matrix)
    value = tidy(matmul(inverted, whole) if side != "right" else matmul(whole, inverted))
    return Solved(symbol, value, shown, whole, "invert")


def by_diagonals(array: Any, symbol: Any) -> Any:
    """c * (A u - b), entry by entry, as diag(c) A u - diag(c) b: what is linear in the unknown becomes a product."""
    if isinstance(array, Map) and array.has(symbol) and array.shape[1] == 1:
        found = _linear_parts(array, symbol)
        return array if found is None else found
    if isinstance(array, MatMul | MatAdd | Transpose) and array.has(symbol):
        make = {MatMul: matmul, MatAdd: add, Transpose: transpose}[array.func]
        return make(*[by_diagonals(arg, symbol) if is_array(arg) else arg for arg in array.args])
    return array


def _opened(factor: Any, symbol: Any) -> tuple[Any, ...]:
    """c * u, entry by entry, as the factors diag(c) and u."""
    if isinstance(factor, Map) and factor.has(symbol) and factor.shape[1] == 1:
        found = _linear_parts(factor, symbol)
        if isinstance(found, MatMul) and all(map(is_array, found.args)):
            return tuple(found.args)
    return (factor,)


def _linear_parts(array: Map, symbol: Any) -> Any:
    """The columns of an entrywise expression that is linear in those that hold the symbol; None where it is not."""
    slots = [Slot(k) for k in range(len(array.arrays))]
    moving = [s for s, a in zip(slots, array.arrays, strict=True) if a.has(symbol)]
    body = expand(array.body)
    if not body.is_polynomial(*moving) or Poly(body, *moving).total_degree() > 1:
        return None
    columns = []
    for s in moving:
        columns.append(_scaled(body.coeff(s), array.arrays, array.arrays[s.index]))
    rest = body.xreplace(dict.fromkeys(moving, Integer(0)))
    for term in Add.make_args(rest) if rest != 0 else ():
        factors = [s for s in slots if term.has(s)]
        last = next((s for s in reversed(factors) if term.coeff(s) != 0), None)
        if last is None:
            columns.append(Map(term, *array.arrays))
        else:
            columns.append(_scaled(term.coeff(last), array.arrays, array.arrays[last.index]))
    return add(*columns)


def _scaled(coefficient: Any, listed: Any, column: Any) -> Any:
    """A column times a number, or times the diagonal matrix of a column."""
    if not any(isinstance(s, Slot) for s in coefficient.free_symbols):
        return matmul(coefficient, column)
    number, rest = coefficient.as_independent(
        *[s for s in coefficient.free_symbols if isinstance(s, Slot)], as_Add=False
    )
    return matmul(number, arrays.Diag(Map(rest, *listed)), column)


def _without_common(matrix: Any, whole: Any) -> tuple[Any, Any]:
    """The scalar that multiplies all of the left side divided out."""
    scalar, rest = _split_scalar(matrix)
    if scalar == 1 or isinstance(whole, ZeroMatrix):
        return rest, whole
    return rest, tidy(matmul(1 / scalar, whole))


def _split_scalar(matrix: Any) -> tuple[Any, Any]:
    terms = chains(matrix)
    content, rest = content_of(terms) if len(terms) > 1 else (terms[0][0], [(Integer(1), terms[0][1])])
    return content, add(*[product(scalar, chain) for scalar, chain in rest])


def _entrywise(symbol: Any, equation: Any) -> Solved | None:
    """f(u_i, ...) = 0 in every entry, solved for u_i."""
    flat = as_map(tidy(equation))
    if flat is None or symbol not in flat.arrays or any(a.has(symbol) for a in flat.arrays if a != symbol):
        return None
    slot = Slot(flat.arrays.index(symbol))
    if any(part.has(symbol) for part in parts(flat.body) if not isinstance(part, Slot)):
        return None
    try:
        value = _root(slot, flat.body, flat.arrays)
    except NotDerivable:
        return None
    result = tidy(Map(value, *flat.arrays))
    return None if result.has(symbol) else Solved(symbol, result, symbol, result, "entries")


def as_map(array: Any) -> Map | None:
    """A sum of entrywise parts as one Map; None where products of matrices are in it."""
    terms = array.args if isinstance(array, MatAdd) else (array,)
    bodies: list[Any] = []
    found: list[Any] = []
    for term in terms:
        for scalar, chain in chains(term):
            whole = product(Integer(1), chain)
            constant = constant_entry(whole)
            if constant is not None:
                bodies.append(scalar * constant)
            elif len(chain) == 1:
                inner = chain[0] if isinstance(chain[0], Map) else Map(Slot(0) + 0, chain[0])
                arrays_in = inner.arrays if isinstance(inner, Map) else (inner,)
                body = inner.body if isinstance(inner, Map) else Slot(0)
                shift: dict[Basic, Basic] = {Slot(k): Slot(k + len(found)) for k in range(len(arrays_in))}
                bodies.append(scalar * filled(body, shift))
                found += arrays_in
            else:
                return None
    if not found:
        return None
    merged = Map(sum(bodies, Integer(0)), *found)
    return merged if isinstance(merged, Map) else None


def _between(symbol: Any, equation: Any) -> Solved | None:
    """c inv(S) + inv(S) M inv(S) = 0, multiplied by S from both sides, is linear."""
    if symbol.shape[0] != symbol.shape[1] or not equation.has(arrays.Inv):
        return None
    multiplied = tidy(
        add(
            *[tidy(matmul(scalar, symbol, *chain, symbol)) for scalar, chain in chains(tidy(equation, distribute=True))]
        )
    )
    if multiplied.has(arrays.Inv):
        return None
    found = _linear(symbol, multiplied)
    return None if found is None else Solved(symbol, found.value, found.left, found.right, "between")


def _scalar(symbol: Symbol, equation: Expr) -> Solved:
    value = _root(symbol, tidy(equation, distribute=True))
    return Solved(symbol, value, symbol, value, "scalar")


def _root(symbol: Basic, equation: Expr, listed: tuple[Any, ...] = ()) -> Expr:
    """The one root in the symbol's domain. What stands in for an array (`listed`, by slots), and what is made of arrays, is a
    number of the sign that its form shows."""
    inside = {part: _stand_in(part, listed) for part in parts(equation) if part != symbol and not part.has(symbol)}
    if any(part != symbol and part.has(symbol) for part in parts(equation)):
        raise NotDerivable(f"{symbol} stands inside of an array in the equation for it")
    back = {dummy: part for part, dummy in inside.items()}
    array = listed[symbol.index] if isinstance(symbol, Slot) else symbol
    is_positive = getattr(symbol, "is_positive", False) or isinstance(array, arrays.PositiveArray)
    unknown = Dummy("u", positive=True) if is_positive else Dummy("u", real=True)
    flat = equation.xreplace({**inside, symbol: unknown})
    top = fraction(cancel(together(flat)))[0]
    try:
        poly = Poly(top, unknown)
    except PolynomialError:
        return _neat(only(roots(flat, unknown, domain_of(array if array is symbol else unknown)), symbol), back)
    if poly.degree() == 1:
        a, b = poly.all_coeffs()
        return _neat(-b / a, back)
    if poly.degree() == 2 and poly.all_coeffs()[1] == 0 and is_positive:
        a, _, c = poly.all_coeffs()
        return sqrt(_neat(-c / a, back))
    if poly.degree() == 0:
        raise NotDerivable(f"{symbol} does not stand in the equation that was to be solved for it")
    return _neat(only([root for root in _solutions(top, unknown) if root != 0 or not is_positive], symbol), back)


def _solutions(top: Expr, unknown: Symbol) -> list[Expr]:
    try:
        return list(solve(top, unknown))
    except UNSOLVED:
        raise NotDerivable("SymPy finds no solution in closed form") from None


def only(found: list[Expr], symbol: Any) -> Expr:
    """The one solution there is."""
    if len(found) != 1:
        raise NotDerivable(f"the equation for {symbol} has {len(found) or 'no'} solutions")
    return found[0]


def _stand_in(part: Any, listed: tuple[Any, ...]) -> Dummy:
    sign = sign_of_entries(listed[part.index]) if isinstance(part, Slot) and listed else sign_of(part)
    return Dummy(str(part), positive=True) if sign == 2 else Dummy(str(part), real=True)


def _neat(value: Expr, back: dict[Any, Any]) -> Expr:
    if not value.is_rational_function():
        return value.xreplace(back)
    top, bottom = fraction(cancel(together(value)))
    if bottom.could_extract_minus_sign():
        top, bottom = -top, -bottom
    return as_means((top / bottom).xreplace(back))


def as_means(expr: Expr) -> Expr:
    """sum(x)/N as the mean of x, where that leaves no N."""
    totals = [t for t in expr.atoms(Total) if isinstance(t.array, MatrixSymbol)]
    for total in totals:
        size = Mul(*total.array.shape)
        changed = expr.xreplace({total: size * Mean(total.array)})
        if changed.count(size) < expr.count(size):
            expr = changed
    return expr
