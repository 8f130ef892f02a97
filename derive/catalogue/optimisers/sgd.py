"""Stochastic gradient descent: plain, with momentum, with Nesterov's momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sympy import Expr, Integer, Rational

from derive.algebra.nodes import Terms
from derive.catalogue.optimisers.base import Line, Names, State, Twin, hyper, moved, product, state_line
from derive.catalogue.registry import optimisers
from derive.problem.types import OpenUnit, Positive


@optimisers("sgd")
@dataclass(frozen=True)
class SGD:
    """w_t = w_{t-1} - alpha g_t. PyTorch's SGD."""

    learning_rate: Positive = Rational(1, 1000)

    twin: ClassVar[Twin] = Twin("torch.optim.SGD", (("learning_rate", "lr"),))

    @property
    def states(self) -> tuple[State, ...]:
        return ()

    def lines(self, at: Names, t: Expr) -> tuple[Line, ...]:
        """What one step computes, in order."""
        return ((at("w"), moved(at, product(hyper("learning_rate"), at("g")))),)


@optimisers("momentum")
@dataclass(frozen=True)
class Momentum:
    """b_t = mu b_{t-1} + g_t, w_t = w_{t-1} - alpha b_t (Polyak 1964, in PyTorch's form: SGD with momentum)."""

    learning_rate: Positive = Rational(1, 1000)
    momentum: OpenUnit = Rational(9, 10)

    twin: ClassVar[Twin] = Twin("torch.optim.SGD", (("learning_rate", "lr"), ("momentum", "momentum")))

    @property
    def states(self) -> tuple[State, ...]:
        return (State("b", hyper("momentum"), Integer(1), 1, "momentum_buffer"),)

    def lines(self, at: Names, t: Expr) -> tuple[Line, ...]:
        """What one step computes, in order."""
        return (
            state_line(self.states[0], at),
            (at("w"), moved(at, product(hyper("learning_rate"), at("b")))),
        )


@optimisers("nesterov")
@dataclass(frozen=True)
class Nesterov:
    """b_t = mu b_{t-1} + g_t, w_t = w_{t-1} - alpha (g_t + mu b_t) (Sutskever et al. 2013, in PyTorch's form)."""

    learning_rate: Positive = Rational(1, 1000)
    momentum: OpenUnit = Rational(9, 10)

    twin: ClassVar[Twin] = Twin(
        "torch.optim.SGD", (("learning_rate", "lr"), ("momentum", "momentum")), (("nesterov", True),)
    )

    @property
    def states(self) -> tuple[State, ...]:
        return (State("b", hyper("momentum"), Integer(1), 1, "momentum_buffer"),)

    def lines(self, at: Names, t: Expr) -> tuple[Line, ...]:
        """What one step computes, in order."""
        ahead = Terms(at("g"), product(hyper("momentum"), at("b")))
        return (
            state_line(self.states[0], at),
            (at("w"), moved(at, product(hyper("learning_rate"), ahead))),
        )
