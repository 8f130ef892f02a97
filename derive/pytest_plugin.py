"""Problem files as tests: `pytest problems/` has one test a claim."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from derive.clock import TimeIsUp, within

SHEET = "sheet.yaml"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--derive-limit`."""
    words = "seconds that one problem, and one claim, may take (default 300; 0 for no limit)"
    parser.addoption("--derive-limit", type=float, default=300.0, metavar="SECONDS", help=words)


def limit_of(node: pytest.Collector | pytest.Item) -> float:
    return float(node.config.getoption("--derive-limit"))


def too_long(seconds: float) -> str:
    return f"this takes longer than the {seconds:g} s that it may take; --derive-limit"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects YAML files that begin as a problem does."""
    if file_path.suffix not in (".yaml", ".yml") or file_path.name == SHEET:
        return None
    if not (file_path.parent / SHEET).exists() and not _looks_like_a_problem(file_path):
        return None
    return ProblemFile.from_parent(parent, path=file_path)


def _looks_like_a_problem(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8")[:20_000]
    except (OSError, UnicodeDecodeError):
        return False
    lines = [line.split(":")[0] for line in text.splitlines() if line[:1].isalpha() and ":" in line]
    return "title" in lines and ("ask" in lines or "task" in lines)


@cache
def solution_of(path: Path) -> Any:
    """The solution of a problem file, made once in a process; raises InputError where the file is not fit."""
    from derive.pipeline import solve, vocabulary
    from derive.problem.read import read_problem

    return solve(read_problem(path, vocabulary()))


class ProblemFile(pytest.File):
    """A problem, worked out when it is collected; its claims are judged when their tests run."""

    def collect(self) -> Iterator[pytest.Item]:
        from derive.errors import Fault, InputError
        from derive.pipeline import place_of

        try:
            with within(limit_of(self)):
                solution = solution_of(self.path)
        except TimeIsUp:
            yield FaultItem.from_parent(self, name="limit", fault=Fault(str(self.path), 0, 0, too_long(limit_of(self))))
            return
        except InputError as error:  # the other files are collected and tested all the same
            for fault in error.faults:
                yield FaultItem.from_parent(self, name=f"{fault.line}:{fault.column}", fault=fault)
            return
        from derive.checks.reasons import unfit_reasons

        problem, unfit = solution.problem, unfit_reasons(solution)
        for number, step in solution.steps():
            place = problem.place(place_of(number))
            yield ClaimItem.from_parent(self, name=number, step=step, unfit=unfit.get(number, ""), place=place)
        if problem.task:
            yield ProgramItem.from_parent(self, name="task", problem=problem)


class FaultItem(pytest.Item):
    """What is wrong with a file: a test that fails."""

    def __init__(self, *, fault: Any, **more: Any):
        super().__init__(**more)
        self.fault = fault

    def runtest(self) -> None:
        raise ClaimFailed(str(self.fault))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return f"{excinfo.value}\n{self.fault.trace}".rstrip()

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.path.name} {self.name}"


class ClaimItem(pytest.Item):
    """One claim, and its reason."""

    def __init__(self, *, step: Any, unfit: str, place: tuple[int, int], **more: Any):
        super().__init__(**more)
        self.step, self.unfit, self.place = step, unfit, place

    def runtest(self) -> None:
        import torch

        from derive.checks.judges import check

        torch.set_num_threads(1)
        try:
            with within(limit_of(self)):
                verdict = check(self.step.claim)
        except TimeIsUp:
            raise ClaimFailed(too_long(limit_of(self))) from None
        if not verdict.passed:
            raise ClaimFailed(verdict.detail)
        if self.unfit:
            raise ClaimFailed(self.unfit)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from derive.manifest import claim_text

        if isinstance(excinfo.value, ClaimFailed):
            return f"{self.path}: step {self.name}: {claim_text(self.step.claim)} does not hold: {excinfo.value}"
        from derive.errors import fault_of_derive

        fault = fault_of_derive(excinfo.value, str(self.path), *self.place)
        return f"{fault}\n{fault.trace}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.path.name} {self.name}"


class ProgramItem(pytest.Item):
    """A coding task: every run's program can be made, and the first passes over a few examples; on the set that is named or,
    where that is not there, on a stand-in. Nothing is fetched."""

    def __init__(self, *, problem: Any, **more: Any):
        super().__init__(**more)
        self.problem = problem

    def runtest(self) -> None:
        import tempfile

        from derive.errors import GivenError
        from derive.tasks.data import found_in
        from derive.tasks.runner import Quiet, plan, run_all

        try:
            planned = plan(self.problem, None, quick=True, find=lambda data, folder, _: found_in(data, folder))
        except GivenError as error:
            raise ClaimFailed(str(self.problem.fault(error))) from None
        with tempfile.TemporaryDirectory() as folder:
            (finished,) = run_all(planned[:1], Path(folder), Quiet(), "cpu", jobs=1)
        if finished.results is None:
            raise ClaimFailed(f"{finished.planned.file}: {finished.error}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return str(excinfo.value) if isinstance(excinfo.value, ClaimFailed) else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.path.name} {self.name}"


class ClaimFailed(Exception):
    """A claim was refuted."""
