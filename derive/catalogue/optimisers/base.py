"""What optimisers share: states that are linear recurrences, and the lines that one step computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from sympy import Expr, Integer, Symbol

from derive.algebra.nodes import Factors, Terms

Names = Callable[..., Symbol]  # at('m') is m_t, at('m', before=True) is m_{t-1}
Line = tuple[Symbol, Expr]

LETTERS = {"learning_rate": "alpha", "momentum": "mu", "weight_decay": "lam", "decay": "rho"}


@dataclass(frozen=True)
class State:
    """A state s_t = decay s_{t-1} + gain g_t^power, with s_0 = 0; `torch` is its name in torch's optimiser, `corrected`
    names its bias-corrected form, if any."""

    name: str
    decay: Expr
    gain: Expr
    power: int
    torch: str
    corrected: str = ""


def hyper(name: str) -> Symbol:
    """The symbol of a hyper-parameter."""
    return Symbol(LETTERS.get(name, name), positive=True)


def hyper_values(optimiser: Any) -> dict[Symbol, Any]:
    """An optimiser's hyper-parameters by symbol."""
    return {hyper(f.name): getattr(optimiser, f.name) for f in fields(optimiser)}


def state_line(state: State, at: Names) -> Line:
    """The recurrence of a state."""
    return at(state.name), Terms(
        product(state.decay, at(state.name, before=True)), product(state.gain, at("g") ** state.power)
    )


def product(*factors: Expr) -> Expr:
    """The factors in the order written, without ones."""
    return Factors(*[factor for factor in factors if factor != 1])


def moved(at: Names, *steps: Expr) -> Expr:
    """The parameter after the steps are taken off it."""
    return Terms(at("w", before=True), *[Factors(Integer(-1), step) for step in steps])


@dataclass(frozen=True)
class Twin:
    """The optimiser of torch.optim: its dotted name, the keyword of each setting ('betas.0' is the first of a pair), and
    keywords that are always given."""

    name: str
    keywords: tuple[tuple[str, str], ...]
    always: tuple[tuple[str, Any], ...] = ()
