"""What questions about optimisers share: symbols at a time, and a state of the optimiser by name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sympy import Indexed, IndexedBase, Symbol

from derive.catalogue.optimisers.base import Names, State, hyper
from derive.errors import GivenError, did_you_mean, one_of

t = Symbol("t", integer=True, positive=True)
i = Symbol("i", integer=True, positive=True)
g = IndexedBase("g")
G, M = Symbol("G", real=True), Symbol("M", positive=True)


def optimiser_of(given: Any) -> Any:
    """The optimiser that is given."""
    if given.optimizer is None:
        raise GivenError("an optimizer is needed here, such as 'optimizer: adam'", ("given",))
    return given.optimizer


def state_of(optimiser: Any, name: str) -> tuple[State, bool]:
    """The state that a name means, and whether its bias-corrected form is meant."""
    known = {s.name: (s, False) for s in optimiser.states}
    known.update({s.corrected: (s, True) for s in optimiser.states if s.corrected})
    if not known:
        raise GivenError(f"{optimiser.name} keeps no state between its steps", ())
    if name not in known:
        raise GivenError(f"{optimiser.name} has no state '{name}'{did_you_mean(name, known)} {one_of(known)}", ())
    return known[name]


def at_time(name: str, time: Any) -> Symbol:
    """m_t, m_{t-1}, m_3."""
    return Symbol(f"{name}_{str(time).replace(' ', '')}", real=True)


def names_at(now: Any, before: Any) -> Names:
    """Symbols of this step and of the one before."""

    def at(name: str, *, before: bool = False, _now: Any = now, _past: Any = before) -> Symbol:
        return at_time(name, _past if before else _now)

    return at


def hyper_tags(optimiser: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    return [(hyper(f.name), ("hyper", f.name)) for f in fields(optimiser)]


def entry(time: Any) -> Indexed:
    """g_i."""
    return Indexed(g, time)
