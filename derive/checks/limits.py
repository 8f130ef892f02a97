"""The checker of limits: values on the way come nearer and nearer, from both sides where there are two."""

from __future__ import annotations

from typing import Any

import torch
from sympy import oo

from derive.checks.batches import holds
from derive.checks.bindings import Bindings
from derive.checks.evaluate import evaluate
from derive.checks.referee import check, points
from derive.derivation import IsLimit
from derive.report import Verdict

WAY = (1e-2, 1e-3, 1e-4)  # distances from the limit point; at infinity their inverses
NEAR, NOISE = 0.35, 1e-6  # each step leaves at most this share of the gap (or nothing but noise)


@check.register
def check_limit(claim: IsLimit, seed: int = 0) -> Verdict:
    """At random values of the other symbols: the gap to the limit shrinks with each step of the way."""
    worst, count = 0.0, 0
    method = "values on the way, evaluated in torch"
    for bindings in points(claim.world, [claim.of, claim.value, claim.variable], seed):
        if not is_defined(claim, bindings):
            continue
        count += 1
        for side in (claim.side,) if claim.side else sides(claim.to):
            if claim.value in (oo, -oo):
                fault = _not_unbounded(claim, side, bindings)
                if fault:
                    return Verdict(False, method, count, float("inf"), f"{fault} (seed {seed})")
                continue
            gaps = [_gap(claim, place, bindings) for place in way(claim.to, side)]
            worst = max(worst, gaps[-1])
            if not all(after <= max(NEAR * before, NOISE) for before, after in zip(gaps, gaps[1:], strict=False)):
                return Verdict(False, method, count, gaps[-1], f"the gaps on the way are {gaps} (seed {seed})")
    if not count:
        return Verdict(False, method, 0, float("inf"), "at no point tried it is defined on the whole way")
    return Verdict(True, method, count, worst)


def is_defined(claim: IsLimit, bindings: Bindings) -> bool:
    """Whether the world's conditions hold on the whole way, at these values of the other symbols."""
    conditions = getattr(claim.world, "conditions", ())
    ways = [way(claim.to, side) for side in ((claim.side,) if claim.side else sides(claim.to))]
    there = [moved(claim.world, claim.variable, place, bindings) for places in ways for place in places]
    return all(bool(holds(condition, at).all()) for condition in conditions for at in there)


def sides(to: Any) -> tuple[int, ...]:
    """The sides from which one comes."""
    return (1,) if to == oo else (-1,) if to == -oo else (1, -1)


def way(to: Any, side: int) -> list[float]:
    """Points on the way."""
    if to in (oo, -oo):
        return [side / distance for distance in WAY]
    return [float(to) + side * distance for distance in WAY]


def _not_unbounded(claim: IsLimit, side: int, bindings: Bindings) -> str:
    """Values that do anything else than grow beyond every bound, each power of ten about as much as the one before."""
    places = [float(claim.to) + side * 10.0**-k if claim.to not in (oo, -oo) else side * 10.0**k for k in range(1, 8)]
    sign = 1 if claim.value == oo else -1
    values = [sign * float(evaluate(claim.of, moved(claim.world, claim.variable, place, bindings))) for place in places]
    finite = [value for value in values if abs(value) != float("inf")]
    rises = [after - before for before, after in zip(finite, finite[1:], strict=False)]
    ends = len(finite) == len(values) or values[len(finite)] == float("inf")
    steady = all(later >= 0.8 * earlier for earlier, later in zip(rises[-3:], rises[-2:], strict=False))
    if ends and all(v == v for v in values) and steady and (not rises or rises[-1] > 0) and values[-1] > 0:
        return ""
    return f"the values on the way are {[f'{sign * v:.6g}' for v in values]}"


def _gap(claim: IsLimit, place: float, bindings: Bindings) -> float:
    """How far the quantity is from the limit where the variable is at this place."""
    there = moved(claim.world, claim.variable, place, bindings)
    return float((evaluate(claim.of, there) - evaluate(claim.value, there)).detach().abs())


def moved(world: Any, variable: Any, place: float, bindings: Bindings) -> Bindings:
    """The world's values where the variable, which may be a name itself, is put at a place: what is defined before it stays,
    what is defined after it is evaluated anew."""
    values = {**bindings.values, variable: torch.tensor(place, dtype=torch.float64, requires_grad=True)}
    there = Bindings(values, bindings.method)
    for symbol, meaning in getattr(world, "definitions", ()):
        if symbol != variable:
            values[symbol] = evaluate(meaning, there)
    return there
