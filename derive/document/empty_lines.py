"""Lines that would say nothing: both sides print the same, or the same line stands above already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from derive.algebra.notation import latex
from derive.derivation import Claim, Definition, Derivation, Equal, HasCount, HasMean, IsGradient, Section, Step
from derive.document.outline import sides_of

SIDED = (Equal, HasCount, HasMean, IsGradient)  # what is left of these is in `sides`, or before them


def without_empty_lines(derivations: Iterable[Derivation]) -> list[Derivation]:
    """The derivations with no line that a reader learns nothing from; sections that had nothing else go as well."""
    kept = []
    for derivation in derivations:
        sections = [_shortened(section) for section in derivation.sections]
        kept.append(replace(derivation, sections=tuple(s for s in sections if s.steps or s.remark)))
    return kept


def _shortened(section: Section) -> Section:
    steps: list[Step] = []
    seen: set[tuple[type, tuple[str, ...]]] = set()
    for step in section.steps:
        if not isinstance(step.claim, (*SIDED, Definition)):
            steps.append(step)
            continue
        claim, printed = telling(step.claim)
        line = (type(claim), printed)
        goes_on = bool(steps) and _ends_in(steps[-1].claim, printed[0])  # it carries the chain on, so it is needed
        if len(printed) > 1 and (goes_on or line not in seen):
            steps.append(replace(step, claim=claim))
            seen.add(line)
        elif goes_on and len(printed) == 1:
            steps[-1] = _taken_over(steps[-1], step)
    return replace(section, steps=tuple(steps))


def _taken_over(kept: Step, dropped: Step) -> Step:
    """The line before an empty one ends as the empty one did, whose form of the side is what later lines go on from."""
    sides = (*kept.claim.sides[:-1], sides_of(dropped.claim)[-1])  # type: ignore[attr-defined]
    return replace(kept, claim=replace(kept.claim, sides=sides), is_result=kept.is_result or dropped.is_result)  # type: ignore[call-arg]


def telling(claim: Claim) -> tuple[Claim, tuple[str, ...]]:
    """The claim without sides that print like the one before them, and how its sides print."""
    sides = sides_of(claim)
    printed = [latex(side) for side in sides]
    kept = [k for k in range(len(sides)) if k == 0 or printed[k] != printed[k - 1]]
    if isinstance(claim, SIDED) and len(kept) < len(sides):
        claim = replace(
            claim, sides=tuple(claim.sides[k - len(sides) + len(claim.sides)] for k in kept if _is_of(claim, k))
        )
    return claim, tuple(printed[k] for k in kept)


def _is_of(claim: Any, k: int) -> bool:
    """Whether the k-th side shown is one of `sides`, and not what the claim is about."""
    return k >= len(sides_of(claim)) - len(claim.sides)


def _ends_in(claim: Claim, printed: str) -> bool:
    return isinstance(claim, SIDED) and latex(sides_of(claim)[-1]) == printed
