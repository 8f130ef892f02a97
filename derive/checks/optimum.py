"""The checker of minima: no gradient there, no direction downwards, and no better point found by another road."""

from __future__ import annotations

from typing import Any

import torch

from derive.checks.bindings import Bindings
from derive.checks.evaluate import evaluate
from derive.checks.referee import check, points
from derive.derivation import IsMinimum
from derive.errors import Bug
from derive.report import Verdict
from derive.worlds import Formulas

FLAT, DOWN, WORSE = 1e-8, -1e-8, 1e-9
STARTS = 3


@check.register
def check_minimum(claim: IsMinimum, seed: int = 0) -> Verdict:
    """At random data: the gradient by autograd is zero, the Hessian's eigenvalues are not negative, and L-BFGS from
    other starts finds nothing lower."""
    if not isinstance(claim.world, Formulas):
        raise Bug("a minimum is claimed of formulas")
    method = "gradient and Hessian by torch.autograd, and torch.optim.LBFGS from other starts"
    worst, count = 0.0, 0
    symbols = [symbol for symbol, _ in claim.point]
    for bindings in points(claim.world, [value for _, value in claim.point], seed):
        count += 1
        at = torch.stack([evaluate(value, bindings).detach().reshape(()) for _, value in claim.point])

        def objective(theta: torch.Tensor, known: Bindings = bindings) -> torch.Tensor:
            return _objective(claim, symbols, theta, known)

        if not torch.isfinite(at).all():
            return Verdict(False, method, count, float("inf"), f"the point is {at.tolist()} (seed {seed})")
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


def _objective(claim: IsMinimum, symbols: list[Any], theta: torch.Tensor, known: Bindings) -> torch.Tensor:
    """The objective at other parameters, the data as they are."""
    defined = {symbol for symbol, _ in claim.world.definitions}  # type: ignore[attr-defined]
    values = {symbol: value.detach() for symbol, value in known.values.items() if symbol not in defined}
    values.update(dict(zip(symbols, theta, strict=True)))
    moved = Bindings(values, known.method)
    for symbol, expr in claim.world.definitions:  # type: ignore[attr-defined]
        moved.values[symbol] = evaluate(expr, moved)
    return evaluate(claim.objective, moved).reshape(())


def _best(objective: Any, at: torch.Tensor) -> float:
    """The lowest value that L-BFGS finds from a few other points."""
    lowest = float("inf")
    for k in range(STARTS):
        theta = (at + (k + 1) * (-1.0) ** k).clone().requires_grad_()
        search = torch.optim.LBFGS([theta], max_iter=50, line_search_fn="strong_wolfe", tolerance_grad=1e-12)

        def closure(theta: torch.Tensor = theta, search: torch.optim.Optimizer = search) -> torch.Tensor:
            search.zero_grad()
            value = objective(theta)
            value.backward()
            return value

        search.step(closure)
        lowest = min(lowest, float(objective(theta.detach())))
    return lowest
