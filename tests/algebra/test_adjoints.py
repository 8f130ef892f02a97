"""The laws of both modes, over every registered rule: torch.autograd finds what the rules give, at random sizes."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sympy import Function, Integer, NumberSymbol, Symbol
from sympy.matrices.expressions.matexpr import MatrixSymbol
from sympy.matrices.immutable import ImmutableDenseMatrix

from derive.algebra import values_arrays  # noqa: F401  registers values
from derive.algebra.adjoints import adjoints, pull_back
from derive.algebra.arrays import Folded, Hessian, Jacobian, Patches, ScalarChange, SmallChange, Unpooled, WindowLargest
from derive.algebra.differentials import change, differential, hessian, jacobian
from derive.algebra.formula import parse_formula
from derive.algebra.functions import TABLE
from derive.algebra.nodes import Map, Slot, Total, is_array, matmul
from derive.algebra.tidy import tidy
from derive.algebra.values import value_of
from derive.checks.bindings import Bindings
from derive.checks.evaluate import evaluate
from derive.checks.judges import check
from derive.derivation import Equal, IsGradient
from derive.errors import NotDerivable
from derive.worlds import Formulas
from tests.algebra.declared import declared

L = Symbol("L")

# What is declared, a formula, and the symbols to differentiate in. A formula that is an array is summed with weights.
EXAMPLES: dict[str, tuple[str, str, str]] = {
    "sum": ("A: matrix(n, m); B: matrix(n, m)", "sum((A + 2*B)**2)", "A B"),
    "product": ("A: matrix(n, m); X: matrix(m, n); c: scalar", "sum((c * A @ X @ A)**2)", "A X c"),
    "transpose": ("A: matrix(n, m); v: vector(n)", "sum((A.T @ v)**2)", "A v"),
    "map": ("A: matrix(n, m); B: matrix(n, m); c: scalar", "sum(A * sigmoid(B) + c * A**3)", "A B c"),
    "softmax": ("v: vector(n); w: vector(n)", "sum(w * log(softmax(v)))", "v w"),
    "log-softmax": ("v: vector(n); w: vector(n)", "sum(w * log_softmax(v))", "v w"),
    "softmax of rows": ("A: matrix(n, m); B: matrix(n, m)", "sum(B * softmax(A, axis=1))", "A B"),
    "softmax of columns": ("A: matrix(n, m); B: matrix(n, m)", "sum(B * softmax(A, axis=0))", "A B"),
    "log-softmax of rows": ("A: matrix(n, m); B: matrix(n, m)", "sum(B * log_softmax(A, axis=1))", "A B"),
    "logsumexp": ("v: vector(n)", "logsumexp(v)**2", "v"),
    "logsumexp of rows": ("A: matrix(n, m); w: vector(n)", "dot(w, logsumexp(A, axis=1))", "A w"),
    "mean": ("A: matrix(n, m)", "mean(exp(A))", "A"),
    "variance": ("A: matrix(n, m); w: vector(m)", "dot(w, var(A, axis=0))", "A w"),
    "scalars": ("A: matrix(n, m); v: vector(n); c: scalar", "c**3 * sum(A**2) + 2 * sum(v**2) / (1 + c**2)", "A v c"),
    "quadratic form": ("v: vector(n); A: matrix(n, n)", "(v.T @ A @ v)**2", "v A"),
    "norm": ("A: matrix(n, m); B: matrix(n, m)", "norm(A - B)", "A B"),
    "trace": ("A: matrix(n, m); B: matrix(m, m)", "trace(A @ B @ A.T)", "A B"),
    "determinant": ("A: matrix(n, n)", "det(A)", "A"),
    "log-determinant": ("S: positive_definite(n)", "logdet(S)", "S"),
    "inverse": ("S: positive_definite(n); v: vector(n)", "v.T @ inv(S) @ v", "S v"),
    "diag": ("v: vector(n); A: matrix(n, m)", "sum((diag(v) @ A)**3)", "v A"),
    "diagonal": ("A: matrix(n, n)", "sum(diag(A @ A)**2)", "A"),
    "reshape": ("A: matrix(n, m); v: vector(n)", "sum((reshape(A, m, n) @ v)**2)", "A v"),
    "entry": ("A: matrix(n, m)", "A[0, 1]**2 * A[1, 0]", "A"),
    "magnitude": ("v: vector(n)", "sum(abs(v))", "v"),
    "hinge": ("v: vector(n); y: signs(n)", "mean(maximum(0, 1 - y * v))", "v"),
    "smaller of two": ("v: vector(n); w: vector(n)", "sum(minimum(v, w**2))", "v w"),
    "where": ("v: vector(n)", "sum(where(v > 0, v**2, -v))", "v"),
    "broadcasting": ("A: matrix(n, m); b: vector(m)", "sum((A + b)**2 / (1 + b**2))", "A b"),
    "a column along rows": ("A: matrix(n, m); u: vector(n)", "sum((A * u[:, None])**2)", "A u"),
    "ones and eye": ("A: matrix(n, n); v: vector(n)", "sum(((A + eye(n)) @ (v + ones(n)))**2)", "A v"),
    "powers": ("a: positive; v: positive(n)", "sum(v**a) + a**a", "a v"),
    "GELU": ("v: vector(n)", "sum(gelu(v))", "v"),
    "shared": ("A: matrix(n, m); v: vector(m)", "(A @ v).T @ (A @ v)", "A v"),
    "a body with scalars of arrays": ("v: vector(n); w: vector(n)", "sum(w * (v - mean(v)) / norm(v))", "v w"),
}
REVERSE_ONLY = {
    "largest": ("A: matrix(n, m)", "max(A)**2", "A"),
    "largest of rows": ("A: matrix(n, m); w: vector(n)", "dot(w, max(A, axis=1))", "A w"),
    "constant Kronecker": ("v: vector(n)", "sum(kron(eye(2), eye(2))) * sum(v)", "v"),
    "zeros": ("v: vector(n)", "sum((v + zeros(n))**2) * sum(ones(n, 2)) * trace(outer(ones(n), ones(n))) ", "v"),
}


def case(name: str) -> tuple[Any, list[Any]]:
    symbols, formula, wrt = {**EXAMPLES, **REVERSE_ONLY}[name]
    known = declared(symbols)
    return parse_formula(formula, known), [known[one] for one in wrt.split()]


@pytest.mark.parametrize("name", [*EXAMPLES, *REVERSE_ONLY])
def test_adjoints_are_the_gradients_of_autograd(name: str) -> None:
    objective, symbols = case(name)
    found = adjoints(((L, objective),), L)
    world = Formulas(((L, objective),))
    for symbol in symbols:
        raw, short = found[symbol], tidy(found[symbol])
        verdict = check(IsGradient(world, L, symbol, (raw, short, tidy(short), tidy(raw, distribute=True))))
        assert verdict.passed and verdict.points >= 8, (symbol, raw, short, verdict)
        assert not check(IsGradient(world, L, symbol, (matmul(-1, raw),))).passed


@pytest.mark.parametrize("name", EXAMPLES)
def test_differentials_are_the_derivatives_in_directions(name: str) -> None:
    objective, symbols = case(name)
    directions = {s: SmallChange(f"d{s}", *s.shape) if is_array(s) else Symbol(f"d{s}", real=True) for s in symbols}
    found = differential(objective, directions)
    pairs = [one for pair in directions.items() for one in pair]
    verdict = check(Equal(Formulas(), (ScalarChange(objective, *pairs), found, tidy(found))))
    assert verdict.passed and verdict.points >= 8, verdict


MATRICES = {
    "x: vector(n); A: matrix(n, n)": ["x.T @ A @ x", "sum(exp(A @ x))", "log(1 + x.T @ x)", "x / norm(x)", "x * (A @ x)",
                                      "softmax(A @ x)", "log_softmax(x)", "logsumexp(A @ x)", "x - mean(x)", "x.T @ A",
                                      "softmax(A @ x) * x", "A @ tanh(A.T @ x + x)", "sum(x) * x"],
    "x: matrix(n, m); A: matrix(m, n); B: matrix(n, n)": ["A @ x @ A", "trace(x.T @ B @ x)", "x.T", "A @ x @ x.T @ B"],
    "x: positive_definite(n)": ["logdet(x)", "inv(x)", "trace(inv(x))"],
}  # fmt: skip


@pytest.mark.parametrize(("symbols", "formula"), [(s, f) for s, listed in MATRICES.items() for f in listed])
def test_jacobians_and_hessians_are_what_autograd_finds(symbols: str, formula: str) -> None:
    known = declared(symbols)
    expr, x = parse_formula(formula, known), known["x"]
    if is_array(expr):
        claim = Equal(Formulas(), (Jacobian(expr, x), jacobian(expr, x)))
    else:
        claim = Equal(Formulas(((L, expr),)), (Hessian(L, x), hessian(expr, x)))
    verdict = check(claim)
    assert verdict.passed and verdict.points >= 8, verdict


def test_every_rule_has_an_example() -> None:
    nodes = [node for name in [*EXAMPLES, *REVERSE_ONLY] for node in _nodes(case(name)[0])]
    used = {type(node) for node in nodes}
    leaves = {ImmutableDenseMatrix, NumberSymbol}  # constants, which pass nothing on
    made = {"Unit", "Identity", "ZeroMatrix"}  # made by rules, or constants
    made |= {"Patches", "Folded", "WindowLargest"}  # of images: they have no words in formulas, and tests of their own
    for kind in set(pull_back.registry) - {object} - leaves:
        assert kind.__name__ in made or any(issubclass(t, kind) for t in used), f"no example for {kind.__name__}"
    for kind in set(change.registry) - {object} - leaves:
        if kind.__name__ not in {*made, "Kron"}:
            assert any(issubclass(t, kind) for t in used), f"no example for the differential of {kind.__name__}"


def _nodes(expr: Any) -> Any:
    yield expr
    for arg in expr.args:
        yield from _nodes(arg)


def test_what_has_no_rule_is_refused_by_name() -> None:
    c = Symbol("c", real=True)
    with pytest.raises(NotDerivable, match="no rule for the derivative of mystery"):
        adjoints(((L, Function("mystery")(c)),), L)
    known = declared("v: vector(n); A: matrix(n, n)")
    with pytest.raises(NotDerivable, match="Kronecker"):
        adjoints(((L, parse_formula("sum(kron(A, A))", known)),), L)


PLANS = [(4, 5, 2, 3, 1, 1, 0, 0), (5, 4, 3, 2, 2, 1, 1, 0), (6, 6, 2, 2, 2, 2, 0, 0), (5, 5, 3, 3, 1, 2, 1, 1)]


@pytest.mark.parametrize("plan", PLANS)
def test_adjoints_of_windows_are_what_autograd_finds(plan: tuple[int, ...]) -> None:
    X = MatrixSymbol("X", plan[0] * plan[1], 2)
    patches, largest = Patches(X, plan), WindowLargest(X, plan)
    W, V = MatrixSymbol("W", patches.shape[1], 3), MatrixSymbol("V", *largest.shape)
    G = MatrixSymbol("G", *patches.shape)
    for objective, wrt in (
        (Total(Map(TABLE["tanh"](Slot(0)), matmul(patches, W))), [X, W]),
        (Total(Map(Slot(0) ** 2 * Slot(1), largest, V)), [X, V]),
        (Total(Map(Slot(0) ** 2, Folded(G, plan))), [G]),
    ):
        found = adjoints(((L, objective),), L)
        for symbol in wrt:
            raw = found[symbol]
            verdict = check(IsGradient(Formulas(((L, objective),)), L, symbol, (raw, tidy(raw))))
            assert verdict.passed and verdict.points >= 8, (symbol, raw, verdict)
            assert not check(IsGradient(Formulas(((L, objective),)), L, symbol, (matmul(-1, raw),))).passed


@pytest.mark.parametrize("plan", PLANS)
def test_exact_values_of_windows_are_those_of_torch(plan: tuple[int, ...]) -> None:
    chance = random.Random(0)
    X = ImmutableDenseMatrix(plan[0] * plan[1], 2, lambda i, j: Integer(chance.randint(-99, 99)))
    patches, largest = Patches(X, plan), WindowLargest(X, plan)
    G = ImmutableDenseMatrix(*map(int, patches.shape), lambda i, j: Integer(chance.randint(-9, 9)))
    H = ImmutableDenseMatrix(*map(int, largest.shape), lambda i, j: Integer(chance.randint(-9, 9)))
    for expr in (patches, largest, Folded(G, plan), Unpooled(H, plan, X)):
        exact = value_of(expr, {})
        assert exact.tolist() == evaluate(expr, Bindings({}, "")).round().int().tolist()
