"""How a `Map` is written: with circled products between vectors, or as plain algebra where the arrays are 1 x 1."""

from __future__ import annotations

from typing import Any

from sympy import (
    Add,
    And,
    Expr,
    Function,
    Indexed,
    IndexedBase,
    Integer,
    Mul,
    Not,
    Or,
    Piecewise,
    Pow,
    Symbol,
    fraction,
)
from sympy.matrices.expressions import MatMul
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra import nodes
from derive.algebra.array_notation import has_only_indicators, is_indicator

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4


def printed_map(printer: Any, expr: nodes.Map) -> str:
    """The LaTeX of an entrywise expression."""
    if expr.shape == (1, 1):
        return printer._print(expr.at([_scalar(array) for array in expr.arrays]))
    if expr.body.has(Piecewise) and not has_only_indicators(expr.body):
        letters = printer.fresh_letters(expr.shape[0], 0)[: 1 if expr.shape[1] == 1 else 2]
        entries = [_entry(array, *letters) for array in expr.arrays]
        return rf"\left[{printer._print(expr.at(entries))}\right]_{{{''.join(map(str, letters))}}}"
    return _vector(printer, expr.body, expr.arrays)[0]


def _scalar(array: Any) -> Expr:
    return Symbol(array.name, real=True) if isinstance(array, MatrixSymbol) else array[0, 0]


def _entry(array: Any, i: Symbol, j: Symbol | None = None) -> Expr:
    if isinstance(array, MatrixSymbol):
        return Indexed(IndexedBase(array.name), *([i] if j is None else [i, j]))
    return MatrixElement(array, i - 1, Integer(0) if j is None else j - 1)


def _vector(printer: Any, body: Expr, arrays: tuple[Any, ...]) -> tuple[str, int]:
    """The LaTeX of the body with arrays in its slots, and how tightly it holds together."""
    if isinstance(body, nodes.Slot):
        array = arrays[body.index]
        return printer._print(array), printer.strength(array)
    if not _varies(body):
        return printer._print(body), printer.strength(body)
    if isinstance(body, Add):
        return _vector_sum(printer, body, arrays), SUM
    if isinstance(body, Mul):
        return _vector_product(printer, body, arrays), PRODUCT
    if isinstance(body, nodes.Factors):
        return _circled(printer, list(body.args), arrays, False), PRODUCT
    if isinstance(body, Pow) and body.exp == -1:
        return rf"\frac{{\bm{{1}}}}{{{_vector(printer, body.base, arrays)[0]}}}", PRODUCT
    if isinstance(body, Pow):
        base = _guarded(printer, body.base, arrays, ATOM)
        return rf"{base}^{{\odot {printer._print(body.exp)}}}", POWER
    if is_indicator(body):
        return rf"\mathbf{{1}}\left[{_condition(printer, body.args[0][1], arrays)}\right]", ATOM
    if isinstance(body, Function):
        inner = _vector(printer, body.args[1 if isinstance(body, nodes.Prime) else 0], arrays)[0]
        return printer._print(body.func(*_placed(body))).replace("PLACE", inner).replace(r"\mathrm{PLACE}", inner), ATOM
    return printer._print(body), ATOM


SIGNS = {"<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "==": "=", "!=": r"\neq"}
BETWEEN = {And: r" \wedge ", Or: r" \vee "}


def _condition(printer: Any, condition: Any, arrays: tuple[Any, ...]) -> str:
    """A comparison, or several of them joined by and, or, not."""
    if isinstance(condition, And | Or):
        inner = [_condition(printer, part, arrays) for part in sorted(condition.args, key=str)]
        several = [isinstance(part, And | Or) for part in sorted(condition.args, key=str)]
        return BETWEEN[type(condition)].join(
            rf"\left({p}\right)" if s else p for p, s in zip(inner, several, strict=True)
        )
    if isinstance(condition, Not):
        return rf"\neg\left({_condition(printer, condition.args[0], arrays)}\right)"
    sides = [_vector(printer, side, arrays)[0] for side in condition.args]
    return f"{sides[0]} {SIGNS[condition.rel_op]} {sides[1]}"


def _placed(body: Function) -> tuple[Any, ...]:
    """The arguments with the varying one replaced by a symbol that stands for its place."""
    place = _Place("PLACE", real=True)
    return (body.args[0], place, *body.args[2:]) if isinstance(body, nodes.Prime) else (place, *body.args[1:])


class _Place(Symbol):
    def _latex(self, printer: Any) -> str:
        return "PLACE"


def _varies(body: Expr) -> bool:
    return any(isinstance(symbol, nodes.Slot) for symbol in body.free_symbols)


def _guarded(printer: Any, body: Expr, arrays: tuple[Any, ...], level: int) -> str:
    piece, strength = _vector(printer, body, arrays)
    return printer.wrap(piece) if strength < level else piece


def _vector_sum(printer: Any, body: Add, arrays: tuple[Any, ...]) -> str:
    from derive.algebra.notation import leads_with_minus, positive_first

    pieces: list[str] = []
    for term in positive_first(body.as_ordered_terms()):
        negative = leads_with_minus(term)
        magnitude = -term if negative else term
        if _varies(magnitude):
            piece = _guarded(printer, magnitude, arrays, PRODUCT)
        else:
            level = POWER if magnitude.has(nodes.Total) else PRODUCT
            piece = r"\bm{1}" if magnitude == 1 else joined(printer.bracket(magnitude, level), r"\bm{1}")
        sign = ("-" if negative else "") if not pieces else (" - " if negative else " + ")
        pieces.append(sign + piece)
    return "".join(pieces)


def _vector_product(printer: Any, body: Mul, arrays: tuple[Any, ...]) -> str:
    from derive.algebra.notation import ordered_factors

    if body.as_coeff_Mul()[0].is_negative:
        return "-" + _guarded(printer, -body, arrays, PRODUCT)
    top, bottom = fraction(body, exact=True)
    scalars = Mul(*[f for f in Mul.make_args(top) if not _varies(f)])
    vectors = ordered_factors(f for f in Mul.make_args(top) if _varies(f))
    if not _varies(bottom):
        scalar = scalars / bottom
        front = "" if scalar == 1 else printer.bracket(scalar, PRODUCT)
        return joined(front, _circled(printer, vectors, arrays, bool(front)))
    front = "" if scalars == 1 and vectors else printer.bracket(scalars, PRODUCT)
    above = joined(front, _circled(printer, vectors, arrays, bool(front)) if vectors else r"\bm{1}")
    below = [f for f in Mul.make_args(bottom) if not _varies(f)]
    lead = printer._print(Mul(*below)) if below else ""
    varying = ordered_factors(f for f in Mul.make_args(bottom) if _varies(f))
    return rf"\frac{{{above}}}{{{joined(lead, _circled(printer, varying, arrays, bool(lead)))}}}"


def joined(front: str, rest: str) -> str:
    """A scalar in front of an array, with what keeps them apart."""
    from derive.algebra.notation import between

    return front + between(front, rest) + rest if front else rest


def _circled(printer: Any, factors: list[Expr], arrays: tuple[Any, ...], led: bool) -> str:
    if len(factors) == 1:
        return _guarded(printer, factors[0], arrays, PRODUCT if led else SUM)
    ordered = sorted(factors, key=lambda factor: not _comes_first(factor, arrays))
    pieces = [_guarded(printer, f, arrays, POWER if _is_matrix_product(f, arrays) else PRODUCT) for f in ordered]
    return r" \odot ".join(pieces)


def _comes_first(factor: Expr, arrays: tuple[Any, ...]) -> bool:
    """What comes from above is written before the local derivative."""
    return isinstance(factor, nodes.Slot) and isinstance(arrays[factor.index], MatMul | nodes.Gradient)


def _is_matrix_product(factor: Expr, arrays: tuple[Any, ...]) -> bool:
    return isinstance(factor, nodes.Slot) and isinstance(arrays[factor.index], MatMul)
