"""What an author is told of a slip: what is wrong and what would be right, and no word for what is not at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from derive.errors import InputError
from derive.pipeline import solve as solved
from derive.pipeline import verify, vocabulary
from derive.problem.read import read_problem

DECLARED = [
    ("vector(1000000000000)", "too large a size"), ("vector(-1)", "at least 1"), ("vector(0)", "at least 1"),
    ("vector(1.5)", "whole number"), ("matrix(n, 100000000)", "too large a size"), ("vector(2, 3)", "takes 1 size, "),
]  # fmt: skip
DEFINED = [
    ("a: b + x, b: a", "'a' and 'b' are defined by each other"),
    ("a: b + x, b: c*2, c: a - 1", "'a' and 'b' are defined by each other"),
    ("a: b + x, b: x**2", "'b' is defined further down"),
    ("a: c + x, b: x**2", "unknown name 'c'"),
]


def told(tmp_path: Path, given: str) -> str:
    file = tmp_path / "one.yaml"
    file.write_text(f"title: t\ngiven: {{{given}}}\nask: [{{gradient: {{of: x, wrt: x}}}}]\n")
    with pytest.raises(InputError) as found:
        read_problem(file, vocabulary())
    return found.value.faults[0].message


@pytest.mark.parametrize("declared,message", DECLARED)
def test_a_size_that_is_none_is_told_from_a_wrong_number_of_sizes(declared: str, message: str, tmp_path: Path) -> None:
    assert message in told(tmp_path, f'symbols: {{x: "{declared}"}}')


@pytest.mark.parametrize("define,message", DEFINED)
def test_a_name_that_comes_later_is_no_unknown_name(define: str, message: str, tmp_path: Path) -> None:
    assert message in told(tmp_path, f"symbols: {{x: scalar}}, define: {{{define}}}")


def test_a_word_without_settings_lists_none(tmp_path: Path) -> None:
    message = told(tmp_path, "network: {input: 2, layers: [{flatten: {p: 1}}]}, symbols: {x: scalar}")
    assert message == "'flatten' has no settings"


@pytest.mark.parametrize("key,is_hinted", [("0.5416667", True), ("0.5416669", False), ("0.54", True), ("0.6", False)])
def test_rounded_digits_that_fail_are_told_how_they_are_written(key: str, is_hinted: bool, tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(
        "title: t\ngiven: {symbols: {x: scalar}, define: {a: x/24}, values: {x: 13}}\n"
        f"ask: [{{evaluate: {{of: a}}}}]\nexpect: {key}\n"
    )
    verdict = verify(solved(read_problem(file, vocabulary()))).verdicts["expect.a"]
    assert not verdict.passed and (f"{{rounded: {key}}}" in verdict.detail) == is_hinted


@pytest.mark.parametrize(
    "statement,is_true",
    [("y**2 == y", True), ("s**2 == 1", True), ("y*s == y", False), ("y**2 == 1", False), ("s**3 == s", True)],
)
def test_a_scalar_label_is_0_or_1_and_a_sign_plus_or_minus_1(statement: str, is_true: bool, tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(f'title: t\ngiven: {{symbols: {{y: label, s: sign}}}}\nask: [{{show: "{statement}"}}]\n')
    solution = solved(read_problem(file, vocabulary()))
    assert verify(solution).passed
    headings = [section.heading for section in solution.derivations[0].sections]
    assert ("The identity is false" in headings) != is_true
