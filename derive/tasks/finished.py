"""What a run is before it starts and after it ended: values that the runner makes and the reports read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from derive.problem.task import Run
from derive.tasks.formatting import formatted


@dataclass(frozen=True)
class Planned:
    """A run with its program (`source` before it is formatted): where it goes, the data that it reads, whether that is a
    stand-in."""

    run: Run
    source: str
    file: str
    data: str
    folder: Path | None
    quick: bool = False
    reports: tuple[str, ...] = ()

    @cached_property
    def text(self) -> str:
        """The program as it is written and printed."""
        return formatted(self.source)

    @property
    def is_stand_in(self) -> bool:
        return self.data != self.run.data["name"]

    @property
    def key(self) -> str:
        """What the results hang on: the program, and how much of it is run."""
        return hashlib.sha256(f"{self.source}|{self.quick}".encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        return self.run.name or Path(self.file).stem


@dataclass(frozen=True)
class Finished:
    """A run that ended: its results, or what went wrong."""

    planned: Planned
    results: dict[str, Any] | None
    error: str = ""
    was_cached: bool = False

    @property
    def name(self) -> str:
        """What the run is called in a report."""
        return self.planned.run.name or "the run"

    @property
    def title(self) -> str:
        """The same at the beginning of a sentence."""
        return self.name[:1].upper() + self.name[1:]

    @property
    def found(self) -> dict[str, Any]:
        """The results of a run that has some."""
        if self.results is None:
            raise ValueError(f"{self.name} has no results")
        return self.results

    @property
    def held_out(self) -> str:
        """The set whose loss is followed while training: test, or validation."""
        return str(self.found["held_out"])

    def series(self, key: str) -> tuple[float, ...]:
        """A number of each epoch."""
        return tuple(float(row[key]) for row in self.found["history"])

    @property
    def train_loss(self) -> tuple[float, ...]:
        return self.series("train_loss")

    @property
    def held_loss(self) -> tuple[float, ...]:
        return self.series(f"{self.held_out}_loss")
