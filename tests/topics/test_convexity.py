"""Convexity of functions of one variable: also with kinks and jumps, and where the function is defined on an interval only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from derive.derivation import Assumption, Holds, IsLimit, IsMinimum
from derive.errors import InputError
from derive.pipeline import solve, verify, vocabulary
from derive.problem.read import read_problem


def solved(tmp_path: Path, formula: str, wrt: str = "x") -> Any:
    file = tmp_path / "p.yaml"
    symbols = "{x: scalar, c: scalar, p: positive, t: 'range(-1, 1)'}"
    file.write_text(f"title: t\ngiven: {{symbols: {symbols}}}\nask:\n  - convex: {{of: '{formula}', wrt: {wrt}}}\n")
    return solve(read_problem(file, vocabulary()))


# whether a chord lies above the function (convex), below it (concave), or either (neither), as Spivak has it
CURVES = {
    "abs(x)": "convex", "-abs(x)": "concave", "relu(x)": "convex", "abs(x) - abs(x - 1)": "neither",
    "x**2 - abs(x)": "neither", "where(x > 1, x**2, -x)": "neither", "where(x > 0, 1, 0)": "neither",
    "maximum(x, x**2)": "convex", "elu(x) + x": "convex", "log(x)": "concave", "-log(1 - x)": "convex", "x**3 - x": "neither",
    "x*log(x) + (1 - x)*log(1 - x)": "convex", "x*abs(x)": "neither",
}  # fmt: skip


@pytest.mark.parametrize("formula", CURVES)
def test_convex_or_concave_or_neither(tmp_path: Path, formula: str) -> None:
    solution = solved(tmp_path, formula)
    assert verify(solution).passed
    words = [step.reason.rule.words for _, step in solution.steps()][-1]
    kind = words.rpartition(" ")[2] if "neither" not in words else "neither"
    assert kind == CURVES[formula]


@pytest.mark.parametrize(("formula", "wrt", "message"), [
    ("1/x", "x", "not defined on an interval"), ("x**2/c", "x", "the sign of the second derivative"),
    ("where(x == 0, 1, 0)", "x", "a value of its own at x = 0"),
])  # fmt: skip
def test_what_is_no_question_of_convexity(tmp_path: Path, formula: str, wrt: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        solved(tmp_path, formula, wrt)


def test_a_kinked_line_said_to_be_convex_is_refused(tmp_path: Path) -> None:
    """The slope of -|x| falls at 0: swapped words are caught."""
    from dataclasses import replace

    from derive.derivation import RULES, Reason

    solution = solved(tmp_path, "-abs(x)")
    (derivation,) = solution.derivations
    *sections, last = derivation.sections
    step = last.steps[-1]
    wrong = replace(step, reason=Reason(RULES["convex and straight between kinks"], step.reason.about))
    sections.append(replace(last, steps=(*last.steps[:-1], wrong)))
    assert isinstance(step.claim, IsLimit) and verify(solution).passed
    assert not verify(replace(solution, derivations=(replace(derivation, sections=tuple(sections)),))).passed


@pytest.mark.parametrize("ask", [
    "convex: {of: '-log(x)', wrt: x}", "taylor: {of: log(x), wrt: x, at: 1}", "limit: {of: x*log(x), wrt: x, to: 0}",
])  # fmt: skip
def test_where_it_is_defined_comes_first(tmp_path: Path, ask: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(f"title: t\ngiven: {{symbols: {{x: scalar}}}}\nask:\n  - {ask}\n")
    solution = solve(read_problem(file, vocabulary()))
    claims = [step.claim for _, step in solution.steps()]
    assert isinstance(claims[0], Assumption) and str(claims[0].relation) == "x > 0"
    assert not any(isinstance(claim, Assumption) for claim in claims[1:])
    assert all(claims[0].relation in c.world.conditions for c in claims if isinstance(c, Holds | IsLimit))
    assert verify(solution).passed


@pytest.mark.parametrize("objective", ["(x*c - 1)**2 + x**2", "abs(x - 1) + abs(c)", "relu(x) + maximum(c, x) + c**2"])
def test_neither_a_saddle_nor_a_kink_is_called_a_minimum(tmp_path: Path, objective: str) -> None:
    """The first tends to 0 as c = 1/x grows and is stationary at a saddle alone; the others have their minimum at a kink."""
    file = tmp_path / "p.yaml"
    file.write_text(
        f"title: t\ngiven: {{symbols: {{x: scalar, c: scalar}}}}\nask:\n"
        f"  - minimise: {{objective: '{objective}', over: [x, c]}}\n"
    )
    solution = solve(read_problem(file, vocabulary()))
    assert verify(solution).passed
    assert not any(isinstance(step.claim, IsMinimum) for _, step in solution.steps())
