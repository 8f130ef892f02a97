"""The referee is tested by mutation, on every claim of every problem that derive ships: all mutants that change the
mathematics die. Prints how many were killed, by kind of claim and by mutation."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from derive.checks.judges import check
from derive.checks.mutants import Mutant, mutants
from derive.checks.referee import kinds
from derive.derivation import Claim, Equal, HasCount, HasMean, HasShape, Holds, IsGradient, IsMinimum, Refuted
from derive.pipeline import solve, vocabulary
from derive.problem.read import find
from tests.checks.judge import changes_mathematics

ROOT = Path(__file__).resolve().parents[2]
SHEETS = find([ROOT / "problems"], vocabulary())
PER_PROBLEM = 40  # mutants judged of each problem, drawn by a fixed seed; of kinds that are rare, all


def claims() -> dict[str, list[Claim]]:
    return {
        f"{sheet.id}/{problem.id}": [step.claim for _, step in solve(problem).steps()]
        for sheet in SHEETS
        for problem in sheet.problems
    }


CLAIMS = claims()
TALLY: Counter[tuple[str, str, str]] = Counter()


def chosen(name: str) -> list[Mutant]:
    found = [mutant for claim in CLAIMS[name] if not isinstance(claim, Refuted) for mutant in mutants(claim)]
    rare = [m for m in found if isinstance(m.claim, IsMinimum | HasMean | Holds)][:60]
    rest = [m for m in found if m not in rare]
    return rare + random.Random(7).sample(rest, min(PER_PROBLEM, len(rest)))


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_every_mutant_that_changes_the_mathematics_dies(name: str) -> None:
    survivors = []
    for mutant in chosen(name):
        kind = type(mutant.claim).__name__
        if not check(mutant.claim).passed:
            TALLY[kind, mutant.mutation, "killed"] += 1
        elif changes_mathematics(mutant.before, mutant.after, mutant.claim.world, extras(mutant.claim)):
            survivors.append((kind, mutant.mutation, str(mutant.before), str(mutant.after)))
        else:
            TALLY[kind, mutant.mutation, "the same mathematics"] += 1
    assert not survivors


def extras(claim: Claim) -> tuple:
    """What else of the claim must be bound at a point."""
    return tuple(value for _, value in claim.point) if isinstance(claim, IsMinimum) else ()


def test_every_kind_of_claim_is_mutated_and_judged(capsys: pytest.CaptureFixture[str]) -> None:
    """Runs last in its file; each kind alone, so that it does not depend on what ran before in which process."""
    killed: Counter[str] = Counter()
    for kind in (Equal, IsGradient, Holds, HasShape, HasCount, IsMinimum, HasMean):
        examples = [claim for found in CLAIMS.values() for claim in found if type(claim) is kind][:6]
        for mutant in [m for claim in examples for m in list(mutants(claim))[:10]]:
            killed[kind.__name__] += not check(mutant.claim).passed
        assert killed[kind.__name__] > 0, f"no mutant of {kind.__name__} died"
    assert {kind.__name__ for kind in kinds()} - {"Refuted"} <= set(killed)
    with capsys.disabled():
        print(f"\nmutants killed: {dict(killed)}; over the problems: {_summary()}")


def _summary() -> dict[str, int]:
    total: Counter[str] = Counter()
    for (_, _, verdict), count in TALLY.items():
        total[verdict] += count
    return dict(total)


def test_a_right_answer_cannot_be_disputed() -> None:
    from sympy import Integer

    from derive.worlds import Formulas

    right = Equal(Formulas(), (Integer(2), Integer(2)))
    assert not check(Refuted(Formulas(), right, "nobody")).passed
