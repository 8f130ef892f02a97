"""Puts a one-line fault into the engine's running code, and asks whether a shipped problem refuses it.

`python -m tests.checks.engine_mutants` prints the whole table; with `--find`, for faults whose problem does not refuse them, the
problems that do. The test beside this file runs every row.
"""

from __future__ import annotations

import argparse
import functools
import gc
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.checks.engine_faults import Fault, faults

ROOT = Path(__file__).resolve().parents[2]


class NotThere(Exception):
    """The text of a fault does not stand in its file exactly once, or no running code came of it."""


@contextmanager
def applied(fault: Fault) -> Iterator[set[tuple[str, str, int]]]:
    """The engine with the fault in it: every function whose code the changed line touches runs the changed code."""
    _load()
    path = ROOT / "derive" / fault.file
    source = path.read_text(encoding="utf-8")
    if source.count(fault.right) != 1 or fault.right.count("\n") != fault.wrong.count("\n"):
        raise NotThere(f"{fault.file}: {fault.right!r} stands there {source.count(fault.right)} times")
    before, after = (
        _codes(compile(text, str(path), "exec", dont_inherit=True)) for text in (source, _put_in(source, fault))
    )
    changed = {key: code for key, code in after.items() if key in before and not _same(before[key], code)}
    swapped = [
        (function, function.__code__) for function in _functions(str(path)) if _key(function.__code__) in changed
    ]
    if not swapped:
        raise NotThere(f"{fault.file}: no function runs {fault.right!r}")
    try:
        for function, code in swapped:
            function.__code__ = changed[_key(code)]
        _forget()
        yield {(str(path), *_key(code)) for _, code in swapped}
    finally:
        for function, code in swapped:
            function.__code__ = code
        _forget()


@functools.cache
def _load() -> None:
    """Every room that solves and judges, so that there is running code to change."""
    from derive.pipeline import vocabulary

    vocabulary()


def _put_in(source: str, fault: Fault) -> str:
    return source.replace(fault.right, fault.wrong)


def _key(code: types.CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _codes(module: types.CodeType) -> dict[tuple[str, int], types.CodeType]:
    found = {}
    for constant in module.co_consts:
        if isinstance(constant, types.CodeType):
            found[_key(constant)] = constant
            found.update(_codes(constant))
    return found


def _same(one: types.CodeType, other: types.CodeType) -> bool:
    constants = [[c for c in code.co_consts if not isinstance(c, types.CodeType)] for code in (one, other)]
    return (
        one.co_code == other.co_code
        and constants[0] == constants[1]
        and one.co_names == other.co_names
        and all(
            _same(a, b)
            for a, b in zip(
                *([c for c in code.co_consts if isinstance(c, types.CodeType)] for code in (one, other)), strict=False
            )
        )
    )


def _functions(path: str) -> list[types.FunctionType]:
    return [
        thing for thing in gc.get_objects() if type(thing) is types.FunctionType and thing.__code__.co_filename == path
    ]


def _forget() -> None:
    """What was computed with other code is forgotten."""
    from sympy.core.cache import clear_cache

    clear_cache()
    for thing in gc.get_objects():
        if type(thing) is functools._lru_cache_wrapper and str(getattr(thing, "__module__", "")).startswith("derive."):
            thing.cache_clear()


def outcome(problem: str) -> str:
    """How a problem takes the engine as it is now: 'held', 'refused' with the first claim, or 'ended' with the error."""
    from derive.checks.judges import judge
    from derive.checks.reasons import unfit_reasons
    from derive.pipeline import solve, vocabulary
    from derive.problem.read import read_problem

    try:
        solution = solve(read_problem(ROOT / "problems" / f"{problem}.yaml", vocabulary()))
        failed = next((number for number, step in solution.steps() if not judge(step.claim).passed), "")
        failed = failed or next(iter(unfit_reasons(solution)), "")
    except Exception as error:  # whatever a fault brings about: no page comes of it, but no claim was refused
        return f"ended: {type(error).__name__}: {error}"[:100]
    return f"refused at step {failed}" if failed else "held"


def tried(fault: Fault, problem: str = "") -> str:
    """What became of a fault."""
    with applied(fault):
        return outcome(problem or fault.problem)


def shipped() -> list[str]:
    """Every problem that has claims, the smaller files first."""
    paths = [p for p in (ROOT / "problems").glob("*/*.yaml") if p.stem != "sheet" and p.parent.name != "coding"]
    return [f"{p.parent.name}/{p.stem}" for p in sorted(paths, key=lambda p: p.stat().st_size)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--find", action="store_true", help="look for a problem where the one named does not refuse")
    parser.add_argument("words", nargs="*", help="only faults whose kind or file has one of these")
    chosen = parser.parse_args()
    left: list[Any] = []
    for fault in faults():
        if chosen.words and not any(word in f"{fault.kind} {fault.file}" for word in chosen.words):
            continue
        try:
            found = tried(fault) if fault.problem else "no problem named"
        except NotThere as error:
            found = f"stale: {error}"
        if chosen.find and not found.startswith(("refused", "stale")):
            found += "; refused by " + ", ".join(_by_use(fault))
        left += [fault] if not found.startswith("refused") else []
        print(f"{fault.kind:48} {fault.file:34} {fault.problem:34} {found}", flush=True)
    print(f"{len(faults())} faults, {len(left)} of them not refused by a claim")
    return 1 if left else 0


def _by_use(fault: Fault) -> Iterator[str]:
    """Problems that run the changed code and refuse it, the first few."""
    with applied(fault) as changed:
        pass
    users = [name for name, used in _uses().items() if used & changed]
    for name in users[:12]:
        if tried(fault, name).startswith("refused"):
            yield name
            return


@functools.cache
def _uses() -> dict[str, set[tuple[str, str, int]]]:
    """The functions that solving each problem runs."""
    from derive.errors import DeriveError
    from derive.pipeline import solve, vocabulary
    from derive.problem.read import read_problem

    found = {}
    for name in shipped():
        used: set[tuple[str, str, int]] = set()

        def note(frame: Any, event: str, _: Any, used: set[Any] = used) -> None:
            if event == "call":
                used.add((frame.f_code.co_filename, *_key(frame.f_code)))

        sys.setprofile(note)
        try:
            solve(read_problem(ROOT / "problems" / f"{name}.yaml", vocabulary()))
        except DeriveError:
            pass
        finally:
            sys.setprofile(None)
        found[name] = used
    return found


if __name__ == "__main__":
    sys.exit(main())
