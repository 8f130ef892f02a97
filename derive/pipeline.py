"""The stages in order, one call each: read, solve, check, compose, print, compile. No mathematics, no printing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from derive.derivation import FIGURE, Answer, Derivation, Refuted, Solution, Step, answers_by_name, rule
from derive.errors import (
    DeriveError,
    Fault,
    GivenError,
    InputError,
    NotDerivable,
    did_you_mean,
    fault_of_derive,
    one_of,
)
from derive.problem.model import Expectation, Problem, Sheet
from derive.problem.read import Vocabulary, find
from derive.problem.symbols import SymbolTable
from derive.report import Report, Verdict

KEY = rule("the author's answer", "the answer given in the problem file")
NETWORK = ("given", "network")  # where a problem file gives what a figure shows
DISPUTED = rule("a disputed answer", "{0} says otherwise")


@dataclass(frozen=True)
class Result:
    """A problem that was solved and judged."""

    problem: Problem
    solution: Solution
    report: Report
    task: Any = None  # what a coding task's runs came to


def vocabulary() -> Vocabulary:
    """The words of the registries, gathered by importing their rooms."""
    import derive.catalogue
    import derive.topics  # noqa: F401
    from derive.catalogue.registry import layers, losses, optimisers
    from derive.topics.registry import questions

    return Vocabulary(losses, optimisers, layers, questions)


def read(paths: Iterable[Path | str]) -> list[Sheet]:
    """The sheets below the paths; raises InputError where there is nothing to read."""
    return find(paths, vocabulary())


def solve(problem: Problem) -> Solution:
    """Every question worked out, then the author's answers as claims; raises InputError where something is unfit."""
    from derive.document.empty_lines import without_empty_lines
    from derive.document.guard_digits import with_guard_digits
    from derive.topics.figure import figure_of

    faults: list[Fault] = []
    derivations: list[Derivation] = []
    given = replace(problem.given, names=SymbolTable())  # one for all questions, and new for each solution
    for k, question in enumerate(problem.ask):
        try:
            with told_at(problem, ("ask", k)):
                derivations.append(question.derive(given))
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)
    with told_at(problem, ("ask",)):
        derivations = _without_repetition(with_guard_digits(without_empty_lines(derivations)))
    with told_at(problem, ("disputed",)):
        disputes = _disputes(problem, derivations)
    with told_at(problem, ("expect",)):
        key = _key(problem, derivations)
    with told_at(problem, NETWORK):
        figure = figure_of(problem.given)
    return Solution(problem, tuple(derivations), (*disputes, *key), figure)


@contextmanager
def told_at(problem: Problem, path: tuple[str | int, ...]) -> Iterator[None]:
    """What goes wrong inside becomes an InputError with the place in the problem's file; what is wrong with derive itself
    is called so."""
    try:
        yield
    except InputError:
        raise
    except GivenError as error:
        raise InputError([problem.fault(error if error.path else GivenError(error.message, path))]) from None
    except NotDerivable as error:
        raise InputError([problem.fault(GivenError(f"this cannot be derived: {error}", path))]) from None
    except Exception as error:
        raise InputError([fault_of_derive(error, problem.path, *problem.place(path))]) from error


def _without_repetition(derivations: list[Derivation]) -> list[Derivation]:
    """A section that an earlier question has worked out already is not written twice."""
    seen: set[Any] = set()
    kept = []
    for derivation in derivations:
        sections = tuple(s for s in derivation.sections if s not in seen or not s.steps)
        seen.update(sections)
        kept.append(replace(derivation, sections=sections))
    return kept


def _key(problem: Problem, derivations: list[Derivation]) -> tuple[tuple[str, Step], ...]:
    return tuple(
        (f"expect.{answer.name}", Step(answer.claim(_written(expectation.value)), _reason(KEY)))
        for expectation in problem.expect
        for answer in [_answer(problem, derivations, expectation)]
    )


def _disputes(problem: Problem, derivations: list[Derivation]) -> tuple[tuple[str, Step], ...]:
    steps = []
    for disputed in problem.disputed:
        answer = _answer(problem, derivations, disputed.expectation)
        wrong, right = answer.claim(_written(disputed.expectation.value)), answer.claim(_written(answer.value))
        claim = Refuted(wrong.world, wrong, disputed.by, right)
        steps.append((f"disputed.{answer.name}", Step(claim, _reason(DISPUTED, disputed.by))))
    return tuple(steps)


def _answer(problem: Problem, derivations: list[Derivation], expectation: Expectation) -> Answer:
    """The answer that an expectation speaks of, with a value of the same form."""
    answers = answers_by_name(derivations)
    main = [answer.name for answer in answers.values() if answer.is_main] or list(answers)
    name = expectation.name or (main[0] if len(main) == 1 else "")
    if name not in answers:
        message = (
            f"there is no answer '{name}'{did_you_mean(name, answers)} {one_of(answers)}"
            if name
            else f"several answers are asked for; name the one that is meant {one_of(answers)}"
        )
        raise InputError([problem.fault(GivenError(message, expectation.path))])
    answer = answers[name]
    try:
        answer.claim(_written(expectation.value))
    except (DeriveError, TypeError, ValueError, AttributeError, IndexError) as error:
        why = f": {error}" if isinstance(error, DeriveError | ValueError) else ""
        message = f"this answer does not have the form of '{name}'{why}"
        raise InputError([problem.fault(GivenError(message, expectation.path))]) from None
    return answer


def _written(value: Any) -> Any:
    """The author's numbers as numerals, so that they print as decimals."""
    from sympy import Integer, Rational

    from derive.algebra.nodes import Numeral

    if isinstance(value, tuple):
        return tuple(map(_written, value))
    return Numeral(value) if isinstance(value, Rational) and not isinstance(value, Integer) else value


def _reason(why: Any, *about: Any) -> Any:
    from derive.derivation import Reason

    return Reason(why, about)


def verify(solution: Solution, seed: int = 0) -> Report:
    """A verdict for every step and every answer of the author: on its claim, and on its reason."""
    import torch

    from derive.checks.judges import judge
    from derive.checks.names import unclear_names
    from derive.checks.reasons import unfit_reasons

    torch.set_num_threads(1)  # the tensors are tiny
    unfit, unclear = unfit_reasons(solution), unclear_names(solution)
    verdicts = {}
    for number, step in solution.steps():
        with told_at(solution.problem, place_of(number)):
            found = judge(step.claim, seed)
            if not found.passed and number.startswith("expect."):
                found = replace(found, detail=found.detail + rounding_hint(solution, number, seed))
            verdicts[number] = with_words(found, unfit.get(number, ""), unclear.get(number, ""))
    return Report(verdicts)


def rounding_hint(solution: Solution, number: str, seed: int) -> str:
    """What to say of an author's answer that is wrong as it stands, and right as the rounded digits of the answer."""
    from derive.checks.judges import judge

    for expectation in solution.problem.expect:
        answer, value = _answer(solution.problem, list(solution.derivations), expectation), rounded(expectation.value)
        if number == f"expect.{answer.name}" and value is not None and judge(answer.claim(value), seed).passed:
            return f"; rounded digits are written {{rounded: {_digits(value)}}}"
    return ""


def rounded(value: Any) -> Any:
    """An author's decimals as rounded digits; None where there are none."""
    from sympy import Integer, Rational

    from derive.algebra.nodes import Rounded
    from derive.algebra.numbers import places_of

    if isinstance(value, tuple):
        entries = tuple(map(rounded, value))
        return None if None in entries else entries
    if not isinstance(value, Rational) or (places := places_of(value)) is None:
        return None
    return value if isinstance(value, Integer) else Rounded(value, places)


def _digits(value: Any) -> str:
    from derive.algebra.notation import text

    return "[" + ", ".join(map(_digits, value)) + "]" if isinstance(value, tuple) else text(value)


def with_words(verdict: Verdict, unfit: str, unclear: str) -> Verdict:
    """The verdict on a step whose claim held: a step with a false reason is refused, and one with a name that stands for two
    quantities."""
    for method, why in (("its reason judged", unfit), ("its names judged", unclear)):
        if verdict.passed and why:
            return replace(verdict, passed=False, method=method, detail=why)
    return verdict


def place_of(step: str) -> tuple[str | int, ...]:
    """Where in a problem file the question stands that a step answers: '2.1.3' is of the second."""
    first = step.split(".")[0]
    if first == FIGURE:
        return NETWORK
    return ("ask", int(first) - 1) if first.isdigit() else (first,)


def work_out(problem: Problem, seed: int = 0) -> Result | tuple[Fault, ...]:
    """A problem solved and judged, or what is wrong with it."""
    try:
        with told_at(problem, ()):
            solution = solve(problem)
            return Result(problem, solution, verify(solution, seed))
    except InputError as error:
        return error.faults


def render(sheet: Sheet, results: Iterable[Result], problems_only: bool = False, templates: Path | None = None) -> str:
    """The sheet as LaTeX."""
    from derive.document.latex import sheet_latex
    from derive.document.outline import compose

    return sheet_latex(compose(sheet, tuple(results), problems_only), templates)


def pictures(results: Iterable[Result]) -> dict[str, bytes]:
    """The files of pictures that the results of coding tasks show, by name."""
    shown = [picture for result in results if result.task for picture in result.task.pictures]
    if not shown:
        return {}
    from derive.document.pictures import files

    return files(shown)


def publish(tex: str, name: str, out: Path, engine: str = "", files: Mapping[str, bytes] | None = None) -> Any:
    """The PDF and its .tex in the folder `out`, moved there when both are whole, with the pictures that the .tex names;
    what TeX complained of comes back."""
    from derive.document.engine import typeset
    from derive.document.staging import staging

    with staging(out) as stage:
        return typeset(tex, stage, name, engine, files or {})
