"""`minimise` and `maximise`: which study suits the objective and its unknowns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Eq

from derive.algebra.nodes import is_array
from derive.derivation import Derivation, Reason, Section, Work, rule
from derive.errors import GivenError, NotDerivable
from derive.problem.types import Equation, Formula, SymbolNames
from derive.topics.extremum import Extremum, has_arrays, need_unknowns
from derive.topics.extremum_proof import OPEN
from derive.topics.objective import away_from, holding, kinks_of
from derive.topics.one_unknown import one_unknown_derivation
from derive.topics.quadratic_sums import quadratic_derivation
from derive.topics.registry import questions
from derive.topics.several_unknowns import several_unknowns_derivation
from derive.topics.stationary import Stationary, stationary_derivation

DIFFERENTIATE = rule("derivative of the objective", "differentiate")


@dataclass(frozen=True)
class _Extremum:
    """The fields that questions for minima and maxima share."""

    objective: Formula
    over: SymbolNames
    subject_to: Equation = None


@questions("minimise", "minimize", "stationary_point")
@dataclass(frozen=True)
class Minimise(_Extremum):
    """The minimum of `objective` over the parameters `over` (scalars, vectors, matrices), perhaps `subject_to` an
    equation: where the derivatives vanish, which of these points is the minimum and why, the least value; or that
    there is none."""

    def derive(self, given: Any) -> Derivation:
        return study(given, self.objective, tuple(self.over), self.subject_to, 1)


@questions("maximise", "maximize")
@dataclass(frozen=True)
class Maximise(_Extremum):
    """The maximum of `objective` over the parameters `over`, such as a likelihood's."""

    def derive(self, given: Any) -> Derivation:
        return study(given, self.objective, tuple(self.over), self.subject_to, -1)


def study(given: Any, objective: Any, over: tuple[Any, ...], constraint: Any, sign: int) -> Derivation:
    """Scalars in a formula without data are studied to the end; sums over data that are quadratic in scalars are solved in
    centred sums; everything else by derivatives in vectors and matrices."""
    need_unknowns(given, over)
    if constraint is not None:
        *sides, relation = constraint[:3]
        if relation is not Eq:
            raise GivenError("a constraint is an equation here: left == right")
        constraint = tuple(sides)
    problem = Extremum(given, objective, over, sign)
    general = Stationary(given, objective, over, constraint, sign)
    if constraint is not None or any(map(is_array, over)):
        return stationary_derivation(general, f"The {problem.kind}")
    if not has_arrays(problem.function):
        return scalar_derivation(problem)
    if sign < 0:
        return stationary_derivation(general, f"The {problem.kind}")
    try:
        return quadratic_derivation(given, objective, over)
    except NotDerivable as error:
        try:
            return stationary_derivation(general, f"The {problem.kind}")
        except NotDerivable:
            raise error from None


def scalar_derivation(problem: Extremum) -> Derivation:
    """A function of scalars alone: all of its stationary points, or its derivatives and the honest word."""
    try:
        if len(problem.over) == 1:
            return one_unknown_derivation(problem)
        return several_unknowns_derivation(problem)
    except NotDerivable as error:
        return open_derivation(problem, error)


def open_derivation(problem: Extremum, error: NotDerivable) -> Derivation:
    """The derivatives, and that derive found no closed form."""
    from derive.algebra.critical import shortest
    from derive.algebra.scalars import scalar_derivative

    found = kinks_of([(problem.name, problem.function)], set(problem.over), [])
    world = away_from(problem.world, found)
    work = Work("Derivatives", world)
    for u in problem.over:
        work.gradient(problem.name, u, shortest(scalar_derivative(problem.function, u)), why=DIFFERENTIATE)
    word = Section("No closed form", (), Reason(OPEN, (str(error),)))
    stated = holding(world, [], found)
    return Derivation(f"The {problem.kind}", (problem.objective_section(), *stated, work.section(), word))
