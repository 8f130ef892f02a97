"""Exact numbers and the decimals that are shown of them."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Float, ImmutableDenseMatrix, Integer, MatrixBase, N, Rational, erf, exp, floor, log

from derive.algebra.nodes import Numeral, plain
from derive.errors import NotDerivable

PRECISION = 50  # decimal digits in which irrational numbers are carried
MOST_MORE = 20_000  # more digits where exponentials saturate
LN_10, LOG2_10 = 2.302585092994046, 3.321928094887362
EXACT_PLACES = 10  # a decimal expansion that ends within these places is shown whole
SMALL_DENOMINATOR = 12  # below this a fraction that does not end is shown as a fraction


def exact(value: Any) -> Rational | Float:
    """A numeric expression as a rational where it is one, else as a float of `PRECISION` digits: and of so many more that what
    an exponential in it adds to one is not lost, as in 1/(1 + exp(-150))."""
    number = plain(value)
    if isinstance(number, Rational):
        return number
    number = N(number, _digits(number))
    if isinstance(number, Rational):
        return number
    if not isinstance(number, Float):
        raise NotDerivable(f"{value} has no real value")
    return number


def _digits(number: Any) -> int:
    if isinstance(number, Float):
        return max(PRECISION, _carried(number))
    exponents = [abs(float(node.args[0])) for node in number.atoms(exp) if node.args[0].is_number]
    exponents += [float(node.args[0]) ** 2 for node in number.atoms(erf) if node.args[0].is_number]
    more = int(2 * max(exponents, default=0) / LN_10)
    return max(PRECISION + min(more, MOST_MORE), *map(_carried, number.atoms(Float)), 0)


def _carried(number: Float) -> int:
    """The digits that a float has."""
    return int(number._prec / LOG2_10)


def places_of(value: Rational) -> int | None:
    """How many decimals a rational has, or None when its expansion does not end."""
    q, twos, fives = int(value.q), 0, 0
    while q % 2 == 0:
        q, twos = q // 2, twos + 1
    while q % 5 == 0:
        q, fives = q // 5, fives + 1
    return max(twos, fives) if q == 1 else None


def numeral(value: Any, digits: int = 6) -> Numeral:
    """A number as it is shown: whole where its decimals end soon (or it is a simple fraction), else rounded to
    `digits` significant digits."""
    number = exact(value)
    if isinstance(number, Rational):
        places = places_of(number)
        if (places is not None and places <= EXACT_PLACES) or (places is None and number.q <= SMALL_DENOMINATOR):
            return Numeral(number)
    if number == 0:
        return Numeral(Integer(0))
    magnitude = int(floor(log(abs(Rational(number)), 10).evalf(30)))
    return Numeral(number, max(digits - 1 - magnitude, 0))


def numerals(value: Any, digits: int = 6) -> Any:
    """A number or an array of numbers as shown: arrays have one number of decimals, so that columns read well."""
    if not isinstance(value, MatrixBase):
        return numeral(value, digits)
    entries = [numeral(entry, digits) for entry in value]
    rounded = [entry.places for entry in entries if not entry.is_exact]
    if rounded:
        places = min(max(rounded), max(digits, min(rounded)))
        entries = [entry if entry.is_exact else Numeral(entry.value, places) for entry in entries]
    return ImmutableDenseMatrix(*value.shape, entries)


def as_matrix(nested: Any) -> ImmutableDenseMatrix:
    """Nested tuples of numbers as a matrix; a flat tuple is a column, a number a 1 x 1 matrix."""
    if not isinstance(nested, tuple | list):
        return ImmutableDenseMatrix([[nested]])
    if nested and isinstance(nested[0], tuple | list):
        return ImmutableDenseMatrix([list(row) for row in nested])
    return ImmutableDenseMatrix([[entry] for entry in nested])


def value_of(expr: Expr) -> Rational | Float:
    """The exact value of a numeric expression in written nodes."""
    return exact(expr)


def decimal_text(numeral: Numeral) -> str:
    """The digits as printed: '0.405', '-2', '1.57', or 'p/q' where no decimal expansion ends."""
    shown, places = numeral.shown, numeral.places
    if places < 0:
        found = places_of(shown)
        if found is None:
            return f"{shown.p}/{shown.q}"
        places = found
    scaled = abs(int(shown * 10**places))
    digits = str(scaled).rjust(places + 1, "0")
    whole = digits if places == 0 else f"{digits[:-places]}.{digits[-places:]}"
    return f"-{whole}" if shown < 0 else whole
