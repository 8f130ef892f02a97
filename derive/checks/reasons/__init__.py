"""Whether the reason of a step fits the step. A reason is a claim too: each rule has a predicate over the claim's sides, its
world, what the reason is about and what stands before, that holds wherever the rule is cited. The predicates share no code
with the engine that cites the rules."""

from __future__ import annotations

from derive.checks.reasons import (
    calculus,
    counting,
    layers,
    losses,
    minima,
    networks,
    optimisers,
    stacks,
    statements,
    training,
    vanishing,
)
from derive.checks.reasons.cited import Cited
from derive.checks.reasons.headings import unfit_headings
from derive.checks.reasons.vocabulary import Predicate
from derive.derivation import FIGURE, Reason, Refuted, Section, Solution, Step
from derive.errors import Bug

FIELDS = (networks, vanishing, training, layers, stacks, counting, losses, optimisers, calculus, minima, statements)


def _together() -> dict[str, Predicate]:
    table: dict[str, Predicate] = {}
    for field in FIELDS:
        for name, predicate in field.TABLE.items():
            if name in table:
                raise Bug(f"two predicates for the rule '{name}'")
            table[name] = predicate
    return table


PREDICATES = _together()


def unfit(
    step: Step, before: tuple[Step, ...] = (), others: tuple[Step, ...] = (), is_answer: bool = False
) -> str:  # fmt: skip
    """Why the reason of a step does not hold there, in words; '' where it does. What is among the author's answers is one, and
    says so; nothing else may."""
    name = step.reason.rule.name
    predicate = PREDICATES.get(name)
    if predicate is None:
        return f"the rule '{name}' has no predicate that tests it (derive/checks/reasons)"
    if name in statements.SAID and not (is_answer or isinstance(step.claim, Refuted)):
        return f"the reason '{name}' does not fit this step: it is no answer of the author"
    if is_answer and name not in statements.SAID:
        return f"the reason '{name}' does not fit an answer of the author"
    try:
        fits = predicate(Cited(step, before, others, is_answer))
    except (
        AttributeError,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
    ):  # the step has not even the parts that it speaks of
        fits = False
    return "" if fits else f"the reason '{name}' does not fit this step: {predicate.words}"


def unfit_remark(remark: Reason, section: Section, before: tuple[Step, ...] = ()) -> str:
    """The same of the words above a section, which are judged by the first of its steps."""
    return unfit(Step(section.steps[0].claim, remark), before) if section.steps else ""


def unfit_reasons(solution: Solution) -> dict[str, str]:
    """Every step of a solution whose reason (or the heading or the remark above it, or the words beside a size) does not fit,
    and why."""
    found = unfit_headings(solution)
    before: list[Step] = []
    others = tuple(step for _, step in solution.steps())
    for p, derivation in enumerate(solution.derivations, 1):
        for s, section in enumerate(derivation.sections, 1):
            if section.remark is not None:
                found[f"{p}.{s}.1"] = found.get(f"{p}.{s}.1", "") or unfit_remark(
                    section.remark, section, tuple(before)
                )
            for k, step in enumerate(section.steps, 1):
                number = f"{p}.{s}.{k}"
                found[number] = found.get(number, "") or unfit(step, tuple(before), others)
                before.append(step)
    if solution.figure is not None:
        found[FIGURE] = unfit(solution.figure, tuple(before), others)
    found |= {n: found.get(n, "") or unfit(step, tuple(before), others, True) for n, step in solution.key}
    return {number: why for number, why in found.items() if why}
