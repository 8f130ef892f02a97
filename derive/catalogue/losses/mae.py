"""The mean absolute error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sympy import Abs, Expr

from derive.catalogue.registry import losses


@losses("mae", "mean_absolute_error", "l1")
@dataclass(frozen=True)
class MeanAbsoluteError:
    """|y - p|. PyTorch's L1Loss, whose derivative at zero is taken as zero."""

    reduction: Literal["mean", "sum", "none"] = "mean"

    on: ClassVar[str] = "elements"
    target: ClassVar[str] = "real"  # the domain of what it compares with
    takes: ClassVar[tuple[str, ...]] = ("outputs",)
    after: ClassVar[tuple[str, ...] | None] = ()  # activations of the last layer that it needs
    twin: ClassVar[str] = "torch.nn.functional.l1_loss"

    def term(self, target: Expr, output: Expr) -> Expr:
        """The loss of one element."""
        return Abs(target - output)
