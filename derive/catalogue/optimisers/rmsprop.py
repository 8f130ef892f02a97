"""RMSProp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sympy import Expr, Rational, sqrt

from derive.algebra.nodes import Quotient, Terms
from derive.catalogue.optimisers.base import Line, Names, State, Twin, hyper, moved, product, state_line
from derive.catalogue.registry import optimisers
from derive.problem.types import Positive, Unit


@optimisers("rmsprop")
@dataclass(frozen=True)
class RMSProp:
    """v_t = rho v_{t-1} + (1 - rho) g_t^2, w_t = w_{t-1} - alpha g_t / (sqrt(v_t) + epsilon) (Hinton 2012). PyTorch calls
    rho alpha."""

    learning_rate: Positive = Rational(1, 100)
    decay: Unit = Rational(99, 100)
    epsilon: Positive = Rational(1, 10**8)

    twin: ClassVar[Twin] = Twin(
        "torch.optim.RMSprop", (("learning_rate", "lr"), ("decay", "alpha"), ("epsilon", "eps"))
    )

    @property
    def states(self) -> tuple[State, ...]:
        return (State("v", hyper("decay"), 1 - hyper("decay"), 2, "square_avg"),)

    def lines(self, at: Names, t: Expr) -> tuple[Line, ...]:
        """What one step computes, in order."""
        step = Quotient(product(hyper("learning_rate"), at("g")), Terms(sqrt(at("v")), hyper("epsilon")))
        return state_line(self.states[0], at), (at("w"), moved(at, step))
