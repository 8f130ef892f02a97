"""Adam, and AdamW with its decoupled weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sympy import Expr, Rational, sqrt

from derive.algebra.nodes import Power, Quotient, Terms
from derive.catalogue.optimisers.base import Line, Names, State, Twin, hyper, moved, product, state_line
from derive.catalogue.registry import optimisers
from derive.problem.types import Positive, Unit

KEYWORDS = (("learning_rate", "lr"), ("beta1", "betas.0"), ("beta2", "betas.1"), ("epsilon", "eps"))


@optimisers("adam")
@dataclass(frozen=True)
class Adam:
    """m_t = beta1 m_{t-1} + (1 - beta1) g_t, v_t = beta2 v_{t-1} + (1 - beta2) g_t^2, both divided by 1 - beta^t, and
    w_t = w_{t-1} - alpha m_hat_t / (sqrt(v_hat_t) + epsilon) (Kingma and Ba 2015, algorithm 1)."""

    learning_rate: Positive = Rational(1, 1000)
    beta1: Unit = Rational(9, 10)
    beta2: Unit = Rational(999, 1000)
    epsilon: Positive = Rational(1, 10**8)

    twin: ClassVar[Twin] = Twin("torch.optim.Adam", KEYWORDS)

    @property
    def states(self) -> tuple[State, ...]:
        return (
            State("m", hyper("beta1"), 1 - hyper("beta1"), 1, "exp_avg", "m_hat"),
            State("v", hyper("beta2"), 1 - hyper("beta2"), 2, "exp_avg_sq", "v_hat"),
        )

    def lines(self, at: Names, t: Expr) -> tuple[Line, ...]:
        """What one step computes, in order."""
        return (*moment_lines(self.states, at, t), (at("w"), moved(at, adam_step(at))))


def moment_lines(states: tuple[State, ...], at: Names, t: Expr) -> tuple[Line, ...]:
    """The moment estimates, then their bias-corrected forms."""
    corrected = tuple((at(s.corrected), Quotient(at(s.name), 1 - Power(s.decay, t))) for s in states)
    return (*(state_line(s, at) for s in states), *corrected)


def adam_step(at: Names) -> Expr:
    """alpha m_hat / (sqrt(v_hat) + epsilon)."""
    return Quotient(product(hyper("learning_rate"), at("m_hat")), Terms(sqrt(at("v_hat")), hyper("epsilon")))


@optimisers("adamw")
@dataclass(frozen=True)
class AdamW:
    """Adam with weight decay apart from the gradient: w_t = (1 - alpha lambda) w_{t-1} - alpha m_hat_t / (sqrt(v_hat_t) +
    epsilon) (Loshchilov and Hutter 2019, as in PyTorch)."""

    learning_rate: Positive = Rational(1, 1000)
    beta1: Unit = Rational(9, 10)
    beta2: Unit = Rational(999, 1000)
    epsilon: Positive = Rational(1, 10**8)
    weight_decay: Unit = Rational(1, 100)

    twin: ClassVar[Twin] = Twin("torch.optim.AdamW", (*KEYWORDS, ("weight_decay", "weight_decay")))

    @property
    def states(self) -> tuple[State, ...]:
        return Adam(self.learning_rate, self.beta1, self.beta2, self.epsilon).states

    def lines(self, at: Names, t: Expr) -> tuple[Line, ...]:
        """What one step computes, in order."""
        decay = product(hyper("learning_rate"), hyper("weight_decay"), at("w", before=True))
        return (*moment_lines(self.states, at, t), (at("w"), moved(at, decay, adam_step(at))))
