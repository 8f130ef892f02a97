"""A function of one scalar variable, which may be a named quantity: what comes before that name is held, what comes after
it follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sympy import Symbol

from derive.algebra.domains import Condition, conditions
from derive.algebra.kinks import Kink
from derive.algebra.nodes import is_array
from derive.derivation import Section, Work, rule
from derive.errors import GivenError
from derive.topics.objective import away_from, holding, kinks_of, where_defined
from derive.topics.objective import moved_by as varying
from derive.worlds import Formulas

MEANING = rule("definition of a quantity", "the definition")

NAMELESS = Symbol("_f", real=True)  # a quantity that the author gave no name

Definitions = tuple[tuple[Any, Any], ...]


def moved_by(define: Definitions, x: Any) -> Definitions:
    """The definitions that come after x and depend on it, in order."""
    moved, found = {x}, []
    for symbol, expr in define:
        if symbol != x and expr.free_symbols & moved:
            moved.add(symbol)
            found.append((symbol, expr))
    return tuple(found)


def at_value(define: Definitions, x: Any, value: Any) -> Definitions:
    """The definitions in their order where x has this value, whatever defines it otherwise."""
    if x in dict(define):
        return tuple((s, value if s == x else e) for s, e in define)
    return ((x, value), *define)


@dataclass(frozen=True)
class OneVariable:
    """A quantity as the author wrote it, and the scalar that it is looked at as a function of."""

    given: Any
    of: Any
    x: Symbol

    @cached_property
    def used(self) -> Definitions:
        """The author's definitions that the quantity is made of, in order."""
        needed, found = {self.of, *self.of.free_symbols}, []
        for symbol, expr in reversed(self.given.define):
            if symbol in needed:
                needed |= expr.free_symbols
                found.append((symbol, expr))
        return tuple(reversed(found))

    @cached_property
    def expr(self) -> Any:
        """The function in its variable: names that it moves written out, all others constants."""
        expr = self.of
        for symbol, meaning in reversed(moved_by(self.used, self.x)):
            expr = expr.xreplace({symbol: meaning})
        return expr

    @cached_property
    def named(self) -> Definitions:
        """The definitions, and the quantity under a name of its own where the author gave it none."""
        return self.used if self.of in dict(self.used) else (*self.used, (NAMELESS, self.of))

    @cached_property
    def domain(self) -> list[Condition]:
        """The conditions under which all quantities are defined."""
        return conditions(self.named)

    @cached_property
    def kinks(self) -> list[Kink]:
        """Where the quantity has no derivative in the variable, as far as each definition by itself tells."""
        return kinks_of(self.named, varying(self.named, [self.x]), self.domain)

    @cached_property
    def world(self) -> Formulas:
        """The author's definitions as they stand, where everything is defined."""
        return where_defined(self.used, self.given.domains, self.domain)

    @cached_property
    def smooth(self) -> Formulas:
        """The same, away from kinks."""
        return away_from(self.world, self.kinks)

    def at(self, point: Any) -> Formulas:
        """The world where the variable is at a point."""
        return replace(self.world, definitions=at_value(self.used, self.x, point))

    def sections(self, is_smooth: bool = True) -> list[Section]:
        """What is called how, where anything has a name; then the conditions under which what follows holds, kinks among them
        where derivatives are taken."""
        work = Work("Quantities", self.world)
        for symbol, meaning in self.used:
            work.define(symbol, meaning, why=MEANING)
        found = self.kinks if is_smooth else []
        world = replace(away_from(self.world, found), definitions=self.named)
        return [*([work.section()] if work.steps else []), *holding(world, self.domain, found)]


def function_of(given: Any, of: Any, wrt: tuple[Any, ...]) -> OneVariable:
    """The function; raises GivenError where it is none of one scalar variable."""
    if len(wrt) == 1 and isinstance(wrt[0], Symbol):
        function = OneVariable(given, of, wrt[0])
        if not _has_arrays(function.expr):
            return function
    raise GivenError("a function of one scalar variable is needed here")


def _has_arrays(expr: Any) -> bool:
    return is_array(expr) or any(map(_has_arrays, getattr(expr, "args", ())))
