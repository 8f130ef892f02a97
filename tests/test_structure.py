"""Structure and completeness: the rooms' imports hold, and every word has a problem that uses it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from derive.derivation import RULES
from derive.pipeline import vocabulary
from tests.shipped import PROBLEMS, ROOT, SHEETS, solution


def test_no_sheet_has_a_fault() -> None:
    assert [str(fault) for sheet in SHEETS for fault in sheet.faults] == []


def test_importing_derive_costs_no_torch() -> None:
    code = "import sys, derive, derive.cli, derive.problem.read, derive.topics, derive.document.latex; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("kind", ["losses", "optimisers", "layers", "questions"])
def test_every_word_has_a_problem_that_uses_it(kind: str) -> None:
    used = {q.name for problem in PROBLEMS.values() for q in problem.ask}
    for problem in PROBLEMS.values():
        given = problem.given
        found = [given.loss, given.optimizer, given.layer, *(given.network.layers if given.network else ())]
        used |= {thing.name for thing in found if thing is not None}
    registry = getattr(vocabulary(), kind)
    missing = {cls.name for cls in registry.values()} - used
    assert not missing


def test_reasons_name_what_their_rule_needs() -> None:
    """Every place in a rule's words is filled, in every step that derive ships."""
    for name in PROBLEMS:
        for number, step in solution(name).steps():
            places = {int(k) for k in re.findall(r"\{(\d+)\}", step.reason.rule.words)}
            assert places == set(range(len(places))) and len(step.reason.about) >= len(places), (name, number)
    assert RULES


def test_text_from_files_is_never_evaluated() -> None:
    banned = re.compile(r"(?<![\w.])(?<!def )(eval|exec|parse_expr|sympify)\(|shell=True|pickle\.loads?")
    for path in (ROOT / "derive").rglob("*.py"):
        assert not banned.search(path.read_text()), path
