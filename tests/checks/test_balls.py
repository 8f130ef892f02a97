"""Balls hold the exact value, whatever cancels; what balls refute is false; every node has a rule or says that it has none."""

from __future__ import annotations

import inspect
import random
from typing import Any

import pytest
import torch
from flint import arb, ctx
from sympy import Eq, Expr, Float, Ge, Gt, ImmutableDenseMatrix, Le, MatrixExpr, Ne, Rational, Symbol
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import arrays, nodes, values_arrays  # noqa: F401  registers values
from derive.algebra.formula import parse_formula
from derive.algebra.functions import TABLE
from derive.algebra.values import value_of
from derive.checks.balls import (
    NoBall,
    Point,
    as_ball,
    ball,
    between,
    entries,
    is_finite,
    meet,
    node_value,
    shape,
    truth,
)
from derive.checks.bindings import Bindings
from derive.checks.evaluate import evaluate
from tests.algebra.declared import declared

SYMBOLS = declared(
    "x: scalar; y: scalar; p: positive; v: vector(3); w: vector(3); b: vector(2); A: matrix(3, 3); B: matrix(2, 3);"
    "S: positive_definite(3)"
)
FORMULAS = [
    "x*y - y/p + 3", "x**2 + y**-2", "p**(1/3) + p**y", "sqrt(p)*log(p)", "exp(x) - exp(-y)", "abs(x)*maximum(x, y)",
    "minimum(x, y) + where(x > y, x, y**2)", "where(x == y, 1, 2)", "tanh(x) + sigmoid(y)", "relu(x) + elu(y) + leaky_relu(x)",
    "softplus(x) + gelu(y) + silu(x)", "dot(v, w) + norm(v)", "sum(exp(v)) + mean(v*w)", "var(v) + max(v)",
    "logsumexp(v)", "softmax(v) + log_softmax(w)", "softmax(B, axis=1) @ v", "log_softmax(B, axis=1).T @ b",
    "logsumexp(B, axis=1) + max(B, axis=1)", "A @ v - B.T @ b", "inv(S) @ v", "inv(A + 9*eye(3))", "det(A) + trace(A)", "logdet(S)",
    "diag(v) @ A + outer(v, w)", "diag(A) + A[0, 1]*v", "kron(A, B)", "reshape(B, 3, 2) @ b", "ones(3, 2) @ b + zeros(3)",
    "relu(A @ v) * tanh(v) / (1 + v**2)", "norm(A)", "v / sum(exp(v))",
]  # fmt: skip


def parsed(text: str) -> Any:
    return parse_formula(text, SYMBOLS)


def drawn(seed: int) -> dict[Any, Any]:
    """Exact binary fractions for every symbol, so that torch is given the very same numbers."""
    chance = random.Random(seed)

    def number(low: int = -128) -> Rational:
        return Rational(chance.randint(low, 128), 64)

    values: dict[Any, Any] = {}
    for symbol in SYMBOLS.values():
        if isinstance(symbol, MatrixSymbol):
            rows, columns = map(int, symbol.shape)
            matrix = ImmutableDenseMatrix(rows, columns, lambda i, j: number())
            values[symbol] = matrix * matrix.T + ImmutableDenseMatrix.eye(rows) if str(symbol) == "S" else matrix
        else:
            values[symbol] = number(1) if symbol.is_positive else number()
    return values


def in_torch(values: dict[Any, Any]) -> Bindings:
    def tensor(value: Any) -> torch.Tensor:
        nested = [[float(e) for e in row] for row in value.tolist()] if hasattr(value, "tolist") else float(value)
        return torch.tensor(nested, dtype=torch.float64)

    return Bindings({symbol: tensor(value) for symbol, value in values.items()}, "given")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_ball_holds_the_exact_value_and_torch_agrees_within_its_rounding(text: str) -> None:
    """Against fifty digits of SymPy, and against float64."""
    expr = parsed(text)
    for seed in range(3):
        values = drawn(seed)
        found = ball(expr, Point(values))
        exact = value_of(expr, values)
        listed = list(exact) if hasattr(exact, "tolist") else [exact]
        assert len(listed) == len(entries(found))
        for entry, enclosure in zip(listed, entries(found)):
            assert (enclosure.overlaps(as_ball(entry)) and enclosure.rel_accuracy_bits() > 80) or abs(enclosure) < 1e-30
        floats = evaluate(expr, in_torch(values)).reshape(-1).tolist()
        for value, enclosure in zip(floats, entries(found)):
            assert abs(value - float(enclosure)) <= 1e-12 * max(1.0, abs(float(enclosure)))


@pytest.mark.parametrize("name", sorted(TABLE))
@pytest.mark.parametrize("at", [-1000, -40, Rational(-1, 1000), 0, Rational(7, 8), 40, 1000])
def test_functions_of_the_table_are_their_definitions_far_out_and_at_zero(name: str, at: Any) -> None:
    """In 4,000 bits, in which nothing is lost, the definition's value lies in the ball that 128 bits give."""
    function = TABLE[name]
    t = Symbol("t", real=True)
    expr = function(t, *[default for _, default in function.row.parameters])
    found, definition = ball(expr, Point({t: at})), ball(expr.definition, Point({t: at}, bits=4000))
    assert is_finite(found) and meet(found, definition)
    assert definition.is_zero() or abs(definition) < arb(10) ** -1000 or found.rel_accuracy_bits() > 60
    slope = ball(nodes.prime(name, t, *expr.args[1:]), Point({t: at}))
    with ctx.workprec(4000):
        beside = ball(expr.definition, Point({t: as_ball(at) + arb(2) ** -200}, bits=4000))
        difference = (beside - definition) * arb(2) ** 200
    if at != 0:  # at a kink the slope is that of the branch that holds there
        assert abs(difference - slope) < 1e-12


def test_balls_that_do_not_meet_refute_what_cancels_in_float64() -> None:
    x = SYMBOLS["x"]
    left, right = parsed("(x + 1e9)**2 - x**2 - 1e18"), parsed("2e9*x")
    for value in (Rational(1, 3), Rational(10**6)):
        assert meet(ball(left, Point({x: value})), ball(right, Point({x: value})))
        assert not meet(ball(left + Rational(1, 10**12), Point({x: value})), ball(right, Point({x: value})))
    v = SYMBOLS["v"]
    point = Point({v: [1, 2, 700]})
    assert meet(ball(parsed("softmax(v + 1000)"), point), ball(parsed("softmax(v)"), point))
    assert not meet(ball(parsed("softmax(v + 1000)"), point), ball(parsed("softmax(v * 1.001)"), point))


def test_truth_has_three_values() -> None:
    x, y = SYMBOLS["x"], SYMBOLS["y"]
    point = Point({x: Rational(1, 10), y: between(0, 1)}, ((Symbol("u", real=True), x + Rational(1, 5)),))
    u = Symbol("u", real=True)
    assert truth(Ge(x, Rational(1, 10)), point) is True and truth(Gt(x, Rational(1, 10)), point) is False
    assert truth(Eq(u, Rational(3, 10)), point) is True and truth(Ne(u, Rational(3, 10)), point) is False
    assert truth(Le(y, 2), point) is True and truth(Gt(y, 2), point) is False and truth(y > x, point) is None
    assert truth((y > x) | (y < 2), point) is True and truth((y > x) & (y > 2), point) is False
    assert truth((y > x) & (y < 2), point) is None and truth(~(y > 2), point) is True


def test_an_undecided_branch_keeps_both_values_and_an_undefined_one_is_not_finite() -> None:
    x = SYMBOLS["x"]
    jump = parsed("where(x > 1, 5, -5)")
    found = ball(jump, Point({x: between(0, 2)}))
    assert found.contains(arb(5)) and found.contains(arb(-5))
    assert ball(jump, Point({x: 3})) == arb(5)
    assert not is_finite(ball(parsed("log(x)"), Point({x: -1})))
    assert is_finite(ball(parsed("where(x > 0, log(x), 0)"), Point({x: -1})))
    assert meet(ball(parsed("log(x)"), Point({x: -1})), arb(3))  # what has no value refutes nothing


@pytest.mark.parametrize("text", [text for text in FORMULAS if not {"A", "S"} & set(text)])
def test_a_wide_ball_encloses_every_value_in_the_box(text: str) -> None:
    expr, chance = parsed(text), random.Random(5)
    low, high = drawn(1), drawn(2)
    box = {}
    for symbol, value in low.items():
        pairs = zip(list(value), list(high[symbol])) if hasattr(value, "tolist") else [(value, high[symbol])]
        balls = [between(min(a, b), max(a, b)) for a, b in pairs]
        box[symbol] = (
            balls[0]
            if len(balls) == 1
            else [balls[k : k + value.shape[1]] for k in range(0, len(balls), value.shape[1])]
        )
    whole = ball(expr, Point(box))
    for _ in range(3):
        share = Rational(chance.randint(0, 16), 16)
        inside = {symbol: value * (1 - share) + high[symbol] * share for symbol, value in low.items()}
        assert meet(ball(expr, Point(inside)), whole)


def test_a_rank_is_full_or_undecided() -> None:
    rank = arrays.Rank(SYMBOLS["B"])
    assert ball(rank, Point({SYMBOLS["B"]: [[1, 2, 3], [0, 1, 1]]})) == 2
    assert truth(Eq(rank, 2), Point({SYMBOLS["B"]: [[1, 2, 3], [2, 4, 6]]})) is None


def test_a_value_at_a_place() -> None:
    x, y = SYMBOLS["x"], SYMBOLS["y"]
    assert ball(nodes.At(x**2 + y, x, Rational(3)), Point({x: 1, y: 2})) == 11


def test_shapes_and_digits() -> None:
    assert shape(as_ball([[1, 2, 3], [4, 5, 6]])) == (2, 3) and shape(as_ball([1, 2])) == (2, 1)
    assert not meet(as_ball([1, 2]), as_ball([[1, 2]])) and meet(as_ball([[1]]), as_ball(1))
    rounded = ball(nodes.Rounded(Rational(157, 100), 2), Point({}))
    assert meet(rounded, ball(parsed("x/2"), Point({SYMBOLS["x"]: Rational(314159, 10**5)})))
    assert not meet(rounded, as_ball(Rational(1576, 1000)))
    assert meet(as_ball(Float("0.1", 50)), as_ball(Rational(1, 10)))


def concrete_nodes() -> list[type]:
    """The classes of nodes that expressions are made of."""
    bases = {nodes.Written, nodes.OfArray, arrays.OfWindows, arrays._OfArrays, arrays._Square}
    return [
        kind
        for module in (nodes, arrays)
        for kind in vars(module).values()
        if inspect.isclass(kind)
        and kind.__module__ == module.__name__
        and issubclass(kind, Expr | MatrixExpr)
        and kind not in bases
    ]


@pytest.mark.parametrize("kind", concrete_nodes(), ids=lambda kind: kind.__name__)
def test_every_node_has_a_rule_of_its_own_or_a_declared_refusal(kind: type) -> None:
    """A symbol's rule is every symbol's; no other node is left to the rule of the class that it inherits from."""
    assert kind in node_value.registry or issubclass(kind, MatrixSymbol | Symbol)


@pytest.mark.parametrize("text", ["x", "v"])
def test_what_has_no_rule_says_so_by_name(text: str) -> None:
    expr = nodes.gradient_symbol(parsed("dot(v, v) * x"), parsed(text))
    with pytest.raises(NoBall, match=r"(Partial|Gradient) is torch.autograd's"):
        ball(expr, Point(drawn(1)))
    with pytest.raises(NoBall, match="x has no value at this point"):
        ball(parsed("x + 1"), Point({}))
