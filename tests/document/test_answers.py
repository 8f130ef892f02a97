"""Printed text parses back: what a problem's answers are called in text is a formula of the language, of the same value."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from sympy import Add, ImmutableDenseMatrix, Indexed, IndexedBase, Integer, MatrixBase, N, Rational, Sum, Symbol
from sympy.matrices.expressions.matexpr import MatrixSymbol

from derive.algebra.formula import parse_formula
from derive.algebra.nodes import is_array, plain
from derive.algebra.notation import text
from derive.algebra.values import value_of
from derive.checks.judges import judge
from derive.derivation import Equal
from derive.errors import DeriveError
from derive.manifest import answer_data
from derive.worlds import Formulas
from tests.shipped import PROBLEMS, solution

# What has no word in the language, and the answers that it is in.
NO_WORD = {
    "patches, fold, maxpool and unpool of images": {
        "networks/convolutional: U1", "networks/convolutional: P3_bar", "networks/convolutional: dW1", "networks/convolutional: db1",
        "networks/two-convolutions: U1", "networks/two-convolutions: U3",
        "networks/two-convolutions: dW1", "networks/two-convolutions: db1",
    },
    "the commutation matrix": {"matrix-calculus/trace-hessian: S"},
    "the error function and pi": {"matrix-calculus/rules: v"},
    "a unit vector": {"matrix-calculus/rules: A"},
    "a sum whose index is a number of the summand": {"optimisers/sgd-and-momentum: b"},
}  # fmt: skip


def symbols_of(value: Any) -> dict[str, Any]:
    found = {s.name: s for s in value.free_symbols if not isinstance(s, Indexed | IndexedBase)}
    sizes = [size for s in found.values() if isinstance(s, MatrixSymbol) for size in s.shape]
    return {**{s.name: s for size in sizes for s in size.free_symbols}, **found}


def read_back(words: str, symbols: dict[str, Any]) -> Any:
    """The formula, or the array whose entries are formulas; what is 1 x 1 is read as an array, and else as a scalar."""

    def read(known: dict[str, Any]) -> Any:
        if not words.startswith("["):
            return parse_formula(words, known)
        rows = ast.parse(words, mode="eval").body.elts  # type: ignore[attr-defined]
        return ImmutableDenseMatrix([[parse_formula(ast.unparse(e), known) for e in row.elts] for row in rows])

    try:
        return read(symbols)
    except DeriveError:
        return read({k: Symbol(k, real=True) if getattr(s, "shape", 0) == (1, 1) else s for k, s in symbols.items()})


def is_same(value: Any, back: Any, symbols: dict[str, Any]) -> bool:
    if value == back or plain(value) == back:
        return True
    if isinstance(value, MatrixBase) or not value.free_symbols:
        pairs = zip(*[list(v) if isinstance(v, MatrixBase) else [v] for v in (value, back)], strict=True)
        return all(abs(N(plain(a) - plain(b), 30)) <= 1e-5 * abs(N(plain(a), 30)) for a, b in pairs)
    if any(isinstance(s, Indexed) for s in value.free_symbols):
        return at_three_data(value, symbols) == at_three_data(back, symbols)
    if is_array(value) != is_array(back):
        value, back = (v[0, 0] if is_array(v) else v for v in (value, back))
    scalars = tuple(
        (Symbol(s.name, real=True), s[0, 0]) for s in value.free_symbols if getattr(s, "shape", 0) == (1, 1)
    )
    return any(
        judge(Equal(Formulas(definitions=scalars, domains=domains), (value, back)), 0).passed
        for domains in ((), tuple((s, "unit") for s in value.free_symbols if not s.is_integer))
    )


def at_three_data(expr: Any, symbols: dict[str, Any]) -> Any:
    """The exact value where every vector has three entries, whether sums are over indices or over arrays."""
    values: dict[Any, Any] = {}
    for k, (name, symbol) in enumerate(sorted(symbols.items())):
        entries = ImmutableDenseMatrix([[Rational(7 * k + 3 * i * i + 1, 5)] for i in range(3)])
        values[symbol] = entries if is_array(symbol) else Integer(3) if name == "N" else Rational(k + 2, 7)
    values.update({s: Integer(3) for s in expr.free_symbols if getattr(s, "name", "") == "N"})
    expr = expr.replace(
        lambda e: isinstance(e, Sum),
        lambda e: Add(*[e.function.xreplace({e.limits[0][0]: Integer(k)}) for k in (1, 2, 3)]),
    )
    expr = expr.replace(
        lambda e: isinstance(e, Indexed), lambda e: values[symbols[str(e.base.label)]][int(e.indices[0]) - 1, 0]
    )
    return value_of(expr, values)


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_the_text_of_every_answer_parses_back_to_its_value(name: str) -> None:
    silent = set()
    for answer in (answer for derivation in solution(name).derivations for answer in derivation.answers):
        value = answer.value
        if isinstance(value, tuple | list | int):
            continue
        symbols = {**symbols_of(value), **PROBLEMS[name].given.symbols}
        words = answer_data(value)["text"]
        try:
            back = read_back(words, symbols)
        except DeriveError:
            silent.add(f"{name}: {answer.name}")
            continue
        assert is_same(value, back, symbols), f"{answer.name}: {words}"
    pinned = set().union(*NO_WORD.values())
    assert silent == {where for where in pinned if where.startswith(f"{name}: ")}


MOST_JUDGED = 5  # sides of a problem that are compared by value, the longest of them


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_the_text_of_every_side_that_can_be_read_has_its_value(name: str) -> None:
    different = {}
    for side in (side for derivation in solution(name).derivations for side in sides_in(derivation)):
        symbols = {**PROBLEMS[name].given.symbols, **symbols_of(side)}
        if not all(is_array(symbols.get(str(entry.base.label))) for entry in side.atoms(Indexed)):
            continue  # entries of an array that is no array of the file
        try:
            back = read_back(text(side), symbols)
        except (DeriveError, AttributeError):  # what has no word in the language, and arrays of numbers inside of a sum
            continue
        if side.free_symbols and side != back and plain(side) != back:
            different[text(side)] = (side, back, symbols)
    for words in sorted(different, key=lambda words: (-len(words), words))[:MOST_JUDGED]:
        assert is_same(*different[words]), words


def sides_in(derivation: Any) -> list[Any]:
    claims = [step.claim for section in derivation.sections for step in section.steps if hasattr(step.claim, "sides")]
    sides = [side for claim in claims for side in claim.sides]
    return [side for side in sides if hasattr(side, "free_symbols") and not isinstance(side, MatrixBase)]


ENTRIES = [("x[0]*x[1]", {"x": MatrixSymbol("x", 3, 1)}), ("A[0, 1]**2", {"A": MatrixSymbol("A", 2, 2)})]


@pytest.mark.parametrize("words,symbols", ENTRIES)
def test_entries_count_from_0_in_text_and_from_1_in_mathematics(words: str, symbols: dict[str, Any]) -> None:
    data = answer_data(parse_formula(words, symbols))
    assert data["text"] == words
    assert "_{0" not in data["latex"] and "1" in data["latex"]
