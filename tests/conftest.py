"""The option --random N, and, at the end of a run, how many mutants of right claims the referee has refused."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

from tests.drawn import VARIABLE, examples


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--random", type=int, default=0, metavar="N", help="try each property on N fresh examples")


def pytest_configure(config: pytest.Config) -> None:
    """The same examples on every machine, unless fresh ones are asked for."""
    if config.getoption("--random"):
        os.environ[VARIABLE] = str(config.getoption("--random"))
    settings.register_profile("derive", examples(100))
    settings.load_profile("derive")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Sums what the mutation tests recorded, in whichever process they ran."""
    tally: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", []):
        if report.when == "call":
            tally.update({key: count for key, count in report.user_properties if str(key).startswith("mutants")})
    for key, count in sorted(tally.items()):
        terminalreporter.write_line(f"{key}: {count}")
