"""Inequalities: true ones that touch, far out, at the ends and in several variables are proved; false ones are refuted with
a point, however near they are to being true; what is neither has no tick."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sympy import Ge, Gt, Integer, Le, Lt, Symbol, oo

from derive.algebra.formula import parse_formula
from derive.checks.balls import Point, ball
from derive.checks.inequality import counterexample
from derive.checks.judges import check
from derive.checks.positivity import quadratic, sign_of
from derive.checks.ranges import Range, range_over
from derive.checks.univariate import Interval, Unproved, elementary, pieces, prove
from derive.derivation import Holds
from derive.worlds import Formulas
from tests.algebra.declared import declared

SYMBOLS = declared(
    "x: scalar; y: scalar; z: scalar; p: positive; r: positive; q: probability; v: vector(n); w: vector(n); A: matrix(m, n);"
    "S: positive_definite(n); c: positive(n)"
)
RELATIONS = {"<=": Le, ">=": Ge, "<": Lt, ">": Gt}


def parsed(text: str) -> Any:
    return parse_formula(text, SYMBOLS)


def claim(text: str) -> Holds:
    left, sign, right = next(text.partition(f" {sign} ") for sign in ("<=", ">=", "<", ">") if f" {sign} " in text)
    return Holds(Formulas(), RELATIONS[sign.strip()](parsed(left), parsed(right), evaluate=False))


TRUE = [
    "sigmoid(z)*(1 - sigmoid(z)) <= 1/4", "exp(x) >= 1 + x", "x**2 + y**2 >= 2*x*y", "log(p) <= p - 1", "log(1 + exp(x)) >= x",
    "abs(x) >= 0", "tanh(z) < 1", "norm(v)**2 >= 0", "p*log(p) >= p - 1", "q*(1 - q) <= 1/4", "tanh(x)**2 < 1",
    "-q*log(q) - (1 - q)*log(1 - q) <= log(2)", "relu(relu(x)) >= relu(x)", "gelu(x) >= -0.17", "silu(x) > -0.2785", "elu(x) >= x",
    "softplus(x) > relu(x)", "abs(x - 3) >= 3 - x", "exp(-x) + x >= 1", "log(1 + p) > p - p**2/2", "abs(tanh(x)) <= abs(x)",
    "(p + r)/2 >= sqrt(p*r)", "p/r + r/p >= 2", "exp(x) + exp(y) >= 2*exp((x + y)/2)", "log(exp(x) + exp(y)) > x",
    "x**2 + x*y + y**2 + 1 > 0", "sigmoid(x)*sigmoid(y) < 1", "dot(v, S @ v) >= 0", "dot(A @ v, A @ v) + p*norm(v) >= 0",
    "sum(exp(v)) > 0", "sum(c*v**2) >= 0", "trace(A.T @ A) >= 0", "dot(v, inv(S) @ v) >= 0", "x**4 + 1 >= 2*x**2", "det(S) > 0",
    "exp(x - 7) >= x - 6", "tanh(x - 40) > -1",
]  # fmt: skip
FALSE = [
    "tanh(z) <= 0.97", "sigmoid(z)*(1 - sigmoid(z)) <= 0.2499", "z <= 2", "relu(x) <= 100", "exp(x) >= 1 + 1.01*x", "x**2 >= x",
    "log(p) <= p - 1.001", "log(1 + exp(x)) >= 1.001*x", "abs(x) > 0", "tanh(z) < 0.99999", "q*(1 - q) <= 0.2499",
    "where(x > 500, -1, x**2) >= 0", "where(x == 37, 1, 0) <= 0.5", "x**2 + y**2 >= 2.1*x*y", "x + y <= 150", "x*y >= -300",
    "maximum(x, y) <= 99", "gelu(x) >= -0.1699", "silu(x) >= -0.278", "relu(x - 30) + relu(y - 40) <= 1", "norm(v)**2 > norm(v)",
    "sum(v) <= 10*norm(v) - 1", "dot(v, S @ v) > norm(v)", "exp(-(x - 37)**2) <= 0.99", "(x - y)**2 + (y - 3)**2 > 0",
    "sigmoid(x)*(1 - sigmoid(y)) <= 0.9", "abs(x - 3) <= 3 - x",
]  # fmt: skip


@pytest.mark.parametrize("text", TRUE)
def test_a_true_inequality_is_proved(text: str) -> None:
    verdict = check(claim(text))
    assert verdict.passed and verdict.strength == "proved" and "proved" in verdict.method, verdict


@pytest.mark.parametrize("text", FALSE)
def test_a_false_inequality_is_refuted(text: str) -> None:
    verdict = check(claim(text))
    assert not verdict.passed and verdict.detail


def test_what_is_neither_proved_nor_refuted_has_no_tick() -> None:
    """The inequality of Cauchy and Schwarz."""
    verdict = check(claim("dot(v, w) <= norm(v)*norm(w)"))
    assert verdict.passed and verdict.strength == "tried" and not verdict.has_tick


@pytest.mark.parametrize("text", [text for text in FALSE if "v" not in text])
def test_no_false_inequality_is_ever_proved(text: str) -> None:
    """The prover alone, without the points that refute."""
    from derive.checks.inequality import proof, unfolded

    assert proof(*unfolded(claim(text))) == ""


@pytest.mark.parametrize(
    ("text", "bound", "step"),
    [("sigmoid(x)*(1 - sigmoid(x))", "1/4", "1/1000"), ("x*exp(-x)", "0.36788", "1/1000"), ("-q*log(q)", "0.36788", "1/1000"),
     ("gelu(x) - relu(x)", "1/1000", "1/500"), ("2*x - x**2", "1", "1/1000000"), ("tanh(x) - tanh(x)**2", "1/4", "1/1000")],
)  # fmt: skip
def test_a_bound_moved_below_the_maximum_is_refuted_and_one_above_is_proved(text: str, bound: str, step: str) -> None:
    assert check(claim(f"{text} <= {bound} + {step}")).strength == "proved"
    assert not check(claim(f"{text} <= {bound} - {step}")).passed


def test_a_counterexample_lies_where_the_relation_is_false() -> None:
    relation = claim("where(x > 500, -1, x**2) >= 0").relation
    found = counterexample(relation, {SYMBOLS["x"]: "real"})
    assert found is not None and float(found.rpartition("= ")[2]) > 500
    assert counterexample(claim("x**2 >= 0").relation, {SYMBOLS["x"]: "real"}) is None


def test_an_interval_is_respected() -> None:
    x = SYMBOLS["x"]
    assert prove(4 - x**2, x, Interval(Integer(-2), Integer(2)), True)
    assert prove(x - 5, x, Interval(Integer(5), oo), True)
    for interval in (Interval(Integer(-3), Integer(2)), Interval(Integer(0), oo)):
        with pytest.raises(Unproved):
            prove(4 - x**2, x, interval, False)


@pytest.mark.parametrize(
    "text", ["abs(x - 3)*relu(x) - maximum(x, -5)", "relu(relu(x) - 1)", "where(x > 2, x, where(x < -1, 1, x**2))"]
)
def test_pieces_are_the_function_on_their_intervals(text: str) -> None:
    x, expr, chance = SYMBOLS["x"], elementary(parsed(text)), random.Random(2)
    found = pieces(expr, x, Interval())
    assert len(found) > 1 and found[0][0].low == -oo and found[-1][0].high == oo
    for k, (interval, branch) in enumerate(found):
        assert k == 0 or interval.low == found[k - 1][0].high
        low = interval.low if interval.low.is_finite else interval.high - 50
        high = interval.high if interval.high.is_finite else low + 50
        point = low + (high - low) * Integer(chance.randint(1, 99)) / 100
        assert expr.xreplace({x: point}) == branch.xreplace({x: point})


@pytest.mark.parametrize(
    "text", ["exp(x) - x**3", "x**2/(1 + x**2)", "log(1 + exp(-x))*x", "sqrt(x**2 + 1)", "exp(-x**2) - 1/(2 + x)"]
)
def test_ranges_hold_every_value_of_an_interval(text: str) -> None:
    x, chance = SYMBOLS["x"], random.Random(4)
    expr = parsed(text)
    for _ in range(20):
        low = Integer(chance.randint(-16, 64)) / 16
        high = low + Integer(chance.randint(0, 64)) / 16
        interval = Range(ball(low, Point({})), ball(high, Point({})))  # type: ignore[arg-type]
        found = range_over(expr, x, interval)
        inside = ball(expr, Point({x: low + (high - low) / 3}))
        assert found.low <= inside <= found.high  # type: ignore[operator]
        assert found.sign == 0 or (inside > 0) == (found.sign > 0)  # type: ignore[operator]


def test_quadratic_forms_are_judged_by_their_pivots() -> None:
    x, y = SYMBOLS["x"], SYMBOLS["y"]
    assert quadratic(x**2 - 2 * x * y + y**2) == 0.5 and quadratic(x**2 - x * y + y**2 + 1) == 1.0
    assert quadratic(x**2 - 3 * x * y + y**2) == 0.0 and quadratic(-(x**2) - 1 - y**2) == -1.0
    assert quadratic(x**2 + 2 * x + 1) == 0.5 and quadratic(x + 1) == 0.0


def test_a_sign_is_never_claimed_without_ground() -> None:
    """Against values: wherever a sign is shown for a random expression, no point contradicts it."""
    chance, atoms = random.Random(11), [SYMBOLS["x"], SYMBOLS["p"], Integer(2), Symbol("n", nonnegative=True)]

    def grown(depth: int) -> Any:
        if depth == 0:
            return chance.choice(atoms)
        a, b = grown(depth - 1), grown(depth - 1)
        return chance.choice([a + b, a * b, a - b, a**2, parsed("exp(x)").func(a), abs(a), -b])

    shown = 0
    for _ in range(150):
        expr = grown(3)
        sign = sign_of(expr)
        shown += sign != 0
        for x, p, n in ((-2, 1, 0), (0, 3, 1), (1, 1, 2)):
            value = expr.xreplace(dict(zip([atoms[0], atoms[1], atoms[3]], map(Integer, (x, p, n)))))
            assert sign == 0 or (value * sign >= 0 and (abs(sign) != 1 or value != 0))
    assert shown > 30
