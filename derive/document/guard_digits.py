"""Guard digits: rounded numbers are printed with as many digits as it takes that whoever computes on from the page gets what
the page says next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sympy import Basic, MatrixBase, Number, Rational

from derive.algebra import values_arrays as values_arrays  # registers values
from derive.algebra.nodes import Numeral
from derive.algebra.notation import numerals_in
from derive.algebra.numbers import magnitude, off_whole, places_of
from derive.algebra.values import value_of
from derive.derivation import Claim, Derivation, Equal, HasCount, HasMean, IsGradient, Reason, Section
from derive.errors import DeriveError

SIDED = (Equal, HasCount, HasMean, IsGradient)
MOST_DIGITS = 15  # significant digits of a rounded number
ROUNDS = 12  # a number that gets more digits may need more from the numbers that it was computed from
SLACK = 0.5  # halves of a unit that rounding before the sign may move a result by, beside the result's own rounding
Places = dict[Numeral, int]


def with_guard_digits(derivations: Iterable[Derivation]) -> list[Derivation]:
    """The derivations with more digits where a printed result does not follow from the printed numbers before it."""
    listed = list(derivations)
    places = guard_digits(_lines(step.claim for derivation in listed for step in derivation.steps))
    return [_with_places(derivation, places) for derivation in listed] if places else listed


@dataclass(frozen=True)
class PrintedLine:
    """Numbers that are computed from what stands before the sign, all of it printed."""

    before: Any
    after: Any

    @cached_property
    def used(self) -> tuple[Numeral, ...]:
        return tuple(dict.fromkeys(n for n in numerals_in(self.before) if is_rounded(n)))

    @cached_property
    def results(self) -> tuple[Any, ...]:
        return tuple(self.after) if isinstance(self.after, MatrixBase) else (self.after,)

    def computed(self, places: Places, rounded: tuple[Numeral, ...] | None = None) -> tuple[Any, ...] | None:
        """What a reader gets from the digits before the sign (or where only some numbers are `rounded`); None where that is no
        number."""
        seen = self.used if rounded is None else rounded
        shown = {n: with_places(n, places).shown if n in seen else n.value for n in self.used}
        try:
            value = value_of(replaced(self.before, shown), {})
        except (DeriveError, TypeError, ValueError, ZeroDivisionError, AttributeError):
            return None
        entries = tuple(value) if isinstance(value, MatrixBase) else (value,)
        return entries if len(entries) == len(self.results) else None

    def misses(self, places: Places) -> float:
        """By how many halves of a unit of the last digit shown the computed results lie beside the printed ones, at most."""
        return self.halves(self.computed(places), tuple(with_places(r, places).shown for r in self.results), places)

    def moves(self, numeral: Numeral, places: Places) -> float:
        """By how many such halves the rounding of one number moves the results."""
        return self.halves(self.computed(places, (numeral,)), self.computed(places, ()), places)

    def halves(self, ones: tuple[Any, ...] | None, others: tuple[Any, ...] | None, places: Places) -> float:
        if ones is None or others is None:
            return 0.0
        units = [Rational(10) ** -last_place(with_places(result, places)) for result in self.results]
        return max(float(abs(Rational(a) - Rational(b)) / u) * 2 for a, b, u in zip(ones, others, units, strict=True))


def is_rounded(numeral: Any) -> bool:
    """Whether a numeral of ours shows rounded digits; an author's own rounded number stays as it is."""
    return type(numeral) is Numeral and not numeral.is_exact


def last_place(numeral: Numeral) -> int:
    """The decimals of the last digit shown."""
    if numeral.places != -1:
        return numeral.places
    found = places_of(Rational(numeral.shown))
    return MOST_DIGITS if found is None else found


def with_places(numeral: Any, places: Places) -> Any:
    """The numeral as it is printed now."""
    if not isinstance(numeral, Numeral):
        return Numeral(numeral)
    return Numeral(numeral.value, places[numeral]) if numeral in places else numeral


def replaced(expr: Any, by: dict[Any, Any]) -> Any:
    """The expression with numerals replaced, inside explicit matrices as well."""
    if isinstance(expr, MatrixBase):
        return expr.applyfunc(lambda entry: replaced(entry, by))
    if expr in by:
        return by[expr]
    if not isinstance(expr, Basic) or not expr.args or isinstance(expr, Numeral):
        return expr
    inner = [replaced(arg, by) for arg in expr.args]
    return expr if all(a is b for a, b in zip(inner, expr.args, strict=True)) else expr.func(*inner)


def _lines(claims: Iterable[Claim]) -> Iterator[PrintedLine]:
    for claim in claims:
        sides = getattr(claim, "sides", ()) if isinstance(claim, SIDED) else ()
        for before, after in zip(sides, sides[1:], strict=False):
            line = PrintedLine(before, after)
            if line.used and all(isinstance(result, Numeral | Number) for result in line.results):
                yield line


def guard_digits(lines: Iterable[PrintedLine]) -> Places:
    """The decimals of each rounded numeral that needs more than it has."""
    listed = list(lines)
    uses: dict[Numeral, set[int]] = {}
    for k, line in enumerate(listed):
        for n in {*line.used, *(r for r in line.results if isinstance(r, Numeral))}:
            uses.setdefault(n, set()).add(k)
    places: Places = {}
    waiting = set(range(len(listed)))
    for _ in range(ROUNDS):
        grown: set[Numeral] = set()
        for k in sorted(waiting):
            if listed[k].misses(places) > 1:
                grown |= _grow(listed[k], places)
        waiting = {k for n in grown for k in uses[n]}
        if not waiting:
            break
    return places


def most_places(numeral: Numeral) -> int:
    """The decimals of MOST_DIGITS digits: of the number, or of what it differs by from a whole number that it is near to."""
    off = off_whole(numeral.value)
    return MOST_DIGITS - 1 - magnitude(off if 0 < off < Rational(1, 10**6) else numeral.value)


def _grow(line: PrintedLine, places: Places) -> set[Numeral]:
    """More digits for the rounded numbers of a line that move its results most; which of them there was room for."""
    moves = {n: line.moves(n, places) for n in line.used}
    least = min(SLACK, max(moves.values()))
    grown = set()
    for n, moved in moves.items():
        if 0 < moved >= least:
            now = places.get(n, n.places)
            then = min(now + max(1, math.ceil(math.log10(moved * len(moves) / SLACK))), most_places(n))
            then = 0 if then == -1 else then  # -1 says that all digits are shown
            if then > now:
                places[n] = then
                grown.add(n)
    return grown


def _with_places(derivation: Derivation, places: Places) -> Derivation:
    by = {n: Numeral(n.value, p) for n, p in places.items()}

    def of_claim(claim: Any) -> Any:
        if not isinstance(claim, SIDED):
            return claim
        return replace(claim, sides=tuple(replaced(side, by) for side in claim.sides))

    def of_reason(reason: Reason) -> Reason:
        return replace(
            reason, about=tuple(replaced(a, by) if isinstance(a, Basic | MatrixBase) else a for a in reason.about)
        )

    def of_section(section: Section) -> Section:
        steps = tuple(replace(s, claim=of_claim(s.claim), reason=of_reason(s.reason)) for s in section.steps)
        return replace(section, steps=steps)

    return replace(derivation, sections=tuple(map(of_section, derivation.sections)))
