"""AdaGrad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sympy import Expr, Integer, Rational, sqrt

from derive.algebra.nodes import Quotient, Terms
from derive.catalogue.optimisers.base import Line, Names, State, Twin, hyper, moved, product, state_line
from derive.catalogue.registry import optimisers
from derive.problem.types import Positive


@optimisers("adagrad")
@dataclass(frozen=True)
class AdaGrad:
    """s_t = s_{t-1} + g_t^2, w_t = w_{t-1} - alpha g_t / (sqrt(s_t) + epsilon) (Duchi, Hazan and Singer 2011)."""

    learning_rate: Positive = Rational(1, 100)
    epsilon: Positive = Rational(1, 10**10)

    twin: ClassVar[Twin] = Twin("torch.optim.Adagrad", (("learning_rate", "lr"), ("epsilon", "eps")))

    @property
    def states(self) -> tuple[State, ...]:
        return (State("s", Integer(1), Integer(1), 2, "sum"),)

    def lines(self, at: Names, t: Expr) -> tuple[Line, ...]:
        """What one step computes, in order."""
        step = Quotient(product(hyper("learning_rate"), at("g")), Terms(sqrt(at("s")), hyper("epsilon")))
        return state_line(self.states[0], at), (at("w"), moved(at, step))
