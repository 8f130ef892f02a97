"""Definitions are no claims: nothing is called equal that the world defines so, no side is compared with itself, and every
equality has something at stake."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from sympy import Symbol, Tuple
from sympy.matrices.expressions import OneMatrix

from derive.algebra.nodes import add, is_array
from derive.checks.judges import judge
from derive.derivation import Definition, Equal, Work, rule
from derive.worlds import Formulas
from tests.shipped import PROBLEMS, solution

PER_PROBLEM = 2  # equalities of a problem whose last side is moved, drawn by a fixed seed


def equalities(name: str) -> Iterator[Equal]:
    """What derive calls equal in a problem; the author's own answers are claims whatever they say."""
    for derivation in solution(name).derivations:
        for step in derivation.steps:
            if isinstance(step.claim, Equal):
                yield step.claim


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_no_equality_is_a_definition_and_none_compares_an_expression_with_itself(name: str) -> None:
    for claim in equalities(name):
        assert len(claim.sides) > 1
        defined = dict(getattr(claim.world, "definitions", ()))
        if len(claim.sides) == 2:
            left, right = claim.sides
            assert defined.get(left) != right, claim.sides
        for one, other in combinations(claim.sides, 2):
            assert type(one) is not type(other) or one != other, claim.sides


def moved(side: Any) -> Any:
    """The side with one more in each entry."""
    if isinstance(side, Tuple):
        return Tuple(*map(moved, side))
    return add(side, OneMatrix(*side.shape)) if is_array(side) else side + 1


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_an_equality_has_a_mutant_that_dies(name: str) -> None:
    found = list(equalities(name))
    for claim in random.Random(5).sample(found, min(PER_PROBLEM, len(found))):
        assert not judge(replace(claim, sides=(*claim.sides[:-1], moved(claim.sides[-1])))).passed, claim.sides


def test_a_name_beside_its_meaning_is_a_definition() -> None:
    x, y = Symbol("x", real=True), Symbol("y", real=True)
    why = rule("definition of a quantity", "the definition")
    work = Work("", Formulas(((y, x**2 + 1),)))
    work.equal(y, x**2 + 1, why=why).equal(y, 1 + x * x, why=why).equal(y, x**2 + 2, why=why).equal(
        x**2, y - 1, why=why
    )
    assert [type(step.claim) for step in work.steps] == [Definition, Definition, Equal, Equal]
    assert [judge(step.claim).strength for step in work.steps[:2]] == ["defined", "defined"]
    assert [judge(step.claim).passed for step in work.steps[2:]] == [False, True]
