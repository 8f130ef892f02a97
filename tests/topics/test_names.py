"""One name, one quantity: what a name stands for is the same in every line of a problem, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from derive.algebra.notation import text
from derive.checks.judges import judge
from derive.checks.quantities import symbols_in
from derive.derivation import IsGradient
from derive.document.text import reason_text
from derive.pipeline import render, solve, verify, vocabulary, work_out
from derive.problem.model import Sheet
from derive.problem.read import read_problem
from derive.topics.figure import figure_of
from tests.shipped import solution


def solved(tmp_path: Path, words: str) -> Any:
    file = tmp_path / "p.yaml"
    file.write_text(f"title: t\n{words}")
    return solve(read_problem(file, vocabulary()))


def test_a_derivative_in_entries_shows_no_unit_vector_of_size_1_and_divides_by_nothing(tmp_path: Path) -> None:
    given = '{symbols: {w: vector(2), A: "matrix(n, n)"}, define: {y: "tanh(100*w[0]*sum(A) + w[1])"}}'
    (derivation,) = solved(tmp_path, f"given: {given}\nask: [{{gradient: {{of: y, wrt: w}}}}]\n").derivations
    sides = [text(side) for step in derivation.steps for side in getattr(step.claim, "sides", ())]
    assert sides[-1] == "(1 - y**2)*(100*sum(A)*e0 + e1)" and not any(".T" in side for side in sides)


def test_objectives_without_a_name_get_different_names_and_one_asked_for_twice_the_same(tmp_path: Path) -> None:
    ask = "[{gradient: {of: a**2, wrt: a}}, {gradient: {of: a**3, wrt: a}}, {gradient: {of: a**2, wrt: a}}]"
    worked = solved(tmp_path, f"given: {{symbols: {{a: scalar, g: scalar}}}}\nask: {ask}\n")
    names = [
        str(step.claim.of)
        for derivation in worked.derivations[:2]
        for step in derivation.steps
        if isinstance(step.claim, IsGradient)
    ]
    assert sorted(set(names)) == ["J", "f"]
    assert all(not derivation.sections for derivation in worked.derivations[2:])  # said already, in the same words


def test_two_functions_of_a_problem_have_weights_of_their_own(tmp_path: Path) -> None:
    worked = solved(tmp_path, "given: {}\nask: [{implements: {gate: and}}, {implements: {gate: or}}]\n")
    chosen = [step.claim for _, step in worked.steps() if step.reason.rule.name == "weights of the unit"]
    assert len({str(claim.symbol) for claim in chosen}) == len(chosen) == 6
    assert verify(worked).passed


NETWORK = (
    "  network: {{input: 3, layers: [{{dense: 4, activation: tanh}}, {{dense: 2, activation: {last}}}]{convention}}}\n"
)


@pytest.mark.parametrize("last", ["sigmoid", "identity"])
@pytest.mark.parametrize("convention", ["", ", convention: row", ", convention: column"])
def test_units_of_the_figure_are_called_as_in_the_forward_pass(tmp_path: Path, convention: str, last: str) -> None:
    worked = solved(
        tmp_path, f"given:\n{NETWORK.format(last=last, convention=convention)}  loss: mse\nask: [shapes, forward]\n"
    )
    step = figure_of(worked.problem.given)
    assert step is not None and judge(step.claim).passed
    printed = {symbol.name for _, step in worked.steps() for symbol in symbols_in(step.claim)}
    drawn = [layer.symbol.name for layer in step.claim.layers]
    assert {name.removesuffix("_i") for name in drawn} <= printed
    assert all(name.endswith("_i") == ("row" in convention) for name in drawn)


def test_a_count_has_the_number_of_the_layer_in_its_heading() -> None:
    counted = 0
    for derivation in solution("networks/lenet").derivations[1:3]:
        for section in derivation.sections:
            number = re.match(
                r"Layer (\d+)", section.heading if isinstance(section.heading, str) else reason_text(section.heading)
            )
            for step in section.steps if number else ():
                assert step.claim.of.name.split("_")[1] == number[1]
                counted += 1
    assert counted > 15


def test_no_sum_of_a_problem_runs_over_a_letter_that_the_author_uses(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    given = "{symbols: {k: scalar, p: vector(n)}, define: {f: k**2, g: sum(p**3)}}"
    file.write_text(
        f"title: t\ngiven: {given}\nask: [{{gradient: {{of: f, wrt: k}}}}, {{gradient: {{of: g, wrt: p}}}}]\n"
    )
    problem = read_problem(file, vocabulary())
    result = work_out(problem)
    tex = render(Sheet("s", "s", file, (problem,)), [result])
    assert r"\sum_{i=1}^{n}" in tex and r"\sum_{k=1}" not in tex
