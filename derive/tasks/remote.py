"""One program in a process of its own: here, or on a machine of a cluster. Needs nothing but Python's own library, since
it travels to workers that may not have derive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run_program(
    text: str,
    name: str,
    arguments: list[str],
    checkpoint: str,
    say: Callable[[str], None] | None = None,
    started: Callable[[Callable[[], None]], None] | None = None,
) -> tuple[dict[str, Any] | None, str]:
    """Runs a program's text; its results, or None with the last line that it printed.

    `checkpoint` is a path, or a name for one in the machine's temporary folder; it goes on from there if it is there.
    `started` is handed what ends the program early.
    """
    place = Path(checkpoint) if os.sep in checkpoint else Path(tempfile.gettempdir()) / checkpoint
    before = _stamp(place)
    found, error = _run(text, name, arguments, place, say, started)
    if found is None and before and _stamp(place) == before:  # it went on from there, and not one epoch further
        os.replace(place, f"{place}.aside")
        if say:
            say(
                f"from what an earlier run had saved it cannot go on ({error}); this is set aside, and the run starts over"
            )
        found, error = _run(text, name, arguments, place, say, started)
    if found is not None:
        place.unlink(missing_ok=True)
    return found, error


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_ino


def _run(
    text: str, name: str, arguments: list[str], place: Path, say: Callable[[str], None] | None,
    started: Callable[[Callable[[], None]], None] | None,
) -> tuple[dict[str, Any] | None, str]:  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="derive-run-") as folder:
        program, results = Path(folder) / name, Path(folder) / "results.json"
        program.write_text(text, encoding="utf-8")
        command = [
            sys.executable,
            "-P",  # nothing beside the program takes the place of a module
            "-u",
            str(program),
            *arguments,
            "--results",
            str(results),
            "--checkpoint",
            str(place),
        ]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
        )
        if started:
            started(process.kill)
        last = ""
        try:
            for line in process.stdout or ():
                last = line.rstrip() or last
                if say:
                    say(line.rstrip())
            process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode != 0 or not results.exists():
            return None, last or f"ended with status {process.returncode}"
        found: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
    return found, ""


def run_on_worker(text: str, name: str, arguments: list[str], checkpoint: str, topic: str) -> Any:
    """The same on a worker of a Dask cluster; each line that is printed goes to the topic."""
    from distributed import get_worker

    worker = get_worker()
    return run_program(text, name, arguments, checkpoint, lambda line: worker.log_event(topic, [name, line]))
