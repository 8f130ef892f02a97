"""Laws of the document: what is escaped appears, nothing sticks out, nothing is said to hold that did not."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from jinja2.exceptions import SecurityError, UndefinedError
from sympy import ImmutableDenseMatrix, Integer, Rational, Symbol

from derive.algebra.nodes import Numeral, Terms
from derive.algebra.notation import latex
from derive.derivation import Derivation, Equal, Rule, Section, Solution, Work
from derive.document.engine import TexError, problem_at, typeset, write_text
from derive.document.latex import prose
from derive.document.outline import compose
from derive.document.staging import staging
from derive.document.templates import environment, escaped
from derive.pipeline import publish, read, render, solve, work_out
from derive.problem.model import Given, Problem, Sheet
from derive.report import Report, Verdict
from derive.worlds import Formulas

ROOT = Path(__file__).resolve().parents[2]
WHY = Rule("a rule of the tests", "because of {0}")
NASTY = r"50% of $x_1$ & {y} \input{/etc/passwd} #1 ~ ^ _ < > | \" é ü ≤ α … 😀"


def solution_of(*claims: Equal, title: str = "T") -> tuple[Problem, Solution]:
    problem = Problem("p", "p.yaml", title, Given(), (), statement=NASTY, note="`a + b` and `not a formula (`")
    work = Work("Section", Formulas())
    for claim in claims:
        work.claim(claim, WHY, (Symbol("x_hat"),), True)
    return problem, Solution(problem, (Derivation("Part", (work.section(),)),))


def tex_of(problem: Problem, solution: Solution, passed: bool = True) -> str:
    from derive.pipeline import Result

    verdict = Verdict(passed, "by hand", 1, 0.0, "" if passed else "1 here and 2 by torch")
    report = Report({key: verdict for key, _ in solution.steps()})
    sheet = Sheet("s", problem.title, Path("s"), (problem,), course=NASTY, note=NASTY)
    return render(sheet, [Result(problem, solution, report)])


def long_claims() -> list[Equal]:
    world = Formulas()
    matrix = ImmutableDenseMatrix(3, 14, lambda i, j: Numeral(Rational(10 * i - j, 8)))
    terms = Terms(*[Numeral(Rational(k, 16)) for k in range(1, 60)])
    return [
        Equal(world, (Symbol("A"), matrix)),
        Equal(world, (Symbol("s"), terms)),
        Equal(world, (terms, terms, Integer(1))),
        Equal(world, (matrix, matrix)),
    ]


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("out")
    return publish(tex_of(*solution_of(*long_claims(), title=NASTY)), "s", out)


def test_nothing_sticks_out_however_long_it_is(nasty) -> None:
    assert nasty.overfull == ()


def test_what_is_escaped_is_in_the_document(nasty) -> None:
    tex = nasty.tex.read_text()
    for piece in (
        r"50\%",
        r"\$x\_1\$",
        r"\&",
        r"\{y\}",
        r"\textbackslash{}input\{/etc/passwd\}",
        r"\#1",
        r"$\alpha$",
        "U+1F600",
    ):
        assert piece in tex
    assert r"\input{/etc" not in tex


@pytest.mark.parametrize("character", [chr(c) for c in range(32, 127)])
def test_no_special_character_stays_special(character: str) -> None:
    shown = escaped(character)
    assert shown == character or shown.startswith("\\")


def test_a_failed_claim_is_named_and_not_shown() -> None:
    claim = Equal(Formulas(), (Symbol("q"), Integer(4711)))
    assert "4711" in tex_of(*solution_of(claim))
    failed = tex_of(*solution_of(claim), passed=False)
    assert "4711" not in failed and "1 here and 2 by torch" in failed and "0 of 1 claims held" in failed


def test_backticks_are_formulas_where_they_can_be_read() -> None:
    symbols = {"a": Symbol("a"), "b": Symbol("b")}
    assert prose("`a + b` and `not a (` here", symbols) == r"$a + b$ and \texttt{not a (} here"


def test_lines_join_a_chain_where_one_side_follows_the_other() -> None:
    x, y, z, world = *map(Symbol, "xyz"), Formulas()
    problem, solution = solution_of(Equal(world, (x, y)), Equal(world, (y, z)), Equal(world, (x, z)))
    from derive.pipeline import Result

    report = Report({key: Verdict(True, "m", 1, 0.0) for key, _ in solution.steps()})
    blocks = (
        compose(Sheet("s", "s", Path(), (problem,)), [Result(problem, solution, report)])
        .problems[0]
        .parts[0]
        .sections[0]
        .blocks
    )
    assert [len(block.lines) for block in blocks] == [2, 1]


def test_templates_are_sandboxed_and_strict() -> None:
    with pytest.raises(SecurityError):
        environment().from_string(r"\VAR{''.__class__.__mro__}").render()
    with pytest.raises(UndefinedError):
        environment().from_string(r"\VAR{nothing}").render()
    assert environment().from_string(r"\VAR{a}").render(a="50%") == r"50\%"


def test_a_tex_error_names_problem_and_line(tmp_path: Path) -> None:
    tex = "\\documentclass{article}\n\\begin{document}\n%% problem: hw/three.yaml\nfine\n\\undefinedmacro\n\\end{document}\n"
    (tmp_path / "s.pdf").write_text("old")
    with (
        pytest.raises(TexError, match=r"hw/three.yaml: TeX: Undefined control sequence.*line 5"),
        staging(tmp_path) as stage,
    ):
        typeset(tex, stage, "s")
    assert (tmp_path / "s.pdf").read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["s.pdf"]
    assert problem_at(tex, 2) == ""


def test_tex_reads_and_writes_only_in_its_own_folder(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    for attempt in (
        rf"\input{{{secret}}}",
        rf"\immediate\write18{{touch {tmp_path}/x}}",
        rf"\newwrite\w\immediate\openout\w={tmp_path}/x ",
    ):
        tex = f"\\documentclass{{article}}\\begin{{document}}{attempt} text\\end{{document}}"
        with suppress(TexError), staging(tmp_path / "out") as stage:
            typeset(tex, stage, "s")
        assert not (tmp_path / "x").exists()


def test_texts_are_moved_into_place_whole(tmp_path: Path) -> None:
    assert write_text("new", tmp_path / "a" / "m.json").read_text() == "new"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["m.json"]


def test_no_line_of_the_sheets_is_too_wide(tmp_path: Path) -> None:
    """The two sheets with the largest matrices and the longest sums."""
    for folder in ("3-backprop-and-adam", "closed-forms"):
        (sheet,) = read([ROOT / "problems" / folder])
        results = [work_out(problem) for problem in sheet.problems]
        assert publish(render(sheet, results), sheet.id, tmp_path).overfull == ()


def test_sections_that_repeat_are_written_once() -> None:
    (sheet,) = read([ROOT / "problems/3-backprop-and-adam/adam-bias-correction.yaml"])
    first, second = solve(sheet.problems[0]).derivations
    assert not set(first.sections) & set(second.sections)
    assert isinstance(first.sections[0], Section)


def test_a_wide_matrix_is_broken_into_blocks_of_columns() -> None:
    from derive.document.latex import matrix_blocks, pieces_between_matrices

    matrix = ImmutableDenseMatrix(2, 40, lambda i, j: Numeral(Rational(100 * i + j, 8)))
    blocks = matrix_blocks(matrix)
    rows = [block.partition("{matrix} ")[2].partition(r" \end")[0].split(r" \\ ") for block in blocks]
    assert [" & ".join(parts) for parts in zip(*rows, strict=True)] == [
        " & ".join(latex(entry) for entry in matrix[i, :]) for i in range(2)
    ]
    assert blocks[0].startswith(r"\left[") and blocks[-1].endswith(r"\right]") and len(blocks) > 2
    product = r"\begin{bmatrix} " + " & ".join(map(str, range(30))) + r" \end{bmatrix}^{\top}"
    assert "".join(pieces_between_matrices(f"2 {product} {product} x")) == f"2 {product} {product} x"
    assert len(pieces_between_matrices(f"2 {product} {product} x")) == 2
