"""Programs run as they are printed, each in a process of its own; their results kept by the content of the program."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from derive.document.engine import write_text
from derive.errors import GivenError
from derive.problem.task import Run
from derive.tasks.data import DATA_SETS, found_in, torchvision_works
from derive.tasks.program import program

QUICK_EPOCHS, QUICK_EXAMPLES = 1, 500


@dataclass(frozen=True)
class Planned:
    """A run with its program: where it goes, the data that it reads, and whether that is a stand-in."""

    run: Run
    text: str
    file: str
    data: str
    folder: Path | None
    quick: bool = False

    @property
    def is_stand_in(self) -> bool:
        return self.data != self.run.data["name"]

    @property
    def key(self) -> str:
        """What the results hang on: the program, and how much of it is run."""
        return hashlib.sha256(f"{self.text}|{self.quick}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Finished:
    """A run that ended: its results, or what went wrong."""

    planned: Planned
    results: dict[str, Any] | None
    error: str = ""
    was_cached: bool = False
    notes: tuple[str, ...] = field(default=())


def plan(problem: Any, data_folder: Path | None, quick: bool = False) -> list[Planned]:
    """The programs of a problem's runs; raises GivenError where a model does not fit, or no data can be had."""
    planned = []
    for k, run in enumerate(problem.task.runs):
        name = run.data["name"]
        data = DATA_SETS[name]
        folder = found_in(data, data_folder) if data.files else None
        if data.files and folder is None and not torchvision_works():
            if not data.stand_in:
                raise GivenError(f"{data.title} is not there; name its folder with --data", ("task", "data"))
            name = data.stand_in
        file = f"{problem.id}{f'-{k + 1}' if len(problem.task.runs) > 1 else ''}.py"
        planned.append(Planned(run, program(run, problem.title, file, name), file, name, folder, quick))
    return planned


def run_all(
    planned: list[Planned],
    out: Path,
    say: Callable[[str], None],
    device: str = "auto",
    jobs: int = 1,
    force: bool = False,
) -> list[Finished]:
    """Every run, several at once where asked; programs go to out/programs, results to out/runs."""
    for one in planned:
        write_text(one.text, out / "programs" / one.file)
    if jobs <= 1 or len(planned) == 1:
        return [run_one(one, out, say, device, 0, force) for one in planned]
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ThreadPoolExecutor(jobs) as pool:  # each thread waits for a process
        return list(pool.map(lambda one: run_one(one, out, say, device, threads, force), planned))


def cached(planned: Planned, out: Path) -> dict[str, Any] | None:
    """The results of exactly this program, if they are there."""
    path = out / "runs" / f"{planned.key}.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def run_one(
    planned: Planned, out: Path, say: Callable[[str], None], device: str, threads: int, force: bool = False
) -> Finished:
    """One program in a process of its own; it goes on from its checkpoint if it was stopped before."""
    label = planned.run.name or planned.file
    known = None if force else cached(planned, out)
    if known is not None:
        say(f"{label}: results of an earlier run of the same program")
        return Finished(planned, known, was_cached=True)
    runs = out / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    results, checkpoint = runs / f".{planned.key}.results", runs / f"{planned.key}.checkpoint"
    if force:
        checkpoint.unlink(missing_ok=True)
    command = [
        sys.executable, "-u", str((out / "programs" / planned.file).resolve()), "--device", device,
        "--results", str(results.resolve()), "--checkpoint", str(checkpoint.resolve()),
    ]  # fmt: skip
    command += ["--data", str(planned.folder.resolve())] if planned.folder else []
    command += ["--threads", str(threads)] if threads else []
    command += ["--epochs", str(QUICK_EPOCHS), "--limit", str(QUICK_EXAMPLES)] if planned.quick else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=out)
    lines: list[str] = []
    try:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            say(f"{label}: {lines[-1]}")
        process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0 or not results.exists():
        return Finished(planned, None, lines[-1] if lines else f"ended with status {process.returncode}")
    found: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
    found["data"] = planned.data
    write_text(json.dumps(found), runs / f"{planned.key}.json")
    results.unlink()
    checkpoint.unlink(missing_ok=True)
    return Finished(planned, found)


def execute_notebook(planned: Planned, title: str, out: Path, device: str) -> Path:
    """The notebook of a run, executed with its outputs."""
    import nbformat
    from nbclient import NotebookClient

    from derive.tasks.program import notebook

    arguments = f"--device {device}" + (f" --data {planned.folder.resolve()}" if planned.folder else "")
    arguments += f" --epochs {QUICK_EPOCHS} --limit {QUICK_EXAMPLES}" if planned.quick else ""
    book = notebook(planned.text, title, arguments)
    NotebookClient(book, timeout=None, kernel_name="python3").execute()
    return write_text(nbformat.writes(book), out / "programs" / Path(planned.file).with_suffix(".ipynb").name)
