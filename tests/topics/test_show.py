"""`show`: identities and inequalities, true ones with a proof, false ones refuted at a point; `convex` and `vanishing` say
what is proved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sympy import Eq, Rational, exp, log

from derive.algebra.formula import parse_equation
from derive.algebra.functions import TABLE
from derive.algebra.steepest import steepest
from derive.checks.judges import check
from derive.checks.mutants import moved_bounds
from derive.derivation import Assumption, Conjecture, Definition, Equal, Holds, Refuted
from derive.errors import FormulaError, NotDerivable
from derive.pipeline import solve, verify, vocabulary
from derive.problem.read import read_problem
from derive.report import Report
from tests.algebra.declared import declared

SYMBOLS = "x: scalar, y: scalar, p: positive, q: probability, v: vector(n), w: vector(n), A: 'matrix(n, n)', X: 'matrix(d, n)'"


def shown(tmp_path: Path, statement: str, kind: str = "show") -> tuple[Any, Report]:
    file = tmp_path / "p.yaml"
    file.write_text(f"title: t\ngiven:\n  symbols: {{{SYMBOLS}}}\nask:\n  - {kind}: {statement}\n")
    solution = solve(read_problem(file, vocabulary()))
    return solution, verify(solution)


def last(tmp_path: Path, statement: str) -> tuple[Any, Any]:
    """The last claim and its verdict; everything held."""
    solution, report = shown(tmp_path, f"'{statement}'")
    assert report.passed, report
    (key, step) = list(solution.steps())[-1]
    return step.claim, report.verdicts[key]


@pytest.mark.parametrize(
    "statement",
    ["relu(relu(x)) == relu(x)", "maximum(x, y) + minimum(x, y) == x + y", "abs(x) == relu(x) + relu(-x)",
     "maximum(x, y) == (x + y + abs(x - y))/2", "relu(x) - relu(x - 1) == minimum(maximum(x, 0), 1)",
     "leaky_relu(x) == maximum(x, x/100)", "abs(x) == where(x > 0, x, -x)", "relu(x - y) - relu(y - x) == x - y"],
)  # fmt: skip
def test_an_identity_with_branches_is_proved_branch_by_branch(tmp_path: Path, statement: str) -> None:
    claim, verdict = last(tmp_path, statement)
    assert type(claim) in (Equal, Conjecture) and verdict.strength == "proved", verdict


@pytest.mark.parametrize(
    "statement",
    ["abs(x - 3) == 3 - x", "relu(x + 3) == x + 3", "maximum(x, -5) == x", "where(x > 20, 0, x) == x", "where(x == 3, 1, 0) == 0",
     "1e-12*x == 2e-12*x", "where(x == y, 1, 0) == 0", "relu(x) == x + 1e-9", "(A + A.T) @ v == 2*A @ v", "sum(v*w) == sum(v)*sum(w)",
     "where(x > 700, 0, 1) == 1", "abs(x + y) == abs(x) + abs(y)"],
)  # fmt: skip
def test_a_false_identity_is_refuted_at_a_point_however_far_out(tmp_path: Path, statement: str) -> None:
    claim, verdict = last(tmp_path, statement)
    assert isinstance(claim, Refuted) and isinstance(claim.claim, Equal) and verdict.passed


@pytest.mark.parametrize(
    "statement",
    ["sigmoid(x)*(1 - sigmoid(x)) <= 1/4", "x**2 + y**2 >= 2*x*y", "exp(x) >= 1 + x", "log(p) <= p - 1", "tanh(x) < 1",
     "norm(v)**2 >= 0", "q*(1 - q) <= 1/4", "abs(x) >= 0"],
)  # fmt: skip
def test_a_true_inequality_has_a_tick_and_a_proof(tmp_path: Path, statement: str) -> None:
    claim, verdict = last(tmp_path, statement)
    assert isinstance(claim, Holds) and verdict.strength == "proved" and verdict.has_tick


@pytest.mark.parametrize(
    "statement",
    ["tanh(x) <= 0.97", "sigmoid(x)*(1 - sigmoid(x)) <= 0.2499", "x <= 2", "relu(x) <= 500", "abs(x) > 0", "x*y <= 900",
     "exp(-(x - 37)**2) <= 0.99", "q*(1 - q) <= 0.2499", "norm(v)**2 > 0", "log(p) <= p - 1.001", "dot(v, w) >= -100"],
)  # fmt: skip
def test_a_false_inequality_is_refuted_at_a_point(tmp_path: Path, statement: str) -> None:
    claim, verdict = last(tmp_path, statement)
    assert isinstance(claim, Refuted) and isinstance(claim.claim, Holds) and verdict.passed


def test_what_is_only_tried_has_no_tick(tmp_path: Path) -> None:
    claim, verdict = last(tmp_path, "dot(v, w) <= norm(v)*norm(w)")
    assert isinstance(claim, Holds) and verdict.strength == "tried"


def test_an_inverse_has_its_condition_first(tmp_path: Path) -> None:
    for statement, kind in (("inv(X @ X.T) @ (X @ X.T) == eye(d)", "rank"), ("inv(A) @ A @ v == v", "det")):
        solution, report = shown(tmp_path, f"'{statement}'")
        first, *_, final = [step.claim for _, step in solution.steps()]
        assert report.passed and isinstance(first, Assumption) and kind in type(first.relation.args[0]).__name__.lower()
        assert type(final) is Equal


def test_statements_are_read(tmp_path: Path) -> None:
    symbols = declared("x: scalar; v: vector(3)")
    assert parse_equation("x == 1", symbols).relation is Eq
    assert parse_equation("x < 2", symbols).right == 2
    for text, message in (
        ("x + 1", "left == right, or left <= right"),
        ("v <= v", "between numbers"),
        ("x != 1", "left == right"),
    ):
        with pytest.raises(FormulaError, match=message):
            parse_equation(text, symbols)


def test_neither_convex_nor_concave_is_said_with_values(tmp_path: Path) -> None:
    solution, report = shown(tmp_path, "{of: x**3 - x, wrt: x}", "convex")
    values = [step.claim.sides[-1] for _, step in solution.steps()][-2:]
    assert report.passed and values[0] > 0 > values[1]


@pytest.mark.parametrize("of", ["softplus(x)", "exp(-x)", "x**4", "(x**2 - 1)**2 + 6*x**2"])
def test_a_convex_function_is_proved_to_be_convex(tmp_path: Path, of: str) -> None:
    solution, report = shown(tmp_path, f"{{of: '{of}', wrt: x}}", "convex")
    key, step = list(solution.steps())[-1]
    assert report.passed and isinstance(step.claim, Holds) and report.verdicts[key].strength == "proved"


BOUNDS = {"sigmoid": Rational(1, 4), "tanh": 1, "relu": 1, "leaky_relu": 1, "elu": 1, "softplus": 1, "identity": 1}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_largest_slope_is_derived_for_every_activation_that_has_an_exact_one(name: str) -> None:
    parameters = tuple(default for _, default in TABLE[name].row.parameters)
    if name not in BOUNDS:
        with pytest.raises(NotDerivable):
            steepest(name, parameters)
    else:
        assert steepest(name, parameters).value == BOUNDS[name]


def test_the_largest_slope_follows_the_parameters() -> None:
    assert steepest("elu", (Rational(3),)).value == 3 and steepest("leaky_relu", (Rational(2),)).value == 2


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softplus"])
def test_the_bound_of_a_slope_is_proved_and_no_smaller_one_passes(tmp_path: Path, activation: str) -> None:
    file = tmp_path / "p.yaml"
    layers = f"[{{dense: 2, activation: {activation}}}, {{dense: 1}}]"
    file.write_text(f"title: t\ngiven:\n  network: {{input: 1, layers: {layers}}}\n  loss: mse\nask: [vanishing]\n")
    solution = solve(read_problem(file, vocabulary()))
    report = verify(solution)
    (bound,) = [(key, s.claim) for key, s in solution.steps() if isinstance(s.claim, Holds)]
    assert report.passed and report.verdicts[bound[0]].strength == "proved"
    ticks = [check(mutant.claim).has_tick for mutant in moved_bounds(bound[1])]
    assert ticks == [False, True]  # 3 % less is false, 3 % more is true


def test_counterexamples_are_short_and_defined(tmp_path: Path) -> None:
    solution, _ = shown(tmp_path, "'sigmoid(x - 37)*(1 - sigmoid(x - 37)) <= 0.2499'")
    (point,) = [step.claim for _, step in solution.steps() if isinstance(step.claim, Definition)]
    value = float(point.meaning.value)
    assert abs(value - 37) < 0.1 and log(exp(1)) == 1 and len(str(point.meaning.value)) < 8


LAWS_AT_WORK = {
    "inv(A @ B) == inv(B) @ inv(A)": "inverse of a product",
    "inv(A.T) == inv(A).T": "inverse of a transpose",
    "det(A @ B) == det(B)*det(A)": "determinant of a product",
    "norm(v + w)**2 + norm(v - w)**2 == 2*norm(v)**2 + 2*norm(w)**2": "squared norm",
    "var(v) == mean(v**2) - mean(v)**2": "sum of sums",
    "dot(v, A @ w) == dot(A.T @ v, w)": "transpose of a product",
    "dot(v, S @ w) == dot(S @ v, w)": "symmetric matrix",
    "sum(A*B) == trace(A.T @ B)": "sum of products of entries",
    "trace(A @ B @ S) == trace(B @ S @ A)": "trace of a product",
    "(x + y)**3 == x**3 + 3*x**2*y + 3*x*y**2 + y**3": "multiplied out",
    "logsumexp(v + 5) == logsumexp(v) + 5": "exponential of a sum",
}


@pytest.mark.parametrize("statement", LAWS_AT_WORK)
def test_an_identity_is_shown_by_a_law_that_is_named(tmp_path: Path, monkeypatch: Any, statement: str) -> None:
    monkeypatch.setattr("tests.topics.test_show.SYMBOLS", SYMBOLS + ", B: 'matrix(n, n)', S: symmetric(n)")
    solution, report = shown(tmp_path, f"'{statement}'")
    assert report.passed, report
    steps = [step for _, step in solution.steps()]
    assert LAWS_AT_WORK[statement] in [step.reason.rule.name for step in steps]
    assert steps[-1].is_result and isinstance(steps[-1].claim, Equal)
    assert len({step.claim for step in steps}) == len(steps)


def test_what_is_one_expression_as_read_is_said_to_be(tmp_path: Path) -> None:
    solution, report = shown(tmp_path, "'sqrt(p)**2 == p'")
    (section,) = solution.derivations[0].sections
    assert report.passed and not section.steps and section.remark.rule.name == "one form as read"


def test_a_condition_on_a_matrix_that_a_statement_does_not_name(tmp_path: Path) -> None:
    """The inverse of A goes away in the first step, and the condition on it stays with the others."""
    _, report = shown(tmp_path, "'det(A)*inv(A) @ A == det(A)*eye(n)'")
    assert report.passed, report


def test_a_derivative_by_several_rules_that_leaves_one_behind(tmp_path: Path) -> None:
    solution, report = shown(tmp_path, "{of: -(1 - sigmoid(x))**2*log(sigmoid(x)), wrt: x}", "gradient")
    assert report.passed, report
    assert "several rules" in [step.reason.rule.name for _, step in solution.steps()]


@pytest.mark.parametrize(
    "statement",
    ["(x - 12345.678)**2 > 0", "log(p) < 1000", "log(p) <= 1000", "(x**2 - 49)**2*(x**2 + 1) > 0", "exp(-x) >= 1e-40"],
)
def test_an_inequality_that_fails_where_its_sides_meet_is_refuted(tmp_path: Path, statement: str) -> None:
    solution, report = shown(tmp_path, f"'{statement}'")
    assert report.passed, report
    assert any(isinstance(step.claim, Refuted) for _, step in solution.steps())


def test_a_bound_that_nobody_proves_takes_no_long_search() -> None:
    from sympy import Lt, Symbol

    from derive.checks.inequality import proof

    t = Symbol("t", positive=True)
    assert proof(Lt(log(t), 1000), {t: "positive"}) == ""


@pytest.mark.parametrize(
    ("statement", "condition"),
    [
        ("(x**2 - 1)/(x - 1) == x + 1", "x != 1"),
        ("log(x*y) == log(x) + log(y)", "x > 0"),
        ("inv(eye(n) + v @ w.T) == eye(n) - v @ w.T/(1 + dot(v, w))", "v.T @ w + 1 != 0"),
        ("trace(inv(A @ A.T) @ A @ A.T) == n", "rank(A) = n"),
        ("sqrt(x*y) == sqrt(x)*sqrt(y)", "y > 0"),
    ],
)
def test_a_statement_says_first_where_its_sides_have_values(tmp_path: Path, statement: str, condition: str) -> None:
    from derive.algebra.notation import text

    solution, report = shown(tmp_path, f"'{statement}'")
    assert report.passed, report
    relations = [s.claim.relation for s in solution.derivations[0].sections[0].steps if isinstance(s.claim, Assumption)]
    assert condition in [f"{text(r.args[0])} {r.rel_op.replace('==', '=')} {text(r.args[1])}" for r in relations]


def test_a_projection_is_not_the_identity_where_there_are_more_rows_than_columns(tmp_path: Path) -> None:
    solution, report = shown(tmp_path, "'X.T @ inv(X @ X.T) @ X == eye(n)'")
    claim = [step.claim for _, step in solution.steps()][-1]
    assert report.passed and isinstance(claim, Refuted) and "n = 3" in claim.by


def test_sides_that_float64_cannot_tell_apart_are_told_apart(tmp_path: Path) -> None:
    solution, report = shown(tmp_path, "'tanh(x - 50) == -1'")
    assert report.passed, report
    assert isinstance([step.claim for _, step in solution.steps()][-1], Refuted)


@pytest.mark.parametrize("statement", ["r**2 < 1", "g >= 1", "log(g) >= 0", "(1 - r)*(1 + r) > 0"])
def test_a_range_of_numbers_is_the_domain_of_a_statement(tmp_path: Path, monkeypatch: Any, statement: str) -> None:
    monkeypatch.setattr("tests.topics.test_show.SYMBOLS", SYMBOLS + ", r: 'range(-1, 1)', g: at_least(1)")
    claim, verdict = last(tmp_path, statement)
    assert isinstance(claim, Holds) and verdict.strength == "proved"


@pytest.mark.parametrize("statement", ["r**2 < 1/2", "r**2 <= 0.999", "g > 1", "g <= 1000"])
def test_a_false_statement_about_a_range_is_refuted_inside_it(tmp_path: Path, monkeypatch: Any, statement: str) -> None:
    monkeypatch.setattr("tests.topics.test_show.SYMBOLS", SYMBOLS + ", r: 'range(-1, 1)', g: at_least(1)")
    claim = last(tmp_path, statement)[0]
    assert isinstance(claim, Refuted)
    values = {str(symbol): value for symbol, value in claim.world.definitions}
    assert -1 < values.get("r", 0) < 1 and values.get("g", 1) >= 1
