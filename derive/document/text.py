"""The document's tree as plain text, for the terminal."""

from __future__ import annotations

import re
from typing import Any

from derive.algebra.notation import relation_between, text
from derive.derivation import HasShape, Heading, Reason
from derive.document.outline import (
    Chain,
    Failed,
    ProblemBlock,
    RefutedAnswer,
    Sentence,
    SizeTable,
    relation_of,
    sides_of,
)
from derive.document.statements import SAID, said

INDENT = "    "


def reason_text(why: Reason | None) -> str:
    """The words of a reason with its expressions as text."""
    if why is None:
        return ""
    places = [a if isinstance(a, str) else text(a) if hasattr(a, "args") else str(a) for a in why.about]
    return re.sub(r"\{(\d+)\}", lambda m: places[int(m.group(1))], why.rule.words)


def heading_text(heading: Heading) -> str:
    """A heading with the numbers and names in it."""
    return heading if isinstance(heading, str) else reason_text(heading)


def problem_text(block: ProblemBlock) -> str:
    """A worked problem, one relation a line, its reason behind it."""
    problem = block.problem
    lines = [problem.title, "=" * len(problem.title)]
    lines += [problem.source] if problem.source else []
    lines += ["", *problem.statement.splitlines()] if problem.statement else []
    for part in block.parts:
        title = heading_text(part.heading)
        lines += ["", title, "-" * len(title)]
        for section in part.sections:
            lines += ["", f"{heading_text(section.heading)}:"] if section.heading else []
            lines += [f"    ({reason_text(section.remark)})"] if section.remark else []
            for item in section.blocks:
                lines += _block(item)
    if block.key:
        lines += ["", "Answers given with the problem", "-" * 30]
        for item in block.key:
            lines += _block(item)
    if block.task is not None:
        lines += _task(block.task)
    return "\n".join(lines) + "\n"


def _task(report: Any) -> list[str]:
    """A coding task: its program, and what its runs came to where they were run."""
    lines = ["", "The program", "-" * 11, "", *report.program.rstrip().splitlines()]
    if not report.sentences:
        return [*lines, "", "Not run yet: 'derive run' runs it."]
    lines += ["", "What ran", "-" * 8, "", *report.sentences]
    for rows in ((report.columns, *report.rows) if report.rows else (), *(table.rows for table in report.tables)):
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))] if rows else []
        lines += [""] + [
            "  ".join(
                cell.ljust(width) if k == 0 else cell.rjust(width) for k, (cell, width) in enumerate(zip(row, widths))
            )
            for row in rows
        ]
    return lines


def _block(block: Any) -> list[str]:
    if isinstance(block, Chain):
        return _chain(block)
    if isinstance(block, Sentence):
        return [f"{INDENT}{sentence_text(block.pieces)}    {_mark(block)}{reason_text(block.reason)}".rstrip()]
    if isinstance(block, SizeTable):
        return [
            f"{INDENT}{text(claim.of):8} {' x '.join(map(text, claim.shape)):10} {reason_text(claim.meaning)}  [ok]"
            for _, claim, _ in block.rows
        ]
    if isinstance(block, RefutedAnswer):
        right = f"; in fact {_statement(block.claim.right)}" if block.claim.right is not None else ""
        return [f"{INDENT}{block.claim.by} says {_statement(block.claim.claim)}, which does not hold{right}  [ok]"]
    if isinstance(block, Failed):
        return [f"{INDENT}FAILED  step {block.number}: {block.detail}"]
    raise TypeError(type(block).__name__)


def _chain(block: Chain) -> list[str]:
    lines = []
    for k, line in enumerate(block.lines):
        left = text(block.left) if k == 0 else " " * 4
        shown, before = left, line.left
        for right in line.rights:
            sign = line.relation or ("=" if relation_between(before, right) == "=" else "≈")
            shown += f" {sign} {text(right)}"
            before = right
        why = reason_text(line.reason)
        lines.append(f"{INDENT}{shown}    {_mark(line)}{why}".rstrip())
    return lines


def _mark(line: Any) -> str:
    """A tick for what held, nothing for what is given or assumed, words for what was only tried."""
    return "[ok] " if line.has_tick else "[at the points tried] " if line.strength == "tried" else ""


def sentence_text(pieces: tuple[Any, ...]) -> str:
    """Words and formulas in one line."""
    words = [p.replace(r"\to", "->") if isinstance(p, str) else text(p) for p in pieces]
    return " ".join(words).replace(" ,", ",")


def _statement(claim: Any) -> str:
    if isinstance(claim, HasShape):
        return f"{text(claim.of)} is {' x '.join(map(text, claim.shape))}"
    if isinstance(claim, SAID):
        return sentence_text(said(claim))
    return f" {relation_of(claim) or '='} ".join(text(side) for side in sides_of(claim))
