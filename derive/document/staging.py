"""Files that come out together: made in a folder below the output folder, and moved to their places when all are whole.

A run that is interrupted, or finds the disk full, leaves the files of the last one; one that is killed also leaves its
folder, which the next run removes.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from derive.processes import is_alive, undisturbed

TEMPORARY = re.compile(r"\.derive-(\d+)-")


@dataclass(frozen=True)
class Stage:
    """`ready` holds what will be moved into `out`."""

    folder: Path
    out: Path

    @property
    def ready(self) -> Path:
        return self.folder / "ready"

    def work(self) -> Path:
        """A new empty folder for one piece of work."""
        return Path(tempfile.mkdtemp(prefix="work-", dir=self.folder))

    def keep(self, made: Path, name: str) -> Path:
        """A file that is whole takes part under this name; where it will lie comes back."""
        target = self.ready / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.chmod(made, 0o644)
        os.replace(made, target)
        return self.out / name

    def write(self, text: str, name: str) -> Path:
        """The same for a text."""
        made = self.work() / "text"
        made.write_text(text, encoding="utf-8")
        return self.keep(made, name)

    def publish(self) -> None:
        """All or nothing: what could be in the way is looked for first, and signals wait."""
        files = sorted(file.relative_to(self.ready) for file in self.ready.rglob("*") if file.is_file())
        for file in files:
            (self.out / file).parent.mkdir(parents=True, exist_ok=True)
            if (self.out / file).is_dir():
                raise IsADirectoryError(21, "there is a folder where a file is to be written", str(self.out / file))
        with undisturbed():
            for file in files:
                os.replace(self.ready / file, self.out / file)


@contextmanager
def staging(out: Path) -> Iterator[Stage]:
    """A stage whose files are published when the inside ends well; nothing of it stays in any other case."""
    out.mkdir(parents=True, exist_ok=True)
    sweep(out)
    stage = Stage(Path(tempfile.mkdtemp(prefix=f".derive-{os.getpid()}-", dir=out)).resolve(), out)
    try:
        stage.ready.mkdir()
        yield stage
        stage.publish()
    finally:
        shutil.rmtree(stage.folder, ignore_errors=True)


def sweep(out: Path) -> None:
    """Removes what runs that were killed have left in a folder."""
    for left in out.iterdir():
        match = TEMPORARY.match(left.name)
        if match and not is_alive(int(match.group(1))):
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
