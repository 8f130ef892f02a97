"""One name, one quantity: the referee takes every shipped solution, and refuses one in which a quantity has another's name."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from sympy import Basic, Symbol
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.nodes import is_array
from derive.checks.names import unclear_names
from derive.checks.quantities import symbols_in
from derive.derivation import Derivation, Section, Solution, Step
from tests.shipped import PROBLEMS, solution


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_every_name_of_a_problem_stands_for_one_quantity(name: str) -> None:
    assert unclear_names(solution(name)) == {}


def renamed(value: Any, names: dict[Any, Any]) -> Any:
    """The same with other symbols, in claims, worlds and reasons."""
    if isinstance(value, tuple):
        return tuple(renamed(part, names) for part in value)
    if isinstance(value, Basic):
        return value.xreplace(names)
    if isinstance(value, Step | Section | Derivation) or type(value).__module__ in (
        "derive.derivation",
        "derive.worlds",
    ):
        changed = {f.name: renamed(getattr(value, f.name), names) for f in fields(value) if f.name != "answers"}
        return replace(value, **changed) if is_dataclass(value) and changed else value
    return value


def with_other_names(given: Solution, names: dict[Any, Any]) -> Solution:
    return replace(given, derivations=renamed(given.derivations, names), key=renamed(given.key, names))


def named(symbol: Any, name: str) -> Any:
    return MatrixSymbol(name, *symbol.shape) if is_array(symbol) else Symbol(name, **symbol.assumptions0)


def quantities(given: Solution) -> list[Any]:
    """The symbols that claims observe or define, save the variables of the author."""
    declared = {s for name, s in given.problem.given.symbols.items() if s not in dict(given.problem.given.define)}
    printed = {s for _, step in given.steps() for s in symbols_in(step.claim) if hasattr(s, "name")}
    worlds = [step.claim.world for _, step in given.steps()]
    known = {s for w in worlds for s, _ in (*getattr(w, "observed", ()), *getattr(w, "definitions", ()))}
    return sorted((s for s in (printed & known) - declared if isinstance(s, Symbol | MatrixSymbol)), key=str)


MUTATED = [
    "networks/lenet", "networks/lstm", "networks/batch", "networks/transformer", "networks/numbers", "networks/one-step",
    "2-forward-and-bonus/forward-equations", "2-forward-and-bonus/cross-entropy-backpropagation", "networks/wide-or-deep",
    "matrix-calculus/layer-norm", "matrix-calculus/logistic", "matrix-calculus/ridge", "matrix-calculus/rules",
    "optimisers/adam-steps", "optimisers/sgd-and-momentum", "losses/cross-entropy", "1-building-blocks/depth-or-width",
]  # fmt: skip


@pytest.mark.parametrize("name", MUTATED)
def test_a_quantity_under_the_name_of_another_is_refused(name: str) -> None:
    given = solution(name)
    found = quantities(given)
    assert len(found) > 1
    survived = []
    for one, other in zip(found, [*found[1:], found[0]], strict=True):
        if not unclear_names(with_other_names(given, {one: named(one, other.name)})):
            survived.append((one, other))
    assert survived == []
