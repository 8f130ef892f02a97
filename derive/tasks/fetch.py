"""Named data sets: where they are, and how torchvision fetches them where they are not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from derive.tasks.data import FOLDERS, DataSet, found_in

FETCH = "import sys; from torchvision import datasets; getattr(datasets, sys.argv[1])(sys.argv[2], download=True)"
TIME_LIMIT = 900  # seconds
HERE = Path("data")


def locate(data: DataSet, folder: Path | None, say: Callable[[str], None]) -> Path | None:
    """The folder of a set's original files: found, or fetched by torchvision into the folder (./data when none is named)."""
    if not data.files:
        return None
    found = found_in(data, folder)
    if found is not None:
        return found
    target = folder or HERE
    why = fetched(data, target, say)
    if why:
        say(f"{data.title} is not below {target} and could not be fetched: {why}")
        return None
    return found_in(data, target)


def fetched(data: DataSet, target: Path, say: Callable[[str], None]) -> str:
    """Lets torchvision download a set; why that failed, or nothing. In a process of its own, since torchvision may not
    import beside this torch."""
    if not data.torchvision:
        return "nobody offers it"
    process = [sys.executable, "-c", FETCH, data.torchvision, str(target)]
    probe = subprocess.run([sys.executable, "-c", "from torchvision import datasets"], capture_output=True, text=True)
    if probe.returncode:
        if "No module named 'torchvision'" in probe.stderr:
            return "torchvision is not installed (pip install torchvision)"
        return f"torchvision does not import beside this torch: {_last(probe.stderr)}"
    say(f"fetching {data.title} to {target} ...")
    try:
        done = subprocess.run(process, capture_output=True, text=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        return f"it took longer than {TIME_LIMIT} s"
    return _last(done.stderr) if done.returncode else ""


def _last(words: str) -> str:
    lines = words.strip().splitlines()
    return lines[-1] if lines else "no reason was given"


def places(data: DataSet) -> str:
    """The folders below which a set is looked for, for a message."""
    return ", ".join(FOLDERS.get(data.name, ()))
