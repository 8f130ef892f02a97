"""Solutions and reports as plain data, for `manifest.json` and `derive show --format json`."""

from __future__ import annotations

import math
from typing import Any

from sympy import MatrixBase, Number

from derive.algebra.nodes import plain
from derive.algebra.notation import latex, relation_between, text
from derive.algebra.numbers import numerals
from derive.derivation import HasShape, IsDrawn, Refuted
from derive.document.latex import reason as reason_latex
from derive.document.latex import sentence_latex
from derive.document.outline import sides_of
from derive.document.statements import SAID, said
from derive.document.text import heading_text, reason_text, sentence_text
from derive.report import Verdict

FORMAT = 1
LARGEST = 10**308  # what JSON readers take for a number


def problem_data(result: Any) -> dict[str, Any]:
    """One problem: its parts with answers and steps, and the author's key with its verdicts."""
    problem, solution, report = result.problem, result.solution, result.report
    parts = []
    for p, (question, derivation) in enumerate(zip(problem.ask, solution.derivations, strict=True), 1):
        steps = [
            step_data(f"{p}.{s}.{k}", step, report.verdicts[f"{p}.{s}.{k}"], heading_text(section.heading))
            for s, section in enumerate(derivation.sections, 1)
            for k, step in enumerate(section.steps, 1)
        ]
        answers = {answer.name: answer_data(answer.value) for answer in derivation.answers}
        heading = heading_text(derivation.heading)
        parts.append({"id": str(p), "asked": question.name, "heading": heading, "answers": answers, "steps": steps})
    key = [step_data(number, step, report.verdicts[number], "key") for number, step in solution.key]
    data = {
        "id": problem.id, "path": problem.path, "title": problem.title, "passed": report.passed, "parts": parts, "key": key,
    }  # fmt: skip
    return {**data, "task": task_data(result.task)} if result.task is not None else data


def task_data(report: Any) -> dict[str, Any]:
    """What a coding task's runs came to: the programs' files, a row for each run, what is said of them."""
    rows = [dict(zip(report.columns, row, strict=True)) for row in report.rows]
    return {
        "programs": list(report.files), "runs": rows, "said": list(report.sentences), "is_stand_in": report.is_stand_in,
        "tables": [{"title": table.title, "rows": [list(row) for row in table.rows]} for table in report.tables],
    }  # fmt: skip


def answer_data(value: Any) -> dict[str, Any]:
    """An answer as text and LaTeX, its exact form, and its value where it is a number or an array of numbers."""
    shown = _shown(value)
    data: dict[str, Any] = {"text": text(shown), "latex": latex(shown)}
    number = _number(value)
    if number is not None:
        data["value"] = number
        data["exact"] = str(value.tolist() if isinstance(value, MatrixBase) else value)
    return data


def _shown(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_shown, value))
    return numerals(value) if isinstance(value, Number | MatrixBase) else value


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, tuple | list):
        entries = [_number(entry) for entry in value]
        return None if None in entries else entries
    if isinstance(value, MatrixBase):
        return _number(value.tolist())
    value = plain(value)
    if not isinstance(value, Number) or not value.is_finite:
        return None
    if value.is_Integer:
        return int(value)
    return float(value) if abs(value) < LARGEST else None


def step_data(number: str, step: Any, verdict: Verdict, section: str) -> dict[str, Any]:
    """One step: claim, reason, and how it was checked."""
    claim = step.claim
    return {
        "id": number, "section": section, "kind": type(claim).__name__, "claim": claim_text(claim), "latex": claim_latex(claim),
        "reason": reason_text(step.reason), "reason_latex": reason_latex(step.reason), "rule": step.reason.rule.name,
        "checks": [check_data(verdict)],
    }  # fmt: skip


def check_data(verdict: Verdict) -> dict[str, Any]:
    error = verdict.max_error if math.isfinite(verdict.max_error) else None
    return {
        "method": verdict.method, "points": verdict.points, "max_error": error, "passed": verdict.passed, "detail": verdict.detail,
        "strength": verdict.strength,
    }  # fmt: skip


def claim_text(claim: Any) -> str:
    """A claim in one line of text."""
    if isinstance(claim, HasShape):
        return f"{text(claim.of)}: " + " x ".join(map(text, claim.shape))
    if isinstance(claim, Refuted):
        return f"not true, whatever {claim.by} says: {claim_text(claim.claim)}"
    if isinstance(claim, SAID):
        return sentence_text(said(claim))
    if isinstance(claim, IsDrawn):
        return "the figure of the network"
    relation = getattr(getattr(claim, "relation", None), "rel_op", "").replace("==", "=")
    sides = sides_of(claim)
    signs = [
        relation or ("=" if relation_between(a, b) == "=" else "≈") for a, b in zip(sides, sides[1:], strict=False)
    ]
    return text(sides[0]) + "".join(f" {sign} {text(side)}" for sign, side in zip(signs, sides[1:], strict=True))


def claim_latex(claim: Any) -> str:
    """A claim in one formula."""
    if isinstance(claim, HasShape):
        return _shape_latex(claim)
    if isinstance(claim, Refuted):
        return claim_latex(claim.claim)
    if isinstance(claim, SAID):
        return sentence_latex(said(claim))
    relation = {"<=": r"\le", ">=": r"\ge", "!=": r"\neq"}.get(getattr(getattr(claim, "relation", None), "rel_op", ""))
    relation = relation or getattr(getattr(claim, "relation", None), "rel_op", "")
    sides = sides_of(claim)
    out = latex(sides[0])
    for left, right in zip(sides, sides[1:], strict=False):
        out += f" {relation or relation_between(left, right)} {latex(right)}"
    return out


def _shape_latex(claim: HasShape) -> str:
    sizes = r" \times ".join(latex(size) for size in claim.shape)
    return rf"{latex(claim.of)} \in \mathbf{{R}}^{{{sizes}}}"


def sheet_data(sheet: Any, results: list[Any], faults: list[Any], files: dict[str, str]) -> dict[str, Any]:
    """One sheet of the manifest."""
    return {
        "id": sheet.id, "title": sheet.title, "course": sheet.course, "path": str(sheet.path), "files": files,
        "faults": [str(fault) for fault in faults], "problems": [problem_data(result) for result in results],
    }  # fmt: skip
