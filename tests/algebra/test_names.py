"""Laws of names: what is printed of a name is harmless to TeX, and different things do not look alike."""

from __future__ import annotations

import re
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Mul, Symbol, exp
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.formula import parse_formula
from derive.algebra.functions import sigmoid
from derive.algebra.names import latex_name, look_alikes
from derive.algebra.nodes import Map, Slot, Total
from derive.algebra.notation import latex, text
from derive.algebra.tex_text import tex_text, unsettable
from derive.errors import InputError
from derive.pipeline import vocabulary
from derive.problem.read import read_problem
from tests.drawn import examples

LAW = examples(120)
COMMANDS = re.compile(r"\\(?:[A-Za-z]+|[{}$&#%_])")
WORDS = re.compile(
    r"\\(mathrm|text|textbackslash|textascii(?:circum|tilde)|text(?:less|greater|bar|quotedbl)|texttt|dots)\b"
)


def is_harmless(tex: str) -> bool:
    """Every backslash begins a command that we wrote, braces pair, and dollars enclose one sign each."""
    for command in COMMANDS.findall(tex):
        if re.fullmatch(r"\\(def|gdef|let|input|write|immediate|csname|catcode|end|begin)", command):
            return False
    rest = re.sub(r"\$\\[a-zA-Z]+\$", "", COMMANDS.sub(lambda m: m[0] if m[0][1].isalpha() else "", tex))
    depth = 0
    for c in rest:
        depth += (c == "{") - (c == "}")
        if depth < 0:
            return False
    return depth == 0 and not re.search(r"[$&#%^]", rest)


@LAW
@given(st.text(min_size=1, max_size=12), st.booleans())
def test_no_character_of_a_name_means_anything_to_tex(name: str, bold: bool) -> None:
    assert is_harmless(latex_name(name, bold))
    assert is_harmless(latex(Symbol(name))) and is_harmless(latex(MatrixSymbol(name, 2, 2)))


@pytest.mark.parametrize("name", [r"x}$\gdef\foo{bar}$\mathrm{x", r"\input{a}", "a%b", "a^b", "$", "x\\", "{", "Гр"])
def test_a_name_that_is_tex_is_printed_as_it_stands(name: str) -> None:
    tex = latex_name(name)
    assert is_harmless(tex) and "\\gdef" not in tex and "\\input" not in tex


def test_what_has_no_glyph_is_found_with_its_place() -> None:
    assert list(unsettable("Größe α ≤ 2, Гр 😀")) == [(13, "Г"), (14, "р"), (16, "😀")]
    assert tex_text("50%_$") == r"50\%\_\$"


names = st.from_regex(r"[a-zA-Z]{1,2}[0-9]{0,2}(_[a-z0-9]{1,3}){0,2}", fullmatch=True)


@LAW
@given(st.lists(names, min_size=2, max_size=6, unique=True))
def test_two_names_that_print_alike_are_told(several: list[str]) -> None:
    told = {name for name, _ in look_alikes({name: Symbol(name) for name in several})}
    printed: dict[str, str] = {}
    for name in several:
        assert (latex_name(name) in printed) == (name in told)
        printed.setdefault(latex_name(name), name)


ALIKE = [
    ({"theta0": Symbol("theta0"), "theta_0": Symbol("theta_0")}, True),
    ({"x": MatrixSymbol("x", 3, 1), "x_1": Symbol("x_1")}, True),
    ({"A": MatrixSymbol("A", 2, 2), "A12": Symbol("A12")}, False),
    ({"A": MatrixSymbol("A", 2, 2), "A_1_2": Symbol("A_1_2")}, True),
    ({"z": MatrixSymbol("z", 2, 2), "z1": MatrixSymbol("z1", 2, 1)}, True),
    ({"x": MatrixSymbol("x", 3, 1), "x1": MatrixSymbol("x1", 3, 1)}, False),
    ({"w": MatrixSymbol("w", 3, 1), "w0": Symbol("w0")}, False),
    ({"lam": Symbol("lam"), "lambda": Symbol("lambda")}, True),
    ({"W1": MatrixSymbol("W1", 2, 2), "W2": MatrixSymbol("W2", 2, 2), "W": MatrixSymbol("W", 2, 2)}, False),
]


@pytest.mark.parametrize("symbols,alike", ALIKE, ids=[" ".join(symbols) for symbols, _ in ALIKE])
def test_entries_look_like_names_with_an_index(symbols: dict[str, Any], alike: bool) -> None:
    assert bool(list(look_alikes(symbols))) == alike


def test_names_that_look_alike_are_an_input_error_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(
        "title: t\ngiven:\n  symbols: {beta1: scalar}\n  define:\n    f: beta1**2\n    beta_1: f + 1\n"
        "ask: [{gradient: {of: f, wrt: beta1}}]\n"
    )
    with pytest.raises(InputError, match=r"two.yaml:6:5: 'beta_1' would be printed like 'beta1'"):
        read_problem(file, vocabulary())


def glyphs(tex: str) -> str:
    """What is seen: the letters in their order, words of several letters apart from letters in italics."""
    tex = re.sub(r"\\mathrm\{([^{}]+)\}", r"<\1>", tex)
    return re.sub(r"\\(left|right|,|!|quad)|\s|\\bm", "", tex)


FACTORS = [Symbol(n) for n in ("w", "x", "wx", "precision", "recall", "x1", "x_w", "sigma", "e")]


def test_products_and_sums_of_different_things_look_different() -> None:
    family = [Mul(*several) for k in (1, 2, 3) for several in combinations_with_replacement(FACTORS, k)]
    family += [2 * f for f in family] + [f + 1 for f in FACTORS] + [sigmoid(1 + f) for f in FACTORS]
    family += [Symbol("sigma") * (1 + f) for f in FACTORS] + [Symbol("e") * exp(f) for f in FACTORS]
    family += [Symbol("e") ** 2 + exp(2), 2 * Symbol("e") ** 2]
    different = set(family)
    assert len({glyphs(latex(expr)) for expr in different}) == len(different)


def test_factors_that_would_run_together_are_kept_apart() -> None:
    precision, recall, v = Symbol("precision"), Symbol("recall"), MatrixSymbol("v", 3, 1)
    assert latex(2 * precision * recall) == r"2 \, \mathrm{precision} \cdot \mathrm{recall}"
    assert r"2 \cdot \bm{1}" in latex(Map(Slot(0) + 2, v))
    assert latex(Symbol("x") * (1 - Symbol("x"))) == r"x \left(1 - x\right)"


def test_no_sum_runs_over_a_letter_that_means_something_else() -> None:
    k, i = Symbol("k", integer=True, positive=True), Symbol("i")
    assert latex(Total(MatrixSymbol("p", k, 1))) == r"\sum_{i=1}^{k} p_{i}"
    assert latex(i * Total(MatrixSymbol("p", k, 1))) == r"i \sum_{j=1}^{k} p_{j}"
    assert latex(Total(MatrixSymbol("p", 3, 1))) == r"\sum_{k=1}^{3} p_{k}"


SYMBOLS = {
    **{n: Symbol(n, real=True) for n in ("w", "x", "wx", "precision", "theta_0", "b1")},
    "u": MatrixSymbol("u", 3, 1), "v": MatrixSymbol("v", 3, 1), "A": MatrixSymbol("A", 3, 3),
}  # fmt: skip
EXPONENTS = ["3/2", "-3/2", "1/3", "-1", "-2", "tanh(w)", "-tanh(x)/2", "1/(x**2 + 1)"]
scalars = st.recursive(
    st.sampled_from(["w", "x", "wx", "precision", "theta_0", "b1", "2", "0.5", "7/3", "u[0]", "A[1, 2]", "sum(u)"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        inner.map(lambda t: f"({t})**2"), inner.map(lambda t: f"exp({t})"), inner.map(lambda t: f"maximum({t}, x)"),
        inner.map(lambda t: f"where(w > x, {t}, wx)"), inner.map(lambda t: f"({t})/(x**2 + 1)"),
        inner.map(lambda t: f"leaky_relu({t}, 0.2)"),
        st.tuples(inner, st.sampled_from(EXPONENTS)).map(lambda t: f"(({t[0]})**2 + 1)**({t[1]})"),
        inner.map(lambda t: f"(1/2)**(tanh(w*({t}))/3)"), inner.map(lambda t: f"1/(2*(abs({t}) + 1)**(3/2))"),
    ),
    max_leaves=6,
)  # fmt: skip
vectors = st.recursive(
    st.sampled_from(["u", "v", "A @ u", "A.T @ v", "ones(3)", "A @ (u - v)"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        inner.map(lambda t: f"A @ ({t})"), inner.map(lambda t: f"sigmoid({t})"), inner.map(lambda t: f"2*({t})"),
        inner.map(lambda t: f"({t})/(u @ u + 1)"),
    ),
    max_leaves=5,
)  # fmt: skip


@examples(150)
@given(st.one_of(scalars, vectors))
def test_printed_text_is_a_formula_of_the_same_value(words: str) -> None:
    value = parse_formula(words, SYMBOLS)
    again = parse_formula(text(value), SYMBOLS)
    if again != value:
        from derive.checks.judges import judge
        from derive.derivation import Equal
        from derive.worlds import Formulas

        verdict = judge(Equal(Formulas(), (value, again)), 0)
        assert verdict.passed, (text(value), text(again), verdict.detail)


def test_a_condition_made_of_several_is_taken_apart() -> None:
    words = "where(where(w > x, w, wx) > x, w, precision)"
    value = parse_formula(words, SYMBOLS)
    again = parse_formula(text(value), SYMBOLS)
    w, x, wx, precision = (SYMBOLS[n] for n in ("w", "x", "wx", "precision"))
    for point in ((1, 0, 5, 7), (0, 1, 5, 7), (0, 1, -5, 7)):
        numbers = dict(zip((w, x, wx, precision), point, strict=True))
        right = point[0] if (point[0] if point[0] > point[1] else point[2]) > point[1] else point[3]
        assert value.subs(numbers) == again.subs(numbers) == right
