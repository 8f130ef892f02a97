"""The dense (fully connected, linear) layer, with the activation that follows it."""

from __future__ import annotations

from dataclasses import dataclass

from derive.catalogue.registry import layers
from derive.problem.types import Activation, ActivationWord, Size


@layers("dense")
@dataclass(frozen=True)
class Dense:
    """a = f(W x + b), with W of size units x inputs and b, a columns of `units` entries (Goodfellow et al. 2016, eq. 6.36).

    `activation` is a function of the table, or softmax; `bias: false` leaves b out; `repeat` stacks that many of it.
    """

    units: Size
    activation: ActivationWord = Activation("identity")
    bias: bool = True
    repeat: Size = 1
