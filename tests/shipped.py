"""The problems that derive ships, each solved once in a process, for whoever asks."""

from __future__ import annotations

from pathlib import Path

from derive.derivation import Solution
from derive.pipeline import vocabulary
from derive.problem.read import find
from derive.pytest_plugin import solution_of

ROOT = Path(__file__).resolve().parents[1]
SHEETS = find([ROOT / "problems"], vocabulary())
PROBLEMS = {f"{sheet.id}/{problem.id}": problem for sheet in SHEETS for problem in sheet.problems}


def solution(name: str) -> Solution:
    """The solution of a shipped problem, such as 'losses/hinge'."""
    return solution_of(Path(PROBLEMS[name].path).resolve())
