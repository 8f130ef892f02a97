"""Binary cross-entropy, from probabilities and from logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sympy import Expr, exp, log

from derive.algebra.nodes import Largest, Magnitude
from derive.catalogue.registry import losses


@losses("binary_cross_entropy", "bce")
@dataclass(frozen=True)
class BinaryCrossEntropy:
    """-(y log p + (1 - y) log(1 - p)) for a label y in {0, 1} and a probability p; natural logarithms. PyTorch's BCELoss;
    where logits are given, BCEWithLogitsLoss."""

    reduction: Literal["mean", "sum", "none"] = "mean"

    on: ClassVar[str] = "elements"
    target: ClassVar[str] = "binary"  # the domain of what it compares with
    takes: ClassVar[tuple[str, ...]] = ("probabilities", "outputs", "logits")
    after: ClassVar[tuple[str, ...] | None] = ("sigmoid",)  # activations of the last layer that it needs
    twin: ClassVar[str] = "torch.nn.functional.binary_cross_entropy"

    def term(self, target: Expr, output: Expr) -> Expr:
        """The loss of one element from its probability."""
        return -(target * log(output) + (1 - target) * log(1 - output))

    def from_logit(self, target: Expr, logit: Expr) -> Expr:
        """The loss of one element from its logit: the term at sigmoid(z), in a form that keeps its digits where the
        sigmoid is all but 0 or 1."""
        return log(1 + exp(logit)) - target * logit

    def from_large_logit(self, target: Expr, logit: Expr) -> Expr:
        """The same with the larger of 1 and e^z taken out of the logarithm, so that no exponential overflows."""
        return Largest(logit, 0) - target * logit + log(1 + exp(-Magnitude(logit)))


@losses("binary_cross_entropy_with_logits", "bce_with_logits")
@dataclass(frozen=True)
class BinaryCrossEntropyWithLogits(BinaryCrossEntropy):
    """Binary cross-entropy of sigmoid(z), for logits z. PyTorch's BCEWithLogitsLoss."""

    takes: ClassVar[tuple[str, ...]] = ("logits", "outputs")
    after: ClassVar[tuple[str, ...] | None] = None  # networks take binary_cross_entropy after a sigmoid
    twin: ClassVar[str] = "torch.nn.functional.binary_cross_entropy_with_logits"
