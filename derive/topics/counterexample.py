"""Points at which an identity fails, in exact arithmetic."""

from __future__ import annotations

import random
from typing import Any

from sympy import ImmutableDenseMatrix, Integer, Rational, Symbol

from derive.algebra import arrays, values_arrays  # noqa: F401  registers values
from derive.algebra.nodes import is_array
from derive.algebra.values import value_of
from derive.errors import NotDerivable
from derive.worlds import Formulas

TRIES, TINY = 12, Rational(1, 10**20)
SMALL = (Integer(1), Integer(2), Integer(-1), Integer(3), Integer(0), Rational(1, 2), Integer(-2))


def differing_point(left: Any, right: Any, world: Formulas) -> dict[Any, Any] | None:
    """Numbers for the free symbols at which the two sides differ (None where none was found): small ones, two rows."""
    chance = random.Random(3)
    for _ in range(TRIES):
        values = some_point([left, right, *(e for _, e in world.definitions)], world, chance)
        try:
            one, other = (at(side, world, values) for side in (left, right))
        except (NotDerivable, ZeroDivisionError, TypeError, ValueError):
            continue
        gaps = [a - b for a, b in zip(one, other, strict=True)] if is_array(one) else [one - other]
        if any(abs(gap) > TINY for gap in gaps):
            return values
    return None


def at(expr: Any, world: Formulas, values: dict[Any, Any]) -> Any:
    """The value of a side at a point."""
    known = dict(values)
    sizes = {s: v for s, v in values.items() if not is_array(v)}
    for symbol, meaning in world.definitions:
        known[symbol] = value_of(meaning, known)
    return value_of(expr, {**known, **sizes})


def some_point(exprs: list[Any], world: Formulas, chance: random.Random) -> dict[Any, Any]:
    """Small numbers in the symbols' domains; every symbolic size is 2."""
    defined, domains = {symbol for symbol, _ in world.definitions}, dict(world.domains)
    free = {s for expr in exprs for s in expr.free_symbols} - defined
    sizes = {d for s in free if is_array(s) for d in s.shape if isinstance(d, Symbol)}
    values: dict[Any, Any] = {size: Integer(2) for size in sizes}
    for symbol in sorted(free - sizes, key=str):
        domain = str(domains.get(symbol) or getattr(symbol, "domain", "positive" if symbol.is_positive else "real"))
        values[symbol] = _matrix(symbol, domain, values, chance) if is_array(symbol) else _number(domain, chance)
    return values


def _number(domain: str, chance: random.Random) -> Any:
    if domain == "unit":
        return Rational(1, chance.choice((2, 3, 4)))
    number = chance.choice(SMALL)
    return abs(number) + 1 if domain in ("positive", "integer") and number <= 0 else number


def _matrix(symbol: Any, domain: str, values: dict[Any, Any], chance: random.Random) -> ImmutableDenseMatrix:
    rows, columns = (int(d.xreplace(values)) for d in symbol.shape)
    entries = {"binary": (0, 1), "sign": (-1, 1), "count": (0, 1, 2)}.get(domain)

    def draw(i: int, j: int) -> Any:
        return Integer(chance.choice(entries)) if entries else _number(domain, chance)

    if domain in ("symmetric", "positive_definite"):
        half = ImmutableDenseMatrix(rows, columns, draw)
        return half + half.T if domain == "symmetric" else half * half.T + ImmutableDenseMatrix.eye(rows)
    if domain in ("probabilities", "one_hot"):
        share = Rational(1, rows if columns == 1 else columns)
        hot = 0 if domain == "one_hot" else None
        place = (lambda i, j: i) if columns == 1 else (lambda i, j: j)
        return ImmutableDenseMatrix(rows, columns, lambda i, j: share if hot is None else int(place(i, j) == hot))
    return ImmutableDenseMatrix(rows, columns, draw)
