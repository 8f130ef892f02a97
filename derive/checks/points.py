"""Seeded float64 points in the symbols' domains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from sympy import Basic, Idx, IndexedBase, Number, Product, Sum, Symbol
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.nodes import Slot

SMALLEST, LARGEST = 6, 9  # symbolic sizes
LESS = (2, 5)  # symbolic sizes that are to be less than others


def generator(seed: int, point: int) -> torch.Generator:
    """A generator of its own for each point, so that points do not depend on one another."""
    return torch.Generator().manual_seed(1_000_003 * seed + point)


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


def draw(
    symbols: Iterable[Basic], domains: Mapping[Basic, str], random: torch.Generator, small: Iterable[Basic] = ()
) -> dict[Basic, torch.Tensor]:
    """A value for each symbol: sizes first (those of `small` less than others), then scalars and arrays, all leaves of
    one autograd graph."""
    ordered = sorted(symbols, key=lambda s: isinstance(s, IndexedBase))  # a sequence may be an array's entries
    sizes = {s for m in ordered if isinstance(m, MatrixSymbol) for d in m.shape for s in getattr(d, "free_symbols", ())}
    values: dict[Basic, torch.Tensor] = {}
    for symbol in [s for s in ordered if s in sizes] + [s for s in sizes if s not in ordered]:
        low, high = LESS if symbol in small else (SMALLEST, LARGEST)
        values[symbol] = torch.randint(low, high + 1, (), generator=random).to(torch.float64)
    for symbol in ordered:
        if symbol in values:
            continue
        shape = tuple(_size(d, values) for d in symbol.shape) if isinstance(symbol, MatrixSymbol) else ()
        if isinstance(symbol, IndexedBase):
            named = [v for k, v in values.items() if isinstance(k, MatrixSymbol) and k.name == str(symbol.label)]
            values[symbol] = named[0] if named else _sample("real", (LARGEST + 2,), random)
            continue
        values[symbol] = _sample(domains.get(symbol) or domain_of(symbol), shape, random)
    return values


def _size(dimension: Any, values: Mapping[Basic, torch.Tensor]) -> int:
    if isinstance(dimension, int | Number):
        return int(dimension)
    known = {s: round(float(values[s])) for s in dimension.free_symbols}
    return int(dimension.xreplace({s: Number(v) for s, v in known.items()}))


def domain_of(symbol: Basic) -> str:
    """The domain that a symbol's own kind or assumptions say."""
    if hasattr(symbol, "domain"):
        return str(symbol.domain)
    if getattr(symbol, "is_integer", False):
        return "integer"
    return "positive" if getattr(symbol, "is_positive", False) else "real"


def _sample(domain: str, shape: tuple[int, ...], random: torch.Generator) -> torch.Tensor:
    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(shape, generator=random, dtype=torch.float64)

    if domain == "integer":
        return torch.randint(1, 7, shape, generator=random).to(torch.float64)
    if domain == "count":
        return torch.randint(0, 7, shape, generator=random).to(torch.float64)
    if domain == "binary":
        return torch.randint(0, 2, shape, generator=random).to(torch.float64)
    if domain == "sign":
        return 2 * torch.randint(0, 2, shape, generator=random).to(torch.float64) - 1
    if domain == "one_hot":
        rows, columns = (shape[1], shape[0]) if shape[1] == 1 else shape
        hot = torch.eye(columns, dtype=torch.float64)[torch.randint(0, columns, (rows,), generator=random)]
        return hot.T.clone() if shape[1] == 1 else hot
    if domain == "probabilities":
        return torch.softmax(uniform(-1.5, 1.5), 0 if shape[1] == 1 else 1).detach().requires_grad_()
    if domain == "symmetric":
        half = uniform(-1.0, 1.0)
        return (half + half.T).requires_grad_()
    if domain == "positive_definite":
        half = uniform(-1.0, 1.0)
        square = half @ half.T
        return (square / 2 + square.T / 2 + torch.eye(shape[0], dtype=torch.float64)).requires_grad_()
    ranges = {"small": (-0.6, 0.6), "unit": (0.05, 0.95), "positive": (0.2, 2.5), "real": (-2.0, 2.0)}
    return uniform(*ranges[domain]).requires_grad_()
