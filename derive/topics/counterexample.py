"""Points at which an identity or an inequality fails, in exact arithmetic: small numbers, numbers on, beside and far from
every point where a branch begins, scales from 1/1000 to 1000, and the way up from the best of them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from sympy import (
    Abs,
    Dummy,
    Expr,
    FiniteSet,
    ImmutableDenseMatrix,
    Integer,
    Max,
    Min,
    Poly,
    Rational,
    S,
    Symbol,
    count_ops,
    real_roots,
    solveset,
)
from sympy.core.relational import Relational

from derive.algebra import arrays, values_arrays  # noqa: F401  registers values
from derive.algebra.functions import TableFunction
from derive.algebra.nodes import is_array
from derive.algebra.values import value_of
from derive.errors import NotDerivable
from derive.worlds import Formulas

TRIES, FAR, TINY = 12, 80, Rational(1, 10**25)
SMALL = (Integer(1), Integer(2), Integer(-1), Integer(3), Integer(0), Rational(1, 2), Integer(-2))
SIZES = (0, 1, 2, 3, 5, 10, 30, 100, 1000, Rational(1, 2), Rational(1, 10), Rational(1, 1000))
LINE = tuple(Integer(way) * Rational(size) for size in SIZES for way in (1, -1))
BESIDE = (0, 1, -1, 30, -30, Rational(1, 1000), Rational(-1, 1000))
SOLVED = 12  # operations up to which SymPy is asked where two sides meet
ROUNDS, CLIMBERS = 24, 4  # of the way up, and how many go

Values = dict[Any, Any]


def differing_point(left: Any, right: Any, world: Formulas) -> Values | None:
    """Numbers for the free symbols at which the two sides differ; None where none was found."""

    def differs(values: Values) -> bool:
        one, other = (at(side, world, values) for side in (left, right))
        pairs = zip(one, other, strict=True) if is_array(one) else [(one, other)]
        return any(abs(a - b) > TINY * max(abs(a), abs(b)) for a, b in pairs)

    found = points([left, right], world)
    return next((v for v in found if _judged(differs, v) and is_allowed(v, world)), None)


def violating_point(lower: Any, upper: Any, strict: bool, world: Formulas) -> Values | None:
    """Numbers at which `lower <= upper` (`<` where strict) is false, as few digits as do; None where none was found."""

    def excess(values: Values) -> Any:
        one, other = (at(side, world, values) for side in (lower, upper))
        return one - other if abs(one - other) > TINY * max(abs(one), abs(other)) else Integer(0)

    def fails(values: Values) -> bool:
        """An equality refutes a strict relation where it is exact."""
        if excess(values) > 0:
            return True
        one, other = (at(side, world, values) for side in (lower, upper))
        return bool(strict and one == other and one.is_Rational and other.is_Rational)

    seen: list[tuple[Any, Values]] = []
    for values in chain(points([lower, upper], world), meetings(lower, upper, world)):
        found = _judged(excess, values)
        if found is None or not is_allowed(values, world):
            continue
        if _judged(fails, values):
            return values
        seen.append((found, values))
    for _, values in sorted(seen, key=lambda pair: -float(pair[0]))[:CLIMBERS]:
        top = _climbed(values, excess, world)
        if _judged(fails, top) and is_allowed(top, world):
            return _shortened(top, lambda v: fails(v) and is_allowed(v, world) and _in_domains(v, world))
    return None


def meetings(lower: Any, upper: Any, world: Formulas) -> Iterator[Values]:
    """For one number alone: where the two sides are equal, and on both sides of there."""
    gap = _unfolded(upper - lower, world) if not is_array(upper) else Integer(0)
    if len(gap.free_symbols) != 1 or count_ops(gap) > SOLVED:
        return
    (symbol,) = gap.free_symbols
    if not isinstance(symbol, Symbol):
        return
    plain = Dummy(positive=True) if symbol.is_positive else Dummy(real=True)
    try:
        found = solveset(gap.xreplace({symbol: plain}), plain, S.Reals)
    except (NotImplementedError, ValueError, TypeError, ArithmeticError, RecursionError):
        return
    for root in sorted(found, key=float) if isinstance(found, FiniteSet) else ():
        for number in (root, root + 1, root - 1, 2 * root, root / 2):
            if _is_in(number, domain_of(symbol, world)):
                yield {symbol: number}


def is_allowed(values: Values, world: Formulas) -> bool:
    """Whether the conditions of the world hold at a point (those on ranks are left to the inverses, which exist or do not)."""

    def holds(relation: Any) -> bool:
        sides = [at(side, world, values) for side in relation.args]
        entries = zip(*map(list, sides), strict=True) if is_array(sides[0]) and is_array(sides[1]) else [tuple(sides)]
        if is_array(sides[0]) and not is_array(sides[1]):
            entries = [(entry, sides[1]) for entry in sides[0]]
        return all(bool(relation.func(*entry)) for entry in entries)

    relations = [c for c in world.conditions if isinstance(c, Relational) and not c.has(arrays.Rank)]
    return all(_judged(lambda _, c=c: holds(c), values) for c in relations)  # type: ignore[misc]


def _judged(test: Callable[[Values], Any], values: Values) -> Any:
    """What the test says, None where the point has no value."""
    try:
        return test(values)
    except (NotDerivable, ArithmeticError, TypeError, ValueError):
        return None


def at(expr: Any, world: Formulas, values: Values) -> Any:
    """The value of a side at a point."""
    known = dict(values)
    sizes = {s: v for s, v in values.items() if not is_array(v)}
    for symbol, meaning in world.definitions:
        known[symbol] = value_of(meaning, known)
    return value_of(expr, {**known, **sizes})


# points


def points(sides: list[Any], world: Formulas) -> Iterator[Values]:
    """Small numbers first, then numbers of all sizes, and for numbers alone those on and around breakpoints."""
    exprs, chance = [*sides, *(e for _, e in world.definitions)], random.Random(3)
    for _ in range(TRIES):
        yield some_point(exprs, world, chance, SMALL)
    first = some_point(exprs, world, chance, SMALL)
    scalars = [s for s, value in first.items() if not is_array(value)]
    whole = [_unfolded(side, world) for side in sides]
    if len(scalars) == len(first) == 1:
        (symbol,), domain = scalars, domain_of(scalars[0], world)
        for number in dict.fromkeys([*_around(whole, symbol, {}), *LINE]):
            if _is_in(number, domain):
                yield {symbol: number}
        return
    for k in range(FAR):
        values = some_point(exprs, world, chance, LINE if k % 2 else SMALL)
        yield values
        for symbol in scalars if len(scalars) == len(first) else []:
            others = {s: v for s, v in values.items() if s != symbol}
            for number in _around(whole, symbol, others)[: 2 * len(BESIDE)]:
                if _is_in(number, domain_of(symbol, world)):
                    yield {**values, symbol: number}


def _unfolded(expr: Any, world: Formulas) -> Any:
    for symbol, meaning in reversed(world.definitions):
        expr = expr.xreplace({symbol: meaning})
    while expr.has(TableFunction):
        expr = expr.replace(lambda e: isinstance(e, TableFunction), lambda e: e.definition)
    return expr


def _around(exprs: list[Any], symbol: Any, others: Values) -> list[Any]:
    """On, beside and far from every number at which, the others given, two compared quantities are equal."""
    found: dict[Any, None] = {}
    for expr in exprs:
        for node in expr.atoms(Relational, Abs, Max, Min):
            switch = (node.args[0] - node.args[1] if len(node.args) > 1 else node.args[0]).xreplace(others)
            if isinstance(switch, Expr) and switch.free_symbols == {symbol} and switch.is_polynomial(symbol):
                found.update({root: None for root in real_roots(Poly(switch, symbol)) if root.is_Rational})
    return [root + step for root in found for step in BESIDE]


def domain_of(symbol: Any, world: Formulas) -> str:
    """The domain's name: as the world says, or as the symbol's own kind or assumptions do."""
    named = dict(world.domains).get(symbol) or getattr(symbol, "domain", "")
    return str(named or ("integer" if symbol.is_integer else "positive" if symbol.is_positive else "real"))


ENTRIES = {"binary": (0, 1), "sign": (-1, 1), "count": (0, 1, 2)}  # some of the numbers of domains that have few


def _is_in(number: Any, domain: str) -> bool:
    if domain == "unit":
        return bool(0 < number < 1)
    if domain in ENTRIES:
        return number in ENTRIES[domain]
    if ends := RANGE.match(domain):
        low = Rational(ends[1])
        return bool(low < number < Rational(ends[2]) if ends[2] else low <= number)
    return bool(domain not in ("positive", "integer") or (number > 0 and (domain == "positive" or number.is_Integer)))


def some_point(exprs: list[Any], world: Formulas, chance: random.Random, numbers: tuple[Any, ...]) -> Values:
    """Some of the numbers in the symbols' domains; symbolic sizes are 2, then 2 or 3."""
    defined = {symbol for symbol, _ in world.definitions}
    free = {s for expr in exprs for s in expr.free_symbols} - defined
    sizes = {d for s in free if is_array(s) for d in s.shape if isinstance(d, Symbol)}
    largest = 2 if numbers is SMALL and chance.random() < 0.5 else 3
    values: Values = {size: Integer(chance.randint(2, largest)) for size in sorted(sizes, key=str)}
    for symbol in sorted(free - sizes, key=str):
        if is_array(symbol):
            domain = str(dict(world.domains).get(symbol) or getattr(symbol, "domain", "real"))
            values[symbol] = _matrix(symbol, domain, values, chance, numbers)
        else:
            values[symbol] = _number(domain_of(symbol, world), chance, numbers)
    return values


RANGE = re.compile(r"(?:range|at_least)\(([^,)]+)(?:, ([^)]+))?\)$")  # the ends of a range of numbers


def _number(domain: str, chance: random.Random, numbers: tuple[Any, ...]) -> Any:
    if domain in ENTRIES:
        return Integer(chance.choice(ENTRIES[domain]))
    if domain == "unit":
        return Rational(1, chance.choice((2, 3, 4, 100)))
    number = chance.choice(numbers)
    if ends := RANGE.match(domain):
        low, high = Rational(ends[1]), Rational(ends[2] or ends[1])
        return low + (high - low) * Rational(chance.randint(1, 9), 10) if ends[2] else low + abs(number)
    if domain == "integer":
        return Integer(abs(int(number)) + 1)
    return abs(number) + 1 if domain == "positive" and number <= 0 else number


def _matrix(
    symbol: Any, domain: str, values: Values, chance: random.Random, numbers: tuple[Any, ...]
) -> ImmutableDenseMatrix:
    rows, columns = (int(d.xreplace(values)) for d in symbol.shape)
    entries = ENTRIES.get(domain)

    def draw(i: int, j: int) -> Any:
        return Integer(chance.choice(entries)) if entries else _number(domain, chance, numbers)

    if domain in ("symmetric", "positive_definite"):
        half = ImmutableDenseMatrix(rows, columns, draw)
        return half + half.T if domain == "symmetric" else half * half.T + ImmutableDenseMatrix.eye(rows)
    if domain in ("probabilities", "one_hot"):
        share = Rational(1, rows if columns == 1 else columns)
        hot = 0 if domain == "one_hot" else None
        place = (lambda i, j: i) if columns == 1 else (lambda i, j: j)
        return ImmutableDenseMatrix(rows, columns, lambda i, j: share if hot is None else int(place(i, j) == hot))
    return ImmutableDenseMatrix(rows, columns, draw)


# the way up


def _climbed(values: Values, excess: Callable[[Values], Any], world: Formulas) -> Values:
    """Steps in one number at a time that grow while they help and shrink where they do not."""
    scalars = [s for s, v in values.items() if not is_array(v) and domain_of(s, world) != "integer"]
    steps = {s: max(abs(values[s]), Integer(1)) / 4 for s in scalars}
    best = _judged(excess, values)
    for _ in range(ROUNDS):
        for s in scalars:
            tries = [{**values, s: values[s] + way * steps[s]} for way in (1, -1)]
            found = [(_judged(excess, t), t) for t in tries if _is_in(t[s], domain_of(s, world))]
            better = [pair for pair in found if pair[0] is not None and pair[0] > best]
            if better:
                best, values = max(better, key=lambda pair: float(pair[0]))
                steps[s] = steps[s] * 2
            else:
                steps[s] = steps[s] / 4
    return values


def _in_domains(values: Values, world: Formulas) -> bool:
    """Whether every number is in its symbol's domain."""
    return all(is_array(v) or _is_in(v, domain_of(s, world)) for s, v in values.items())


def _shortened(values: Values, fails: Callable[[Values], bool]) -> Values:
    """The same numbers with as few decimals as still do."""
    for digits in range(9):
        scale = Integer(10) ** digits
        short = {s: v if is_array(v) else Rational(round(v * scale), scale) for s, v in values.items()}
        if _judged(fails, short):
            return short
    return values
