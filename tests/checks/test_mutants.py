"""The referee is tested by mutation, on every claim of every problem that derive ships: all mutants that change the
mathematics die. The end of the run says how many were killed, by kind of claim (conftest.py)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from derive.checks.judges import judge as check
from derive.checks.mutants import Mutant, mutants
from derive.checks.referee import kinds
from derive.derivation import (
    Assumption,
    Claim,
    Conjecture,
    Definition,
    Equal,
    HasCount,
    HasMean,
    HasShape,
    Holds,
    IsDrawn,
    IsGradient,
    IsLimit,
    IsMinimum,
    IsPositiveDefinite,
    IsSaddle,
    IsStationary,
    NoMinimum,
    Refuted,
)
from tests.checks.judge import changes_mathematics
from tests.shipped import PROBLEMS, solution

RARE = (IsDrawn, IsMinimum, IsPositiveDefinite, IsSaddle, IsStationary, NoMinimum, HasMean, Holds, IsLimit)
PER_PROBLEM = 40  # mutants judged of each problem, drawn by a fixed seed; of kinds that are rare, all


def claims(name: str) -> list[Claim]:
    return [step.claim for _, step in solution(name).steps()]


def chosen(name: str) -> list[Mutant]:
    found = [
        mutant
        for claim in claims(name)
        if not isinstance(claim, Refuted | Definition | Assumption)
        for mutant in mutants(claim)
    ]
    rare = [m for m in found if isinstance(m.claim, RARE)][:60]
    rest = [m for m in found if m not in rare]
    return rare + random.Random(7).sample(rest, min(PER_PROBLEM, len(rest)))


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_every_mutant_that_changes_the_mathematics_dies(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    survivors, tally = [], Counter[str]()
    for mutant in chosen(name):
        kind = type(mutant.claim).__name__
        if not check(mutant.claim).passed:
            tally[f"mutants of {kind} killed"] += 1
        elif changes_mathematics(mutant.before, mutant.after, mutant.claim.world, extras(mutant.claim)):
            survivors.append((kind, mutant.mutation, str(mutant.before), str(mutant.after)))
        else:
            tally["mutants that are the same mathematics, which nothing can kill"] += 1
    for key, count in tally.items():
        record_property(key, count)
    record_property("mutants that changed the mathematics and survived", len(survivors))
    assert not survivors


def extras(claim: Claim) -> tuple:
    """What else of the claim must be bound at a point."""
    if isinstance(claim, IsStationary):
        return tuple(value for point in claim.points for _, value in point)
    return tuple(value for _, value in claim.point) if isinstance(claim, IsMinimum | IsSaddle) else ()


def test_every_kind_of_claim_is_mutated_and_judged() -> None:
    """Each kind that has a checker has claims in the problems, mutants of them, and dead ones among these."""
    kinds_seen = (
        Equal,
        Conjecture,
        IsGradient,
        Holds,
        HasShape,
        IsDrawn,
        HasCount,
        HasMean,
        IsLimit,
        IsMinimum,
        IsPositiveDefinite,
        IsSaddle,
        IsStationary,
        NoMinimum,
    )
    for kind in kinds_seen:
        examples = [claim for name in PROBLEMS for claim in claims(name) if type(claim) is kind][:6]
        chosen_mutants = [m for claim in examples for m in list(mutants(claim))[:10]]
        assert any(not check(m.claim).passed for m in chosen_mutants), f"no mutant of {kind.__name__} died"
    assert set(kinds()) - {Refuted, Definition, Assumption} == set(kinds_seen)


def test_a_right_answer_cannot_be_disputed() -> None:
    from sympy import Integer

    from derive.worlds import Formulas

    right = Equal(Formulas(), (Integer(2), Integer(2)))
    assert not check(Refuted(Formulas(), right, "nobody")).passed
