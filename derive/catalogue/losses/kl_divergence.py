"""The Kullback-Leibler divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sympy import Expr, Integer, Piecewise, log

from derive.algebra.nodes import Quotient
from derive.catalogue.registry import losses


@losses("kl_divergence", "kl_div", "kl")
@dataclass(frozen=True)
class KLDivergence:
    """sum_k y_k log(y_k / p_k) of two rows of probabilities, where an entry with y_k = 0 adds nothing (Kullback
    and Leibler 1951); `batchmean` divides by the number of rows, `mean` (as in PyTorch) by the number of entries.
    PyTorch's KLDivLoss takes log p."""

    reduction: Literal["batchmean", "mean", "sum", "none"] = "batchmean"

    on: ClassVar[str] = "elements"
    target: ClassVar[str] = "probabilities"  # the domain of what it compares with
    takes: ClassVar[tuple[str, ...]] = ("probabilities", "outputs")
    after: ClassVar[tuple[str, ...] | None] = None  # not for networks yet
    twin: ClassVar[str] = "torch.nn.functional.kl_div"

    def term(self, target: Expr, output: Expr) -> Expr:
        """The summand of one entry."""
        return Piecewise((target * log(Quotient(target, output)), target > 0), (Integer(0), True))
