"""Problems, solutions and reports to a tree: what is said, in which order. No markup here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from derive.algebra.nodes import Expectation, LimitOf, gradient_symbol
from derive.derivation import (
    FIGURE,
    Assumption,
    Claim,
    Definition,
    Derivation,
    Equal,
    HasCount,
    HasMean,
    HasShape,
    Heading,
    Holds,
    IsDrawn,
    IsGradient,
    IsLimit,
    Reason,
    Refuted,
    Step,
)  # fmt: skip
from derive.document.statements import SAID, said
from derive.problem.model import Problem, Sheet
from derive.report import STRENGTHS, Report, Verdict


@dataclass(frozen=True)
class Line:
    """One claim of a chain: each of `rights` stands in `relation` to what is left of it ('' lets the printer choose).

    `mark` is the strength of its verdict: only what was at stake and held has a tick (report.STRENGTHS)."""

    left: Any
    rights: tuple[Any, ...]
    relation: str
    reason: Reason | None
    number: str
    is_result: bool
    strength: str = "sampled"

    @property
    def has_tick(self) -> bool:
        return self.strength in ("proved", "observed", "sampled")


@dataclass(frozen=True)
class Chain:
    """Lines that share one left side."""

    left: Any
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class SizeTable:
    """Quantities with their dimensions."""

    rows: tuple[tuple[str, HasShape, Reason], ...]


@dataclass(frozen=True)
class Sentence:
    """A claim in words and formulas by turns (document/statements.py)."""

    pieces: tuple[Any, ...]
    reason: Reason | None
    number: str
    is_result: bool
    strength: str = "sampled"

    @property
    def has_tick(self) -> bool:
        return self.strength in ("proved", "observed", "sampled")


@dataclass(frozen=True)
class RefutedAnswer:
    """Somebody's wrong answer, and the right one."""

    number: str
    claim: Refuted


@dataclass(frozen=True)
class Failed:
    """A claim that did not hold; it is named, and never printed as true."""

    number: str
    detail: str


Block = Chain | SizeTable | Sentence | RefutedAnswer | Failed


@dataclass(frozen=True)
class SectionBlock:
    heading: Heading
    blocks: tuple[Block, ...]
    remark: Reason | None = None


@dataclass(frozen=True)
class Part:
    heading: Heading
    sections: tuple[SectionBlock, ...]


@dataclass(frozen=True)
class CheckRow:
    """Steps in a row that were checked alike."""

    first: str
    last: str
    verdict: Verdict


@dataclass(frozen=True)
class ProblemBlock:
    problem: Problem
    parts: tuple[Part, ...]
    key: tuple[Block, ...]
    checks: tuple[CheckRow, ...]
    task: Any = None
    figure: IsDrawn | Failed | None = None


@dataclass(frozen=True)
class Document:
    sheet: Sheet
    problems: tuple[ProblemBlock, ...]
    problems_only: bool = False
    counts: tuple[int, int] = field(default=(0, 0))
    strengths: tuple[tuple[str, int], ...] = ()  # how many of the claims that held have which strength, strongest first


def compose(sheet: Sheet, results: Iterable[Any], problems_only: bool = False) -> Document:
    """The document of a sheet from its results (each with problem, solution, report)."""
    blocks, claims = [], []
    for result in results:
        claims += [verdict for verdict in result.report.verdicts.values() if verdict.is_claim]
        blocks.append(
            _problem(result.problem, result.solution, result.report, problems_only, getattr(result, "task", None))
        )
    held = Counter(verdict.strength for verdict in claims if verdict.passed)
    strengths = tuple((strength, held[strength]) for strength in STRENGTHS if held[strength])
    return Document(sheet, tuple(blocks), problems_only, (held.total(), len(claims)), strengths)


def _problem(problem: Problem, solution: Any, report: Report, problems_only: bool, task: Any) -> ProblemBlock:
    figure = _figure(solution, report)
    if problems_only:
        return ProblemBlock(problem, (), (), (), figure=figure)
    parts = tuple(
        _part(str(p), derivation, report) for p, derivation in enumerate(solution.derivations, 1) if derivation.sections
    )
    key = tuple(_blocks([(key, step) for key, step in solution.key], report))
    return ProblemBlock(problem, parts, key, tuple(_check_rows(report)), task, figure)


def _figure(solution: Any, report: Report) -> IsDrawn | Failed | None:
    """The figure where its claim held."""
    if solution.figure is None:
        return None
    verdict = report.verdicts[FIGURE]
    return solution.figure.claim if verdict.passed else Failed(FIGURE, verdict.detail or verdict.method)


def _part(number: str, derivation: Derivation, report: Report) -> Part:
    sections = []
    for s, section in enumerate(derivation.sections, 1):
        steps = [(f"{number}.{s}.{k}", step) for k, step in enumerate(section.steps, 1)]
        sections.append(SectionBlock(section.heading, tuple(_blocks(steps, report)), section.remark))
    return Part(derivation.heading, tuple(sections))


def _blocks(steps: list[tuple[str, Step]], report: Report) -> list[Block]:
    """Steps to blocks: what continues the line before joins its chain, sizes gather in a table."""
    blocks: list[Block] = []
    for number, step in steps:
        claim, verdict = step.claim, report.verdicts[number]
        if not verdict.passed:
            blocks.append(Failed(number, verdict.detail or verdict.method))
        elif isinstance(claim, HasShape):
            row = (number, claim, step.reason)
            if blocks and isinstance(blocks[-1], SizeTable):
                blocks[-1] = SizeTable((*blocks[-1].rows, row))
            else:
                blocks.append(SizeTable((row,)))
        elif isinstance(claim, Refuted):
            blocks.append(RefutedAnswer(number, claim))
        elif isinstance(claim, SAID):
            blocks.append(Sentence(said(claim), step.reason, number, step.is_result, verdict.strength))
        else:
            _extend(blocks, number, step, sides_of(claim), verdict.strength)
    return blocks


def sides_of(claim: Claim) -> tuple[Any, ...]:
    """What a claim shows, from left to right."""
    if isinstance(claim, Equal):
        return claim.sides
    if isinstance(claim, Definition):
        return (claim.symbol, claim.meaning)
    if isinstance(claim, IsGradient):
        return (gradient_symbol(claim.of, claim.wrt), *claim.sides)
    if isinstance(claim, HasMean):
        return (Expectation(claim.of), *claim.sides)
    if isinstance(claim, IsLimit):
        return (LimitOf(claim.of, claim.variable, claim.to, claim.side), claim.value)
    if isinstance(claim, HasCount):
        return (claim.of, *claim.sides)
    if isinstance(claim, Holds):
        return claim.relation.args
    if isinstance(claim, Assumption):
        return claim.relation.args
    raise TypeError(type(claim).__name__)


def relation_of(claim: Claim) -> str:
    """The sign between the two sides of a relation; '' for what is no relation."""
    return getattr(claim.relation, "rel_op", "").replace("==", "=") if isinstance(claim, Holds | Assumption) else ""


def _extend(blocks: list[Block], number: str, step: Step, sides: tuple[Any, ...], strength: str) -> None:
    relation = relation_of(step.claim)
    lines = [Line(sides[0], tuple(sides[1:]), relation, step.reason, number, step.is_result, strength)]
    last = blocks[-1] if blocks else None
    if (
        isinstance(last, Chain)
        and not relation
        and not last.lines[-1].relation
        and _same(last.lines[-1].rights[-1], sides[0])
    ):
        blocks[-1] = Chain(last.left, (*last.lines, *lines))
    else:
        blocks.append(Chain(sides[0], tuple(lines)))


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right


def _check_rows(report: Report) -> list[CheckRow]:
    rows: list[CheckRow] = []
    for number, verdict in report.verdicts.items():
        if not verdict.is_claim:
            continue
        last = rows[-1] if rows else None
        if last and _alike(last.verdict, verdict) and _together(last.last, number):
            worst = max(last.verdict, verdict, key=lambda v: v.max_error)
            rows[-1] = CheckRow(last.first, number, worst)
        else:
            rows.append(CheckRow(number, number, verdict))
    return rows


def _together(one: str, other: str) -> bool:
    """Steps of one section follow one another; an answer of the author stands alone."""
    return one[0].isdigit() and one.rpartition(".")[0] == other.rpartition(".")[0]


def _alike(one: Verdict, other: Verdict) -> bool:
    return (one.passed, one.method, one.points, one.strength) == (
        other.passed,
        other.method,
        other.points,
        other.strength,
    )
