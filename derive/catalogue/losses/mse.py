"""The mean squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sympy import Expr

from derive.catalogue.registry import losses


@losses("mse", "mean_squared_error")
@dataclass(frozen=True)
class MeanSquaredError:
    """(p - y)^2, without a factor one half. PyTorch's MSELoss."""

    reduction: Literal["mean", "sum", "none"] = "mean"

    on: ClassVar[str] = "elements"
    target: ClassVar[str] = "real"  # the domain of what it compares with
    takes: ClassVar[tuple[str, ...]] = ("outputs",)
    after: ClassVar[tuple[str, ...] | None] = ()  # activations of the last layer that it needs
    twin: ClassVar[str] = "torch.nn.functional.mse_loss"

    def term(self, target: Expr, output: Expr) -> Expr:
        """The loss of one element."""
        return (output - target) ** 2
