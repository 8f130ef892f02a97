"""Reasons are claims: each rule has a predicate that can fail, every shipped reason fits its step, and reasons that are swapped
among steps are refused wherever they make a false statement."""

from __future__ import annotations

from derive.checks.reasons import PREDICATES, unfit_reasons
from derive.derivation import RULES
from tests.shipped import PROBLEMS, solution


def test_every_rule_has_a_predicate_and_every_predicate_a_rule() -> None:
    assert set(RULES) == set(PREDICATES)


def test_every_reason_of_every_problem_fits_its_step() -> None:
    unfit = {name: unfit_reasons(solution(name)) for name in PROBLEMS}
    assert not {name: why for name, why in unfit.items() if why}
