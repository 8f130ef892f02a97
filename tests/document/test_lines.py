"""Laws of the lines of a page: none is empty, none stands twice, and brackets that carry the meaning are printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from sympy import Integer, Symbol

from derive.algebra.nodes import Factors, Numeral
from derive.algebra.notation import latex
from derive.derivation import Definition, Derivation, Equal, HasCount, HasMean, IsGradient, Rule, Section, Work
from derive.document.empty_lines import without_empty_lines
from derive.document.outline import compose, sides_of
from derive.manifest import problem_data
from derive.pipeline import vocabulary, work_out
from derive.problem.model import Sheet
from derive.problem.read import read_problem
from derive.worlds import Formulas
from tests.shipped import PROBLEMS, solution

WHY = Rule("a rule of the tests of lines", "because")
SHOWN = (Equal, Definition, HasCount, HasMean, IsGradient)
a, b, M = Symbol("a"), Symbol("b"), Symbol("M")


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_no_line_says_what_stands_on_its_other_side(name: str) -> None:
    for derivation in solution(name).derivations:
        for section in derivation.sections:
            assert section.steps or section.remark
            begun = set()
            last = ""
            for step in section.steps:
                if not isinstance(step.claim, SHOWN):
                    continue
                printed = tuple(map(latex, sides_of(step.claim)))
                assert len(printed) > 1 and all(one != other for one, other in zip(printed, printed[1:], strict=False))
                assert printed[0] == last or (type(step.claim), printed) not in begun
                begun.add((type(step.claim), printed))
                last = printed[-1]


def lines_of(*claims: tuple[object, ...], results: tuple[int, ...] = ()) -> Section:
    work = Work("Section", Formulas())
    for k, sides in enumerate(claims):
        work.equal(*sides, why=WHY, result=k in results)
    (derivation,) = without_empty_lines([Derivation("Part", (work.section(),))])
    return derivation.sections[0]


def test_a_side_that_repeats_the_one_before_goes() -> None:
    section = lines_of((M, Numeral(1680), Integer(1680)))
    assert section.steps[0].claim.sides == (M, Numeral(1680))


def test_an_empty_line_hands_on_that_it_was_the_result() -> None:
    section = lines_of((a, b), (b, b), results=(1,))
    assert [step.is_result for step in section.steps] == [True]


def test_the_same_line_twice_stands_once_unless_a_chain_needs_it() -> None:
    product = Factors(Integer(2), a)
    assert len(lines_of((a, b), (M, a), (a, b)).steps) == 3  # a = b carries M = a on
    assert len(lines_of((a, b), (M, product), (a, b)).steps) == 2


ASSOCIATIVE = """title: brackets
given: {symbols: {A: "matrix(m, n)", B: "matrix(n, p)", C: "matrix(p, q)", x: vector(q)}}
ask:
  - show: (A @ B) @ (C @ x) == A @ (B @ C @ x)
  - show: A @ B == A @ B
"""


def test_brackets_that_carry_the_meaning_are_printed(tmp_path: Path) -> None:
    file = tmp_path / "brackets.yaml"
    file.write_text(ASSOCIATIVE)
    result = work_out(read_problem(file, vocabulary()))
    assert result.report.passed
    first, second = problem_data(result)["parts"]
    (step,) = first["steps"]
    assert (
        step["claim"] == "(A @ B) @ (C @ x) = A @ ((B @ C) @ x)"
        or step["claim"] == "(A @ B) @ (C @ x) = A @ (B @ C @ x)"
    )
    assert step["latex"].count(r"\left(") == 3
    assert second["steps"] == []
    blocks = compose(Sheet("s", "s", tmp_path, (result.problem,)), [result]).problems[0]
    assert len(blocks.parts) == 2  # the second says in words that there is nothing to show
