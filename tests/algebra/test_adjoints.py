"""The law of reverse mode, over every registered rule: what torch.autograd finds is what the rule gives."""

from __future__ import annotations

import pytest
from sympy import Function, NumberSymbol, Symbol, log
from sympy.matrices.expressions.matexpr import MatrixSymbol
from sympy.matrices.immutable import ImmutableDenseMatrix

from derive.algebra.adjoints import adjoints, pull_back
from derive.algebra.functions import sigmoid
from derive.algebra.nodes import Map, Slot, Softmax, Total, add, matmul, transpose
from derive.checks import formulas  # noqa: F401  registers the observer
from derive.checks.referee import check
from derive.derivation import IsGradient
from derive.errors import NotDerivable
from derive.worlds import Formulas

n, m = Symbol("n", integer=True, positive=True), Symbol("m", integer=True, positive=True)
A, B, X = MatrixSymbol("A", n, m), MatrixSymbol("B", n, m), MatrixSymbol("X", m, n)
v, w, c = MatrixSymbol("v", n, 1), MatrixSymbol("w", n, 1), Symbol("c")
L = Symbol("L")
square = Slot(0) ** 2

EXAMPLES = {
    "sum": (Total(Map(square, add(A, B))), [A, B]),
    "product": (Total(Map(square, matmul(c, A, X, B))), [A, X, B, c]),
    "transpose": (Total(Map(square, matmul(transpose(A), v))), [A, v]),
    "map": (Total(Map(Slot(0) * sigmoid(Slot(1)) + c * Slot(0) ** 3, A, B)), [A, B, c]),
    "softmax": (Total(Map(Slot(0) * log(Slot(1)), w, Softmax(v))), [v, w]),
    "scalars": (c**3 * Total(Map(square, A)) + 2 * Total(Map(square, v)), [A, v, c]),
    "shared": (Total(Map(Slot(0) * Slot(1), matmul(A, X, v), matmul(A, X, v))), [A, X, v]),
}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_adjoints_are_the_gradients_of_autograd(name: str) -> None:
    objective, symbols = EXAMPLES[name]
    found = adjoints(((L, objective),), L)
    world = Formulas(((L, objective),))
    for symbol in symbols:
        verdict = check(IsGradient(world, L, symbol, (found[symbol],)))
        assert verdict.passed and verdict.points == 16, (symbol, found[symbol], verdict)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_wrong_sign_is_refused(name: str) -> None:
    objective, symbols = EXAMPLES[name]
    found = adjoints(((L, objective),), L)[symbols[0]]
    assert not check(IsGradient(Formulas(((L, objective),)), L, symbols[0], (matmul(-1, found),))).passed


def test_every_rule_has_an_example() -> None:
    used = {type(node) for objective, _ in EXAMPLES.values() for node in _nodes(objective)}
    leaves = {ImmutableDenseMatrix, NumberSymbol}  # constants, which pass nothing on
    for kind in set(pull_back.registry) - {object} - leaves:
        assert any(issubclass(node, kind) for node in used), f"no example for {kind.__name__}"


def _nodes(expr):
    yield expr
    for arg in expr.args:
        yield from _nodes(arg)


def test_what_has_no_rule_is_refused_by_name() -> None:
    with pytest.raises(NotDerivable, match="no adjoint rule for mystery"):
        adjoints(((L, Function("mystery")(c)),), L)
