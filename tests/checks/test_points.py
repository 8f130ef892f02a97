"""Where claims are tried: false statements of each kind meet a point that refutes them, right ones are not refused."""

from __future__ import annotations

import random

import pytest
import torch
from sympy import (
    Abs,
    Eq,
    Float,
    Gt,
    Integer,
    Lt,
    Max,
    Min,
    Piecewise,
    Pow,
    Rational,
    Symbol,
    exp,
    log,
    sign,
    sqrt,
)
from sympy.matrices.expressions import Identity, MatMul, OneMatrix, Transpose
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra import arrays
from derive.algebra.functions import TABLE
from derive.algebra.nodes import Gradient, Map, Slot, Softmax, Total
from derive.checks.batches import batches
from derive.checks.judges import judge
from derive.checks.points import SAMPLES, draw_many, generator, inside, interval, plan
from derive.checks.rounding import rounding_error
from derive.checks.switches import switches
from derive.derivation import Equal, IsGradient, Refuted
from derive.worlds import Formulas

x, y = Symbol("x", real=True), Symbol("y", real=True)
f = Symbol("f", real=True)
n, m, k = (Symbol(name, integer=True, positive=True) for name in "nmk")
relu, sigmoid = TABLE["relu"], TABLE["sigmoid"]


def equal(*sides, world=None):
    return judge(Equal(world or Formulas(), sides))


def slope(of, *sides, wrt=x, world=None):
    return judge(IsGradient(world or Formulas(((f, of),)), f, wrt, sides))


FALSE_FAR_OUT = [
    (Abs(x - 3), 3 - x),
    (relu(x + 3), x + 3),
    (Max(x, -5), x),
    (Min(x, 70), x),
    (Piecewise((0, x > 20), (x, True)), x),
    (Abs(x - 30), 30 - x),
    (sign(x + 250), Integer(1)),
    (TABLE["elu"](x + 8, 1), x + 8),
    (TABLE["leaky_relu"](x - 40, Rational(1, 100)), (x - 40) / 100),
    (sqrt((x - 5) ** 2), 5 - x),
    (Piecewise((0, Eq(x, 7)), (x, True)), x),
    (Piecewise((1, Eq(x, Rational(1, 2))), (0, True)), Integer(0)),
    (Max(x, y), y + Max(x - y, -90)),
]


@pytest.mark.parametrize("sides", FALSE_FAR_OUT, ids=lambda s: str(s[0]))
def test_what_is_true_near_zero_only_is_refuted_with_its_point(sides):
    verdict = equal(*sides)
    assert not verdict.passed and "x = " in verdict.detail


def test_an_entry_of_an_array_meets_the_kink_of_a_map():
    v = MatrixSymbol("v", n, 1)
    assert not equal(Map(relu(Slot(0) + 6), v), Map(Slot(0) + 6, v)).passed
    assert equal(Map(relu(relu(Slot(0) - 6)), v), Map(relu(Slot(0) - 6), v)).passed


RIGHT = [
    (relu(relu(x)), relu(x)),
    (Max(x, -5), -Min(-x, 5)),
    (Abs(x - 3), Max(x - 3, 3 - x)),
    (log(x), 2 * log(sqrt(x))),
    (sqrt(1 - x**2), sqrt(1 - x) * sqrt(1 + x)),
    ((x**2 - 9) / (x - 3), x + 3),
    ((x + 10**9) ** 2 - x**2 - 10**18, 2 * 10**9 * x),
    (Softmax(MatrixSymbol("v", n, 1)), Softmax(Map(Slot(0) + 1000, MatrixSymbol("v", n, 1)))),
    (log(1 - sigmoid(x)), log(sigmoid(-x))),
    (sigmoid(x) * (1 - sigmoid(x)), sigmoid(x) * sigmoid(-x)),
    (exp(x + 900) / exp(900), exp(x)),
]


@pytest.mark.parametrize("sides", RIGHT, ids=lambda s: str(s[0]))
def test_what_is_right_is_not_refused_where_terms_cancel_overflow_or_have_a_domain(sides):
    verdict = equal(*sides)
    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("of", "wrong", "right"),
    [
        (relu(x + 3), (Integer(1),), (Piecewise((1, x > -3), (0, True)),)),
        (x**2 / 10**10, (3 * x / 10**10,), (2 * x / 10**10,)),
        (Piecewise((0, Eq(x, 0)), (x, True)), (Piecewise((0, Eq(x, 0)), (1, True)),), (Integer(1),)),
        (Piecewise((x**2, x > 0), (0, True)), (2 * x,), (Piecewise((2 * x, x > 0), (0, True)),)),
        (Abs(x - 50), (Integer(-1),), (sign(x - 50),)),
        (log(x), (1 / x + Float("1e-7"),), (1 / x,)),
    ],
    ids=str,
)
def test_keys_for_a_gradient(of, wrong, right):
    verdict = slope(of, *right)
    assert verdict.passed, verdict
    verdict = slope(of, *wrong)
    assert not verdict.passed and "x = " in verdict.detail


def test_small_numbers_are_compared_at_their_own_scale():
    assert not equal(x / 10**12, 2 * x / 10**12).passed
    assert not equal(Rational(9, 10**18), Rational(2, 10**18)).passed
    wrong = Equal(Formulas(), (x / 10**12, 2 * x / 10**12))
    assert judge(Refuted(Formulas(), wrong, "somebody", Equal(Formulas(), (x, x)))).passed
    assert not judge(Refuted(Formulas(), Equal(Formulas(), (x / 10**12, 2 * x / (2 * 10**12))), "somebody")).passed


def test_a_rank_decides_the_sizes():
    wide, tall = MatrixSymbol("X", m, n), MatrixSymbol("Y", n, k)
    gram = MatMul(wide, Transpose(wide))
    verdict = equal(MatMul(arrays.Inv(gram), gram), Identity(m))
    assert verdict.passed, verdict
    inner = MatMul(Transpose(tall), tall)
    right = MatMul(2, tall, arrays.Inv(inner))
    world = Formulas(((f, arrays.LogDet(inner)),))
    assert judge(IsGradient(world, f, tall, (right,))).passed
    assert not judge(IsGradient(world, f, tall, (MatMul(tall, arrays.Inv(inner)),))).passed
    square = MatrixSymbol("A", n, n)
    world = Formulas(((f, log(arrays.Det(square))),))
    assert judge(IsGradient(world, f, square, (Transpose(arrays.Inv(square)),))).passed


def test_a_size_is_one_number_on_both_sides():
    assert equal(Total(OneMatrix(n, Integer(1))), n).passed
    assert not equal(Total(OneMatrix(n, Integer(1))), n + 1).passed


def test_where_nothing_is_defined_the_verdict_says_what():
    verdict = equal(sqrt(y - y**2 - 1), y)
    assert not verdict.passed and "sqrt(-y**2 + y - 1) has no value at y = " in verdict.detail


def test_conditions_and_ranges_are_what_points_are_drawn_by():
    assert not equal(sqrt(x**2), x).passed
    assert equal(sqrt(x**2), x, world=Formulas(conditions=(Gt(x, 0),))).passed
    assert equal(Abs(x - 1), 1 - x, world=Formulas(domains=((x, "range(-1, 1)"),))).passed
    assert equal(Abs(x - 1), x - 1, world=Formulas(domains=((x, "at_least(1)"),))).passed
    assert not equal(Abs(x - 2), x - 2, world=Formulas(domains=((x, "at_least(1)"),))).passed
    X = MatrixSymbol("X", n, m)
    for batch in batches(Formulas(conditions=(X,)), [X], 0):
        tall = batch.bindings.at_points(X)[batch.usable]
        assert all(torch.linalg.matrix_rank(page) == page.shape[1] for page in tall)


@pytest.mark.parametrize("name", [*SAMPLES, "range(-3, -1)", "at_least(2)"])
def test_every_draw_stays_in_its_domain_and_is_of_many_scales(name):
    how = plan(4, (1e-3, 1e3), 2, (0.5,))
    shape = (len(how), 3, 3) if name in ("symmetric", "positive_definite", "one_hot") else (len(how), 3, 1)
    (found,) = draw_many(
        [MatrixSymbol("A", *shape[1:])], {MatrixSymbol("A", *shape[1:]): name}, generator(3, 0), how
    ).values()
    assert found.shape == shape and bool(inside(name, found).all())
    if interval(name):
        low, high = interval(name)
        assert bool((found >= low).all()) and bool((found <= high).all())
    if name == "real":
        sizes = found.detach().abs()[found != 0]
        assert float(sizes.max()) > 100 > 0.01 > float(sizes.min()) and bool((found == 0).any())


SWITCHING = [
    Abs(x - 3), relu(x + 3), TABLE["elu"](2 * x + 9, 1), Max(x, -5), Max(x, y - 4, 2 * x), Min(x**2, 30), sign(exp(x) - 40),
    Piecewise((0, x > 20), (x, True)), Piecewise((1, Eq(x, Rational(1, 3))), (0, Lt(x + y, -8)), (x, True)),
    Total(Map(relu(Slot(0) - 5 * Slot(1)), MatrixSymbol("v", n, 1), MatrixSymbol("w", n, 1))),
    arrays.LargestEntry(MatrixSymbol("v", n, 1)),
]  # fmt: skip


@pytest.mark.parametrize("expr", SWITCHING, ids=str)
def test_points_meet_every_side_of_every_switch(expr):
    """On it, just beside it on both sides, and far on both sides."""
    from derive.checks.evaluate import values_at

    assert switches([expr])
    for switch in switches([expr]):
        values = torch.cat(
            [values_at(switch, b.bindings).detach().flatten(1)[:, 0] for b in batches(Formulas(), [expr], 0)]
        )
        assert bool((values.abs() < 1e-9).any())
        assert bool(((values > 0) & (values < 1e-3)).any()) and bool(((values < 0) & (values > -1e-3)).any())
        assert bool((values > 5).any()) and bool((values < -0.9).any())


def test_rounding_is_measured_where_terms_cancel_and_a_jump_decides_nothing():
    given = torch.tensor([[[0.37]], [[1.9]]], dtype=torch.float64)

    def cancelling(copies):
        t = given.repeat(copies, 1, 1)
        return (t + 1e9) ** 2 - t**2 - 1e18

    exact = 2e9 * given
    error = (cancelling(1) - exact).abs()
    bound = rounding_error(cancelling, cancelling(1))
    assert bool((error <= bound).all()) and float(bound.max()) < 1e6
    terms = torch.tensor([[[0.1, 0.2, -0.3]]], dtype=torch.float64)

    def jump(copies):
        return (terms.repeat(copies, 1, 1).sum(2, keepdim=True) > 0).to(torch.float64)

    assert bool(torch.isinf(rounding_error(jump, jump(1))).all())


def test_the_rounding_of_autograd_is_measured_too():
    """A bound from coarse runs covers the error of the gradient of log det, against the inverse in exact arithmetic."""
    from fractions import Fraction

    size = 5
    hilbert = [[Fraction(1, i + j + 1) for j in range(size)] for i in range(size)]
    given = torch.tensor([[[float(v) for v in row] for row in hilbert]], dtype=torch.float64)

    def gradient(copies):
        leaf = given.repeat(copies, 1, 1).requires_grad_()
        return torch.autograd.grad(torch.logdet(leaf).sum(), leaf)[0]

    from sympy import Matrix

    exact = Matrix(size, size, lambda i, j: Rational(Fraction(float(hilbert[i][j])))).inv()
    known = torch.tensor([[[float(v) for v in row] for row in exact.tolist()]], dtype=torch.float64).mT
    found = gradient(1)
    assert bool(((found - known).abs() <= rounding_error(gradient, found)).all())
    assert not bool(((found * (1 + 1e-8) - known).abs() <= rounding_error(gradient, found)).all())


def test_a_gradient_of_a_jump_in_a_branch_is_seen_from_both_sides():
    """where(x == 0, 1, (exp(x) - 1)/x) has the slope 1/2 at 0."""
    of = Piecewise((1, Eq(x, 0)), ((exp(x) - 1) / x, True))
    away = (exp(x) * x - exp(x) + 1) / x**2
    assert slope(of, Piecewise((Rational(1, 2), Eq(x, 0)), (away, True))).passed
    assert not slope(of, Piecewise((0, Eq(x, 0)), (away, True))).passed


def test_a_wrong_sign_is_refuted_in_every_entry_and_scale():
    A, v = MatrixSymbol("A", n, n), MatrixSymbol("v", n, 1)
    world = Formulas(((f, arrays.Scalar(MatMul(Transpose(v), A, v))),))
    right = MatMul(Map(Slot(0) + Slot(1), A, Transpose(A)), v)
    assert judge(IsGradient(world, f, v, (right,))).passed
    for factor in (-1, 2, Rational(10**8 + 1, 10**8)):
        assert not judge(IsGradient(world, f, v, (MatMul(factor, right),))).passed, factor
    assert judge(Equal(world, (Gradient(f, v), right))).passed


def test_the_same_claim_has_the_same_verdict_every_time():
    claims = [Equal(Formulas(), sides) for sides in random.Random(1).sample(FALSE_FAR_OUT + RIGHT, 4)]
    assert [judge(claim) for claim in claims] == [judge(claim) for claim in claims]


def test_zero_log_zero_is_zero():
    p = Symbol("p", real=True)
    world = Formulas(((p, Integer(0)),))
    assert equal(p * log(p), Integer(0), world=world).passed
    assert not equal(log(p), Integer(0), world=world).passed


def test_powers_keep_the_sign_of_a_negative_base():
    assert equal(Pow(x, 3), x * x * x).passed and not equal(Pow(x, 3), Abs(x) ** 3).passed


def test_every_name_of_torch_in_a_verdict_exists():
    """The names that the last page prints: of the losses and layers of the catalogue, and of the worlds built here."""
    import re

    from derive.catalogue.registry import losses
    from derive.checks.loss_run import twin_name
    from derive.checks.twins import named

    methods = [twin_name(kind(), are) for kind in losses.values() for are in ("outputs", "logits")]
    methods += [equal(x, x).method, slope(x**2, 2 * x).method]
    found = {name for method in methods for name in re.findall(r"torch(?:\.\w+)+", method)}
    assert len(found) > 6
    for name in found:
        assert named(name) is not None, name


@pytest.mark.parametrize(
    ("declared", "statement", "holds"),
    [
        ("range(-1, 1)", "abs(a - 1) == 1 - a", True),
        ("range(-1, 1)", "abs(a) == a", False),
        ("range(0, 0.5)", "abs(2*a - 1) == 1 - 2*a", True),
        ("at_least(1)", "abs(a - 1) == a - 1", True),
        ("at_least(-3)", "sqrt(a**2) == a", False),
        ("scalar", "abs(a - 1) == 1 - a", False),
    ],
)
def test_a_number_in_a_range_can_be_declared(tmp_path, declared, statement, holds):
    from derive.pipeline import read, solve, verify

    lines = ["title: t", f"given: {{symbols: {{a: '{declared}'}}}}", f"ask: [{{show: {statement}}}]"]
    (tmp_path / "p.yaml").write_text("\n".join(lines))
    (sheet,) = read([tmp_path / "p.yaml"])
    (problem,) = sheet.problems
    world = Formulas(domains=problem.given.domains)
    assert equal(*problem.ask[0].identity[:2], world=world).passed is holds
    assert verify(solve(problem)).passed  # proved, or refuted by a number that may be chosen


@pytest.mark.parametrize("declared", ["range(1, -1)", "range(n, 2)", "at_least", "at_least(1, 2)", "range(1e9, 2)"])
def test_a_range_without_numbers_is_refused(tmp_path, declared):
    from derive.pipeline import read

    lines = ["title: t", f"given: {{symbols: {{a: '{declared}'}}}}", "ask: [{show: a == a}]"]
    (tmp_path / "p.yaml").write_text("\n".join(lines))
    (sheet,) = read([tmp_path / "p.yaml"])
    assert not sheet.problems
    assert any("such as range(-1, 1)" in str(f) or "such as at_least(1)" in str(f) for f in sheet.faults), sheet.faults


@pytest.mark.parametrize("domain", ["binary", "sign", "one_hot"])
def test_no_class_of_a_target_is_left_out_by_chance(domain: str) -> None:
    from types import SimpleNamespace

    from derive.checks.points import generator
    from derive.checks.targets import target_for

    for seed in range(30):
        drawn = torch.stack([target_for(SimpleNamespace(target=domain), (2, 2), generator(seed, k)) for k in range(8)])
        for entry in drawn.flatten(1).T:
            assert len(set(entry.tolist())) == 2, (domain, seed)


def test_a_point_on_the_border_of_an_operation_is_decided() -> None:
    """A target of exactly 1 stays one in the coarse runs: what is wrong there alone is refuted."""
    from torch.nn import functional as F

    from derive.checks.rounding import rounding_error

    p, y = torch.tensor([[[0.3]], [[0.6]]], dtype=torch.float64), torch.ones(2, 1, 1, dtype=torch.float64)

    def loss(copies: int) -> torch.Tensor:
        return F.binary_cross_entropy(p.repeat(copies, 1, 1), y.repeat(copies, 1, 1).clone(), reduction="none")

    bound = rounding_error(loss, loss(1))
    assert bool((bound > 0).all()) and bool((bound < 1e-12).all())


def test_what_a_norm_subtracts_inside_rounds() -> None:
    """A layer norm of one entry sends nothing back; what torch sends is the rounding of terms a few hundred in size."""
    from derive.checks.rounding import rounding_error

    x = torch.randn(6, 3, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def backward(copies: int) -> torch.Tensor:
        leaf = x.repeat(copies, 1, 1).requires_grad_()
        out = torch.nn.functional.layer_norm(leaf, (1,), None, torch.ones(1, dtype=torch.float64))
        return torch.autograd.grad((out * torch.tensor(1.7, dtype=torch.float64)).square().sum(), leaf)[0]

    gaps, bound = backward(1).abs(), rounding_error(backward, backward(1))
    assert bool((gaps <= bound).all()) and bool((bound < 1e-10).all())
