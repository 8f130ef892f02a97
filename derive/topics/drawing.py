"""Numbers with few decimals for the symbols of a network, drawn by a seed: from a range, or as the symbol's domain asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from sympy import Integer, Rational
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.arrays import Distribution, LabelArray, OneHot, SignArray
from derive.algebra.numbers import as_matrix
from derive.errors import GivenError

MOST_DRAWN = 10_000
TARGETS: dict[str, type[MatrixSymbol]] = {
    "real": MatrixSymbol,
    "binary": LabelArray,
    "sign": SignArray,
    "one_hot": OneHot,
    "probabilities": Distribution,
}


def target_symbol(name: str, loss: Any, shape: Any) -> MatrixSymbol:
    """The target by name, an array of the domain that the loss declares."""
    return TARGETS["real" if loss is None else loss.target](name, *shape)


def drawn(symbols: Iterable[Any], draw: Any, size: Callable[[Any], int]) -> dict[Any, Any]:
    """A matrix of exact numbers for each symbol, the same for the same seed; `size` says what a symbolic size is.

    Raises GivenError where the range is empty, or where the numbers would be more than a page can show.
    """
    if int(draw.low * 10**draw.places) > int(draw.high * 10**draw.places):
        raise GivenError("'low' lies above 'high'", ("given", "draw"))
    chance = Random(draw.seed)
    sized = [(symbol, (size(symbol.shape[0]), size(symbol.shape[1]))) for symbol in symbols]
    count = sum(rows * columns for _, (rows, columns) in sized)
    if count > MOST_DRAWN:
        raise GivenError(f"{count:,} numbers would be drawn; up to {MOST_DRAWN:,} are", ("given", "draw"))
    return {symbol: as_matrix(_entries(symbol, shape, draw, chance)) for symbol, shape in sized}


def _entries(symbol: Any, shape: tuple[int, int], draw: Any, chance: Random) -> tuple[tuple[Any, ...], ...]:
    unit = Rational(1, 10**draw.places)
    low, high = int(draw.low / unit), int(draw.high / unit)
    domain = getattr(symbol, "domain", "real")
    if domain in ONE_EACH:
        rows, columns = shape[::-1] if shape[1] == 1 else shape  # a column is one distribution, else each row is
        found = tuple(ONE_EACH[domain](columns, chance) for _ in range(rows))
        return tuple(zip(*found, strict=True)) if shape[1] == 1 else found
    one = ENTRY.get(domain, lambda chance: unit * chance.randint(low, high))
    return tuple(tuple(one(chance) for _ in range(shape[1])) for _ in range(shape[0]))


def _one_hot(size: int, chance: Random) -> tuple[Any, ...]:
    place = chance.randrange(size)
    return tuple(Integer(int(k == place)) for k in range(size))


def _distribution(size: int, chance: Random) -> tuple[Any, ...]:
    """Tenths (or smaller parts, of many) that add up to one."""
    parts = max(10, 2 * size)
    cuts = sorted(chance.sample(range(1, parts), size - 1))
    return tuple(Rational(b - a, parts) for a, b in zip([0, *cuts], [*cuts, parts], strict=True))


ONE_EACH: dict[str, Callable[[int, Random], tuple[Any, ...]]] = {"one_hot": _one_hot, "probabilities": _distribution}
ENTRY: dict[str, Callable[[Random], Any]] = {
    "binary": lambda chance: Integer(chance.randint(0, 1)),
    "sign": lambda chance: Integer(2 * chance.randint(0, 1) - 1),
}
