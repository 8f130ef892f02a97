"""Problems worked out in processes of their own, each within a limit of time and memory.

A worker lives for many problems and is replaced when it had to be ended; it is forked off a process that has loaded
SymPy and torch already, so that a new one costs little. Whole results come back, so nothing is solved twice.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from derive.errors import Bug, Fault, fault_of_derive
from derive.parcels import packed
from derive.pipeline import Result, work_out
from derive.problem.model import Problem
from derive.processes import end_with_parent

WORTH_A_PROCESS = 64  # problems from which more than one worker pays
MOST_WORKERS = 4
PRELOADED = ["derive.topics", "derive.catalogue", "derive.checks.judges", "derive.workers"]
TICK = 0.25  # seconds between two looks of a worker at its memory and at the process that started it
PATIENCE = 5  # how many times its limit a problem may take by the clock
TOO_LARGE = 77  # the exit status of a worker that ended itself because of its memory


@dataclass(frozen=True)
class Limits:
    """What one problem may take: seconds, and gigabytes of memory."""

    seconds: float = 60.0
    gigabytes: float = 4.0

    @property
    def bytes(self) -> int:
        return int(self.gigabytes * 2**30)


def work_out_all(
    problems: list[Problem], jobs: int, seed: int, limits: Limits | None = None
) -> Generator[Result | tuple[Fault, ...], None, None]:
    """Results in the order of the problems; for a problem that took too much, a fault that says so."""
    wanted = jobs or (min(os.cpu_count() or 1, MOST_WORKERS) if len(problems) >= WORTH_A_PROCESS else 1)
    crew = _Crew(problems, seed, limits or Limits())
    with closing(crew):
        crew.hire(min(wanted, len(problems)))
        yield from crew.results()


@dataclass
class _Worker:
    process: Any
    line: Any
    is_ready: bool = False
    at: int | None = None  # the problem that it works on
    until: float = float("inf")
    since: float = 0.0  # when it was given that problem
    spent: float = 0.0  # the processor's seconds that it had used by then

    def seconds_left(self, limit: float) -> float:
        """What it has left of its limit, in seconds of the processor, so that a busy machine ends nothing early; of the clock
        where the system does not tell, and where most of the time it waits."""
        waited = monotonic() - self.since
        used = processor_seconds(self.process.pid)
        if used is None or waited > PATIENCE * limit:
            return limit - waited
        return limit - (used - self.spent)


def processor_seconds(pid: int | None) -> float | None:
    """The seconds of the processor that a process has used; None where the system does not tell (Linux does)."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


class _Crew:
    """Some workers and the problems that wait for them. What runs is ended when nobody waits for it any more."""

    def __init__(self, problems: list[Problem], seed: int, limits: Limits):
        self.problems, self.seed, self.limits = problems, seed, limits
        self.waiting = deque(range(len(problems)))
        self.done: dict[int, Result | tuple[Fault, ...]] = {}
        self.workers: list[_Worker] = []

    def hire(self, count: int) -> None:
        """So many more workers, which say when they are ready."""
        context = _context()
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, self.seed, self.limits), daemon=True)
            process.start()
            theirs.close()
            self.workers.append(_Worker(process, ours))

    def close(self) -> None:
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.process.join()
            worker.line.close()

    def results(self) -> Generator[Result | tuple[Fault, ...], None, None]:
        for k in range(len(self.problems)):
            while k not in self.done:
                self.step()
            yield self.done.pop(k)

    def step(self) -> None:
        """Gives out work, and waits until something comes back or a limit is reached."""
        from multiprocessing.connection import wait

        for worker in self.workers:
            if worker.is_ready and worker.at is None and self.waiting:
                self.give(worker, self.waiting.popleft())
        if not any(worker.at is not None or not worker.is_ready for worker in self.workers):
            return
        nearest = min(worker.until for worker in self.workers) - monotonic()
        heard = wait([w.line for w in self.workers], None if nearest == float("inf") else max(nearest, 0))
        for worker in list(self.workers):
            if worker.line in heard:
                self.hear(worker)
            elif worker.until <= monotonic():
                left = worker.seconds_left(self.limits.seconds) if worker.at is not None else 0
                if left > 0:
                    worker.until = monotonic() + max(left, TICK)
                    continue
                worker.process.kill()
                self.lose(
                    worker, f"this takes longer than the {self.limits.seconds:g} s that one problem may take; --limit"
                )

    def give(self, worker: _Worker, k: int) -> None:
        try:
            parcel = packed(self.problems[k])
        except Exception as error:
            self.done[k] = (fault_of_derive(error, self.problems[k].path),)
            return
        worker.at, worker.until = k, monotonic() + self.limits.seconds
        worker.since, worker.spent = monotonic(), processor_seconds(worker.process.pid) or 0.0
        with suppress(OSError):  # a worker that has ended is noticed when it is listened to
            worker.line.send_bytes(parcel)

    def hear(self, worker: _Worker) -> None:
        """A worker says that it is ready, hands in its work, or has ended."""
        try:
            said = worker.line.recv()
        except (EOFError, OSError):
            worker.process.join()
            self.lose(worker, self.end_of(worker.process.exitcode))
            return
        except Exception as error:  # what came cannot be read
            said = (fault_of_derive(error, self.problems[worker.at or 0].path),)
        if worker.is_ready and worker.at is not None:
            self.done[worker.at] = _whole(self.problems[worker.at], said)
        worker.is_ready, worker.at, worker.until = True, None, float("inf")

    def end_of(self, status: int | None) -> str:
        if status == TOO_LARGE:
            return f"this takes more than the {self.limits.gigabytes:g} GB that one problem may take; --memory"
        return "the process that worked this problem out was ended; is it too large?"

    def lose(self, worker: _Worker, why: str) -> None:
        """Another worker takes the place of one that has ended; the problem that it worked on is told."""
        worker.process.join()
        worker.line.close()
        self.workers.remove(worker)
        if not worker.is_ready:
            raise Bug(f"a process for working problems out did not start (status {worker.process.exitcode})")
        if worker.at is not None:
            problem = self.problems[worker.at]
            self.done[worker.at] = (Fault(problem.path, *problem.place(("ask",)), why),)
        if self.waiting:
            self.hire(1)


def _whole(problem: Problem, said: Any) -> Result | tuple[Fault, ...]:
    """What came back, beside the problem, which did not travel twice."""
    if isinstance(said, tuple) and all(isinstance(one, Fault) for one in said):
        return said
    return Result(problem, replace(said.solution, problem=problem), said.report)


def warm_up() -> None:
    """Begins to load what workers need, while this process reads the problems."""
    if _context().get_start_method() == "forkserver":
        from multiprocessing.forkserver import ensure_running

        ensure_running()


def _context() -> Any:
    from multiprocessing import get_all_start_methods, get_context

    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


# in the worker


def _serve(line: Any, seed: int, limits: Limits) -> None:
    """Works out what comes along the line until nothing more comes."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    _watch(limits)
    import derive.checks.judges  # noqa: F401  not in the time of the first problem

    with suppress(EOFError, BrokenPipeError):
        line.send("ready")
        while True:
            line.send_bytes(_worked(line.recv(), seed))


def _worked(problem: Problem, seed: int) -> bytes:
    result = work_out(problem, seed)
    try:
        return packed(result if isinstance(result, tuple) else _light(result))
    except Exception as error:
        return packed((fault_of_derive(error, problem.path),))


def _light(result: Result) -> Result:
    """A result without the problem, and without what makes claims of an author's answers, which are claims by now."""
    parts = result.solution.derivations
    unmade = tuple(replace(p, answers=tuple(replace(a, claim=_made_already) for a in p.answers)) for p in parts)
    return replace(result, problem=None, solution=replace(result.solution, problem=None, derivations=unmade))  # type: ignore[arg-type]


def _made_already(value: Any) -> Any:
    raise Bug("an answer's claim was asked for after the problem was worked out")


def _watch(limits: Limits) -> None:
    """Ends this process when it takes too much memory, or when the one that started it is no more."""
    import threading

    _limit_memory(limits.bytes)
    threading.Thread(target=_look, args=(limits.bytes,), daemon=True).start()


def _limit_memory(most: int) -> None:
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _look(most: int) -> None:
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    parent = parent_process()
    while not (parent and wait([parent.sentinel], TICK)):
        if _memory() > most:
            os._exit(TOO_LARGE)
    os._exit(1)


def _memory() -> int:
    """The most bytes that this process has had in memory; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
