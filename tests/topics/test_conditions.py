"""Conditions come first: where a formula is defined, where it has a derivative, and what it tends to from each side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sympy import oo

from derive.algebra.nodes import plain
from derive.algebra.notation import text
from derive.derivation import Assumption, IsGradient, IsLimit, answers_by_name
from derive.errors import InputError
from derive.pipeline import solve, verify, vocabulary
from derive.problem.read import read_problem

SYMBOLS = (
    'symbols: {x: scalar, a: scalar, beta: probability, t: scalar, v: vector(n), A: "matrix(n, n)", Y: "matrix(m, k)", '
    "S: positive_definite(n)}"
)


def solved(tmp_path: Path, ask: str, more: str = "") -> Any:
    file = tmp_path / "p.yaml"
    file.write_text(f"title: t\ngiven:\n  {SYMBOLS}\n{more}ask:\n  - {ask}\n")
    return solve(read_problem(file, vocabulary()))


CONDITIONS = {
    ("log(x)", "x"): ["x > 0"],
    ("a*sqrt(x)", "x"): ["x > 0"],
    ("1/(x - a)", "x"): ["x != a"],
    ("log(1 + x**2) + log(beta) + log(1 - beta) + 1/(1 + exp(x))", "x"): [],
    ("log(sigmoid(x)) + log(1 - sigmoid(x)) + sqrt(norm(v)**2 + 1)", "x"): [],
    ("log(det(A))", "A"): ["det(A) > 0"],
    ("logdet(Y.T @ Y)", "Y"): ["rank(Y) = k"],
    ("logdet(S) + logdet(eye(n) + A @ A.T)", "A"): [],
    ("sum(log(v))", "v"): ["v > 0"],
    ("norm(v)**2 + norm(v)", "v"): ["norm(v) != 0"],
    ("relu(x)", "x"): ["x != 0"],
    ("elu(x) + where(x > 1, 2*x - 1, x**2)", "x"): [],
    ("where(x == 0, 1, (exp(x) - 1)/x)", "x"): [],
    ("where(x != 0, x, 1)", "x"): ["x != 0"],
    ("sum(where(abs(v) <= 1, v**2/2, abs(v) - 1/2))", "v"): [],
    ("sum(abs(v - 1))", "v"): ["v - ones(n) != 0"],
    ("x*max(v)", "v"): ["sum(where(v >= max(v), 1, 0)) = 1"],
}


@pytest.mark.parametrize(("formula", "wrt"), CONDITIONS)
def test_conditions_are_stated_and_the_points_obey_them(tmp_path: Path, formula: str, wrt: str) -> None:
    solution = solved(tmp_path, f"gradient: {{of: '{formula}', wrt: {wrt}}}")
    assert verify(solution).passed
    claims = [step.claim for _, step in solution.steps()]
    stated = [f"{text(c.relation.args[0])} {c.relation.rel_op} {text(c.relation.args[1])}".replace("==", "=")
              for c in claims if isinstance(c, Assumption)]  # fmt: skip
    assert stated == CONDITIONS[formula, wrt]
    kinds = [type(claim) for claim in claims]
    assert not stated or kinds.index(Assumption) < kinds.index(IsGradient)


LIMITS: dict[tuple[str, str], dict[str, Any]] = {
    ("abs(x)/x", "0"): {"left": -1, "right": 1},
    ("relu(x)/x", "0"): {"left": 0, "right": 1},
    ("where(x > 0, 1, 0)", "0"): {"left": 0, "right": 1},
    ("where(x == 0, 5, x**2)", "0"): {"limit": 0},
    ("1/x", "0"): {"left": -oo, "right": oo},
    ("1/x**2", "0"): {"limit": oo},
    ("x*log(x)", "0"): {"limit": 0},
    ("1 - beta**x", "infinity"): {"limit": 1},
    ("maximum(x, 2) - x", "infinity"): {"limit": 0},
}


@pytest.mark.parametrize(("formula", "to"), LIMITS)
def test_limits_from_both_sides(tmp_path: Path, formula: str, to: str) -> None:
    solution = solved(tmp_path, f"limit: {{of: '{formula}', wrt: x, to: {to}}}")
    assert verify(solution).passed
    assert {name: a.value for name, a in answers_by_name(solution.derivations).items()} == LIMITS[formula, to]
    assert all(isinstance(step.claim, Assumption | IsLimit) for _, step in solution.steps())


@pytest.mark.parametrize(
    ("formula", "message"),
    [("relu(x)", "relu.x. has no derivative at x = 0: 0 from the left, 1 from the right"), ("abs(x)", "-1 from the left, 1 from"),
     ("relu(x)**2", "the derivative of order 1, .* has no derivative at x = 0"), ("log(x)", "has no value at x = 0"),
     ("where(x == 0, 1, (exp(x) - 1)/x)", "a value of its own at x = 0")],
)  # fmt: skip
def test_no_expansion_at_a_kink(tmp_path: Path, formula: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        solved(tmp_path, f"taylor: {{of: '{formula}', wrt: x, at: 0, order: 2}}")


FOUND = [  # by chance: what SymPy compares where nothing has a value, conditions joined by and, or, choices within choices
    "gradient: {of: 'sum(where((v/v) >= 1/v, v**(-1), maximum(v, 0)))/2', wrt: v}",
    "gradient: {of: 'sum(maximum(2*v, where(v == x, 2, x)))', wrt: v}",
    "gradient: {of: 'where(1 == x, x, 0)**3', wrt: x}",
    "convex: {of: '(x*a)**(1/2)', wrt: x}", "convex: {of: 'where(3 + x > x, 2/(x + 0), 1)', wrt: x}",
    "taylor: {of: 'maximum(relu(2)/minimum(0, x), where(x != 1/2, x, x)*0**3)', wrt: x, at: 2, order: 1}",
]  # fmt: skip


@pytest.mark.parametrize("ask", FOUND)
def test_an_answer_or_a_place_and_never_a_fault_of_derive(tmp_path: Path, ask: str) -> None:
    try:
        assert verify(solved(tmp_path, ask)).passed
    except InputError as error:
        assert "fault of derive" not in str(error) and error.faults[0].line == 5


NUMBERS = "  define: {u: a*x, f: u**2 + relu(x)}\n  values: {x: 2, a: -3}\n"


def test_numbers_follow_the_gradient_in_symbols(tmp_path: Path) -> None:
    solution = solved(tmp_path, "gradient: {of: f, wrt: [u, x]}", NUMBERS + "expect: {u: -12, x: 37}\n")
    assert verify(solution).passed
    wrong = solved(tmp_path, "gradient: {of: f, wrt: [u, x]}", NUMBERS + "expect: {x: 36}\n")
    assert not verify(wrong).passed
    shown = [step.claim.sides[-1] for step in solution.derivations[0].steps if isinstance(step.claim, IsGradient)]
    assert [plain(value) for value in shown[-2:]] == [-12, 37]


@pytest.mark.parametrize(
    ("values", "message"),
    [("{x: 0, a: 1}", "lie on a kink"), ("{x: 1}", "a has no number")],
)
def test_numbers_without_a_derivative_are_refused(tmp_path: Path, values: str, message: str) -> None:
    more = f"  define: {{f: a*relu(x)}}\n  values: {values}\n"
    with pytest.raises(InputError, match=message):
        solved(tmp_path, "gradient: {of: f, wrt: x}", more)


@pytest.mark.parametrize(("entries", "is_alone"), [("[1, 3, 2]", True), ("[1, 3, 3]", False)])
def test_numbers_with_two_largest_entries(tmp_path: Path, entries: str, is_alone: bool) -> None:
    more = f"  values: {{x: 2, v: {entries}}}\n" + "expect: {v: [0, 2, 0]}\n" * is_alone
    if is_alone:
        assert verify(solved(tmp_path, "gradient: {of: x*max(v), wrt: v}", more)).passed
        return
    with pytest.raises(InputError, match="several entries are max.v."):
        solved(tmp_path, "gradient: {of: x*max(v), wrt: v}", more)
