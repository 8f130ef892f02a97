"""Formulas mean what NumPy's notation says, mark where they are wrong, and can exhaust nothing."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import MatrixSymbol, Rational, Symbol, exp
from sympy.matrices.expressions import OneMatrix
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra.arrays import Norm, Scalar
from derive.algebra.formula import LONGEST, parse_formula
from derive.algebra.formula_words import FUNCTIONS
from derive.algebra.functions import TABLE
from derive.algebra.nodes import Map, Mean, Slot, Softmax, Total, add, is_array, matmul, transpose
from derive.errors import FormulaError
from tests.drawn import examples

n, m = Symbol("n", integer=True, positive=True), Symbol("m", integer=True, positive=True)
x, y, A, w = MatrixSymbol("x", n, 1), MatrixSymbol("y", n, 1), MatrixSymbol("A", m, n), Symbol("w", real=True)
u = MatrixSymbol("u", m, 1)
SYMBOLS = {"u": u, "x": x, "y": y, "A": A, "w": w}

MEANINGS: list[tuple[str, Any]] = [
    ("0.1 + .2", Rational(3, 10)),
    ("1e-3", Rational(1, 1000)),
    ("-w**2", -(w**2)),
    ("2**-1", Rational(1, 2)),
    ("A @ x", matmul(A, x)),
    ("A.T @ A @ x", matmul(transpose(A), A, x)),
    ("x.T.T", x),
    ("x - y", add(x, matmul(-1, y))),
    ("2 * x", matmul(2, x)),
    ("x * y", Map(Slot(0) * Slot(1), x, y)),
    ("sum(A, axis=1)", matmul(A, OneMatrix(n, 1))),
    ("A + x", add(A, matmul(OneMatrix(m, 1), transpose(x)))),
    ("x[:, None] * x.T", Map(Slot(0) * Slot(1), matmul(x, OneMatrix(1, n)), matmul(OneMatrix(n, 1), transpose(x)))),
    ("A[0, 1]", MatrixElement(A, 0, 1)),
    ("x / y", Map(Slot(0) / Slot(1), x, y)),
    ("x ** 2", Map(Slot(0) ** 2, x)),
    ("w - x", Map(w - Slot(0), x)),
    ("x.T @ y", Scalar(matmul(transpose(x), y))),
    ("x @ y", Scalar(matmul(transpose(x), y))),
    ("dot(x, y)", Scalar(matmul(transpose(x), y))),
    ("norm(x)", Norm(x)),
    ("sum(exp(x))", Total(Map(exp(Slot(0)), x))),
    ("mean(x)", Mean(x)),
    ("softmax(x)", Softmax(x)),
    ("leaky_relu(w, 0.1)", TABLE["leaky_relu"](w, Rational(1, 10))),
]


@pytest.mark.parametrize(("text", "meaning"), MEANINGS, ids=[text for text, _ in MEANINGS])
def test_a_formula_means_what_numpy_says(text: str, meaning: Any) -> None:
    assert parse_formula(text, SYMBOLS) == meaning


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_function_of_the_table_works_on_numbers_and_entry_by_entry(name: str) -> None:
    scalar, array = parse_formula(f"{name}(w)", SYMBOLS), parse_formula(f"{name}(x)", SYMBOLS)
    assert scalar.has(TABLE[name]) and array.shape == x.shape and array.at([w]) == scalar


# The fault lies from '!' to '!'.
FAULTS = [
    ("1 + !sigmod!(x)", "unknown function 'sigmod'; did you mean 'sigmoid'?"),
    ("x + !q!", r"unknown name 'q' \(A, u, w, x, y\)"),
    ("!x @ A!", r"n x 1 times m x n: the inner sizes differ"),
    ("2 * (!A + u!)", "m x n and m x 1 do not fit together; NumPy adds a vector to each row"),
    ("!A * A.T!", "m x n and n x m do not fit together"),
    ("!x - x.T!", "write x\\[:, None\\] for a column"),
    ("!A @ w!", "'@' multiplies arrays"),
    ("w!^!2", r"'\^' is not a power in NumPy's notation; write '\*\*'"),
    ("w !\u2212! 1", "not the minus of a keyboard"),
    ("w !#! 1", "'#' has no place"),
    ("!x.shape!", r"only '.T' has"),
    ("!w.T!", "only an array has a transpose"),
    ("x / !0!", "division by zero"),
    ("1 / (!w - w!)", "division by zero"),
    ("!x[w]!", "an entry is x\\[0\\]"),
    ("!x[0, 1]!", "1 index"),
    ("exp(!lambda: 1!)", "a lambda has no place"),
    ("!w == 1!", "a comparison has no place"),
    ("w ** !x!", "an exponent is a scalar"),
    ("w ** !65!", "exponents go up to 64"),
    ("w ** !exp(1)!", "an exponent is a whole number, a fraction or a symbol"),
    ("!sum(x, x)!", "sum takes 1 argument, not 2"),
    ("!sum(x, axis=1)!", "a vector has the axis 0 only"),
    ("!norm(x, axis=0)!", "plain arguments"),
    ("where(!w!, x, x)", "one comparison first"),
    ("!np.sum!(x)", r"write sum\(...\) by itself"),
    ("!w!(3)", r"'w' is no function; write '\*'"),
    ("!sum! + 1", r"'sum' is a function; write sum\(...\)"),
    ("!softmax(A)!", "needs axis=1"),
    ("!leaky_relu(w, x)!", "the slope of leaky_relu is a scalar"),
    ("1 + !sqrt(-1)!", "not a real number"),
    ("1 + log(!0!)", "numbers above 0"),
    ("!(-8)**(1/3)!", "no such power among the real numbers"),
    ("!'w'! + 1", "is no number"),
    ("!True!", "is no number"),
    ("!1j!", "is no number"),
    ("!0x10!", "plain decimal number"),
    ("é + !q!", "unknown name 'q'"),
]


@pytest.mark.parametrize(("marked", "message"), FAULTS, ids=[marked for marked, _ in FAULTS])
def test_a_fault_lies_where_it_is_and_says_what_is_wrong(marked: str, message: str) -> None:
    start, end = marked.index("!"), marked.rindex("!") - 1
    with pytest.raises(FormulaError, match=message) as caught:
        parse_formula(marked.replace("!", ""), {**SYMBOLS, "é": w} if "é" in marked else SYMBOLS)
    assert (caught.value.offset, caught.value.length) == (start, end - start)


BOMBS = [
    "9**9**9",
    "(" * 10_000,
    "1" * 1_000_000,
    "2**(2**(2**64))",
    "(((((2**64)**64)**64)**64)**64)**64",
    "((((((w*2)**64)**64)**64)**64)**64)**64",
    "((((((x*2)**64)**64)**64)**64)**64)**64",
    "w**1000000",
    "1e999999999",
    "*".join(["10**64"] * 80),
    "maximum(exp(exp(exp(exp(10)))), w)",
    "abs(exp(exp(exp(10))) - 1)",
    "-" * (LONGEST - 1) + "w",
    "~" * (LONGEST - 1) + "w",
    "@".join(["A.T@A"] * 200),
    "x" + ".T" * 900,
    "w(" * 500,
    "lambda: " * 200 + "1",
]


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_is_refused_before_it_goes_off(text: str) -> None:
    start = process_time()
    with pytest.raises(FormulaError):
        parse_formula(text, SYMBOLS)
    assert process_time() - start < 2  # it takes milliseconds; what goes off takes minutes


FRAGMENTS = [
    "x",
    "y",
    "A",
    "w",
    "q",
    "0",
    "1",
    "0.5",
    "64",
    "1e9",
    "+",
    "-",
    "*",
    "/",
    "**",
    "@",
    ".T",
    "(",
    ")",
    ",",
    " ",
]


@examples(300)
@given(st.one_of(st.text(max_size=30), st.lists(st.sampled_from([*FRAGMENTS, *FUNCTIONS]), max_size=12).map("".join)))
def test_whatever_a_formula_holds_it_is_an_expression_or_a_fault_in_the_text(text: str) -> None:
    try:
        found = parse_formula(text, SYMBOLS)
    except FormulaError as error:
        assert 0 <= error.offset <= len(text) and error.length >= 1 and error.message
    else:
        assert is_array(found) or found.is_commutative
