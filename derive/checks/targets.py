"""Targets that suit a loss: drawn in torch from the domain that the loss declares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Tensor = torch.Tensor


def target_for(loss: Any, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """A target of this shape, an example in each row: of any numbers where there is no loss."""
    return DOMAINS["real" if loss is None else loss.target](torch.rand(shape, generator=random, dtype=torch.float64))


DOMAINS: dict[str, Callable[[Tensor], Tensor]] = {  # of uniform numbers between 0 and 1
    "real": lambda u: 4 * u - 2,
    "binary": lambda u: (u > 0.5).to(torch.float64),
    "sign": lambda u: torch.where(u > 0.5, 1.0, -1.0).to(torch.float64),
    "one_hot": lambda u: torch.nn.functional.one_hot(u.argmax(-1), u.shape[-1]).to(torch.float64),
    "probabilities": lambda u: torch.softmax(3 * u, -1),
}
