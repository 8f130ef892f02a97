"""Runs of torch whose given numbers are exact: at a kink, or where entries tie, a rounding error of 1e-17 would decide the branch.

`Exact` carries an array beside its tensor as whole numbers over one denominator, through the layers in which rational numbers
stay rational, by torch's own functions on whole numbers below 2^53, which float64 holds exactly. The tensor is then set to the
nearest float64 of the exact value, its gradient untouched. Where a layer is none of these, or numbers grow too large, the exact
value is given up, and the tensor stays as torch has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

Tensor = torch.Tensor
LARGEST = 2**53


@dataclass(frozen=True)
class Exact:
    """The array `whole / below`, entry by entry; `whole` are whole numbers in float64."""

    whole: Tensor
    below: int = 1

    @property
    def nearest(self) -> Tensor:
        """The float64 nearest to each entry."""
        return self.whole / self.below

    def over(self, below: int) -> Tensor:
        """The numerators over a multiple of the denominator."""
        return self.whole * (below // self.below)


def exact_of(tensor: Tensor) -> Exact | None:
    """The decimals (or simple fractions) that were given as these floats: None where they are none."""
    fractions = [Fraction(entry).limit_denominator(10**6) for entry in tensor.detach().reshape(-1).tolist()]
    if any(float(f) != entry for f, entry in zip(fractions, tensor.detach().reshape(-1).tolist(), strict=True)):
        return None
    below = lcm(*(f.denominator for f in fractions)) if fractions else 1
    return small(
        Exact(torch.tensor([float(f * below) for f in fractions], dtype=torch.float64).reshape(tensor.shape), below)
    )


def small(value: Exact) -> Exact | None:
    """The value, where float64 holds its whole numbers exactly."""
    return value if float(value.whole.abs().max()) < LARGEST and value.below < LARGEST else None


def snapped(tensor: Tensor, value: Exact | None) -> Tensor:
    """The tensor at the float64 nearest to its exact value."""
    return tensor if value is None else tensor + (value.nearest - tensor).detach()


def through(module: nn.Module | None, value: Exact | None) -> Exact | None:
    """The exact output of a module; None where it leaves the rational numbers."""
    rule = next((rule for kind, rule in RULES.items() if isinstance(module, kind)), None)
    if value is None or rule is None:
        return None
    with torch.no_grad():
        found = rule(module, value)
    return None if found is None else small(found)


def added(left: Exact | None, right: Exact | None) -> Exact | None:
    """The exact sum."""
    if left is None or right is None:
        return None
    below = lcm(left.below, right.below)
    return small(Exact(left.over(below) + right.over(below), below))


def _linear(module: Any, value: Exact) -> Exact | None:
    """W x + b, for dense layers and convolutions: weights and biases as whole numbers too."""
    weight, bias = exact_of(module.weight), None if module.bias is None else exact_of(module.bias)
    if weight is None or (module.bias is not None and bias is None):
        return None
    apply: Callable[[Tensor, Tensor], Tensor] = (
        F.linear if isinstance(module, nn.Linear) else lambda x, w: module._conv_forward(x, w, None)
    )
    if float(apply(value.whole.abs(), weight.whole.abs()).max()) >= LARGEST:  # a sum on the way could be rounded
        return None
    product = Exact(apply(value.whole, weight.whole), value.below * weight.below)
    if bias is None:
        return product
    spread = bias.whole if isinstance(module, nn.Linear) else bias.whole.reshape(-1, *[1] * (product.whole.ndim - 2))
    return added(product, Exact(spread, bias.below))


def _leaky(module: Any, value: Exact) -> Exact:
    slope = Fraction(module.negative_slope).limit_denominator(10**6)
    kept = torch.where(value.whole > 0, value.whole * slope.denominator, value.whole * slope.numerator)
    return Exact(kept, value.below * slope.denominator)


def _mean(module: Any, value: Exact) -> Exact | None:
    if module.padding not in (0, (0, 0)):
        return None
    size = module.kernel_size if isinstance(module.kernel_size, tuple) else (module.kernel_size,) * 2
    count = size[0] * size[1]
    return Exact(torch.round(module(value.whole) * count), value.below * count)


RULES: dict[Any, Callable[[Any, Exact], Exact | None]] = {
    (nn.Linear, nn.Conv2d, nn.Conv1d): _linear,
    (nn.ReLU, nn.Identity, nn.Flatten, nn.MaxPool2d): lambda module, value: Exact(module(value.whole), value.below),
    nn.LeakyReLU: _leaky,
    nn.AvgPool2d: _mean,
}
