"""Losses from logits, where a probability is so near to 0 or 1 that its printed digits say nothing of its logarithm."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Integer, Rational, exp, log
from sympy.matrices.expressions import OneMatrix

from derive.algebra.arrays import LargestEntry, RowLargest
from derive.algebra.nodes import Map, Slot, Total, matmul
from derive.derivation import rule

NEAR = Rational(1, 1000)  # nearer to 0 or 1 a probability is saturated
LARGE = 30  # e to a larger number has more than 13 digits
DIGITS = 12  # of a loss that is near to a whole number

FROM_LOGITS = rule(
    "loss from saturated logits",
    "from the logits, the largest exponential taken out of the logarithm: no digits are lost where a probability is nearly 0 or 1",
)


def is_saturated(probabilities: Any) -> bool:
    """Whether an entry is nearly 0 or nearly 1."""
    return any(entry < NEAR or 1 - entry < NEAR for entry in probabilities)


def total_from_logits(loss: Any, y: Any, z: Any, row: bool) -> Expr:
    """The loss of all entries, from logits that nothing overflows: for binary cross-entropy max(z, 0) - y z + log(1 + e^-|z|),
    for cross-entropy m + log sum e^(z - m) - y'z with m the largest logit of an example."""
    if loss.on == "elements":
        return Total(Map(loss.from_large_logit(Slot(0), Slot(1)), y, z))
    chosen = Total(Map(Slot(0) * Slot(1), y, z))
    if not row:
        shifted = Total(Map(exp(Slot(0) - LargestEntry(z)), z))
        return LargestEntry(z) + log(shifted) - chosen
    largest, classes = RowLargest(z), z.shape[1]
    repeated = matmul(largest, OneMatrix(Integer(1), classes))
    sums = matmul(Map(exp(Slot(0) - Slot(1)), z, repeated), OneMatrix(classes, Integer(1)))
    return Total(largest) + Total(Map(log(Slot(0)), sums)) - chosen
