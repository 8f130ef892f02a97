"""Cross-entropy over classes, from probabilities and from logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sympy import Expr, log

from derive.catalogue.registry import losses


@losses("cross_entropy")
@dataclass(frozen=True)
class CrossEntropy:
    """-sum_k y_k log p_k of one example, averaged over examples; y is a class or a row of probabilities, p a row of
    probabilities (or logits, through softmax). PyTorch's CrossEntropyLoss takes logits; NLLLoss takes log p."""

    reduction: Literal["mean", "sum", "none"] = "mean"

    on: ClassVar[str] = "classes"
    target: ClassVar[str] = "one_hot"  # the domain of what it compares with
    takes: ClassVar[tuple[str, ...]] = ("probabilities", "logits")
    after: ClassVar[tuple[str, ...] | None] = ("softmax",)  # activations of the last layer that it needs
    twin: ClassVar[str] = "torch.nn.functional.cross_entropy"

    def term(self, target: Expr, output: Expr) -> Expr:
        """The summand of one class."""
        return -target * log(output)
