"""Runs of the command line over many sheets: what is worked out in parallel, what is written where, what is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from derive.document.engine import TexError
from derive.errors import DeriveError, Fault, InputError, escaped, fault_of_derive
from derive.pipeline import Result, pictures, read, render, told_at
from derive.problem.model import Sheet
from derive.workers import Limits, warm_up, work_out_all


class Progress(Protocol):
    """Where a run tells how far it is."""

    def begin(self, total: int, what: str) -> None: ...
    def advance(self, what: str) -> None: ...
    def say(self, line: str) -> None: ...
    def complain(self, line: str) -> None: ...
    def trace(self, lines: str) -> None: ...


class TaskProgress(Progress, Protocol):
    """The same for runs of programs, each of which goes on by epochs."""

    def step(self, label: str, done: int, total: int, words: str) -> None: ...
    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None: ...


@dataclass
class Outcome:
    """What a run found."""

    sheets: int = 0
    problems: int = 0
    claims: int = 0
    failures: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def tell(self, fault: Fault, progress: Progress) -> None:
        """A fault is kept, and told at once."""
        self.faults.append(fault)
        tell(fault, progress)

    @property
    def summary(self) -> str:
        def count(n: int, word: str) -> str:
            return f"{n} {word}{'' if n == 1 else 's'}"

        parts = [count(self.sheets, "sheet"), count(self.problems, "problem"), f"{count(self.claims, 'claim')} checked"]
        parts.append(f"{len(self.failures)} failed")
        if self.faults or self.broken:
            parts.append(count(len(self.faults) + len(self.broken), "error"))
        return ", ".join(parts)


def tell(fault: Fault, progress: Progress) -> None:
    """A fault in its own line; where derive itself is at fault, also where."""
    progress.complain(str(fault))
    if fault.trace:
        progress.trace(fault.trace)


def build_sheets(
    paths: list[Path],
    out: Path,
    progress: Progress,
    jobs: int,
    problems_only: bool,
    engine: str,
    templates: Path | None,
    seed: int,
    limits: Limits | None = None,
) -> Outcome:
    """Every sheet to a PDF in `out`, and the manifest: all of them come out when all are whole."""
    from derive.document.engine import command, typeset
    from derive.document.glyphs import settable, unset_characters
    from derive.document.staging import staging
    from derive.manifest import FORMAT, sheet_data

    command(engine)  # an engine that is not there is told at once
    warm_up()
    sheets, outcome = read(paths), Outcome()
    manifest: list[dict[str, Any]] = []
    written: list[Path] = []

    def print_sheet(sheet: Sheet, results: list[Result]) -> Any:
        sheet_data(sheet, results, [], {})  # what cannot be said in the manifest is left out of the sheet too
        results = [
            replace(r, task=task_report(r.problem, out, progress)) if r.problem.task and not problems_only else r
            for r in results
        ]
        name = f"{sheet.id}-problems" if problems_only else sheet.id
        return typeset(render(sheet, results, problems_only, templates), stage, name, engine, pictures(results))

    def finish(sheet: Sheet, results: list[Result], faults: list[Fault]) -> None:
        sheet, of_sheet = settable(sheet)
        unset = [*of_sheet, *[fault for result in results for fault in unset_characters(result.problem)]]
        outcome.faults += unset
        for fault in unset:
            progress.complain(str(fault))
        results = [r for r in results if all(fault.path != r.problem.path for fault in unset)]
        made, results, complaints = printable(sheet, results, print_sheet)
        outcome.broken += complaints
        for line in complaints:
            progress.complain(line)
        files = {"pdf": made.pdf.name, "tex": made.tex.name} if made else {}
        for box in made.overfull if made else ():
            progress.complain(f"{box.problem}: a line is {box.points:.1f} pt too wide (line {box.line} of {made.tex})")
        if made:
            written.append(made.pdf)
        manifest.append(sheet_data(sheet, results, [*faults, *unset], files))

    with staging(out) as stage:
        _each_sheet(sheets, outcome, progress, jobs, seed, limits, finish)
        data = {"format": FORMAT, "seed": seed, "sheets": manifest}
        stage.write(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "manifest.json")
    for pdf in written:
        progress.say(f"wrote {pdf}")
    return outcome


def task_report(problem: Any, out: Path, progress: Progress | None = None) -> Any:
    """What is known of a task's runs: its program, and the results of earlier runs of exactly these programs."""
    from derive.tasks.report import report_of
    from derive.tasks.runner import known_results

    return report_of(known_results(problem, out, progress.complain if progress else None), problem.task.report)


@dataclass(frozen=True)
class TaskRuns:
    """How coding tasks are run; `dask` is the address of a cluster's scheduler."""

    data: Path | None = None
    device: str = "auto"
    quick: bool = False
    jobs: int = 0
    notebooks: bool = False
    again: bool = False
    dask: str = ""


def run_tasks(paths: list[Path], out: Path, progress: TaskProgress, how: TaskRuns) -> Outcome:
    """Every coding task below the paths: programs written and run, notebooks executed; what went wrong is in the outcome."""
    from derive.tasks.runner import dask_cluster

    outcome, sheets = Outcome(), read(paths)
    out.mkdir(parents=True, exist_ok=True)
    with dask_cluster(how.dask) if how.dask else nullcontext() as cluster:
        for sheet in sheets:
            outcome.sheets += 1
            for fault in sheet.faults:
                outcome.tell(fault, progress)
            for problem in [p for p in sheet.problems if p.task]:
                outcome.problems += 1
                _run_task(sheet, problem, out, progress, how, cluster, outcome)
    return outcome


def _run_task(
    sheet: Sheet, problem: Any, out: Path, progress: TaskProgress, how: TaskRuns, cluster: Any, outcome: Outcome
) -> None:
    from derive.tasks.report import report_of
    from derive.tasks.runner import plan, run_all

    try:
        with told_at(problem, ("task",)):
            planned = plan(problem, how.data, how.quick, progress)
    except InputError as error:
        for fault in error.faults:
            outcome.tell(fault, progress)
        return
    progress.say(f"{sheet.id}/{problem.id}: {problem.title}, {len(planned)} run{'s' * (len(planned) > 1)}")
    finished = run_all(planned, out, progress, how.device, how.jobs, how.again, how.notebooks, cluster)
    for one in finished:
        if one.results is None:
            outcome.broken.append(f"{problem.path}: {one.planned.file}: {one.error}")
            progress.complain(outcome.broken[-1])
    report = report_of(finished, problem.task.report)
    for line in report.sentences:
        progress.say(f"  {line}")
    if report.rows:
        progress.table(report.columns, report.rows)


def printable(
    sheet: Sheet, results: list[Result], print_sheet: Callable[[Sheet, list[Result]], Any]
) -> tuple[Any, list[Result], list[str]]:
    """The sheet printed without the problems that cannot be: what was made (None for nothing), the problems in it (all
    of them where no problem is at fault), and a complaint for each that was left out."""
    good = list(results)
    complaints: list[str] = []
    while good:
        try:
            return print_sheet(sheet, good), good, complaints
        except Exception as error:
            unfit = [(r, str(error)) for r in good if isinstance(error, TexError) and error.problem == _marker(r)]
            if isinstance(error, DeriveError) and not unfit:  # the sheet, its templates or TeX itself is at fault
                where = "" if isinstance(error, InputError) else f"{sheet.path}: "
                return None, good, [*complaints, f"{where}{error}"]
            unfit = unfit or [(r, why) for r in good if (why := _unprintable(sheet, r))]
            if not unfit:
                raise
            complaints += [why for _, why in unfit]
            good = [r for r in good if all(r is not other for other, _ in unfit)]
    return None, [], complaints


def _marker(result: Result) -> str:
    return re.sub(r"[^\w./-]", "?", result.problem.path)  # as it stands in the .tex


def _unprintable(sheet: Sheet, result: Result) -> str:
    """What goes wrong when derive writes this problem alone, in words; nothing where all goes well."""
    from derive.manifest import problem_data

    try:
        render(sheet, [result])
        problem_data(result)
    except Exception as error:
        return str(fault_of_derive(error, result.problem.path))
    return ""


def check_sheets(paths: list[Path], progress: Progress, jobs: int, seed: int, limits: Limits | None = None) -> Outcome:
    """Every claim judged, nothing written."""
    warm_up()
    sheets, outcome = read(paths), Outcome()
    _each_sheet(sheets, outcome, progress, jobs, seed, limits, lambda *_: None)
    return outcome


def _each_sheet(
    sheets: list[Sheet], outcome: Outcome, progress: Progress, jobs: int, seed: int, limits: Limits | None,
    finish: Callable[[Sheet, list[Result], list[Fault]], None],
) -> None:  # fmt: skip
    problems = [problem for sheet in sheets for problem in sheet.problems]
    progress.begin(len(problems), "working out")
    with closing(work_out_all(problems, jobs, seed, limits)) as worked:
        _gather(sheets, worked, outcome, progress, finish)


def _gather(
    sheets: list[Sheet], worked: Iterator[Any], outcome: Outcome, progress: Progress,
    finish: Callable[[Sheet, list[Result], list[Fault]], None],
) -> None:  # fmt: skip
    for sheet in sheets:
        results: list[Result] = []
        faults = list(sheet.faults)
        for fault in sheet.faults:
            outcome.tell(fault, progress)
        for problem in sheet.problems:
            result = fitting(problem, next(worked))
            progress.advance(f"{sheet.id}/{problem.id}")
            if isinstance(result, tuple):
                faults += result
                for fault in result:
                    outcome.tell(fault, progress)
                continue
            results.append(result)
            outcome.claims += sum(verdict.is_claim for verdict in result.report.verdicts.values())
            outcome.failures += failures(result)
        outcome.sheets += 1
        outcome.problems += len(results)
        finish(sheet, results, faults)


def fitting(problem: Any, result: Any) -> Any:
    """The result of a problem, or the fault of its coding task where no program can be made of it."""
    if problem.task is None or isinstance(result, tuple):
        return result
    from derive.tasks.runner import programs

    try:
        with told_at(problem, ("task",)):
            for number, run in enumerate(problem.task.runs):
                programs(problem, number, run.data["name"])
    except InputError as error:
        return error.faults
    return result


def failures(result: Result) -> list[str]:
    """A line for each claim that did not hold: where, what, and both values."""
    lines = []
    for number, step in result.solution.steps():
        verdict = result.report.verdicts[number]
        if not verdict.passed:
            words = f"{_claim(step.claim)} does not hold: {verdict.detail}"
            lines.append(str(Fault(result.problem.path, 0, 0, f"step {number}: {words}")))
    return lines


def _claim(claim: Any) -> str:
    from derive.manifest import claim_text

    try:
        return claim_text(claim)
    except Exception as error:
        return f"a claim that cannot be printed ({type(error).__name__})"


def shown(file: Path, form: str, seed: int, limits: Limits | None = None) -> tuple[str, bool]:
    """A worked problem in a format, and whether every claim of it held."""
    from derive.document.outline import compose
    from derive.document.text import problem_text
    from derive.manifest import problem_data
    from derive.pipeline import vocabulary
    from derive.problem.read import read_problem

    warm_up()
    problem = read_problem(file, vocabulary())
    (worked,) = work_out_all([problem], 1, seed, limits)
    result = fitting(problem, worked)
    if isinstance(result, tuple):
        raise InputError(result)
    if problem.task:
        result = replace(result, task=task_report(problem, Path("out")))
    sheet = Sheet(problem.id, problem.title, file, (problem,))
    with told_at(problem, ()):
        if form == "json":
            words = json.dumps(problem_data(result), indent=2, ensure_ascii=False) + "\n"
        elif form == "latex":
            words = render(sheet, [result]) + "\n"
        else:
            words = escaped(problem_text(compose(sheet, [result]).problems[0]))
    return words, result.report.passed


def start_file(path: Path) -> Path:
    """Writes the commented starting file; raises InputError where there is a file already."""
    from derive.document.engine import write_text
    from derive.document.templates import package_templates

    if path.name in ("", ".."):
        raise InputError([Fault(str(path), 0, 0, "the new file needs a name, such as hw1/first")])
    target = path if path.suffix in (".yaml", ".yml") else path.with_name(path.name + ".yaml")
    if target.exists():
        raise InputError([Fault(str(target), 0, 0, "there is such a file already; it is left as it is")])
    return write_text((package_templates() / "new.yaml").read_text(encoding="utf-8"), target)
