"""The checker of limits: values on the way come nearer and nearer, from both sides where there are two."""

from __future__ import annotations

from typing import Any

import torch
from sympy import oo

from derive.checks.bindings import Bindings
from derive.checks.evaluate import evaluate
from derive.checks.referee import check, points
from derive.derivation import IsLimit
from derive.report import Verdict

WAY = (1e-2, 1e-3, 1e-4)  # distances from the limit point; at infinity their inverses
NEAR, NOISE = 0.2, 1e-6  # each step leaves at most this share of the gap (or nothing but noise)


@check.register
def check_limit(claim: IsLimit, seed: int = 0) -> Verdict:
    """At random values of the other symbols: the gap to the limit shrinks with each step of the way."""
    worst, count = 0.0, 0
    method = "values on the way, evaluated in torch"
    for bindings in points(claim.world, [claim.of, claim.value], seed):
        count += 1
        for side in sides(claim.to):
            gaps = [_gap(claim, place, bindings) for place in way(claim.to, side)]
            worst = max(worst, gaps[-1])
            if not all(after <= max(NEAR * before, NOISE) for before, after in zip(gaps, gaps[1:], strict=False)):
                return Verdict(False, method, count, gaps[-1], f"the gaps on the way are {gaps} (seed {seed})")
    return Verdict(True, method, count, worst)


def sides(to: Any) -> tuple[int, ...]:
    """The sides from which one comes."""
    return (1,) if to == oo else (-1,) if to == -oo else (1, -1)


def way(to: Any, side: int) -> list[float]:
    """Points on the way."""
    if to in (oo, -oo):
        return [side / distance for distance in WAY]
    return [float(to) + side * distance for distance in WAY]


def _gap(claim: IsLimit, place: float, bindings: Bindings) -> float:
    """How far the quantity is from the limit where the variable is at this place."""
    there = moved(claim.world, claim.variable, place, bindings)
    return float((evaluate(claim.of, there) - evaluate(claim.value, there)).detach().abs())


def moved(world: Any, variable: Any, place: float, bindings: Bindings) -> Bindings:
    """The world's values where the variable, which may be a name itself, is put at a place: what is defined before it stays,
    what is defined after it is evaluated anew."""
    values = {**bindings.values, variable: torch.tensor(place, dtype=torch.float64)}
    there = Bindings(values, bindings.method)
    for symbol, meaning in getattr(world, "definitions", ()):
        if symbol != variable:
            values[symbol] = evaluate(meaning, there)
    return there
