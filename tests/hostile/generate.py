"""Hostile files read, solved, judged and typeset into LaTeX: each is accepted with verdicts, or refused in words at a place.

python -m tests.hostile.generate --count 20000 --seed 7
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from derive.errors import LONGEST, Fault, InputError
from derive.pipeline import render, vocabulary
from derive.problem.model import Problem, Sheet
from derive.problem.read import read_problem
from derive.workers import Limits, work_out_all
from tests.hostile.nasty import CANARY, MACRO, hostile

ROOT = Path(__file__).resolve().parents[2]
SLOWEST = 5.0  # seconds to read one file; what is read in more hangs
LIMITS = Limits(20, 4)
ROWS = (
    "tried",
    "refused with a place",
    "accepted",
    "of these worked out",
    "ended at a limit",
    "with a step refused",
    "fault of derive",
    "hangs",
    "code run",
    "files read outside",
)
OUTSIDE: list[str] = []  # what was opened while the watch was on
_watched: list[tuple[str, ...]] = []


@dataclass
class Tally:
    """How many files came to what, and the worst of them to look at."""

    counts: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[str, str, bytes]] = field(default_factory=list)  # what is wrong, the message, the file

    def note(self, what: str, message: str, content: bytes) -> None:
        self.counts[what] += 1
        self.bad.append((what, message, content))

    def __str__(self) -> str:
        return "\n".join(f"{row:22} {self.counts[row]:7,}" for row in ROWS)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched:
        return
    if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn"):
        OUTSIDE.append(f"{event} {arguments!r}")
    if event == "open" and isinstance(arguments[0], str | bytes):
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if not path.startswith(_watched[0]) and not path.endswith((".py", ".pyc", ".so")):
            OUTSIDE.append(path)


sys.addaudithook(_watch)


@contextmanager
def watched(*folders: str) -> Iterator[None]:
    """Notes every file opened outside of these folders, and every process started."""
    _watched.append(folders)
    try:
        yield
    finally:
        _watched.clear()


def refused_well(fault: Fault) -> str:
    """What is wrong with a refusal; nothing where it has a place and words that a terminal can show."""
    said = str(fault)
    if fault.trace:
        return "fault of derive"
    if not fault.line and not re.search("binary|UTF-8|bytes; at most|cannot be read", said):
        return "no place"
    if len(said) > LONGEST + 400 or not all(
        sign.isprintable() or sign in "\n\u00a0\u2028\u2029\u3000" for sign in said
    ):
        return "unprintable"
    return ""


def tried(count: int, seed: int, folder: Path, share: float = 1.0) -> Tally:
    """So many files through derive; of those that are accepted a share is worked out."""
    tally, words, random = Tally(), vocabulary(), Random(seed)
    shipped = [p.read_text() for p in sorted((ROOT / "problems").rglob("*.yaml")) if p.name != "sheet.yaml"]
    accepted: list[tuple[Problem, bytes]] = []
    inside = (str(folder.resolve()), str(ROOT), sys.prefix, sys.base_prefix)
    for k in range(count):
        content = hostile(random, shipped)
        path = folder / f"p{k}.yaml"
        path.write_bytes(content)
        OUTSIDE.clear()
        start = time.process_time()
        try:
            with watched(*inside):
                problem = read_problem(path, words)
            accepted.append((problem, content))
            tally.counts["accepted"] += 1
        except InputError as error:
            wrong = [(what, f"{fault}\n{fault.trace}") for fault in error.faults if (what := refused_well(fault))]
            if wrong:
                tally.note(wrong[0][0], wrong[0][1], content)
            else:
                tally.counts["refused with a place"] += 1
        except Exception as error:
            tally.note("fault of derive", f"{type(error).__name__}: {error}", content)
        tally.counts["tried"] += 1
        if time.process_time() - start > SLOWEST:
            tally.note("hangs", f"read in {time.process_time() - start:.0f} s", content)
        if OUTSIDE:
            tally.note("files read outside", " ".join(OUTSIDE), content)
        path.unlink()
    _work_out([one for one in accepted if random.random() < share], tally)
    if (folder / CANARY).exists() or Path(CANARY).exists():
        tally.note("code run", CANARY, b"")
    return tally


def _work_out(accepted: list[tuple[Problem, bytes]], tally: Tally) -> None:
    for (problem, content), result in zip(accepted, work_out_all([p for p, _ in accepted], 1, 0, LIMITS), strict=True):
        tally.counts["of these worked out"] += 1
        if isinstance(result, tuple):
            for fault in result:
                if fault.trace:
                    tally.note("fault of derive", f"{fault}\n{fault.trace}", content)
                elif "takes longer" in fault.message or "more than" in fault.message or "was ended" in fault.message:
                    tally.counts["ended at a limit"] += 1
            continue
        try:
            tex = render(Sheet("s", "s", Path("s"), (problem,)), [result])
        except Exception as error:
            tally.note("fault of derive", f"rendering: {type(error).__name__}: {error}", content)
            continue
        if MACRO in tex or r"\input{/" in tex or r"\write18" in tex:
            tally.note("code run", "TeX of the file's own", content)


def main() -> int:
    """Prints the table, and what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the accepted files that is worked out")
    parser.add_argument("--keep", type=Path, help="a folder for the files on which derive failed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        os.chdir(folder)
        tally = tried(arguments.count, arguments.seed, Path(folder), arguments.share)
    print(tally)
    for k, (what, message, content) in enumerate(tally.bad):
        print(f"\n{what}: {message}")
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            (arguments.keep / f"{what.split()[0]}-{k}.yaml").write_bytes(content)
    return 1 if tally.bad else 0


if __name__ == "__main__":
    sys.exit(main())
