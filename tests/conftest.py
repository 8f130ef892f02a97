"""Prints, at the end of a run, how many mutants of right claims the referee has refused."""

from __future__ import annotations

from collections import Counter
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Sums what the mutation tests recorded, in whichever process they ran."""
    tally: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", []):
        if report.when == "call":
            tally.update({key: count for key, count in report.user_properties if str(key).startswith("mutants")})
    for key, count in sorted(tally.items()):
        terminalreporter.write_line(f"{key}: {count}")
