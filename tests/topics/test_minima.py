"""Minima and maxima: values that NumPy and SciPy find too, every stationary point classified, and no word more than was
shown; false statements about minima are refuted."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sympy import Integer, Rational, Symbol, exp, oo
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.arrays import Inv
from derive.checks.bindings import Bindings
from derive.checks.evaluate import evaluate
from derive.checks.judges import judge
from derive.derivation import Assumption, Equal, IsMinimum, IsPositiveDefinite, IsSaddle, IsStationary, NoMinimum
from derive.manifest import claim_text
from derive.pipeline import solve, verify, vocabulary
from derive.problem.read import read_problem
from derive.worlds import Formulas

x, y = Symbol("x", real=True), Symbol("y", real=True)
a, b, t = Symbol("a", real=True), Symbol("b", real=True), Symbol("t", positive=True)


def solved(tmp_path: Path, symbols: str, question: str, more: str = "") -> Any:
    file = tmp_path / "p.yaml"
    file.write_text(f"title: t\ngiven:\n  symbols: {symbols}\n{more}ask:\n  - {question}\n")
    return solve(read_problem(file, vocabulary()))


def claims(solution: Any, kind: type) -> list[Any]:
    return [step.claim for _, step in solution.steps() if isinstance(step.claim, kind)]


def answers(solution: Any) -> dict[str, Any]:
    return {answer.name: answer.value for d in solution.derivations for answer in d.answers}


ONE = [  # objective, domain of the unknown, where it is least, the least value
    ("exp(x) - 2*x", "scalar", [math.log(2)], 2 - 2 * math.log(2)),
    ("(x**2 - 1)**2", "scalar", [-1, 1], 0),
    ("x**4 - 2*x**2", "scalar", [-1, 1], -1),
    ("x*log(x)", "positive", [math.exp(-1)], -math.exp(-1)),
    ("x + 4/x", "positive", [2], 4),
    ("x**4", "scalar", [0], 0),
    ("softplus(x) - x/3", "scalar", [-math.log(2)], 0.6365141682948128),
    ("x*log(x) + (1 - x)*log(1 - x)", "probability", [0.5], -math.log(2)),
    ("-x*exp(-x)", "scalar", [1], -math.exp(-1)),
]


@pytest.mark.parametrize(("objective", "domain", "where", "least"), ONE, ids=[row[0] for row in ONE])
def test_the_minimum_of_one_variable(
    tmp_path: Path, objective: str, domain: str, where: list[float], least: float
) -> None:
    solution = solved(tmp_path, f"{{x: {domain}}}", f"minimise: {{objective: {objective}, over: x}}")
    found = [float(c.point[0][1]) for c in claims(solution, IsMinimum) if not c.is_local]
    assert sorted(found) == pytest.approx(where) and all(c.proof for c in claims(solution, IsMinimum))
    assert float(answers(solution)["minimum"]) == pytest.approx(least, abs=1e-12)
    assert verify(solution).passed


def test_each_point_is_classified(tmp_path: Path) -> None:
    solution = solved(tmp_path, "{x: scalar}", "minimise: {objective: 3*x**5 - 5*x**3, over: x}")
    (stationary,) = [c for c in claims(solution, IsStationary) if c.are_all]
    assert [p[0][1] for p in stationary.points] == [-1, 0, 1]
    local = [(c.point[0][1], c.is_maximum) for c in claims(solution, IsMinimum) if c.is_local]
    assert local == [(-1, True), (1, False)]  # and 0 is neither
    (none,) = claims(solution, NoMinimum)
    assert none.bound == -oo and verify(solution).passed


NONE = [  # objective, unknowns, question, the bound
    ("x**3 - 3*x", "[x]", "minimise", -oo),
    ("exp(x)", "[x]", "minimise", 0),
    ("exp(-x**2)", "[x]", "minimise", 0),
    ("x*y", "[x, y]", "minimise", -oo),
    ("x**2 - y**2 + 3*x*y", "[x, y]", "minimise", -oo),
    ("(x + y)**2 + x - y", "[x, y]", "minimise", -oo),
    ("x**2 + y**2", "[x, y]", "maximise", oo),
    ("x**4 + y**3", "[x, y]", "minimise", -oo),
]


@pytest.mark.parametrize(("objective", "over", "question", "bound"), NONE, ids=[f"{row[2]} {row[0]}" for row in NONE])
def test_that_there_is_none_is_said_and_why(
    tmp_path: Path, objective: str, over: str, question: str, bound: Any
) -> None:
    solution = solved(tmp_path, "{x: scalar, y: scalar}", f"{question}: {{objective: {objective}, over: {over}}}")
    (none,) = claims(solution, NoMinimum)
    assert none.bound == bound and none.is_maximum == (question == "maximise")
    report = verify(solution)
    assert report.passed and all(v.has_tick or not v.is_claim for v in report.verdicts.values())
    assert "minimum" not in answers(solution)


COUPLED = [
    ("(a + b - 1)**2 + (a - b)**2", {"a": 0.5, "b": 0.5, "minimum": 0}),
    ("a**2 + a*b + b**2 - 3*a", {"a": 2, "b": -1, "minimum": -3}),
    ("exp(a) - a + b**2", {"a": 0, "b": 0, "minimum": 1}),
]


@pytest.mark.parametrize(("objective", "values"), COUPLED, ids=[row[0] for row in COUPLED])
def test_coupled_unknowns_are_solved_through(tmp_path: Path, objective: str, values: dict[str, float]) -> None:
    solution = solved(tmp_path, "{a: scalar, b: scalar}", f"minimise: {{objective: {objective}, over: [a, b]}}")
    found = answers(solution)
    assert {name: float(found[name]) for name in values} == pytest.approx(values)
    assert [c.proof for c in claims(solution, IsMinimum) if not c.is_local] != [""] and verify(solution).passed


def test_a_whole_line_of_minima(tmp_path: Path) -> None:
    solution = solved(tmp_path, "{a: scalar, b: scalar}", "minimise: {objective: (a + b - 1)**2, over: [a, b]}")
    (least,) = claims(solution, IsMinimum)
    assert least.point == ((a, 1 - b), (b, b)) and verify(solution).passed


def test_a_second_name_of_an_unknown(tmp_path: Path) -> None:
    more = "  define: {u: s, v: 2 - s}\n"
    solution = solved(tmp_path, "{s: scalar}", "minimise: {objective: (u - v)**2, over: s}", more)
    assert answers(solution)["s"] == 1 and verify(solution).passed


def test_the_least_value_can_be_expected(tmp_path: Path) -> None:
    for value, holds in (("2 - 2*log(2)", True), ("2 - log(2)", False)):
        file = tmp_path / "p.yaml"
        file.write_text(
            "title: t\ngiven: {symbols: {x: scalar}}\nask: [{minimise: {objective: exp(x) - 2*x, over: x}}]\n"
            f"expect: {{minimum: {value}}}\n"
        )
        assert verify(solve(read_problem(file, vocabulary()))).passed is holds


FREE = Formulas()
FALSE = [
    IsMinimum(FREE, x**3 - 3 * x, ((x, Integer(1)),), proof="values"),
    IsMinimum(FREE, x**2, ((x, Rational(1, 1000)),), proof="convex"),
    IsMinimum(FREE, (x**2 - 1) ** 2, ((x, Integer(1)),), proof="convex"),
    IsMinimum(FREE, 1e-10 * x**2, ((x, Rational(1, 10**5)),), proof="convex"),
    IsMinimum(FREE, x * y, ((x, Integer(0)), (y, Integer(0))), proof="squares"),
    IsMinimum(FREE, x**4 - x**2, ((x, Integer(0)),), is_local=True, proof="curvature"),
    IsMinimum(FREE, x**2 - x**4 / 10**8, ((x, Integer(0)),), proof="values"),
    IsMinimum(FREE, t - 2 * t**2, ((t, Rational(1, 4)),), proof="values"),
    IsStationary(FREE, x**3 - 3 * x, (x,), (((x, Integer(1)),),), are_all=True),
    IsStationary(FREE, exp(x) - 2 * x, (x,), (((x, Rational(69, 100)),),)),
    IsStationary(FREE, exp(x) - 2 * x, (x,), (), are_all=True),
    IsSaddle(FREE, x**2 + y**2, ((x, Integer(0)), (y, Integer(0)))),
    IsSaddle(FREE, x * y, ((x, Integer(1)), (y, Integer(0)))),
    NoMinimum(FREE, x**2, ((x, 1 / t),), t, Integer(0)),
    NoMinimum(FREE, x**2 + exp(-y), ((x, 1 / t), (y, t)), t, Integer(1)),
    NoMinimum(FREE, exp(x), ((x, -t),), t, Integer(-1)),
    NoMinimum(FREE, exp(x), ((x, -t),), t, -oo),
    NoMinimum(FREE, x**2 * exp(-(x**2)), ((x, t),), t, Integer(0)),
    NoMinimum(FREE, x**2, ((x, t),), t, oo),
    NoMinimum(FREE, x**3, ((x, t),), t, -oo),
]


@pytest.mark.parametrize("claim", FALSE, ids=[f"{type(c).__name__} {c.objective}" for c in FALSE])
def test_false_statements_about_minima_are_refuted(claim: Any) -> None:
    assert not judge(claim).passed


def test_without_a_proof_there_is_no_tick() -> None:
    verdict = judge(IsMinimum(FREE, x**4 + x**2, ((x, Integer(0)),)))
    assert verdict.passed and not verdict.has_tick


SYMBOLS = (
    '{X: "matrix(n, d)", w: vector(d), y: vector(n), c: positive(n), k: positive(d), b: vector(d), lam: positive, '
    "Q: positive_definite(d), q: positive(d), p: probability, z: labels(n), mu: scalar, v: positive}"
)


def numbers(seed: int = 3) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    half = random.normal(size=(3, 3))
    return {
        "X": random.normal(size=(7, 3)), "y": random.normal(size=(7, 1)), "c": random.uniform(0.5, 2, (7, 1)),
        "k": random.uniform(0.5, 2, (3, 1)), "lam": 0.7, "Q": half @ half.T + np.eye(3), "z": np.array([[1, 0, 1, 1, 0, 0, 1]]).T,
    }  # fmt: skip


def computed(expr: Any, data: dict[str, Any]) -> Any:
    """An answer at numbers, by the referee's evaluation."""
    values: dict[Any, Any] = {Symbol("n", integer=True, positive=True): torch.tensor(7.0, dtype=torch.float64)}
    values[Symbol("d", integer=True, positive=True)] = torch.tensor(3.0, dtype=torch.float64)
    for symbol in expr.free_symbols | expr.atoms(MatrixSymbol):
        if str(symbol) in data:
            values[symbol] = torch.tensor(data[str(symbol)], dtype=torch.float64)
    return evaluate(expr, Bindings(values, "")).numpy()


QUADRATIC = [  # objective, the minimum by NumPy, what is assumed
    ("sum(c*(X @ w - y)**2)", lambda d: np.linalg.lstsq(np.sqrt(d["c"]) * d["X"], np.sqrt(d["c"]) * d["y"], rcond=None)[0], 1),
    ("norm(X @ w - y)**2 + sum(k*w**2)", lambda d: np.linalg.solve(d["X"].T @ d["X"] + np.diag(d["k"][:, 0]), d["X"].T @ d["y"]), 0),
    ("norm(X @ w)**2", lambda d: np.zeros((3, 1)), 1),
    ("mean((X @ w - y)**2) + lam*norm(w)**2 / 2",
     lambda d: np.linalg.solve(d["X"].T @ d["X"] / 7 + d["lam"] / 2 * np.eye(3), d["X"].T @ d["y"] / 7), 0),
    ("w.T @ Q @ w - 2 * w.T @ k", lambda d: np.linalg.solve(d["Q"], d["k"]), 0),
]  # fmt: skip


@pytest.mark.parametrize(("objective", "best", "assumed"), QUADRATIC, ids=[row[0] for row in QUADRATIC])
def test_a_quadratic_objective_is_solved_however_it_is_written(
    tmp_path: Path, objective: str, best: Any, assumed: int
) -> None:
    solution = solved(tmp_path, SYMBOLS, f"minimise: {{objective: '{objective}', over: w}}")
    data = numbers()
    assert np.allclose(computed(answers(solution)["w"], data), best(data))
    assert [c.proof for c in claims(solution, IsMinimum)] == ["convex"]
    assert len(claims(solution, Assumption)) == assumed
    report = verify(solution)
    assert report.passed, report.failed


def test_conditions_stand_before_their_use(tmp_path: Path) -> None:
    solution = solved(tmp_path, SYMBOLS, "minimise: {objective: 'norm(X @ w - y)**2', over: w}")
    steps = [step.claim for _, step in solution.steps()]
    (assumption,) = claims(solution, Assumption)
    (definite,) = claims(solution, IsPositiveDefinite)
    use = next(
        k
        for k, c in enumerate(steps)
        if isinstance(c, Equal) and any(getattr(s, "has", lambda *_: 0)(Inv) for s in c.sides)
    )
    assert steps.index(assumption) < steps.index(definite) < use
    assert not verify(solution).verdicts["1.3.1"].has_tick


def test_the_least_value_of_a_quadratic(tmp_path: Path) -> None:
    solution = solved(tmp_path, SYMBOLS, "minimise: {objective: 'norm(X @ w - y)**2 + lam*norm(w)**2', over: w}")
    data = numbers()
    w = np.linalg.solve(data["X"].T @ data["X"] + data["lam"] * np.eye(3), data["X"].T @ data["y"])
    least = np.sum((data["X"] @ w - data["y"]) ** 2) + data["lam"] * np.sum(w**2)
    assert np.allclose(computed(answers(solution)["minimum"], data), least)


def test_entry_by_entry(tmp_path: Path) -> None:
    solution = solved(tmp_path, SYMBOLS, "minimise: {objective: sum(exp(b) - k*b), over: b}")
    assert np.allclose(computed(answers(solution)["b"], numbers()), np.log(numbers()["k"])) and verify(solution).passed


@pytest.mark.parametrize(("question", "bound"), [
    ("minimise: {objective: sum(exp(b)), over: b}", 0), ("maximise: {objective: b.T @ Q @ b, over: b}", oo),
    ("minimise: {objective: sum(log(q)), over: q}", -oo), ("maximise: {objective: sum(-exp(-b)), over: b}", 0),
])  # fmt: skip
def test_vectors_without_a_minimum(tmp_path: Path, question: str, bound: Any) -> None:
    solution = solved(tmp_path, SYMBOLS, question)
    (none,) = claims(solution, NoMinimum)
    assert none.bound == bound and verify(solution).passed
    assert not any("Newton" in str(section.heading) for d in solution.derivations for section in d.sections)


@pytest.mark.parametrize(("objective", "over", "proof"), [
    ("sum(z*log(p) + (1 - z)*log(1 - p))", "p", ["convex"]), ("-n*log(v)/2 - sum((y - mu)**2)/(2*v)", "[mu, v]", ["convex", "stages"]),
    ("-n*logdet(Q)/2 - trace((X - b) @ inv(Q) @ (X - b).T)/2", "[b, Q]", ["convex", "stages"]),
])  # fmt: skip
def test_likelihoods_have_their_proofs(tmp_path: Path, objective: str, over: str, proof: list[str]) -> None:
    solution = solved(tmp_path, SYMBOLS, f"maximise: {{objective: '{objective}', over: {over}}}")
    assert [c.proof for c in claims(solution, IsMinimum)] == proof and verify(solution).passed


def test_where_derive_gives_up_it_says_so_without_a_tick(tmp_path: Path) -> None:
    solution = solved(tmp_path, SYMBOLS, "minimise: {objective: 'sum(softplus(X @ w) - z * (X @ w))', over: w}")
    remarks = [s.remark.rule.words for d in solution.derivations for s in d.sections if s.remark]
    assert any("derive found no closed form" in words for words in remarks)
    assert not any("closed form" in step.reason.rule.words for _, step in solution.steps())


def test_a_constraint_is_printed(tmp_path: Path) -> None:
    solution = solved(tmp_path, SYMBOLS, "minimise: {objective: w.T @ Q @ w, over: w, subject_to: sum(w) == 1}")
    (least,) = claims(solution, IsMinimum)
    assert "subject to sum(w) = 1" in claim_text(least) and verify(solution).passed


@pytest.mark.parametrize(
    ("objective", "domain", "least"),
    [
        ("x**2", "at_least(1)", 1),
        ("x + 1/x", "at_least(1)", 2),
        ("(x - 3)**2", "range(2, 5)", 0),
        ("-log(1 - x**2)", "range(-1, 1)", 0),
        ("(x - 7)**2", "range(2, 5)", None),
        ("x**3", "range(-1, 1)", None),
    ],
)
def test_the_minimum_over_a_range_of_numbers(tmp_path: Path, objective: str, domain: str, least: int | None) -> None:
    """An end that belongs to the range may be the best; one that does not is only come near to."""
    solution = solved(tmp_path, f'{{x: "{domain}"}}', f'minimise: {{objective: "{objective}", over: x}}')
    assert verify(solution).passed
    if least is None:
        assert claims(solution, NoMinimum)
    else:
        assert answers(solution)["minimum"] == least


def test_a_kink_is_stated_and_no_derivative_of_zero_is_claimed_there(tmp_path: Path) -> None:
    for symbols, objective in (("{x: scalar}", "abs(x - 1)"), ("{x: vector(n)}", "sum(abs(x - 1))")):
        solution = solved(tmp_path, symbols, f"minimise: {{objective: '{objective}', over: x}}")
        assert verify(solution).passed
        assert claims(solution, Assumption) and not claims(solution, IsStationary) and not claims(solution, IsMinimum)


def test_a_newton_step_has_its_condition_and_a_singular_hessian_has_none(tmp_path: Path) -> None:
    symbols = "{X: 'matrix(n, d)', w: vector(d), y: labels(n)}"
    logistic = solved(tmp_path, symbols, "minimise: {objective: 'sum(softplus(X @ w) - y*(X @ w))', over: w}")
    assert verify(logistic).passed and "newton" in answers(logistic)
    (rank,) = claims(logistic, Assumption)
    assert str(rank.relation.args[1]) == "d" and claims(logistic, IsPositiveDefinite)
    singular = solved(tmp_path, "{u: vector(n)}", "minimise: {objective: logsumexp(u), over: u}")
    assert verify(singular).passed and "newton" not in answers(singular)


def test_a_question_that_is_left_open_twice_is_told_twice(tmp_path: Path) -> None:
    asked = "minimise: {objective: abs(x - 1), over: x}\n  - minimise: {objective: abs(x - 2), over: x}"
    found = solved(tmp_path, "{x: scalar}", asked)
    assert all(d.sections[-1].remark for d in found.derivations) and len(found.derivations) == 2


def test_a_form_of_any_matrix_is_not_said_to_have_a_minimum(tmp_path: Path) -> None:
    solution = solved(tmp_path, "{A: 'matrix(n, n)', w: vector(n)}", "minimise: {objective: w @ A @ w, over: w}")
    assert verify(solution).passed
    assert not claims(solution, IsMinimum) and not answers(solution)


def test_the_shortest_of_all_solutions(tmp_path: Path) -> None:
    """A'(AA')^-1 b, where the rows of A are independent: NumPy's pseudo-inverse."""
    question = "minimise: {objective: norm(x)**2, over: x, subject_to: A @ x == b}"
    solution = solved(tmp_path, "{A: 'matrix(m, n)', x: vector(n), b: vector(m)}", question)
    assert verify(solution).passed and claims(solution, IsMinimum)
    rows, right = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]), np.array([[1.0], [2.0]])
    value = answers(solution)["x"]
    symbols = {s.name: s for s in value.free_symbols if isinstance(s, MatrixSymbol)}
    known = Bindings({symbols["A"]: torch.tensor(rows), symbols["b"]: torch.tensor(right)}, "")
    assert np.allclose(evaluate(value, known).numpy(), np.linalg.pinv(rows) @ right)
