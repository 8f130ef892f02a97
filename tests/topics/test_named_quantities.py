"""The derivative in a named quantity holds what comes before the name, and lets what comes after it follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sympy import ITE, Integer, S

from derive.algebra.formula import parse_formula
from derive.checks.judges import judge
from derive.derivation import answers_by_name
from derive.pipeline import solve, verify, vocabulary
from derive.problem.read import read_problem

LOGISTIC = """
  symbols: {w: scalar, x: scalar, b: scalar, y: probability}
  define: {z: w*x + b, p: sigmoid(z), L: -(y*log(p) + (1 - y)*log(1 - p))}
"""
CHAIN = """
  symbols: {x: scalar, c: scalar}
  define: {u: exp(x), v: c*u, y: u**2 + v*u}
"""
VECTORS = """
  symbols: {z: vector(n), w: vector(n), A: "matrix(n, n)"}
  define: {a: tanh(z), h: A @ a + z, H: "dot(w, h**2) + dot(a, h)"}
"""
ALIAS = """
  symbols: {s: scalar}
  define: {u: s, v: 2 - s, f: (u - v)**2}
"""


def worked(tmp_path: Path, given: str, ask: str) -> Any:
    file = tmp_path / "p.yaml"
    file.write_text(f"title: t\ngiven:{given}ask: [{ask}]\n".replace("\\\n", "\n"))
    problem = read_problem(file, vocabulary())
    return problem, solve(problem)


ASKED = [
    (LOGISTIC, "{gradient: {of: L, wrt: [p, z, w, b]}}",
     {"p": "(p - y)/(p*(1 - p))", "z": "p - y", "w": "(p - y)*x", "b": "p - y"}),
    (CHAIN, "{gradient: {of: y, wrt: [u, v, x, c]}}",
     {"u": "2*u + 2*c*u", "v": "u", "x": "(2*u + 2*c*u)*u", "c": "u**2"}),
    (VECTORS, "{gradient: {of: H, wrt: [h, a, z]}}",
     {"h": "2*w*h + a", "a": "A.T @ (2*w*h + a) + h", "z": "(A.T @ (2*w*h + a) + h)*(1 - a**2) + 2*w*h + a"}),
    (VECTORS, "{hessian: {of: H, wrt: h}}", {"h": "2*diag(w)"}),
    (VECTORS, "{hessian: {of: H, wrt: a}}", {"a": "2*A.T @ diag(w) @ A + A + A.T"}),
    (VECTORS, "{jacobian: {of: h, wrt: a}}", {"a": "A"}),
    (VECTORS, "{directional_derivative: {of: H, wrt: h, along: z}}", {"derivative": "dot(2*w*h + a, z)"}),
    (ALIAS, "{gradient: {of: f, wrt: [u, v, s]}}", {"u": "2*(u - v)", "v": "2*(v - u)", "s": "4*(u - v)"}),
    (CHAIN, "{taylor: {of: y, wrt: u, at: 1}}", {"taylor": "(1 + c)*u**2"}),
    (CHAIN, "{limit: {of: u/(1 + v), wrt: v, to: infinity}}", {"limit": "0"}),
    (CHAIN, "{limit: {of: 1/(1 + v**2), wrt: u, to: 0}}", {"limit": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "ask", "right"), ASKED, ids=[ask for _, ask, _ in ASKED])
def test_a_named_quantity_is_a_variable_of_its_own(tmp_path: Path, given: str, ask: str, right: dict[str, str]) -> None:
    problem, solution = worked(tmp_path, given, ask)
    report = verify(solution)
    assert report.passed, report
    answers = answers_by_name(solution.derivations)
    for name, text in right.items():
        value = parse_formula(text, problem.given.symbols)
        assert judge(answers[name].claim(value)).passed, (name, text, answers[name].value)
        for wrong in wrong_values(value):
            verdict = judge(answers[name].claim(wrong))
            assert not verdict.passed, (name, wrong, verdict)


def wrong_values(value: Any) -> list[Any]:
    """Nothing, twice the value, and its opposite; where it is not zero."""
    if hasattr(value, "shape"):
        return [value * Integer(0), value * 2, value * -1]
    return [Integer(0), value * 2, -value] if value != 0 else [Integer(1)]


MIXED = """
  symbols: {x: scalar, c: scalar, t: positive, w: vector(n), u: vector(n), A: "matrix(n, n)"}
  define: {p: "dot(sigmoid(w), w - w/2)", r: "maximum(log(1 + x**2), x - 2*t)", z: w @ u}
"""
FOUND = [  # by random formulas, and by hand
    "{of: 2 + relu(p), wrt: [w, p]}", '{of: "relu(where(x > 1/2, -2, x))", wrt: x}', "{of: r**2 + norm(u), wrt: [r, x, t]}",
    '{of: "abs(relu(where(c > 1/2, c, t)))", wrt: [c, t]}', '{of: "maximum(x, dot(w/2, u))", wrt: [x, w]}',
    "{of: relu(w @ u), wrt: w}", "{of: relu(z), wrt: [z, u]}", '{of: "tanh(100*w[0]*sum(A) + w[1])", wrt: w}',
    '{of: "where(t > 1/2, c - 2*tanh(x), logsumexp(u - mean(u)))", wrt: [c, t, u]}', "{of: t/(1 + (1 - 1)**2), wrt: t}",
    '{of: "sigmoid(x)*mean(minimum(sum(A, axis=1), A[0, 2])**2)", wrt: [x, A]}', "{of: sum(w)**3, wrt: w}",
    '{of: "minimum(x, sum(w))*p", wrt: [x, w]}',
]  # fmt: skip


@pytest.mark.parametrize("ask", FOUND)
def test_what_was_found_once(tmp_path: Path, ask: str) -> None:
    _, solution = worked(tmp_path, MIXED, f"{{gradient: {ask}}}")
    assert verify(solution).passed
    for answer in answers_by_name(solution.derivations).values():
        assert not answer.value.has(S.NaN, S.ComplexInfinity, ITE)
