"""Laws of printed numbers: whoever computes on from the digits of the page gets what the page says next."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Float, ImmutableDenseMatrix, Integer, Rational, tanh

from derive.algebra.nodes import Factors, Numeral, Power, Terms
from derive.algebra.notation import latex, relation_between, text
from derive.algebra.numbers import numeral, numerals
from derive.derivation import Derivation, Equal, Rule, Work
from derive.document.guard_digits import with_guard_digits
from derive.document.outline import sides_of
from derive.pipeline import solve, vocabulary
from derive.problem.read import read_problem
from derive.worlds import Formulas
from tests.drawn import examples
from tests.shipped import PROBLEMS, solution

WHY = Rule("a rule of the tests of digits", "because")
NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?( [-+] \d+(\.\d+)?e-?\d+)?")
mpmath.mp.dps = 40


class Unreadable(Exception):
    """The line is no arithmetic with the digits shown."""


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": mpmath.exp, "log": mpmath.log, "sqrt": mpmath.sqrt, "abs": abs, "tanh": mpmath.tanh, "sigmoid": sigmoid,
    "relu": lambda x: max(x, 0), "maximum": max, "minimum": min, "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "leaky_relu": lambda x, slope=0.01: x if x > 0 else slope * x, "silu": lambda x: x * sigmoid(x),
}  # fmt: skip
OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b, ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}  # fmt: skip


def by_hand(node: ast.AST, source: str) -> Any:
    """What a reader computes from printed text, in forty digits: numbers, or lists of rows of numbers."""
    if isinstance(node, ast.Constant):
        return mpmath.mpf(ast.get_source_segment(source, node))
    if isinstance(node, ast.List):
        return [by_hand(e, source) for e in node.elts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return each(lambda a: -a, by_hand(node.operand, source))
    if isinstance(node, ast.Attribute) and node.attr == "T":
        inner = by_hand(node.value, source)
        return [list(column) for column in zip(*inner, strict=True)] if isinstance(inner, list) else inner
    if isinstance(node, ast.BinOp):
        left, right = by_hand(node.left, source), by_hand(node.right, source)
        if isinstance(node.op, ast.MatMult) and isinstance(left, list) and isinstance(right, list):
            if len(left[0]) != len(right):
                raise Unreadable
            return [
                [sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*right, strict=True)]
                for row in left
            ]
        return each(OPERATIONS[ast.Mult if isinstance(node.op, ast.MatMult) else type(node.op)], left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
        return each(FUNCTIONS[node.func.id], *[by_hand(a, source) for a in node.args])
    raise Unreadable


def each(function: Callable[..., Any], *values: Any) -> Any:
    """Entry by entry, over arrays of one shape."""
    arrays = [v for v in values if isinstance(v, list)]
    if not arrays:
        return function(*values)
    if any((len(a), len(a[0])) != (len(arrays[0]), len(arrays[0][0])) for a in arrays):
        raise Unreadable
    return [
        [function(*[v[i][j] if isinstance(v, list) else v for v in values]) for j in range(len(arrays[0][0]))]
        for i in range(len(arrays[0]))
    ]


def computed(printed: str) -> list[Any]:
    value = by_hand(ast.parse(printed, mode="eval").body, printed)
    return [entry for row in value for entry in row] if isinstance(value, list) else [value]


def results(printed: str) -> list[str] | None:
    """The numbers of a printed result, or None where it is something else."""
    entries = printed.replace("[", "").replace("]", "").split(", ")
    return entries if all(NUMBER.fullmatch(entry) for entry in entries) else None


def last_unit(printed: str) -> Any:
    """The unit of the last digit of the last number printed."""
    digits, _, power = re.split(r" [-+] ", printed)[-1].partition("e")
    places = len(digits.partition(".")[2]) - int(power or 0)
    return mpmath.mpf(10) ** -places


def follows(before: str, after: str, sign: str) -> bool:
    shown = results(after)
    assert shown is not None
    found = computed(before)
    assert len(found) == len(shown), (before, after)
    for number, printed in zip(found, shown, strict=True):
        off = abs(number - computed(printed)[0])
        allowed = (
            last_unit(printed) / 2 * (1 + mpmath.mpf(10) ** -9)
            if sign != "="
            else mpmath.mpf(10) ** -30 * (1 + abs(number))
        )
        if off > allowed:
            return False
    return True


def is_arithmetic(before: str, after: str) -> bool:
    if results(after) is None or results(before) is not None:
        return False
    try:
        computed(before)
    except (Unreadable, SyntaxError, KeyError, ValueError, TypeError, ZeroDivisionError):
        return False
    return True


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_what_is_printed_follows_from_what_is_printed(name: str) -> None:
    for number, step in solution(name).steps():
        if number[0].isdigit() and isinstance(step.claim, Equal):
            sides = sides_of(step.claim)
            for left, right in zip(sides, sides[1:], strict=False):
                before, after = text(left), text(right)
                if is_arithmetic(before, after):
                    assert follows(before, after, relation_between(left, right)), (number, before, after)


def test_the_law_is_tried_on_many_lines() -> None:
    tried = sum(
        is_arithmetic(text(left), text(right))
        for name in ("small-networks/tanh-step", "networks/one-step", "optimisers/adam-steps", "losses/huber-threshold")
        for _, step in solution(name).steps()
        if isinstance(step.claim, Equal)
        for left, right in zip(sides_of(step.claim), sides_of(step.claim)[1:], strict=False)
    )
    assert tried > 40


SATURATED = """title: Saturated
given:
  network: {{input: 1, layers: [{{dense: 1, activation: sigmoid}}]}}
  loss: binary_cross_entropy
  values: {{x: [{z}], y: [0], W1: [[1]], b1: [0]}}
ask: [forward, backward]
"""


@pytest.mark.parametrize("z", [8, 16, 25, 40])
def test_a_probability_that_is_not_one_is_not_printed_as_one(z: int, tmp_path: Path) -> None:
    file = tmp_path / "saturated.yaml"
    file.write_text(SATURATED.format(z=z))
    lines = 0
    for _, step in solve(read_problem(file, vocabulary())).steps():
        for left, right in zip(getattr(step.claim, "sides", ()), getattr(step.claim, "sides", ())[1:], strict=False):
            assert not re.search(r"(?<![\d.])1\.0+(?!\d)", text(left) + " " + text(right))
            if is_arithmetic(text(left), text(right)):
                lines += 1
                assert follows(text(left), text(right), relation_between(left, right)), (text(left), text(right))
    assert lines >= 4


floats = st.floats(1e-12, 1e12).map(lambda f: Float(f, 50) * Float("1.0000000000001", 50))


@examples(150)
@given(st.lists(floats, min_size=2, max_size=4), st.integers(0, 3))
def test_sums_products_and_powers_of_rounded_numbers_can_be_followed(numbers: list[Any], kind: int) -> None:
    shown = [numeral(x) for x in numbers]
    written = [Terms(shown[0], Factors(Integer(-1), shown[1])), Factors(*shown), Power(shown[0], 2), Terms(*shown)][
        kind
    ]
    exact = [numbers[0] - numbers[1], Float(1, 50), numbers[0] ** 2, sum(numbers)][kind]
    if kind == 1:
        for x in numbers:
            exact *= x
    if exact == 0:
        return
    work = Work("Section", Formulas())
    work.equal(written, numeral(exact), why=WHY)
    (derivation,) = with_guard_digits([Derivation("Part", (work.section(),))])
    (step,) = derivation.steps
    left, right = step.claim.sides  # type: ignore[attr-defined]
    unseen = abs(exact) < max(map(abs, numbers)) * Float("1e-9")  # fifteen digits do not show the difference
    assert unseen or follows(text(left), text(right), "≈"), (text(left), text(right))


@examples(200)
@given(st.fractions(-(10**12), 10**12).filter(bool), st.integers(-30, 30))
def test_text_and_latex_show_the_same_digits(fraction: Any, power: int) -> None:
    shown = numeral(Rational(fraction.numerator, fraction.denominator) * Rational(10) ** power)
    plain = latex(shown).replace(r" \cdot 10^{", "e").replace("10^{", "1e").replace("}", "")
    if "frac" not in plain:
        assert plain == text(shown)
    assert len(text(shown)) <= 24
    if shown.is_exact:
        assert computed(text(shown))[0] == mpmath.mpf(int(shown.value.p)) / int(shown.value.q)


NUMBERS = [
    (Rational(1, 10**30), "1e-30", "10^{-30}"), (Integer(10) ** 30, "1e30", "10^{30}"),
    (tanh(30), "1 - 1.8e-26", r"1 - 1.8 \cdot 10^{-26}"),
    (Integer(int("1234567890" * 4)), "1.23457e39", r"1.23457 \cdot 10^{39}"), (Float("0.99999988746", 40), "0.99999989", "0.99999989"),
    (Float("40.0000000000000004", 40), "40.0000", "40.0000"),
    (Rational(157, 100), "1.57", "1.57"), (Rational(1, 10**5), "1e-5", "10^{-5}"),
    (Float("16.0000001125", 40), "16.00000011", "16.00000011"),
    (Integer(1000000), "1000000", "1000000"), (Float("0.0000015", 40), "1.50000e-6", r"1.50000 \cdot 10^{-6}"),
]  # fmt: skip


@pytest.mark.parametrize("value,plain,tex", NUMBERS, ids=[plain for _, plain, _ in NUMBERS])
def test_very_small_and_very_large_numbers(value: Any, plain: str, tex: str) -> None:
    assert (text(numeral(value)), latex(numeral(value))) == (plain, tex)


def test_small_entries_of_an_array_keep_digits() -> None:
    shown = numerals(ImmutableDenseMatrix([Float("1.2345e-9", 30), Float("123.456789", 30)]))
    assert text(shown) == "[[1.23e-9], [123.456789]]"


def test_a_sum_inside_of_a_product_stands_in_brackets() -> None:
    near = Numeral(tanh(30).evalf(60), 27)
    assert text(Factors(near, Integer(2))) == "(1 - 1.8e-26)*2"
    assert latex(Factors(near, Integer(2))) == r"\left(1 - 1.8 \cdot 10^{-26}\right) \cdot 2"
