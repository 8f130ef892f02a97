"""What all minima and maxima share: the objective, its unknowns, its name and its world; the least value as an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Symbol

from derive.algebra.nodes import At, is_array
from derive.algebra.sums import unfolded
from derive.derivation import Answer, Claim, Equal, Point, Section, Work, rule
from derive.errors import GivenError
from derive.worlds import Formulas

MEANING = rule("definition of a quantity", "the definition")
PUT_IN = rule("definitions put in", "with the definitions put in")


@dataclass(frozen=True)
class Extremum:
    """A scalar function of scalar unknowns; `sign` is -1 for a maximum."""

    given: Any
    of: Any
    over: tuple[Any, ...]
    sign: int = 1

    @property
    def kind(self) -> str:
        return "minimum" if self.sign > 0 else "maximum"

    @cached_property
    def function(self) -> Any:
        """The objective in the declared symbols."""
        return unfolded(self.of, self.given.define)

    @cached_property
    def name(self) -> Any:
        """The objective's name: the author's, or a free letter."""
        if self.of in dict(self.given.define):
            return self.of
        return Symbol(self.given.named(self.of, "fgJhLFGH"), real=True)

    @cached_property
    def used(self) -> tuple[tuple[Any, Any], ...]:
        """The definitions that the objective is made of, the objective last."""
        needed, kept = {self.of} | set(self.of.free_symbols), []
        for symbol, meaning in reversed(self.given.define):
            if symbol in needed:
                needed |= meaning.free_symbols
                kept.append((symbol, meaning))
        named = () if self.name in dict(kept) else ((self.name, self.of),)
        return (*reversed(kept), *named)

    @cached_property
    def world(self) -> Formulas:
        """The unknowns free."""
        return Formulas(self.used, tuple(self.given.domains))

    def at(self, point: Any) -> Formulas:
        """The unknowns at a point."""
        moved = tuple((symbol, value) for symbol, value in point if symbol != value)
        return Formulas((*moved, *self.used), tuple(self.given.domains))

    def objective_section(self) -> Section:
        """The definitions, and the objective in the declared symbols."""
        work = Work("The objective", self.world)
        for symbol, meaning in self.used:
            work.define(symbol, meaning, why=MEANING)
        if self.used[-1][1] != self.function:
            work.equal(self.name, self.function, why=PUT_IN)
        return work.section()

    def value_answers(self, point: Any, value: Any) -> tuple[Answer, ...]:
        """The least (or largest) value under both of its names."""
        return value_answers(self.at(point), self.name, value, self.kind)


def value_answers(world: Formulas, name: Any, value: Any, kind: str) -> tuple[Answer, ...]:
    """The least (or largest) value, which an author may call `value`, `minimum` or `maximum`."""
    return tuple(Answer(word, value, equal_claim(world, name)) for word in ("value", kind))


def value_claim(problem: Extremum, point: Point, value: Any) -> Equal:
    """The objective is worth this at a point."""
    places = [part for symbol, v in point if symbol != v for part in (symbol, v)]
    return Equal(problem.at(point), (At(problem.name, *places), value))


def equal_claim(world: Formulas, symbol: Any) -> Callable[[Any], Claim]:
    """What an author's value for a symbol says."""
    return lambda value: Equal(world, (symbol, value))


def need_unknowns(given: Any, over: tuple[Any, ...]) -> None:
    """Raises GivenError where an unknown is a defined quantity or an entry."""
    defined = {symbol for symbol, _ in given.define}
    for symbol in over:
        if symbol in defined or not symbol.is_symbol:
            raise GivenError(f"'{symbol}' is no free unknown; minimise over declared symbols", ("given", "define"))


def has_arrays(expr: Any) -> bool:
    """Whether vectors or matrices occur in an expression."""
    return is_array(expr) or any(has_arrays(arg) for arg in getattr(expr, "args", ()))
