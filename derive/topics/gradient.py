"""`gradient`: the derivative of a number in vectors, matrices and scalars, from the objective backwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra.nodes import Gradient, is_array
from derive.algebra.notation import text
from derive.algebra.tidy import tidy
from derive.derivation import Answer, Claim, Derivation, Equal, IsGradient, Section, Work, rule
from derive.errors import GivenError
from derive.problem.types import Formula, SymbolNames
from derive.topics.at_numbers import AtNumbers, at_numbers, is_number
from derive.topics.objective import Objective, gradient_section, opening
from derive.topics.registry import questions
from derive.topics.scalar_rules import is_scalar_problem, scalar_derivation

ENTRY = rule("an entry of the gradient", "the derivative in one entry is that entry of the gradient")


@questions("gradient")
@dataclass(frozen=True)
class GradientQuestion:
    """The gradient of `of` in each of `wrt` (a symbol, or several; an entry as A[0, 1]), in denominator layout."""

    of: Formula
    wrt: SymbolNames

    def derive(self, given: Any) -> Derivation:
        if is_array(self.of):
            raise GivenError("a gradient is of one number; ask for the jacobian of an array")
        objective = Objective(given, self.of, tuple(self.wrt))
        numbers = at_numbers(objective)
        if is_scalar_problem(objective):
            return with_numbers(scalar_derivation(objective), numbers)
        sections = [*opening(objective), gradient_section(objective, "Derivatives")]
        sections += entry_sections(objective)
        return with_numbers(Derivation("The gradient", tuple(sections), tuple(answers(objective))), numbers)


def with_numbers(derivation: Derivation, numbers: AtNumbers | None) -> Derivation:
    """The derivation, then its results at the given numbers, if there are any: an author's answer in numbers speaks of these."""
    if numbers is None:
        return derivation
    found = []
    for answer, wrt in zip(derivation.answers, numbers.objective.wrt, strict=True):
        claim = either(answer.claim, numbers.claim(wrt)) if wrt in numbers.objective.leaves else answer.claim
        found.append(replace(answer, claim=claim))
    return replace(derivation, sections=(*derivation.sections, numbers.section()), answers=tuple(found))


def either(in_symbols: Callable[[Any], Claim], in_numbers: Callable[[Any], Claim]) -> Callable[[Any], Claim]:
    """The claim of an answer in symbols, or in numbers."""
    return lambda value: (in_numbers if is_number(value) else in_symbols)(value)


def entry_sections(objective: Objective) -> list[Section]:
    """Single entries of the gradients, where these were asked for."""
    entries = [w for w in objective.wrt if isinstance(w, MatrixElement)]
    if not entries:
        return []
    work = Work("Entries", objective.smooth)
    for entry in entries:
        value = entry_of(objective, entry)
        symbol = MatrixElement(Gradient(objective.symbol, entry.parent), entry.i, entry.j)
        work.equal(symbol, value, why=ENTRY, result=True)
    return [work.section()]


def entry_of(objective: Objective, entry: Any) -> Any:
    return MatrixElement(objective.written_out(objective.gradients[entry.parent]), entry.i, entry.j)


def answers(objective: Objective) -> list[Answer]:
    """The gradients by the names of their symbols."""
    found = []
    for wrt in objective.wrt:
        if isinstance(wrt, MatrixElement):
            value = entry_of(objective, wrt)
            found.append(Answer(text(wrt), value, entry_claim(objective, wrt)))
            continue
        value = objective.written_out(objective.gradients[wrt])
        found.append(Answer(wrt.name, tidy(value), gradient_claim(objective, wrt)))
    return found


def entry_claim(objective: Objective, entry: Any) -> Callable[[Any], Claim]:
    """What an author's value for an entry of the gradient says."""
    return lambda value: Equal(objective.smooth, (entry_of(objective, entry), value))


def gradient_claim(objective: Objective, wrt: Any) -> Callable[[Any], Claim]:
    """What an author's value for the gradient says."""
    return lambda value: IsGradient(objective.smooth, objective.symbol, wrt, (value,))
