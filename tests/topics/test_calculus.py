"""Every objective of the benchmark's table is derived rightly, and answers are the textbook's."""

from __future__ import annotations

from pathlib import Path

import pytest

from derive.checks.judges import check
from derive.derivation import Equal, IsMinimum, Refuted
from derive.errors import InputError
from derive.pipeline import solve, verify, vocabulary
from derive.problem.read import read_problem
from tests.benchmarks.calculus_table import ours
from tests.benchmarks.objectives import CASES


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_derivative_of_the_table_is_right(case) -> None:
    claim, _, _ = ours(case)
    verdict = check(claim)
    assert verdict.passed and verdict.points >= 8, verdict


TEXTBOOK = {
    "x'Ax": "(A + A.T) @ x",
    "x'Ax, A symmetric": "2*A @ x",
    "||Ax - b||^2": "2*A.T @ (A @ x - b)",
    "tr(AB)": "B.T",
    "logdet X": "inv(X).T",
    "det X": "det(X)*inv(X).T",
    "a'inv(X)b": "-inv(X).T @ a @ b.T @ inv(X).T",
    "softmax cross-entropy": "softmax(z) - y",
    "softmax regression, batch, named": "1/n*X.T @ (P - Y)",
    "cross-entropy of a sigmoid": "X.T @ (p - y)",
    "Gaussian log-likelihood in the mean": "inv(S) @ (x - mu)",
    "low-rank factorisation": "2*(U @ V.T - M) @ V",
    "attention in V": "2*P.T @ (P @ V - T)",
    "Hessian of the logistic loss": "1/n*X.T @ diag((1 - sigmoid(z))*sigmoid(z)) @ X",
    "Hessian of tr(X'AX)": "2*kron(eye(d), A)",
}


@pytest.mark.parametrize("name", TEXTBOOK)
def test_answers_are_the_textbooks(name: str) -> None:
    (case,) = [case for case in CASES if case.name == name]
    assert ours(case)[2] == TEXTBOOK[name]


def solved(tmp_path: Path, text_of: str):
    file = tmp_path / "p.yaml"
    file.write_text("title: t\n" + text_of)
    return solve(read_problem(file, vocabulary()))


def test_a_false_identity_is_refuted_at_a_point(tmp_path: Path) -> None:
    solution = solved(tmp_path, "given: {symbols: {x: scalar}}\nask:\n  - show: exp(2*x) == 2*exp(x)\n")
    claims = [step.claim for _, step in solution.steps()]
    assert isinstance(claims[-1], Refuted) and verify(solution).passed
    values = [claim.sides[-1] for claim in claims if isinstance(claim, Equal)]
    assert len(values) == 2 and values[0] != values[1]


@pytest.mark.parametrize("identity", ["relu(x) == x", "sigmoid(x) == tanh(x)", "x**2 == x", "sqrt(x**2) == x"])
def test_false_identities_are_never_shown(tmp_path: Path, identity: str) -> None:
    solution = solved(tmp_path, f"given: {{symbols: {{x: scalar}}}}\nask:\n  - show: {identity}\n")
    assert any(isinstance(step.claim, Refuted) for _, step in solution.steps())


@pytest.mark.parametrize(
    ("objective", "over"),
    [("norm(X @ w - y)**2", "w"), ("norm(X @ w - y)**2 + 3 * norm(w)**2", "w"), ("norm(X @ W - Y)**2", "W"),
     ("norm(X - A)**2 / 2 + lam * norm(X)**2", "X")],
)  # fmt: skip
def test_closed_forms_of_matrix_equations(tmp_path: Path, objective: str, over: str) -> None:
    symbols = '{X: "matrix(n, d)", A: "matrix(n, d)", w: vector(d), y: vector(n), W: "matrix(d, k)", Y: "matrix(n, k)", lam: positive}'
    ask = f"ask:\n  - minimise: {{objective: '{objective}', over: [{over}]}}\n"
    solution = solved(tmp_path, f"given:\n  symbols: {symbols}\n{ask}")
    assert verify(solution).passed
    assert any(isinstance(step.claim, IsMinimum) for _, step in solution.steps())


def test_a_wrong_key_is_found(tmp_path: Path) -> None:
    given = 'given:\n  symbols: {X: "matrix(n, d)", w: vector(d), y: vector(n)}\n'
    solution = solved(
        tmp_path, f"{given}ask:\n  - gradient: {{of: norm(X @ w - y)**2, wrt: w}}\nexpect: {{w: X.T @ (X @ w - y)}}\n"
    )
    assert not verify(solution).passed


@pytest.mark.parametrize(
    ("question", "message"),
    [("gradient: {of: X @ w, wrt: w}", "ask for the jacobian"), ("hessian: {of: X @ w, wrt: w}", "of one number"),
     ("jacobian: {of: w.T @ w, wrt: w}", "gradient of a number"),
     ("minimise: {objective: sum(tanh(X)**2), over: [X, w]}", "closed form"),
     ("gradient: {of: 'sum(kron(X, X))', wrt: X}", "Kronecker"), ("limit: {of: c, wrt: c, to: 1/0}", "a whole number"),
     ("taylor: {of: exp(c), wrt: c, order: 9}", "up to 8")],
)  # fmt: skip
def test_what_cannot_be_asked_is_said_in_words(tmp_path: Path, question: str, message: str) -> None:
    given = 'given:\n  symbols: {X: "matrix(n, d)", w: vector(d), c: scalar}\n'
    with pytest.raises(InputError, match=message):
        solved(tmp_path, f"{given}ask:\n  - {question}\n")


def test_the_mark_stands_below_the_fault(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        solved(
            tmp_path,
            'given:\n  symbols: {A: "matrix(n, m)", x: vector(n)}\nask:\n  - gradient: {of: sum(A @ x), wrt: x}\n',
        )
    first, formula, mark = str(caught.value).splitlines()
    assert "the inner sizes differ" in first
    assert formula[mark.index("^") : mark.rindex("^") + 1] == "A @ x"


def test_a_value_at_a_point_names_the_point_and_is_judged_there(tmp_path: Path) -> None:
    from sympy import Integer, log

    from derive.algebra.nodes import At
    from derive.checks.judges import judge

    given = "given: {symbols: {x: scalar}, define: {f: softplus(x)}}\n"
    solution = solved(tmp_path, f"{given}ask: [{{taylor: {{of: f, wrt: x, at: 0, order: 2}}}}]\n")
    (values,) = [
        s for s in solution.derivations[0].sections if isinstance(getattr(s.steps[0].claim, "sides", [0])[0], At)
    ]
    claims = [step.claim for step in values.steps]
    assert [claim.sides[1] for claim in claims] == [log(2), Integer(1) / 2, Integer(1) / 4]
    for claim in claims:
        assert claim.sides[0].places[0][1] == 0
        assert judge(claim, 0).passed
        assert not judge(Equal(claim.world, (claim.sides[0], claim.sides[1] + Integer(1) / 100)), 0).passed


def test_what_the_author_wrote_is_quoted_where_it_is_read_as_another_formula(tmp_path: Path) -> None:
    for statement, is_quoted in (("sqrt(x**2) == x", True), ("abs(x) == x", False)):
        solution = solved(tmp_path, f"given: {{symbols: {{x: scalar}}}}\nask:\n  - show: {statement}\n")
        (claim,) = [step.claim for _, step in solution.steps() if isinstance(step.claim, Refuted)]
        assert (statement in claim.by) == is_quoted


def test_the_largest_entropy_is_the_logarithm_of_the_number_of_classes(tmp_path: Path) -> None:
    from derive.algebra.notation import text

    given = 'given: {symbols: {p: "positive(k)"}, define: {H: "-sum(p*log(p))"}}\n'
    asked = 'ask: [{maximise: {objective: H, over: p, subject_to: "sum(p) == 1"}}]\n'
    solution = solved(tmp_path, given + asked)
    assert text(solution.derivations[0].sections[-1].steps[-1].claim.sides[-1]) == "log(k)"
