"""Derivatives at the numbers that a problem gives, after they were found in symbols."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Eq, Gt, Ne, Number

from derive.algebra.kinks import Tie
from derive.algebra.nodes import Numeral, is_array
from derive.algebra.notation import text
from derive.algebra.numbers import numerals
from derive.algebra.values import value_of
from derive.derivation import Claim, IsGradient, Section, Work, rule
from derive.errors import GivenError
from derive.topics.evaluate import as_array, numbers_of
from derive.topics.objective import Objective
from derive.worlds import Formulas

PUT_IN = rule("at the given numbers", "at the given numbers")


@dataclass(frozen=True)
class AtNumbers:
    """An objective whose symbols are all given as numbers; `numbers` holds the sizes too."""

    objective: Objective
    numbers: dict[Any, Any]

    @cached_property
    def sizes(self) -> dict[Any, Any]:
        given = self.objective.given.values
        return {s: v for s, v in self.numbers.items() if s.is_integer and not is_array(v) and s.name not in given}

    @cached_property
    def known(self) -> dict[Any, Any]:
        """The exact value of every symbol and of every name."""
        known = dict(self.numbers)
        for symbol, expr in self.objective.named:
            known[symbol] = value_of(expr, known)
        return known

    @cached_property
    def world(self) -> Formulas:
        """The numbers in the places of the symbols, then the definitions."""
        numbers = [(s.xreplace(self.sizes), v) for s, v in self.numbers.items() if s not in self.sizes]
        named = [(s.xreplace(self.sizes), e.xreplace(self.sizes)) for s, e in self.objective.named]
        return Formulas((*numbers, *named))

    def section(self) -> Section:
        """Every named quantity, and every derivative that is asked for, as a number or an array of numbers."""
        work = Work("At the given numbers", self.world)
        of = self.objective.symbol
        for symbol, _ in self.objective.named:
            work.equal(symbol.xreplace(self.sizes), numerals(self.known[symbol]), why=PUT_IN, result=symbol == of)
        for wrt in self.objective.leaves:
            value = numerals(value_of(self.objective.gradients[wrt], self.known))
            work.gradient(of, wrt.xreplace(self.sizes), value, why=PUT_IN, result=True)
        return work.section()

    def claim(self, wrt: Any) -> Callable[[Any], Claim]:
        """What an author's numbers for a gradient say."""
        return lambda value: IsGradient(self.world, self.objective.symbol, wrt.xreplace(self.sizes), (as_array(value),))

    def need_derivative(self) -> None:
        """Raises GivenError where a condition fails at the numbers, or the objective has a kink there."""
        for condition in self.objective.domain:
            left, right = condition.relation.args
            holds = {Gt: lambda v, bound: v > bound, Ne: lambda v, bound: v != bound}.get(type(condition.relation))
            if holds is None:
                continue
            bound = value_of(right, self.known)
            if not all(holds(v, bound) for v in _entries(value_of(left, self.known))):
                raise GivenError(
                    f"{text(left)} is not {condition.relation.rel_op} {text(right)} at the given numbers",
                    ("given", "values"),
                )
        for kink in self.objective.kinks:
            left, right = (value_of(side, self.known) for side in (kink.left, kink.right))
            if any((entry == right) is not isinstance(kink, Tie) for entry in _entries(left)):
                if isinstance(kink, Tie):
                    raise GivenError(
                        f"there is no derivative at the given numbers, at which several entries are {text(kink.node)}",
                        ("given", "values"),
                    )
                at = text(Eq(kink.left, kink.right, evaluate=False)) if not is_array(kink.left) else text(kink.left)
                raise GivenError(
                    f"there is no derivative at the given numbers, which lie on a kink ({at})", ("given", "values")
                )


def _entries(value: Any) -> list[Any]:
    return list(value) if is_array(value) else [value]


def is_number(value: Any) -> bool:
    """Whether an author's answer is made of numbers alone."""
    return all(map(is_number, value)) if isinstance(value, tuple) else isinstance(value, Numeral | Number | int)


def at_numbers(objective: Objective) -> AtNumbers | None:
    """The objective at the given numbers; None where none of its symbols has one. Raises GivenError where some have and others
    have not."""
    if not objective.given.values:
        return None
    numbers, defined = numbers_of(objective.given), dict(objective.named)
    needed = {s for _, expr in objective.named for s in expr.free_symbols if s not in defined}
    missing = sorted(str(s) for s in needed if s not in numbers)
    if len(missing) == len(needed):
        return None
    if missing:
        raise GivenError(f"{', '.join(missing)} has no number under 'values'", ("given", "values"))
    found = AtNumbers(objective, {s: v for s, v in numbers.items() if s in needed or s.is_integer})
    found.need_derivative()
    return found
