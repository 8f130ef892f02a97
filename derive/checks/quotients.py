"""Derivatives on a kink or a border of branches, where autograd says what its rule for the branch says: difference quotients."""

from __future__ import annotations

from typing import Any

import torch

from derive.checks.batches import Batch
from derive.checks.evaluate import values_at

STEPS = (1e-4, 1e-5)  # of the one-sided quotients, at the scale of the place
SMOOTH = 0.3  # from one step to the other the two sides come nearer at least so much, or there is a kink
FAR = 1e-3  # relative: a derivative is that far from its quotients at most
NOISE = 1e-14  # relative, of the values that are subtracted
MOST = 6  # entries of an array that are looked at
Tensor = torch.Tensor


def against_quotients(of: Any, wrt: Any, side: Any, batch: Batch, point: int) -> str:
    """What is wrong with a side as the derivative of `of` in `wrt` at a point of a switch; '' where nothing is, or where there is
    no derivative: the quotients from both sides do not meet."""
    if wrt not in batch.bindings.values:
        return ""
    at, claimed = batch.bindings.at_points(wrt).detach(), values_at(side, batch.bindings).detach()
    if claimed.shape[1:] != at.shape[1:]:
        return ""
    claimed = claimed[point % len(claimed)]
    for place in _entries(at.shape[1:]):
        (right, left), noise = _quotients(of, wrt, place, at, batch, point, STEPS[1])
        (before_right, before_left), _ = _quotients(of, wrt, place, at, batch, point, STEPS[0])
        jump, before = abs(right - left), abs(before_right - before_left)
        if not jump <= max(SMOOTH * before, noise):
            continue
        slope, value = (right + left) / 2, float(claimed[place])
        if not abs(value - slope) <= FAR * max(abs(value), abs(slope)) + noise + jump:
            return f"{value:.9g} here and {slope:.9g} by difference quotients from both sides at {batch.place(point)}"
    return ""


def _entries(shape: Any) -> list[tuple[int, int]]:
    """A few entries, spread over the array."""
    rows, columns = shape
    places = [(i, j) for i in range(rows) for j in range(columns)]
    return places[:: -(-len(places) // MOST)]


def _quotients(
    of: Any, wrt: Any, place: tuple[int, int], at: Tensor, batch: Batch, point: int, size: float
) -> tuple[tuple[float, float], float]:
    """The quotients to the right and to the left, and the rounding in them."""
    here = at[point % len(at)][place]
    step = size * max(1.0, abs(float(here)))
    values = []
    for side in (1, 0, -1):
        moved = at.clone()
        moved[(point % len(at), *place)] = here + side * step
        found = values_at(of, batch.again({wrt: moved.requires_grad_()})).detach()
        values.append(float(found.reshape(len(found), -1)[point % len(found)].sum()))
    right, middle, left = values
    return ((right - middle) / step, (middle - left) / step), NOISE * max(map(abs, values)) / step + 1e-300
