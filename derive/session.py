"""Runs of the command line over many sheets: what is worked out in parallel, what is written where, what is told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from derive.errors import DeriveError, Fault, InputError
from derive.pipeline import Result, publish, read, render, work_out
from derive.problem.model import Problem, Sheet

WORTH_A_PROCESS = 16  # problems from which starting another Python pays


class Progress(Protocol):
    """Where a run tells how far it is."""

    def begin(self, total: int, what: str) -> None: ...
    def advance(self, what: str) -> None: ...
    def say(self, line: str) -> None: ...
    def complain(self, line: str) -> None: ...


@dataclass
class Outcome:
    """What a run found."""

    sheets: int = 0
    problems: int = 0
    claims: int = 0
    failures: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        def count(n: int, word: str) -> str:
            return f"{n} {word}{'' if n == 1 else 's'}"

        parts = [count(self.sheets, "sheet"), count(self.problems, "problem"), f"{count(self.claims, 'claim')} checked"]
        parts.append(f"{len(self.failures)} failed")
        if self.faults or self.broken:
            parts.append(count(len(self.faults) + len(self.broken), "error"))
        return ", ".join(parts)


def build_sheets(
    paths: list[Path],
    out: Path,
    progress: Progress,
    jobs: int,
    problems_only: bool,
    engine: str,
    templates: Path | None,
    seed: int,
) -> Outcome:
    """Every sheet to a PDF in `out`; the manifest last."""
    from derive.document.engine import command, write_text

    command(engine)  # an engine that is not there is told at once
    sheets, outcome = read(paths), Outcome()
    manifest: list[dict[str, Any]] = []

    def finish(sheet: Sheet, results: list[Result], faults: list[Fault]) -> None:
        from derive.manifest import sheet_data

        files: dict[str, str] = {}
        if results:
            name = f"{sheet.id}-problems" if problems_only else sheet.id
            try:
                made = publish(render(sheet, results, problems_only, templates), name, out, engine)
                files = {"pdf": made.pdf.name, "tex": made.tex.name}
                for box in made.overfull:
                    progress.complain(
                        f"{box.problem}: a line is {box.points:.1f} pt too wide (line {box.line} of {made.tex})"
                    )
                progress.say(f"wrote {made.pdf}")
            except DeriveError as error:
                outcome.broken.append(str(error))
                progress.complain(str(error))
        manifest.append(sheet_data(sheet, results, faults, files))

    _each_sheet(sheets, outcome, progress, jobs, seed, finish)
    data = {"format": 1, "seed": seed, "sheets": manifest}
    write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", out / "manifest.json")
    return outcome


def check_sheets(paths: list[Path], progress: Progress, jobs: int, seed: int) -> Outcome:
    """Every claim judged, nothing written."""
    sheets, outcome = read(paths), Outcome()
    _each_sheet(sheets, outcome, progress, jobs, seed, lambda *_: None)
    return outcome


def _each_sheet(
    sheets: list[Sheet], outcome: Outcome, progress: Progress, jobs: int, seed: int,
    finish: Callable[[Sheet, list[Result], list[Fault]], None],
) -> None:  # fmt: skip
    problems = [problem for sheet in sheets for problem in sheet.problems]
    progress.begin(len(problems), "working out")
    worked = _work_out(problems, jobs, seed)
    for sheet in sheets:
        results: list[Result] = []
        faults = list(sheet.faults)
        for fault in sheet.faults:
            progress.complain(str(fault))
        for problem in sheet.problems:
            result = next(worked)
            progress.advance(f"{sheet.id}/{problem.id}")
            if isinstance(result, tuple):
                faults += result
                for fault in result:
                    progress.complain(str(fault))
                continue
            results.append(result)
            outcome.claims += len(result.report.verdicts)
            outcome.failures += failures(result)
        outcome.sheets += 1
        outcome.problems += len(results)
        outcome.faults += faults
        finish(sheet, results, faults)


def _work_out(problems: list[Problem], jobs: int, seed: int) -> Iterator[Any]:
    """Results in order; in several processes where that pays."""
    workers = jobs or (min(os.cpu_count() or 1, 4) if len(problems) >= WORTH_A_PROCESS * 4 else 1)
    if workers == 1 or len(problems) < 2:
        for problem in problems:
            yield work_out(problem, seed)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(min(workers, len(problems)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_work_out_file, problem.path, seed) for problem in problems]
        try:
            for future, problem in zip(futures, problems, strict=True):
                # What a process sends back holds no functions; the solution is made again here, the verdicts are not.
                yield _with_report(problem, future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _work_out_file(path: str, seed: int) -> Any:
    from derive.pipeline import vocabulary
    from derive.problem.read import read_problem

    result = work_out(read_problem(path, vocabulary()), seed)
    return result if isinstance(result, tuple) else result.report


def _with_report(problem: Problem, report: Any) -> Any:
    from derive.pipeline import solve

    return report if isinstance(report, tuple) else Result(problem, solve(problem), report)


def failures(result: Result) -> list[str]:
    """A line for each claim that did not hold: where, what, and both values."""
    from derive.manifest import claim_text

    lines = []
    for number, step in result.solution.steps():
        verdict = result.report.verdicts[number]
        if not verdict.passed:
            lines.append(
                f"{result.problem.path}: step {number}: {claim_text(step.claim)} does not hold: {verdict.detail}"
            )
    return lines


def shown(file: Path, form: str, seed: int) -> tuple[str, bool]:
    """A worked problem in a format, and whether every claim of it held."""
    from derive.document.outline import compose
    from derive.document.text import problem_text
    from derive.manifest import problem_data
    from derive.pipeline import vocabulary
    from derive.problem.read import read_problem

    problem = read_problem(file, vocabulary())
    result = work_out(problem, seed)
    if isinstance(result, tuple):
        raise InputError(result)
    sheet = Sheet(problem.id, problem.title, file, (problem,))
    if form == "json":
        words = json.dumps(problem_data(result), indent=2, ensure_ascii=False) + "\n"
    elif form == "latex":
        words = render(sheet, [result]) + "\n"
    else:
        words = problem_text(compose(sheet, [result]).problems[0])
    return words, result.report.passed


def start_file(path: Path) -> Path:
    """Writes the commented starting file; raises InputError where there is a file already."""
    from derive.document.engine import write_text
    from derive.document.templates import package_templates

    target = path if path.suffix in (".yaml", ".yml") else path.with_name(path.name + ".yaml")
    if target.exists():
        raise InputError([Fault(str(target), 0, 0, "there is such a file already; it is left as it is")])
    return write_text((package_templates() / "new.yaml").read_text(encoding="utf-8"), target)
