"""What the referee found: a verdict a claim. Verdicts are no part of a step, which exists before it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STRENGTHS = {
    "proved": "exact arithmetic, SymPy, a sum of squares, or an interval proof",
    "observed": "torch.nn, torch.optim or autograd on the numbers that are given",
    "sampled": "agrees at adversarial points",
    "tried": "was not refuted at the points tried, and would need a proof: no tick",
    "defined": "a name is given: nothing to refute, no tick",
    "assumed": "a condition that is stated before it is used, and that the points are drawn by: no tick",
}


@dataclass(frozen=True)
class Verdict:
    """How one claim was checked: `method` in words, at how many `points`, with what largest error; and what was found.

    `detail` says, for a claim that failed, both values and where they differ. `strength` says what stands behind one that
    held (STRENGTHS): only what is proved, observed or sampled has a tick.
    """

    passed: bool
    method: str
    points: int
    max_error: float
    detail: str = ""
    strength: str = "sampled"

    @property
    def has_tick(self) -> bool:
        """Whether the claim may be printed with a tick."""
        return self.passed and self.strength in ("proved", "observed", "sampled")

    @property
    def is_claim(self) -> bool:
        """Whether anything was at stake: a definition is no claim, nor is an assumption."""
        return self.strength not in ("defined", "assumed")


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
