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
WHOLE_DIGITS = 15  # digits up to which a whole number is written out
NEARLY_WHOLE = Rational(
    1, 10**9
)  # of a number above 2: nearer to a whole number than that, it is shown as rounded to it
LONG_PLACES = 12  # decimals from which on 1 - 1.5e-13 reads better than 0.99999999999985
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
    """A number as it is shown: whole where its decimals end soon (or it is a simple fraction), else rounded to `digits`
    significant digits, or to as many as it takes to tell it from a whole number."""
    number = exact(value)
    if isinstance(number, Rational) and is_short(number):
        return Numeral(number)
    if number == 0:
        return Numeral(Integer(0))
    return Numeral(number, telling_places(number, digits - 1 - magnitude(number)))


def is_short(number: Rational) -> bool:
    """Whether a rational is written out: few decimals, or a small denominator, and not many digits before the point."""
    places = places_of(number)
    if places is None:
        return int(number.q) <= SMALL_DENOMINATOR and abs(int(number.p)) < 10**WHOLE_DIGITS
    return (places <= EXACT_PLACES and len(str(abs(int(number.p))).rstrip("0")) <= WHOLE_DIGITS) or is_power(number)


def is_long(number: Integer) -> bool:
    """Whether a whole number ends in so many zeros that it reads better with a power of ten."""
    return number % 10**9 == 0 and number != 0


def is_power(number: Rational) -> bool:
    """Whether a rational is one digit times a power of ten, which is written in a few signs however small it is."""
    places = places_of(number)
    return places is not None and len(str(abs(int(number * 10**places))).rstrip("0")) == 1


def magnitude(number: Any) -> int:
    """The exponent of the first digit: 2 for 314, -3 for 0.00314."""
    return int(floor(log(abs(Rational(number)), 10).evalf(30)))


def telling_places(number: Any, places: int) -> int:
    """So many decimals, or as many more as it takes to tell the number from the whole number that they would show: a
    probability that is not 1 is not shown as 1.000000."""
    if places < 0:
        return min(places, -2) if places < -1 else 0  # -1 says that all digits are shown
    off = off_whole(number)
    hidden = off and off * 10**places < Rational(1, 2)
    is_told = abs(number) < 2 or off > NEARLY_WHOLE * abs(Rational(number))
    return max(places, 1 - magnitude(off)) if hidden and is_told else places


def off_whole(number: Any) -> Rational:
    """How far a number is from the nearest whole number."""
    return abs(Rational(number) - round(Rational(number)))


def numerals(value: Any, digits: int = 6) -> Any:
    """A number or an array of numbers as shown: arrays have one number of decimals, so that columns read well, save where
    that would show an entry with less than its own digits allow."""
    if not isinstance(value, MatrixBase):
        return numeral(value, digits)
    entries = [numeral(entry, digits) for entry in value]
    rounded = [entry.places for entry in entries if not entry.is_exact]
    if rounded:
        places = min(max(rounded), max(digits, min(rounded)))
        entries = [entry if entry.is_exact else Numeral(entry.value, _of_column(entry, places)) for entry in entries]
    return ImmutableDenseMatrix(*value.shape, entries)


LEAST_DIGITS = 3  # significant digits of an entry that is small beside the others of its array


def _of_column(entry: Numeral, places: int) -> int:
    return telling_places(entry.value, max(places, LEAST_DIGITS - 1 - magnitude(entry.value)))


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


def decimal_text(numeral: Numeral, power: str = "e{}", times: str = "") -> str:
    """The digits as printed: '0.405', '-2', '1.57', 'p/q' where no decimal expansion ends, '1.5e-30' for what is very small
    or very large, and '1 - 1.5e-26' for what is nearly a whole number. `power` is how a power of ten is written after the
    digits before it and `times`; a 1 before `times` is left out."""
    shown, places = numeral.shown, numeral.places
    if places == -1:
        found = places_of(shown)
        if found is None:
            return f"{shown.p}/{shown.q}"
        places = found
    whole = round(shown)
    if whole and places > LONG_PLACES and whole != shown and not numeral.is_exact:
        off = shown - whole
        return f"{whole} {'-' if off < 0 else '+'} {_scientific(abs(off), places, power, times)}"
    if _is_remote(shown, places):
        digits = _scientific(shown, places, power, times)
        return digits if not numeral.is_exact else _scientific(shown, significant_places(shown), power, times)
    return _fixed(shown, max(places, 0))


def _is_remote(shown: Rational, places: int) -> bool:
    """Whether the number reads better with a power of ten."""
    if shown == 0:
        return False
    first, last = magnitude(shown), -significant_places(shown)
    return first < -5 or (first < -4 and first == last) or places < -1 or (first >= WHOLE_DIGITS > first - last)


def significant_places(shown: Rational) -> int:
    """The decimals up to the last digit that is not zero; negative where zeros stand before the point."""
    places = places_of(shown) or 0
    digits = str(abs(int(shown * 10**places)))
    return places - (len(digits) - len(digits.rstrip("0")))


def _fixed(shown: Rational, places: int) -> str:
    digits = str(abs(int(shown * 10**places))).rjust(places + 1, "0")
    whole = digits if places == 0 else f"{digits[:-places]}.{digits[-places:]}"
    return f"-{whole}" if shown < 0 else whole


def _scientific(shown: Rational, places: int, power: str, times: str) -> str:
    first = magnitude(shown)
    mantissa = _fixed(shown / Rational(10) ** first, max(places + first, 0))
    if times and mantissa in ("1", "-1"):
        return mantissa[:-1] + power.format(first)
    return mantissa + times + power.format(first)
