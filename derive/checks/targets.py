"""Targets that suit a loss: drawn in torch from the domain that the loss declares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from derive.checks.points import generator, seed_and_point

Tensor = torch.Tensor

GOLDEN = (5**0.5 - 1) / 2


def spread(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """Uniform numbers between 0 and 1, drawn once for a seed and moved on by the golden ratio from point to point: over any
    three points that follow one another each entry lies on both sides of 1/2, so that no class is left out by chance."""
    seed, point = seed_and_point(random)
    return (torch.rand(shape, generator=generator(seed, 0), dtype=torch.float64) + point * GOLDEN) % 1


def target_for(loss: Any, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """A target of this shape, an example in each row: of any numbers where there is no loss."""
    return DOMAINS["real" if loss is None else loss.target](spread(shape, random))


DOMAINS: dict[str, Callable[[Tensor], Tensor]] = {  # of uniform numbers between 0 and 1
    "real": lambda u: (4 * u - 2) ** 3 / 4,  # half of them small beside what a network gives
    "binary": lambda u: (u > 0.5).to(torch.float64),
    "sign": lambda u: torch.where(u > 0.5, 1.0, -1.0).to(torch.float64),
    "one_hot": lambda u: torch.nn.functional.one_hot((u[..., 0] * u.shape[-1]).long(), u.shape[-1]).to(torch.float64),
    "probabilities": lambda u: torch.softmax(3 * u, -1),
}
