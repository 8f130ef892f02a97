"""The Huber loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sympy import Abs, Expr, Piecewise
from sympy.core.sympify import _sympify as strict

from derive.catalogue.registry import losses
from derive.problem.types import Positive


@losses("huber")
@dataclass(frozen=True)
class Huber:
    """Squared for small errors, linear for large ones (Huber 1964): (y - p)^2 / 2 where |y - p| <= delta, else
    delta (|y - p| - delta / 2). PyTorch's HuberLoss."""

    delta: Positive = 1
    reduction: Literal["mean", "sum", "none"] = "mean"

    on: ClassVar[str] = "elements"
    target: ClassVar[str] = "real"  # the domain of what it compares with
    takes: ClassVar[tuple[str, ...]] = ("outputs",)
    after: ClassVar[tuple[str, ...] | None] = ()  # activations of the last layer that it needs
    twin: ClassVar[str] = "torch.nn.functional.huber_loss"

    def term(self, target: Expr, output: Expr) -> Expr:
        """The loss of one element."""
        delta, error = strict(self.delta), Abs(target - output)
        return Piecewise(((target - output) ** 2 / 2, error <= delta), (delta * (error - delta / 2), True))
