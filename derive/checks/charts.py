"""Free coordinates for the unknowns of a minimum, in which every point obeys the domains and the (linear) constraints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from derive.algebra.nodes import is_array
from derive.checks.bindings import Bindings
from derive.checks.evaluate import evaluate
from derive.checks.points import domain_of, interval
from derive.worlds import Formulas

Tensor = torch.Tensor
FLAT = 1e-8
FAR = 1e6  # how far from the origin a coordinate is tried
REACH = {"positive": 25.0, "unit": 25.0, "positive_definite": 4.0}  # logarithms; matrices that can still be inverted
FORWARD = {"positive": torch.log, "unit": torch.logit}
BACK = {"positive": torch.exp, "unit": torch.sigmoid}
INTERVAL = (
    25.0  # the reach of a number in a range: a logarithm of its distance from an end, or of the odds between both
)


@dataclass(frozen=True)
class Chart:
    """Free coordinates: `values(theta)` are the symbols' values; theta = origin is the point; `reach` bounds each
    coordinate; `is_open` where all coordinates may leave every bound."""

    origin: Tensor
    values: Callable[[Tensor], list[Tensor]]
    reach: Tensor
    coordinates: Callable[[list[Tensor]], Tensor] | None = None


def kinds_of(world: Formulas, symbols: list[Any]) -> list[str]:
    """The domain of each unknown, by name."""
    domains = dict(world.domains)
    return [domains.get(symbol) or domain_of(symbol) for symbol in symbols]


def chart_of(world: Formulas, symbols: list[Any], values: list[Tensor]) -> Chart | str:
    """Positive numbers by their logarithms, probabilities by their logits, positive definite matrices by their Cholesky
    factors; words where the point is not in its domain."""
    kinds = kinds_of(world, symbols)
    for kind, value in zip(kinds, values, strict=True):
        if (ends := interval(kind)) and not (value > ends[0]).logical_and(value < ends[1]).all():
            return f"the point {value.tolist()} is not inside of the domain '{kind}'"
        if (kind == "positive" and not (value > 0).all()) or (kind == "unit" and not ((value > 0) & (value < 1)).all()):
            return f"the point {value.tolist()} is not in the domain '{kind}'"
        if kind == "positive_definite" and (
            torch.linalg.cholesky_ex(value)[1] or not torch.allclose(value, value.T, rtol=1e-9, atol=0)
        ):
            return "the point is no positive definite matrix"
    shapes = [value.shape for value in values]
    sizes = [value.numel() for value in values]

    def coordinates(values: list[Tensor]) -> Tensor:
        return torch.cat([_forward(kind, value).reshape(-1) for kind, value in zip(kinds, values, strict=True)])

    def back(theta: Tensor) -> list[Tensor]:
        parts = torch.split(theta, sizes)
        return [_back(kind, part.reshape(shape)) for kind, shape, part in zip(kinds, shapes, parts, strict=True)]

    reach = [
        torch.full((size,), INTERVAL if interval(kind) else REACH.get(kind, FAR), dtype=torch.float64)
        for kind, size in zip(kinds, sizes, strict=True)
    ]
    return Chart(coordinates(values), back, torch.cat(reach), coordinates)


def _forward(kind: str, value: Tensor) -> Tensor:
    if kind == "positive_definite":
        factor = torch.linalg.cholesky(value)
        return torch.tril(factor, -1) + torch.diag(torch.log(torch.diagonal(factor)))
    if ends := interval(kind):
        low, high = ends
        return torch.log(value - low) if high == float("inf") else torch.logit((value - low) / (high - low))
    return FORWARD.get(kind, torch.clone)(value)


def _back(kind: str, part: Tensor) -> Tensor:
    if kind == "positive_definite":
        lower = torch.tril(part, -1) + torch.diag(torch.exp(torch.diagonal(part)))
        return lower @ lower.T
    if kind == "symmetric":
        return (part + part.T) / 2
    if ends := interval(kind):
        low, high = ends
        return low + torch.exp(part) if high == float("inf") else low + (high - low) * torch.sigmoid(part)
    return BACK.get(kind, torch.clone)(part)


def null_space_chart(constraint: Callable[[list[Tensor]], Tensor], values: list[Tensor]) -> Chart | str:
    """Steps along the null space of linear constraints; words where the point does not obey them."""
    whole = torch.cat([value.reshape(-1) for value in values])
    sizes = [value.numel() for value in values]

    def split(theta: Tensor) -> list[Tensor]:
        parts = torch.split(theta, sizes)
        return [part.reshape(value.shape) for part, value in zip(parts, values, strict=True)]

    at = constraint(split(whole))
    scale = float(torch.stack([(constraint(split(s * whole)) - at).abs().max() for s in (0.0, 2.0)]).max())
    if not float(at.abs().max()) <= FLAT * scale:
        return f"the point does not obey the constraint: {at.tolist()} is not zero"
    jacobian = torch.autograd.functional.jacobian(lambda theta: constraint(split(theta)), whole)
    _, singular, rows = torch.linalg.svd(jacobian)
    basis = rows[int((singular > 1e-10 * singular.max()).sum()) :].T  # directions that keep a linear constraint
    origin = torch.zeros(basis.shape[1], dtype=torch.float64)
    return Chart(origin, lambda theta: split(whole + basis @ theta), torch.full_like(origin, FAR))


def at_values(world: Formulas, symbols: list[Any], moved: list[Tensor], known: Bindings, expr: Any) -> Tensor:
    """An expression at other values of the unknowns, the data as they are."""
    defined = {symbol for symbol, _ in world.definitions}
    values = {symbol: value.detach() for symbol, value in known.values.items() if symbol not in defined}
    values.update({s: v if is_array(s) else v.reshape(()) for s, v in zip(symbols, moved, strict=True)})
    there = Bindings(values, known.method)
    for symbol, meaning in world.definitions:
        if symbol not in symbols:
            there.values[symbol] = evaluate(meaning, there)
    return evaluate(expr, there)
