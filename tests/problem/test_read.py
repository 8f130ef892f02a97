"""Every fault of a file is reported, with its place and what would be right; nothing else is ever raised."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sympy import Rational

from derive.algebra.formula import parse_formula
from derive.algebra.nodes import Rounded
from derive.errors import FormulaError, InputError
from derive.pipeline import solve, vocabulary
from derive.problem.read import find, read_problem
from tests.drawn import examples

WORDS = vocabulary()
CASES = yaml.safe_load((Path(__file__).parent / "expected_errors.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_all_errors_with_their_places(case: dict, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(case["text"])
    with pytest.raises(InputError) as caught:
        read_problem(path, WORDS)
    found = [str(fault).removeprefix(f"{path}:") for fault in caught.value.faults]
    assert len(found) == len(case["errors"]), found
    for line, expected in zip(found, case["errors"], strict=True):
        assert line.startswith(expected), found


def test_a_binary_file_and_one_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    for raw, message in ((b"\x89PNG\0\0", "binary file"), (b"title: \xff\xfe", "not UTF-8")):
        path.write_bytes(raw)
        with pytest.raises(InputError, match=message):
            read_problem(path, WORDS)


def test_anchors_that_explode_are_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 10)]
    path = tmp_path / "p.yaml"
    path.write_text("\n".join(lines))
    start = perf_counter()
    with pytest.raises(InputError, match="aliases are followed"):
        read_problem(path, WORDS)
    assert perf_counter() - start < 5


def test_a_folder_without_problems_and_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no problems here"):
        find([tmp_path], WORDS)
    with pytest.raises(InputError, match="no such file or folder"):
        find([tmp_path / "nowhere"], WORDS)


def test_one_bad_problem_does_not_hide_the_good_ones(tmp_path: Path) -> None:
    (tmp_path / "sheet.yaml").write_text("title: S\norder: [good, gone]\n")
    (tmp_path / "good.yaml").write_text("title: g\ngiven: {targets: [1], outputs: [2], loss: mse}\nask: [loss]\n")
    (tmp_path / "bad.yaml").write_text("title: b\nask: [los]\n")
    (sheet,) = find([tmp_path], WORDS)
    assert [problem.id for problem in sheet.problems] == ["good"]
    assert sorted("'gone'" in fault.message or "unknown question" in fault.message for fault in sheet.faults) == [
        True,
        True,
    ]


def test_questions_point_at_what_they_cannot_use(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "title: a\ngiven:\n  network: {input: 2, layers: [{dense: 3}]}\n  values:\n    W1: [[1, 2], [3, 4]]\nask: [forward]\n"
    )
    with pytest.raises(InputError) as caught:
        solve(read_problem(path, WORDS))
    assert str(caught.value) == f"{path}:5:9: W1 is 2 x 2, but this network needs 3 x 2"


def test_numbers_are_exact_and_answers_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "title: a\ngiven: {targets: [0.1, 1/3], outputs: [1e-3, 2]}\nask: [loss]\nexpect: {loss: {rounded: 1.50}}\n"
    )
    problem = read_problem(path, WORDS)
    assert problem.given.targets == (Rational(1, 10), Rational(1, 3)) and problem.given.outputs[0] == Rational(1, 1000)
    (expected,) = problem.expect
    assert isinstance(expected.value, Rounded) and expected.value.places == 2


BOMBS = ["9**9**9", "(" * 10_000, "1" * 1_000_000, "2**(2**(2**64))", "x**1000000", "(" * 59 + "x" + ")" * 59]


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_bombs_are_refused_in_a_tenth_of_a_second(text: str) -> None:
    """The best of three, so that a busy machine does not decide."""
    from sympy import Symbol

    took = []
    for _ in range(3):
        start = perf_counter()
        try:
            parse_formula(text, {"x": Symbol("x")})
        except FormulaError:
            pass
        else:
            assert text.count("(") < 60, "only the last one is harmless"
        took.append(perf_counter() - start)
    assert min(took) < 0.1


CARETS = [
    "1 + !sigmod!(x)",
    "x + !q!",
    "!x - x.T!",
    "x!^!2",
    "!x.shape!",
    "x / !0!",
    "!x[0, 1]!",
    "exp(!lambda: 1!)",
    "sum(!x, x!)",
]


@pytest.mark.parametrize("marked", CARETS)
def test_a_fault_lies_where_it_is(marked: str) -> None:
    from sympy import Symbol
    from sympy.matrices.expressions.matexpr import MatrixSymbol

    n = Symbol("n", integer=True, positive=True)
    symbols = {"x": MatrixSymbol("x", n, 1), "A": MatrixSymbol("A", n, n)}
    text, start = marked.replace("!", ""), marked.index("!")
    with pytest.raises(FormulaError) as caught:
        parse_formula(text, symbols)
    expected = {"sum(!x, x!)": 0}.get(marked, start)
    assert caught.value.offset == expected, caught.value


@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda s: s.encode("utf-8", "replace"))))
def test_whatever_a_file_holds_only_input_errors_come(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"title: a\nask: [loss]\n" + raw)
    try:
        read_problem(path, WORDS)
    except InputError as error:
        assert error.faults


@examples(200)
@given(st.text(alphabet="x1w+-*/@().T ,^sumexplog2", max_size=30))
def test_whatever_a_formula_holds_only_formula_errors_come(text: str) -> None:
    from sympy import Symbol
    from sympy.matrices.expressions.matexpr import MatrixSymbol

    try:
        parse_formula(text, {"x": MatrixSymbol("x", 3, 1), "w": Symbol("w", real=True)})
    except FormulaError as error:
        assert 0 <= error.offset <= len(text)


@pytest.mark.parametrize("written", ["NaN", "1e5", "yes", "true", "2024-01-01", "0x10", "007", "~", "-.inf", "1_000"])
def test_a_title_is_text_however_it_looks(written: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        f"title: {written}\nsource: {written}\ngiven: {{targets: [1], outputs: [2], loss: mse}}\nask: [loss]\n"
        f"disputed: [{{of: loss, value: 3, by: {written}}}]\n"
    )
    problem = read_problem(path, WORDS)
    assert (problem.title, problem.source, problem.disputed[0].by) == (written,) * 3
    (tmp_path / "sheet.yaml").write_text(f"title: {written}\ndate: {written}\norder: [p]\n")
    (sheet,) = find([tmp_path], WORDS)
    assert (sheet.title, sheet.date, sheet.faults) == (written, written, ())


def test_what_derive_does_wrong_is_called_so_where_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In reading, in deriving and in judging; the other questions and problems are worked out all the same."""
    from derive import pipeline
    from derive.algebra import formula_words

    path = tmp_path / "p.yaml"
    path.write_text(
        "title: a\ngiven: {symbols: {x: scalar}, targets: [1], outputs: [2], loss: mse}\n"
        "ask:\n  - loss\n  - gradient: {of: exp(x), wrt: x}\n"
    )
    problem = read_problem(path, WORDS)
    with monkeypatch.context() as broken:
        broken.setattr(type(problem.ask[1]), "derive", lambda *_: next(iter(())))
        with pytest.raises(InputError) as caught:
            solve(problem)
        assert str(caught.value).startswith(f"{path}:5:5: this is a fault of derive, not of your file (StopIteration)")
        (fault,) = caught.value.faults
        assert "in solve" in fault.trace
    with monkeypatch.context() as broken:
        broken.setattr("derive.checks.judges.judge", lambda claim, seed: [][0])
        (fault,) = pipeline.work_out(problem)
        assert str(fault).startswith(f"{path}:4:5: this is a fault of derive, not of your file (IndexError")
    with monkeypatch.context() as broken:
        broken.setitem(formula_words.FUNCTIONS, "exp", (1, 1, lambda value: value.no_such_thing))
        with pytest.raises(InputError, match=r":5:20: this is a fault of derive, not of your file \(AttributeError"):
            read_problem(path, WORDS)


def test_signs_that_steer_a_terminal_and_long_messages() -> None:
    from derive.errors import LONGEST, Fault

    told = str(Fault("a\x1b[31m.yaml", 1, 2, "\x07 \u202e \ud800 é 😀\nsecond line " + "x" * 100_000))
    assert told.startswith("a\\x1b[31m.yaml:1:2: \\x07 \\u202e \\ud800 é 😀\nsecond line x")
    assert len(told) < LONGEST + 100 and "98,8" in told
