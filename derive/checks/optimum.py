"""The checker of minima: no gradient there, no direction downwards, and no better point found by another road."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from derive.algebra.nodes import is_array
from derive.checks.bindings import Bindings
from derive.checks.evaluate import evaluate
from derive.checks.points import domain_of
from derive.checks.referee import check, points
from derive.derivation import IsMinimum
from derive.errors import Bug
from derive.report import Verdict
from derive.worlds import Formulas

FLAT, DOWN, WORSE = 1e-8, -1e-8, 1e-9
STARTS = 3
FAR = 1e6
Tensor = torch.Tensor


@check.register
def check_minimum(claim: IsMinimum, seed: int = 0) -> Verdict:
    """At random data: the gradient by autograd is zero, the Hessian's eigenvalues are not negative, and L-BFGS from
    other starts finds nothing lower; in coordinates in which every point obeys the domains and the constraints."""
    if not isinstance(claim.world, Formulas):
        raise Bug("a minimum is claimed of formulas")
    method = "gradient and Hessian by torch.autograd, and torch.optim.LBFGS from other starts"
    worst, count = 0.0, 0
    for bindings in points(claim.world, [value for _, value in claim.point], seed):
        count += 1
        values = [evaluate(value, bindings).detach() for _, value in claim.point]
        if not all(torch.isfinite(value).all() for value in values):
            return Verdict(False, method, count, float("inf"), f"the point is {_listed(values)} (seed {seed})")
        chart = _chart(claim, values, bindings)
        if isinstance(chart, str):
            return Verdict(False, method, count, float("inf"), f"{chart} (seed {seed})")
        at = chart.origin

        def objective(theta: Tensor, known: Bindings = bindings, chart: Any = chart) -> Tensor:
            return _with(claim, chart.values(theta), known, claim.objective).reshape(())

        gradient = torch.autograd.functional.jacobian(objective, at)
        hessian = torch.autograd.functional.hessian(objective, at)
        scale = 1.0 + float(hessian.abs().max())
        slope, lowest = float(gradient.abs().max()) / scale, float(torch.linalg.eigvalsh(hessian).min()) / scale
        worst = max(worst, slope)
        if not slope <= FLAT:  # so that what is no number is refused as well
            return Verdict(
                False, method, count, slope, f"the gradient is {gradient.tolist()} there and not zero (seed {seed})"
            )
        if not lowest >= DOWN:
            return Verdict(
                False, method, count, worst, f"the Hessian has the eigenvalue {lowest * scale:.6g} there (seed {seed})"
            )
        value, best = float(objective(at)), _best(objective, at)
        if not value <= best + WORSE * (1 + abs(best)):
            return Verdict(
                False, method, count, worst, f"{value:.12g} there, but L-BFGS finds {best:.12g} (seed {seed})"
            )
    return Verdict(True, method, count, worst)


def _listed(values: list[Tensor]) -> list[Any]:
    return [value.tolist() for value in values]


@dataclass(frozen=True)
class Chart:
    """Free coordinates around a point: `values(theta)` are the symbols' values; theta = origin is the point."""

    origin: Tensor
    values: Callable[[Tensor], list[Tensor]]


def _chart(claim: IsMinimum, values: list[Tensor], bindings: Bindings) -> Chart | str:
    """Positive numbers by their logarithms, probabilities by their logits, positive definite matrices by their Cholesky
    factors; under constraints (linear ones), steps along their null space instead."""
    if claim.constraints:
        return _null_space(claim, values, bindings)
    domains = dict(claim.world.domains)  # type: ignore[attr-defined]
    kinds = [domains.get(symbol) or domain_of(symbol) for symbol, _ in claim.point]
    coordinates, shapes = [], []
    for kind, value in zip(kinds, values, strict=True):
        if (kind == "positive" and not (value > 0).all()) or (kind == "unit" and not ((value > 0) & (value < 1)).all()):
            return f"the point {value.tolist()} is not in the domain '{kind}'"
        if kind == "positive_definite":
            factor, failed = torch.linalg.cholesky_ex(value)
            if failed:
                return "the point is no positive definite matrix"
            value = factor
        shapes.append(value.shape)
        coordinates.append({"positive": torch.log, "unit": torch.logit}.get(kind, torch.clone)(value).reshape(-1))
    sizes = [c.numel() for c in coordinates]

    def back(theta: Tensor) -> list[Tensor]:
        found = []
        for kind, shape, part in zip(kinds, shapes, torch.split(theta, sizes), strict=True):
            part = part.reshape(shape)
            if kind == "positive_definite":
                lower = torch.tril(part)
                part = lower @ lower.T
            found.append({"positive": torch.exp, "unit": torch.sigmoid}.get(kind, torch.clone)(part))
        return found

    return Chart(torch.cat(coordinates), back)


def _null_space(claim: IsMinimum, values: list[Tensor], bindings: Bindings) -> Chart | str:
    whole = torch.cat([value.reshape(-1) for value in values])
    sizes = [value.numel() for value in values]

    def split(theta: Tensor) -> list[Tensor]:
        parts = torch.split(theta, sizes)
        return [part.reshape(value.shape) for part, value in zip(parts, values, strict=True)]

    def constraint(theta: Tensor) -> Tensor:
        return torch.cat([_with(claim, split(theta), bindings, c).reshape(-1) for c in claim.constraints])

    if not float(constraint(whole).abs().max()) <= FLAT:
        return f"the point does not obey the constraint: {constraint(whole).tolist()} is not zero"
    jacobian = torch.autograd.functional.jacobian(constraint, whole)
    _, singular, rows = torch.linalg.svd(jacobian)
    basis = rows[int((singular > 1e-10).sum()) :].T  # directions that keep a linear constraint
    return Chart(torch.zeros(basis.shape[1], dtype=torch.float64), lambda theta: split(whole + basis @ theta))


def _with(claim: IsMinimum, moved: list[Tensor], known: Bindings, expr: Any) -> Tensor:
    """An expression at other parameters, the data as they are."""
    defined = {symbol for symbol, _ in claim.world.definitions}  # type: ignore[attr-defined]
    values = {symbol: value.detach() for symbol, value in known.values.items() if symbol not in defined}
    values.update({s: v if is_array(s) else v.reshape(()) for (s, _), v in zip(claim.point, moved, strict=True)})
    there = Bindings(values, known.method)
    for symbol, meaning in claim.world.definitions:  # type: ignore[attr-defined]
        if symbol not in dict(claim.point):
            there.values[symbol] = evaluate(meaning, there)
    return evaluate(expr, there)


def _best(objective: Any, at: Tensor) -> float:
    """The lowest value that L-BFGS finds from a few other points; a start outside of the objective's domain is skipped."""
    lowest = float("inf")
    for k in range(STARTS):
        far = (at + (k + 1) * (-1.0) ** k).clone()
        near = at + 0.01 * (-1.0) ** k
        theta = (far if torch.isfinite(objective(far)) else near).clone().requires_grad_()
        search = torch.optim.LBFGS([theta], max_iter=50, line_search_fn="strong_wolfe", tolerance_grad=1e-12)

        def closure(theta: Tensor = theta, search: torch.optim.Optimizer = search) -> Tensor:
            search.zero_grad()
            value = objective(theta)
            if not torch.isfinite(value):  # outside of the objective's domain: high, and rising on the way out
                value = FAR * (1 + ((theta - at) ** 2).sum())
            value.backward()
            return value

        search.step(closure)
        found = float(objective(theta.detach()))
        lowest = min(lowest, found) if found == found else lowest
    return lowest
