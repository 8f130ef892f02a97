"""Limits of time and memory: what takes too much is ended and told, the others come out; nothing outlives its parent."""

from __future__ import annotations

import itertools
import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sympy import Add, Gt, Integer, Mul, Symbol, Tuple

from derive.clock import TimeIsUp, within
from derive.parcels import packed
from derive.pipeline import vocabulary, work_out
from derive.problem.model import Given, Problem
from derive.problem.read import read_problem
from derive.workers import Limits, work_out_all

ROOT = Path(__file__).resolve().parents[1]


def asks(path: str, derive: Any, given: Any) -> Problem:
    """A problem whose question is a function that a worker can run."""
    return Problem(path, path, path, Given(), (SimpleNamespace(name=path, derive=partial(calls, derive, given)),))


def calls(function: Any, argument: Any, _: Given) -> Any:
    return function(argument)


def told(found: Any) -> str:
    return " | ".join(map(str, found)) if isinstance(found, tuple) else "worked out"


def test_what_takes_too_much_is_ended_and_the_others_come_out() -> None:
    right = read_problem(ROOT / "problems/losses/hinge.yaml", vocabulary())
    problems = [
        asks("asleep", time.sleep, 1000),
        right,
        asks("busy, and never listens", max, itertools.repeat(1)),
        asks("large", bytearray, 10**10),
        asks("gone", os._exit, 3),
        asks("wrong", int, "x"),
        right,
    ]
    start = time.monotonic()
    found = list(work_out_all(problems, 2, 0, Limits(3, 2)))
    assert list(map(told, found)) == [
        "asleep: this takes longer than the 3 s that one problem may take; --limit",
        "worked out",
        "busy, and never listens: this takes longer than the 3 s that one problem may take; --limit",
        "large: this takes more memory than there is for one problem",
        "gone: the process that worked this problem out was ended; is it too large?",
        "wrong: this is a fault of derive, not of your file "
        "(ValueError: invalid literal for int() with base 10: 'x'); --debug shows where it lies",
        "worked out",
    ]
    assert time.monotonic() - start < 120
    here = work_out(right)
    assert found[1] == found[6] and found[1].solution.steps and not isinstance(here, tuple)
    assert list(found[1].solution.steps()) == list(here.solution.steps())
    assert found[1].report.verdicts.keys() == here.report.verdicts.keys() and found[1].report.passed


def test_what_runs_here_has_a_limit_of_time_too() -> None:
    with pytest.raises(TimeIsUp), within(0.2):
        for _ in itertools.repeat(1):
            try:
                time.sleep(0.01)
            except Exception:
                continue
    with within(0.05):
        pass
    time.sleep(0.1)  # the alarm is off again


x, y = Symbol("x", real=True), Symbol("y")
AS_THEY_ARE = [
    Gt(Integer(2), Integer(1), evaluate=False),
    Mul(Integer(2), Add(x, 1, evaluate=False), evaluate=False),
    Add(x, x, evaluate=False),
    Mul(Integer(2), Integer(3), evaluate=False),
    Tuple(Gt(x, 0, evaluate=False), (x + y) ** 2),
]


@pytest.mark.parametrize("expr", AS_THEY_ARE, ids=str)
def test_expressions_travel_as_they_are(expr: Any) -> None:
    """A plain pickle merges them: 2 > 1 comes back as True."""
    back = pickle.loads(packed(expr))
    assert back == expr and back.args == expr.args and type(back) is type(expr)
    assert back.free_symbols == expr.free_symbols and hash(back) == hash(expr)


def test_what_travels_is_printed_the_same() -> None:
    from derive.document.latex import sheet_latex
    from derive.document.outline import compose
    from derive.problem.model import Sheet

    paths = ["closed-forms/no-intercept", "losses/cross-entropy", "networks/or"]
    problems = tuple(read_problem(ROOT / f"problems/{path}.yaml", vocabulary()) for path in paths)
    sheet = Sheet("s", "s", ROOT, problems)
    here, there = [work_out(p) for p in problems], list(work_out_all(list(problems), 1, 0))
    assert [r.solution.key for r in here] == [r.solution.key for r in there]
    assert sheet_latex(compose(sheet, tuple(here))) == sheet_latex(compose(sheet, tuple(there)))


WITH_KINDS = """
title: t
given: {symbols: {x: scalar, v: vector(3), w: vector(3)}}
ask:
  - show: x <= 2
  - show: 2*x**2 + norm(v)**2 >= 0
  - limit: {of: x*log(x), wrt: x, to: 0}
  - convex: {of: abs(x) + x**2, wrt: x}
  - taylor: {of: exp(x), wrt: x, at: 0, order: 2}
  - minimise: {objective: (x**2 - 1)**2, over: x}
  - minimise: {objective: x**3, over: x}
  - gradient: {of: max(v)*norm(w), wrt: [v, w]}
"""


def test_every_kind_of_claim_is_printed_the_same_after_its_way(tmp_path: Path) -> None:
    from derive.derivation import Assumption, Definition, Holds, IsLimit, IsMinimum, IsStationary, NoMinimum, Refuted
    from derive.document.latex import sheet_latex
    from derive.document.outline import compose
    from derive.manifest import problem_data
    from derive.problem.model import Sheet

    (tmp_path / "p.yaml").write_text(WITH_KINDS)
    problem = read_problem(tmp_path / "p.yaml", vocabulary())
    here = work_out(problem)
    assert not isinstance(here, tuple) and here.report.passed
    kinds = {type(step.claim) for _, step in here.solution.steps()}
    assert kinds >= {Assumption, Definition, Holds, IsLimit, IsMinimum, IsStationary, NoMinimum, Refuted}
    derivations = [replace(d, sections=pickle.loads(packed(d.sections))) for d in here.solution.derivations]
    back = replace(here, solution=replace(here.solution, derivations=tuple(derivations)))
    sheet = Sheet("s", "s", ROOT, (problem,))
    assert sheet_latex(compose(sheet, (back,))) == sheet_latex(compose(sheet, (here,)))
    assert problem_data(back) == problem_data(here)


SCRIPT = """
import time
from types import SimpleNamespace
from derive.problem.model import Given, Problem
from derive.workers import Limits, work_out_all

if __name__ == "__main__":
    problems = [Problem(n, n, n, given, (SimpleNamespace(name=n, derive=f),)) for n, f, given in
                [("a", len, "x"), ("b", time.sleep, 1000), ("c", time.sleep, 1000)]]
    for result in work_out_all(problems, 2, 0, Limits(900, 4)):
        print(result, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nothing_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    mark = f"DERIVE_TEST_{os.getpid()}_{time.monotonic_ns()}"
    run = subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), mark: "1"},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert "fault of derive" in run.stdout.readline()  # the workers are at work
    assert len(_alive(mark)) >= 3
    run.kill()
    run.wait()
    until = time.monotonic() + 30
    while _alive(mark) and time.monotonic() < until:
        time.sleep(0.1)
    assert _alive(mark) == []


def _alive(mark: str) -> list[str]:
    """Processes with the mark in their environment, but those that have ended and wait to be collected."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            marked = mark.encode() in (process / "environ").read_bytes()
            if marked and (process / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                found.append(process.name)
        except OSError:
            continue
    return found
