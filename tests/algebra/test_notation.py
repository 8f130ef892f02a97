"""Laws of the printed page: digits denote what they say, signs of relation are true, order is a teacher's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Eq, Float, Indexed, IndexedBase, Integer, Ne, Piecewise, Rational, Sum, Symbol, exp, log, pi, symbols
from sympy.matrices.expressions import Identity, MatMul, OneMatrix, Transpose
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixSymbol
from sympy.matrices.immutable import ImmutableDenseMatrix

from derive.algebra.arrays import Unit
from derive.algebra.functions import sigmoid
from derive.algebra.inserting import put_in
from derive.algebra.names import latex_name
from derive.algebra.nodes import (
    Factors,
    Gradient,
    Map,
    Mean,
    Numeral,
    Partial,
    Power,
    Rounded,
    Slot,
    Terms,
    Total,
    add,
    hadamard,
    matmul,
    plain,
    transpose,
)  # fmt: skip
from derive.algebra.notation import latex, relation_between, text
from derive.algebra.numbers import decimal_text, numeral, numerals

fractions = st.fractions(max_denominator=10**9).map(lambda f: Rational(f.numerator, f.denominator))


@given(fractions, st.integers(1, 12))
def test_printed_digits_are_the_number_or_its_rounding(value: Rational, digits: int) -> None:
    shown = numeral(value, digits)
    printed = decimal_text(shown)
    denoted = Rational(printed)
    if relation_between(shown, shown) == "=":
        assert denoted == value
    else:
        assert 0 < abs(denoted - value) <= Rational(1, 2 * 10**shown.places)


@given(st.floats(-1e6, 1e6, allow_nan=False))
def test_irrational_numbers_are_never_shown_as_equal(value: float) -> None:
    assert relation_between(0, numeral(Float(value, 50) * pi.evalf(50))) == r"\approx" or value == 0


def test_the_author_s_rounded_number_is_approximate() -> None:
    assert relation_between(Symbol("L"), Rounded(Rational(157, 100), 2)) == r"\approx"
    assert latex(Rounded(Rational(157, 100), 2)) == "1.57"


W1, x, b1 = MatrixSymbol("W1", 3, 2), MatrixSymbol("x", 2, 1), MatrixSymbol("b1", 3, 1)
z1, a1, d2 = MatrixSymbol("z1", 3, 1), MatrixSymbol("a1", 3, 1), MatrixSymbol("delta2", 1, 1)
y, y_hat, W2 = MatrixSymbol("y", 1, 1), MatrixSymbol("y_hat", 1, 1), MatrixSymbol("W2", 1, 3)
N, i, w0, w1, L = *symbols("N i w0 w1"), Symbol("L")
X = IndexedBase("x")

PAGE = [
    (add(matmul(W1, x), b1), r"\bm{W}_{1} \bm{x} + \bm{b}_{1}", "W1 @ x + b1"),
    (add(y_hat, matmul(-1, y)), r"\hat{y} - y", "y_hat - y"),
    (add(matmul(-1, y), y_hat), r"\hat{y} - y", "y_hat - y"),
    (Map(Slot(0) * (1 - Slot(0)), a1), r"\bm{a}_{1} \odot \left(\bm{1} - \bm{a}_{1}\right)", "a1*(1 - a1)"),
    (
        hadamard(matmul(transpose(W2), d2), Map(sigmoid(Slot(0)), z1)),
        r"\left(\bm{W}_{2}^{\top} \delta_{2}\right) \odot \sigma\left(\bm{z}_{1}\right)",
        "(W2.T @ delta2)*sigmoid(z1)",
    ),
    (Gradient(L, W1), r"\frac{\partial L}{\partial \bm{W}_{1}}", "dL/dW1"),
    (Partial(L, w1, w1), r"\frac{\partial^{2} L}{\partial w_{1}^{2}}", "d^2 L/(dw1 dw1)"),
    (MatrixElement(z1, 1, 0), "z_{1,2}", "z1[1]"),
    (
        Total(Map((Slot(0) - Slot(1)) ** 2, y_hat, y)) / 2,
        r"\frac{1}{2} \left(\hat{y} - y\right)^{2}",
        "sum((y_hat - y)**2)/2",
    ),
    (
        Sum((Indexed(X, i) - Mean(MatrixSymbol("x", N, 1))) ** 2, (i, 1, N)),
        r"\sum_{i=1}^{N} \left(x_{i} - \bar{x}\right)^{2}",
        "sum((x - mean(x))**2)",
    ),
    (Factors(Rational(1, 2), Power(Numeral(-2), 2)), r"\frac{1}{2} \left(-2\right)^{2}", "1/2*(-2)**2"),
    (Terms(Numeral(1), Numeral(-2), Numeral(Rational(1, 4))), "1 - 2 + 0.25", "1 - 2 + 0.25"),
    (sigmoid(w1) * (1 - sigmoid(w1)), r"\sigma\left(w_{1}\right) \left(1 - \sigma\left(w_{1}\right)\right)", None),
    (-(w1 * log(w0) + (1 - w1) * log(1 - w0)), None, None),
    (exp(-w1), "e^{-w_{1}}", "exp(-w1)"),
    (-(w1 ** Rational(-3, 2)) / 4, None, "-1/(4*w1**(3/2))"),
    (Symbol("w_t-1") - Symbol("m_hat_t+1"), None, "w_(t-1) - m_hat_(t+1)"),
    (2 / Partial(L, w1), None, "2/(dL/dw1)"),
    (transpose(Gradient(L, W1)), None, "(dL/dW1).T"),
    (Symbol("lambda") * L, None, "L*lam"),
    (
        ImmutableDenseMatrix([[Numeral(1), Numeral(Rational(1, 3))]]),
        r"\begin{bmatrix} 1 & \frac{1}{3} \end{bmatrix}",
        "[[1, 1/3]]",
    ),
]


@pytest.mark.parametrize("expr,tex,plain", PAGE, ids=[str(k) for k in range(len(PAGE))])
def test_a_page_of_formulas(expr, tex, plain) -> None:
    if tex is not None:
        assert latex(expr) == tex
    if plain is not None:
        assert text(expr) == plain
    assert "slot" not in latex(expr) and "slot" not in text(expr)


@pytest.mark.parametrize(
    "name,tex",
    [("y_hat", r"\hat{y}"), ("m_hat_t", r"\hat{m}_{t}"), ("beta1", r"\beta_{1}"), ("RSS", r"\mathrm{RSS}"),
     ("H_out", r"H_{\mathrm{out}}"), ("lam", r"\lambda"), ("delta12", r"\delta_{12}")],
)  # fmt: skip
def test_names(name: str, tex: str) -> None:
    assert latex_name(name) == tex


def test_an_array_has_one_number_of_decimals() -> None:
    shown = numerals(ImmutableDenseMatrix([Rational(1, 13), Rational(1000, 13), Rational(1, 2)]))
    assert {entry.places for entry in shown if not entry.is_exact} == {6}


ONES_OF_SIZE_1 = [Identity(1), OneMatrix(1, 1), Unit(Integer(1), Integer(0)), Transpose(Unit(Integer(1), Integer(0)))]


@pytest.mark.parametrize("one", ONES_OF_SIZE_1, ids=str)
def test_what_is_a_one_of_size_1_is_not_printed(one: Any) -> None:
    v, c = MatrixSymbol("v", 3, 1), Symbol("c")
    assert matmul(v, one) == v and matmul(c, one, one) == MatMul(c, one)
    for product, alone in ((MatMul(v, one), v), (MatMul(c, one), c), (MatMul(c, v, one), MatMul(c, v))):
        assert (text(product), latex(product)) == (text(alone), latex(alone))
    assert (text(one), latex(one)) == ("1", "1")


def test_an_inserted_array_of_size_1_is_a_number() -> None:
    one, two = ImmutableDenseMatrix([[Numeral(Rational(7, 2))]]), ImmutableDenseMatrix([[Integer(-16)]])
    row = ImmutableDenseMatrix([[1, 2]])
    assert text(MatMul(one, Transpose(one))) == "3.5*3.5" and latex(MatMul(one, Transpose(one))) == r"3.5 \cdot 3.5"
    assert text(MatMul(one, two)) == "3.5*(-16)" and text(Transpose(two)) == "-16"
    assert text(MatMul(one, row)) == "3.5*[[1, 2]]"


def test_inserted_numbers_keep_their_places_and_are_not_merged() -> None:
    one, two = {w0: Numeral(1), w1: Numeral(1)}, {w0: Numeral(1), w1: Numeral(-2)}
    assert text(put_in(w0 * w1, one)) == "1*1" and latex(put_in(w0 * w1, one)) == r"1 \cdot 1"
    assert text(put_in(w0 * w1, two)) == "1*(-2)" and text(put_in(w1**2 - 2 * w0 * w1, one)) == "1**2 - 2*1*1"
    for formula in (w0 * log(w0 / w1), w0 * w1 / (w0 + w1), 3 * w0**2 * w1 - w0 / 7, exp(-w0 * w1) * (1 - w1)):
        assert plain(put_in(formula, one)) == formula.xreplace({w0: Integer(1), w1: Integer(1)})


def test_relations_and_long_numbers_are_written_as_authors_write_them() -> None:
    assert text(Piecewise((1, Eq(L, 3)), (L, True))) == "where(L == 3, 1, L)" and text(Ne(L, 3)) == "L != 3"
    for number, plain_text, tex in [
        (Rational(1, 10**300), "1e-300", "10^{-300}"), (L / 10**20, "L/1e20", "10^{-20} L"),
        (Integer(10) ** 30, "1e30", "10^{30}"), (Rational(-3, 2), "-3/2", r"- \frac{3}{2}"),
    ]:  # fmt: skip
        assert (text(number), latex(number)) == (plain_text, tex)


def test_moving_the_signs_of_a_quotient_keeps_its_value() -> None:
    from random import Random

    from sympy import Add, Mul, Symbol

    from derive.algebra.quotients import signed

    x, y, chance = Symbol("x", real=True), Symbol("y", real=True), Random(5)

    def a_sum() -> Any:
        return Add(*[chance.randint(-3, 3) * chance.choice([1, x, y, x * y, x**2]) for _ in range(3)])

    for _ in range(400):
        top = Mul(chance.choice([-2, -1, 1, 3]), *[a_sum() for _ in range(chance.randint(1, 3))], chance.choice([1, x]))
        bottom = Mul(*[a_sum() ** chance.randint(1, 2) for _ in range(chance.randint(1, 2))])
        if top == 0 or bottom == 0:
            continue
        place = {x: chance.randint(5, 97), y: chance.randint(101, 297)}
        assert signed(top / bottom).xreplace(place) == (top / bottom).xreplace(place), top / bottom
