"""Problems worked out side by side, in processes of their own where that pays."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import closing
from typing import Any

from derive.errors import Fault, InputError
from derive.pipeline import Result, work_out
from derive.problem.model import Problem

WORTH_A_PROCESS = 16  # problems from which starting another Python pays


def work_out_all(problems: list[Problem], jobs: int, seed: int) -> Generator[Any, None, None]:
    """Results in order; in several processes where that pays."""
    workers = jobs or (min(os.cpu_count() or 1, 4) if len(problems) >= WORTH_A_PROCESS * 4 else 1)
    if workers == 1 or len(problems) < 2:
        for problem in problems:
            yield work_out(problem, seed)
        return
    with closing(_in_processes(problems, workers, seed)) as reports:
        for problem, report in zip(problems, reports, strict=True):
            # What a process sends back holds no functions; the solution is made again here, the verdicts are not.
            yield _with_report(problem, report)


def _in_processes(problems: list[Problem], workers: int, seed: int) -> Generator[Any, None, None]:
    """Reports in order, or faults. What runs is ended when nobody waits for it any more: at Ctrl-C, at a failure."""
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import active_children

    with _pool(min(workers, len(problems))) as pool:
        try:
            for future, problem in [(pool.submit(_work_out_file, p.path, seed), p) for p in problems]:
                try:
                    yield future.result()
                except BrokenProcessPool:  # each of the others by itself, to find the one that ends its process
                    yield _by_itself(problem, seed)
        except BaseException:
            for process in active_children():
                process.kill()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _by_itself(problem: Problem, seed: int) -> Any:
    from concurrent.futures.process import BrokenProcessPool

    with _pool(1) as pool:
        try:
            return pool.submit(_work_out_file, problem.path, seed).result()
        except BrokenProcessPool:
            return (Fault(problem.path, 0, 0, "the process that worked this problem out was ended; is it too large?"),)


def _pool(workers: int) -> Any:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_leave_signals_to_the_parent)


def _leave_signals_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work_out_file(path: str, seed: int) -> Any:
    from derive.pipeline import vocabulary
    from derive.problem.read import read_problem

    try:
        result = work_out(read_problem(path, vocabulary()), seed)
    except InputError as error:  # the file has changed since it was read
        return error.faults
    return result if isinstance(result, tuple) else result.report


def _with_report(problem: Problem, report: Any) -> Any:
    from derive.pipeline import solve

    return report if isinstance(report, tuple) else Result(problem, solve(problem), report)
