"""The hinge loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sympy import Expr, Integer, Piecewise

from derive.catalogue.registry import losses


@losses("hinge")
@dataclass(frozen=True)
class Hinge:
    """max(0, 1 - y s) for a label y in {-1, 1} and a score s (Cortes and Vapnik 1995). PyTorch has it as the margin
    ranking loss of s against 0 with margin 1."""

    reduction: Literal["mean", "sum", "none"] = "mean"

    on: ClassVar[str] = "elements"
    target: ClassVar[str] = "sign"  # the domain of what it compares with
    takes: ClassVar[tuple[str, ...]] = ("outputs",)
    after: ClassVar[tuple[str, ...] | None] = None  # not for networks yet
    twin: ClassVar[str] = "torch.nn.functional.margin_ranking_loss"

    def term(self, target: Expr, output: Expr) -> Expr:
        """The loss of one element."""
        return Piecewise((1 - target * output, target * output < 1), (Integer(0), True))
