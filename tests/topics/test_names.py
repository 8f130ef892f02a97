"""One name, one quantity: what a name stands for is the same in every line of a problem, and the other way round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from derive.algebra.notation import text
from derive.pipeline import solve, vocabulary
from derive.problem.read import read_problem


def solved(tmp_path: Path, words: str) -> Any:
    file = tmp_path / "p.yaml"
    file.write_text(f"title: t\n{words}")
    return solve(read_problem(file, vocabulary()))


def test_a_derivative_in_entries_shows_no_unit_vector_of_size_1_and_divides_by_nothing(tmp_path: Path) -> None:
    given = '{symbols: {w: vector(2), A: "matrix(n, n)"}, define: {y: "tanh(100*w[0]*sum(A) + w[1])"}}'
    (derivation,) = solved(tmp_path, f"given: {given}\nask: [{{gradient: {{of: y, wrt: w}}}}]\n").derivations
    sides = [text(side) for step in derivation.steps for side in getattr(step.claim, "sides", ())]
    assert sides[-1] == "(1 - y**2)*(100*sum(A)*e0 + e1)" and not any(".T" in side for side in sides)
