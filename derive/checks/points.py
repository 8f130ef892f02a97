"""Seeded float64 points in the symbols' domains, chosen by an adversary: many scales, both signs, exact zeros."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from sympy import Basic, Idx, Indexed, IndexedBase, Number, Product, Sum, Symbol
from sympy.matrices.expressions import Identity, MatPow, OneMatrix, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol

from derive.algebra import arrays
from derive.algebra.nodes import Slot

Tensor = torch.Tensor
SMALLEST, LARGEST = 4, 7  # symbolic sizes
LESS = (2, 3)  # symbolic sizes that are to be less than others
ENTRIES = 11  # of a sequence that is no array


SEEDS_APART = 1_000_003


def generator(seed: int, point: int) -> torch.Generator:
    """A generator of its own for each point, so that points do not depend on one another."""
    return torch.Generator().manual_seed(SEEDS_APART * seed + point)


def seed_and_point(random: torch.Generator) -> tuple[int, int]:
    """The seed and the point that a generator was made for."""
    return divmod(random.initial_seed(), SEEDS_APART)


def free_symbols(exprs: Iterable[Any]) -> list[Basic]:
    """Scalars, arrays and sequences that occur free, sizes included, in a fixed order."""
    found: dict[Basic, None] = {}

    def visit(expr: Any, bound: frozenset[Basic]) -> None:
        if isinstance(expr, tuple | list):
            for part in expr:
                visit(part, bound)
        elif isinstance(expr, Sum | Product):
            inner = bound | {limit[0] for limit in expr.limits}
            visit(expr.function, inner)
            for limit in expr.limits:
                visit(tuple(limit[1:]), inner)
        elif isinstance(expr, MatrixSymbol):
            found[expr] = None
            visit(expr.shape, bound)
        elif isinstance(expr, IndexedBase):
            found[expr] = None
        elif isinstance(expr, Symbol | Idx):
            if expr not in bound and not isinstance(expr, Slot):
                found[expr] = None
        elif isinstance(expr, Basic):
            for arg in expr.args:
                visit(arg, bound)

    visit(list(exprs), frozenset())
    return sorted(found, key=lambda s: (type(s).__name__, str(s)))


def _places(expr: Basic) -> tuple[Any, ...]:
    """Where a node needs an integer: its sizes, its indices, its limits, its exponent."""
    if isinstance(expr, Sum | Product):
        return tuple(bound for limit in expr.limits for bound in limit[1:])
    if isinstance(expr, Indexed):
        return tuple(expr.indices)
    if isinstance(expr, MatrixElement):
        return (expr.i, expr.j)
    if isinstance(expr, MatPow):
        return (expr.args[1],)
    if isinstance(expr, arrays.Unit | arrays.Commutation):
        return tuple(expr.args)
    return tuple(expr.shape) if isinstance(expr, SIZED) else ()


SIZED = (MatrixSymbol, OneMatrix, ZeroMatrix, Identity, arrays.Reshaped)


def structural(exprs: Iterable[Any]) -> frozenset[Basic]:
    """The symbols on which the form of an evaluation depends: what is a size, an index, a limit of a sum."""
    found: set[Basic] = set()

    def visit(expr: Any) -> None:
        if isinstance(expr, tuple | list):
            for part in expr:
                visit(part)
        elif isinstance(expr, Basic):
            for place in _places(expr):
                found.update(getattr(place, "free_symbols", ()))
            for arg in expr.args:
                visit(arg)

    visit(list(exprs))
    return frozenset(found)


@dataclass(frozen=True)
class Plan:
    """How each of a number of points is drawn, one entry a point: the scale that all symbols share, by how many powers of
    ten each of them differs from it, and how likely an entry is exactly zero."""

    scales: tuple[float, ...]
    spreads: tuple[float, ...]
    zeros: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.scales)


def plan(moderate: int, scales: Iterable[float] = (), mixed: int = 0, zeros: Iterable[float] = ()) -> Plan:
    """Points of moderate size, then one at each scale, then some of mixed scales, then some with zeros."""
    scales, zeros = tuple(scales), tuple(zeros)
    plain = moderate + len(scales)
    return Plan(
        (*(1.0,) * moderate, *scales, *(1.0,) * (mixed + len(zeros))),
        (*(0.0,) * plain, *(3.0,) * mixed, *(0.0,) * len(zeros)),
        (*(0.0,) * (plain + mixed), *zeros),
    )


ONE = plan(1)
ADVERSARIAL = plan(8, (1e-3, 1e-2, 10.0, 30.0, 100.0, 1e3), 5, (0.3, 0.6, 1.0))
MODERATE = plan(6, (1e-2, 30.0), 1, (0.3,))


def draw(
    symbols: Iterable[Basic], domains: Mapping[Basic, str], random: torch.Generator, small: Iterable[Basic] = ()
) -> dict[Basic, Tensor]:
    """A moderate value for each symbol (0-d, or 2-d for arrays): sizes first (those of `small` less than others), then
    scalars and arrays, all leaves of one autograd graph."""
    values = draw_many(symbols, domains, random, ONE, small)
    return {symbol: _single(symbol, value) for symbol, value in values.items()}


def _single(symbol: Basic, value: Tensor) -> Tensor:
    shape = value.shape[1:] if isinstance(symbol, MatrixSymbol) else (-1,) if isinstance(symbol, IndexedBase) else ()
    return value.detach().reshape(shape).requires_grad_(value.requires_grad)


def draw_many(
    symbols: Iterable[Basic],
    domains: Mapping[Basic, str],
    random: torch.Generator,
    how: Plan,
    small: Iterable[Basic] = (),
    fixed: Iterable[Basic] = (),
    attempt: int = 0,
) -> dict[Basic, Tensor]:
    """Values for all symbols at as many points as the plan has, with the axes (point, row, column). Sizes, and what is
    `fixed` besides, are the same at all points; later attempts mix small and large sizes, until a rank condition holds."""
    ordered = sorted(symbols, key=lambda s: isinstance(s, IndexedBase))  # a sequence may be an array's entries
    sizes = {s: None for m in ordered if isinstance(m, MatrixSymbol) for d in m.shape for s in _names(d)}
    sizes.update({s: None for s in ordered if s in set(fixed) and domain(s, domains) == "integer"})
    values = _sizes(sorted(sizes, key=str), set(small), random, attempt)
    for symbol in ordered:
        if symbol in values or (isinstance(symbol, IndexedBase) and str(symbol.label) in {str(s) for s in values}):
            continue
        shape = tuple(_size(d, values) for d in symbol.shape) if isinstance(symbol, MatrixSymbol) else (1, 1)
        shape = (ENTRIES, 1) if isinstance(symbol, IndexedBase) else shape
        values[symbol] = sample(domain(symbol, domains), (len(how), *shape), random, how)
    return values


def _names(dimension: Any) -> list[Basic]:
    return sorted(getattr(dimension, "free_symbols", ()), key=str)


def _sizes(symbols: list[Basic], small: set[Basic], random: torch.Generator, attempt: int) -> dict[Basic, Tensor]:
    """Different sizes where there are enough of them, so that what does not fit is noticed."""
    values: dict[Basic, Tensor] = {}
    left = {group: [low + k for k in torch.randperm(high - low + 1, generator=random).tolist()]
            for group, (low, high) in {"less": LESS, "more": (SMALLEST, LARGEST)}.items()}  # fmt: skip
    for symbol in symbols:
        narrow = symbol in small or (attempt > 1 and bool(torch.randint(0, 2, (), generator=random)))
        group = left["less" if narrow else "more"]
        size = group.pop(0)
        group.append(size)
        values[symbol] = torch.full((1, 1, 1), float(size), dtype=torch.float64)
    return values


def _size(dimension: Any, values: Mapping[Basic, Tensor]) -> int:
    if isinstance(dimension, int | Number):
        return int(dimension)
    known = {s: round(float(values[s])) for s in dimension.free_symbols}
    return int(dimension.xreplace({s: Number(v) for s, v in known.items()}))


def domain(symbol: Basic, domains: Mapping[Basic, str]) -> str:
    """The domain that is declared, or else the symbol's own; a positive whole number is a whole number."""
    declared = domains.get(symbol) or domain_of(symbol)
    return "integer" if declared == "positive" and getattr(symbol, "is_integer", False) else declared


def domain_of(symbol: Basic) -> str:
    """The domain that a symbol's own kind or assumptions say."""
    if hasattr(symbol, "domain"):
        return str(symbol.domain)
    if getattr(symbol, "is_integer", False):
        return "integer"
    return "positive" if getattr(symbol, "is_positive", False) else "real"


class Draw:
    """The random numbers for one symbol: `shape` is (points, rows, columns)."""

    def __init__(self, shape: tuple[int, ...], random: torch.Generator, how: Plan):
        self.shape, self.random, self.how = shape, random, how
        each = torch.tensor(how.spreads, dtype=torch.float64) * (2 * self._raw((len(how),)) - 1)
        self.scale = (torch.tensor(how.scales, dtype=torch.float64) * 10.0**each).reshape(-1, 1, 1)

    def _raw(self, shape: tuple[int, ...]) -> Tensor:
        return torch.rand(shape, generator=self.random, dtype=torch.float64)

    def uniform(self, low: float, high: float) -> Tensor:
        return low + (high - low) * self._raw(self.shape)

    def integers(self, low: int, high: int) -> Tensor:
        return torch.randint(low, high + 1, self.shape, generator=self.random).to(torch.float64)

    def zeroed(self, values: Tensor) -> Tensor:
        """Some entries exactly zero, at the points whose plan says so."""
        likely = torch.tensor(self.how.zeros, dtype=torch.float64).reshape(-1, 1, 1)
        return torch.where(self._raw(self.shape) < likely, 0.0, values)


def _one_hot(given: Draw) -> Tensor:
    points, rows, columns = given.shape
    rows, columns, down = (columns, rows, True) if columns == 1 else (rows, columns, False)
    places = torch.randint(0, columns, (points, rows), generator=given.random)
    hot = torch.eye(columns, dtype=torch.float64)[places]
    return hot.mT.clone() if down else hot


def _symmetric(given: Draw) -> Tensor:
    half = given.uniform(-1.0, 1.0)
    return given.scale * (half + half.mT)


def _positive_definite(given: Draw) -> Tensor:
    half = given.uniform(-1.0, 1.0)
    square = half @ half.mT
    return given.scale * (square / 2 + square.mT / 2 + torch.eye(given.shape[1], dtype=torch.float64))


def _probabilities(given: Draw) -> Tensor:
    return torch.softmax(given.uniform(-1.5, 1.5) * given.scale.clamp(max=4.0), 1 if given.shape[2] == 1 else 2)


def _unit(given: Draw) -> Tensor:
    """Inside of (0, 1): small scales are near 0, large ones near 1."""
    inner = given.uniform(0.05, 0.95)
    return torch.where(given.scale < 1, given.scale * inner, 1 - (1 - inner) / given.scale)


def _positive(given: Draw) -> Tensor:
    return given.scale * given.uniform(0.2, 2.5)


def _labels(given: Draw) -> Tensor:
    """Zeros and ones, both of them wherever there is room, except at points with zeros."""
    labels = given.integers(0, 1).flatten(1)
    same = (labels == labels[:, :1]).all(1) & (torch.tensor(given.how.zeros) == 0)
    if labels.shape[1] > 1:
        labels[:, 0] = torch.where(same, 1 - labels[:, 0], labels[:, 0])
    return labels.reshape(given.shape)


SAMPLES: dict[str, Callable[[Draw], Tensor]] = {
    "integer": lambda g: g.integers(1, 6),
    "count": lambda g: g.zeroed(g.integers(1, 6)),
    "binary": _labels,
    "sign": lambda g: 2 * _labels(g) - 1,
    "one_hot": _one_hot,
    "probabilities": _probabilities,
    "symmetric": _symmetric,
    "positive_definite": _positive_definite,
    "unit": _unit,
    "positive": _positive,
    "small": lambda g: g.zeroed(g.scale.clamp(max=1.0) * g.uniform(-0.6, 0.6)),
    "real": lambda g: g.zeroed(g.scale * g.uniform(-2.0, 2.0)),
}
WHOLE = ("integer", "count", "binary", "sign", "one_hot")  # nothing is differentiated in these


def interval(name: str) -> tuple[float, float] | None:
    """The ends of a domain that is a range of numbers: 'range(-1, 1)' without its ends, 'at_least(1)' with it; else None."""
    word, _, ends = name.partition("(")
    numbers = [float(Fraction(end.strip())) for end in ends.rstrip(")").split(",")] if ends else []
    if word == "range" and len(numbers) == 2:
        return numbers[0], numbers[1]
    if word == "at_least" and len(numbers) == 1:
        return numbers[0], float("inf")
    return None


def _in_interval(low: float, high: float, given: Draw) -> Tensor:
    if high == float("inf"):
        return low + given.zeroed(_positive(given))
    return low + (high - low) * _unit(given)


def sample(name: str, shape: tuple[int, ...], random: torch.Generator, how: Plan) -> Tensor:
    """Values in a domain by name, as a leaf of the graph where one can differentiate in them."""
    given, ends = Draw(shape, random, how), interval(name)
    values = SAMPLES[name](given) if ends is None else _in_interval(*ends, given)
    return values if name in WHOLE else values.detach().requires_grad_()


def movable(name: str) -> bool:
    """Whether single values of this domain can be moved about and stay in it."""
    return name in ("real", "small", "positive", "unit") or interval(name) is not None


def inside(name: str, values: Tensor) -> Tensor:
    """At which points all values are in a domain of single numbers; everywhere, for another domain."""
    low, high = {"positive": (0.0, float("inf")), "unit": (0.0, 1.0)}.get(name) or interval(name) or (None, None)
    if low is None or high is None:
        return torch.ones(len(values), dtype=torch.bool)
    above = values >= low if name.startswith("at_least") else values > low
    return (above & (values < high)).flatten(1).all(1)
