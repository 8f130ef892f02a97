"""The engine is tested by mutation: each one-line fault of the table makes a shipped problem lose a claim.
`python -m tests.checks.engine_mutants` prints the table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.checks.engine_faults import Fault, faults
from tests.checks.engine_mutants import outcome, tried

FEWEST = 80


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: f"{fault.file.split('/')[-1][:-3]}: {fault.kind}")
def test_a_shipped_problem_refuses_the_fault(fault: Fault, record_property: Callable[[str, object], None]) -> None:
    found = tried(fault)
    assert found.startswith("refused"), found
    record_property("mutants of the engine refused by a shipped problem", 1)


def test_there_are_enough_faults_and_their_problems_hold_without_them() -> None:
    assert len({(f.file, f.right, f.wrong) for f in faults()}) >= FEWEST
    lightest = min({f.problem for f in faults()})
    assert outcome(lightest) == "held"
