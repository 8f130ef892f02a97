"""What the referee found: a verdict a claim. Verdicts are no part of a step, which exists before it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """How one claim was checked: `method` in words, at how many `points`, with what largest error; and what was found.

    `detail` says, for a claim that failed, both values and where they differ.
    """

    passed: bool
    method: str
    points: int
    max_error: float
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """Verdicts by step id."""

    verdicts: Mapping[str, Verdict]

    @property
    def passed(self) -> bool:
        return all(verdict.passed for verdict in self.verdicts.values())

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(key for key, verdict in self.verdicts.items() if not verdict.passed)
