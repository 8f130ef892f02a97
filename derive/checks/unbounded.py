"""The checker of what has no minimum: along a path the objective falls without bound, or comes near to a bound that it
reaches nowhere."""

from __future__ import annotations

from itertools import islice
from typing import Any

import torch
from sympy import oo

from derive.checks.bindings import Bindings
from derive.checks.charts import at_values, chart_of
from derive.checks.evaluate import evaluate
from derive.checks.optimum import POINTS, RADII, Setting, has_data, newton, shaped, spread
from derive.checks.points import generator
from derive.checks.referee import check, points
from derive.derivation import NoMinimum
from derive.report import Verdict

Tensor = torch.Tensor
WAY = tuple(10.0**k for k in range(7))  # values of the path's parameter
STEADY = 0.8  # without a bound, each power of ten takes at least this share of the fall before it
NEARER, NOISE = 0.5, 1e-7  # to a bound, each power of ten leaves at most this share of the gap, or nothing but noise
AWAY = 3.0  # how far the path leads in coordinates in which the domain has no edge
REACHED = 1e-9


@check.register
def check_no_minimum(claim: NoMinimum, seed: int = 0) -> Verdict:
    """The values on the way; and for a finite bound that nothing lies beyond it, and that it is not reached."""
    method = "values on the way, on rays and by Newton's method"
    sign = -1 if claim.is_maximum else 1
    symbols = [symbol for symbol, _ in claim.path]
    shown = [claim.objective, *symbols, claim.parameter, *[value for _, value in claim.path]]
    limit = POINTS if has_data(claim.world, claim.objective, [*symbols, claim.parameter]) else 1  # type: ignore[arg-type]
    count = 0
    for count, bindings in enumerate(islice(points(claim.world, shown, seed), limit), 1):
        way = [_place(claim, bindings, t) for t in WAY]
        values = [
            sign * float(at_values(claim.world, symbols, place, bindings, claim.objective))  # type: ignore[arg-type]
            for place in way
        ]
        fault = _not_unbounded(values) if claim.bound in (oo, -oo) else ""
        if claim.bound == sign * oo:
            fault = "that is the wrong end"
        if claim.bound not in (oo, -oo):
            bound = sign * float(evaluate(claim.bound, bindings))
            fault = (
                _not_towards(values, bound)
                or _not_away(claim, way)
                or _beyond(claim, bindings, bound, sign, seed + count)
            )
        if fault:
            return Verdict(False, method, count, float("inf"), f"{fault} (seed {seed})")
    return Verdict(True, method, count, 0.0)


def _place(claim: NoMinimum, bindings: Bindings, t: float) -> list[Tensor]:
    there = Bindings({**bindings.values, claim.parameter: torch.tensor(t, dtype=torch.float64)}, "")
    return [shaped(symbol, evaluate(value, there), there) for symbol, value in claim.path]


def _not_unbounded(values: list[float]) -> str:
    """Whether the values do anything else than fall, each power of ten about as much as the one before."""
    finite = [value for value in values if abs(value) != float("inf")]
    falls = [before - after for before, after in zip(finite, finite[1:], strict=False)]
    ends = len(finite) == len(values) or (values[len(finite)] == -float("inf"))
    steady = all(later >= STEADY * earlier for earlier, later in zip(falls[-3:], falls[-2:], strict=False))
    if ends and falls and falls[-1] > 0 and steady:
        return ""
    return f"the values on the way are {[f'{v:.6g}' for v in values]}"


def _not_towards(values: list[float], bound: float) -> str:
    gaps = [value - bound for value in values]
    scale = abs(bound) + max((abs(g) for g in gaps if abs(g) < float("inf")), default=0.0)
    if all(-REACHED * scale <= g for g in gaps) and all(
        after <= max(NEARER * before, NOISE * scale) for before, after in zip(gaps[1:], gaps[2:], strict=False)
    ):
        return ""
    return f"the gaps on the way are {[f'{g:.3g}' for g in gaps]}"


def _not_away(claim: NoMinimum, way: list[list[Tensor]]) -> str:
    """A bound that is come near to at a point of the domain may be reached there."""
    symbols = [symbol for symbol, _ in claim.path]
    charts = [chart_of(claim.world, symbols, place) for place in (way[0], way[-1])]  # type: ignore[arg-type]
    if any(isinstance(chart, str) for chart in charts):
        return "" if isinstance(charts[0], str) is False else str(charts[0])
    near, far = (chart.origin for chart in charts)  # type: ignore[union-attr]
    return "" if float((far - near).abs().max()) >= AWAY else f"the way ends at {[v.tolist() for v in way[-1]]}"


def _beyond(claim: NoMinimum, bindings: Bindings, bound: float, sign: int, seed: int) -> str:
    """A place that lies beyond the bound, or at which it is reached, in words."""
    symbols = [symbol for symbol, _ in claim.path]
    start = [bindings.value(symbol).detach() for symbol in symbols]
    chart = chart_of(claim.world, symbols, start)  # type: ignore[arg-type]
    if isinstance(chart, str):
        return chart

    def objective(theta: Tensor, chart: Any = chart) -> Tensor:
        return sign * at_values(claim.world, symbols, chart.values(theta), bindings, claim.objective).reshape(())  # type: ignore[arg-type]

    here = Setting(chart, objective, generator(seed, 77))
    thetas = here.rays(RADII)
    values = here.values(thetas)
    least = min(float(values.min()), here.best_by_search())
    scale = abs(bound) + spread(values[: len(values) // 2], bound)
    if least < bound - REACHED * scale:
        return f"{sign * least:.12g} lies beyond the bound"
    for found in newton(here, here.starts()):
        if float(here.objective(found)) <= bound + REACHED * scale:
            return f"the bound is reached at {[value.tolist() for value in chart.values(found)]}"
    return ""
