"""A unit below its kink is off; one at the kink has no slope, and the page says whose choice the zero is."""

from __future__ import annotations

from pathlib import Path

import pytest

from derive.pipeline import solve, verify, vocabulary
from derive.problem.read import read_problem

FILE = """
title: t
given:
  network: {{input: 2, layers: [{{dense: 2, activation: relu}}, {{dense: 1}}]}}
  loss: mse
  values: {{x: [0.1, 0.2], y: [1], W1: [[1, 1], [1, -1]], b1: [{b}, 1], W2: [[1, 1]], b2: [0]}}
ask: [vanishing]
"""


@pytest.mark.parametrize(
    "b,rules", [("-0.3", {"unit at a kink", "slope taken at a kink"}), ("-0.31", {"unit is off", "flat branch"})]
)
def test_a_kink_is_no_flat_branch(b: str, rules: set[str], tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(FILE.format(b=b))
    solution = solve(read_problem(file, vocabulary()))
    assert verify(solution).passed
    cited = {step.reason.rule.name for section in solution.derivations[0].sections for step in section.steps}
    assert cited & {"unit at a kink", "slope taken at a kink", "unit is off", "flat branch"} == rules


def test_a_power_beyond_all_whole_numbers_is_no_fault_of_derive(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("title: t\ngiven: {symbols: {x: scalar}}\nask: [{gradient: {of: x**x**x**x, wrt: x}}]\n")
    verify(solve(read_problem(file, vocabulary())))
