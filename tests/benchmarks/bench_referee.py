"""How long judging takes, by kind of claim, beside an older version of derive:

    python tests/benchmarks/bench_referee.py problems/matrix-calculus [--beside FOLDER_OF_AN_OLDER_CHECKOUT]

CPU seconds, one thread, each version in a process of its own; minima are timed apart, as they search.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]


def timed(paths: list[str]) -> dict[str, float]:
    """CPU seconds of judging all claims of the problems, by kind."""
    import torch

    from derive.checks.judges import judge
    from derive.pipeline import read, solve

    torch.set_num_threads(1)
    seconds = Counter[str]()
    for solution in [solve(problem) for sheet in read(paths) for problem in sheet.problems]:
        for _, step in solution.steps():
            start = time.process_time()
            judge(step.claim)
            seconds[type(step.claim).__name__] += time.process_time() - start
    return dict(seconds)


def apart(folder: Path, paths: list[str]) -> dict[str, float]:
    """The same of the version in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--inside", *[str(Path(p).resolve()) for p in paths]]
    return json.loads(subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=True).stdout)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("paths", nargs="+")
    arguments.add_argument("--beside", type=Path)
    arguments.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.inside:
        print(json.dumps(timed(given.paths)))
        return
    tables = [apart(HERE, given.paths)] + ([apart(given.beside, given.paths)] if given.beside else [])
    for kind in sorted({kind for table in tables for kind in table}):
        print(f"{kind:14}" + "".join(f"{table.get(kind, 0.0):9.2f}" for table in tables))
    for words, leave in (("all", ()), ("without minima", ("IsMinimum",))):
        totals = [sum(s for kind, s in table.items() if kind not in leave) for table in tables]
        ratio = f"   {totals[1] / totals[0]:.1f} times faster" if len(totals) == 2 else ""
        print(f"{words:14}" + "".join(f"{total:9.2f}" for total in totals) + ratio)


if __name__ == "__main__":
    main()
