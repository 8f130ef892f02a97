"""Reasons are claims: each rule has a predicate that can fail, every shipped reason fits its step, and reasons that are swapped
among steps are refused wherever they make a false statement. The end of the run says how many were (conftest.py)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

from derive.checks.reasons import PREDICATES, headings, unfit, unfit_reasons
from derive.derivation import RULES, Reason, Refuted, Solution, Step
from derive.document.text import reason_text
from tests.shipped import PROBLEMS, solution

WITHIN, ACROSS = 250, 50  # swaps of each problem: with reasons of its own, and of other problems
PART_REFUSED = 0.95

COMPUTED = (
    "add up", "divide", "sum", "multiply", "difference of two losses", "central difference", "weights after a step", "compute",
    "compute a layer", "compute the step", "value of an element", "value of an example",
)  # fmt: skip
CHAINED = tuple(name for name in PREDICATES if name.startswith(("adjoint of", "chain rule"))) + (
    "several places",
    "gradient with numbers",
)
OF_LAYERS = (
    "softmax of a layer", "activation of a layer", "activation of an affine map", "affine map of a layer", "linear map of a layer",
    "rows picked from a table", "windows as rows", "entries in one vector", "largest entry of each window", "scores of pairs",
    "weighted rows", "input added", "mean in a layer", "variance in a layer", "less the mean", "root of the variance", "over the root",
    "gain and offset", "entries left out", "gates times contents",
)  # fmt: skip

# A rule whose words are true as well at the steps of other rules, and why.
TRUE_TOO: dict[str, tuple[tuple[str, ...], str]] = {
    "chain rule": (CHAINED, "every way in which a quantity receives its derivative is a case of the chain rule"),
    "compute": (COMPUTED, "numbers are worked out in each of them"),
    "compute a layer": (COMPUTED, "the same"),
    "value of an element": (COMPUTED, "the same"),
    "value of an example": (COMPUTED, "the same"),
    "multiply": (("compute the window",), "the window has one product"),
    "sum": (("compute the window", "compute the growth"), "nothing but a sum is left"),
    "equation of a layer": (OF_LAYERS, "each is the definition of its layer"),
    "adjoint of a product": (("adjoint of a repetition", "several places"), "ones times a row is a product"),
    "solve for": (("eliminate", "solve for a scalar"), "the unknown is solved for"),
    "linearity of sums": (("multiply out the centred sum",), "the product is multiplied out and the sum split"),
    "simplify": (("simplified", "multiply out the centred sum", "means cancel", "definitions of the functions", "the two sides agree"),
        "a shorter form"),
    "simplified": (("simplify", "multiply out the centred sum", "means cancel", "definitions of the functions", "the two sides agree",
        "definition of the activation"), "a form that is as simple"),
    "products and sums tidied": (("definitions of the functions", "the two sides agree", "exponential of a sum"), "all is in order"),
    "multiply out": (("softmax in itself", "target sums to one"), "products are multiplied out there"),
    "insert sizes": (("insert the counts",), "the numbers are sizes"),
    "definition of the loss": (("loss of a logit", "collect the labels", "the target's class", "weighted classes"), "the loss of one"),
    "line of the optimiser": (("recurrence",), "the recurrence is the optimiser's rule"),
    "recurrence": (("line of the optimiser",), "the optimiser's rule is a recurrence"),
    "derivative of an order": (("second derivative of a function",), "the second order is one"),
    "second derivative of a function": (("derivative of an order",), "of order two"),
    "differential collected": (("directional derivative",), "the direction is the change"),
    "arithmetic before logarithms": (("exact value",), "dropping what is zero is arithmetic"),
    "name of a part": (("definition of a quantity",), "a definition gives a name"),
    "definition of a quantity": (("name of a part", "formula to evaluate"), "a name is defined"),
    "term by term": (("what remains",), "it is done term by term"),
    "silent input": (("gradient of an off unit",), "the input is zero as well"),
    "several places": (("adjoint of a repetition",), "each row is a place"),
}  # fmt: skip


@cache
def solutions() -> dict[str, Solution]:
    return {name: solution(name) for name in PROBLEMS}


def test_every_rule_has_a_predicate_and_every_predicate_a_rule() -> None:
    solutions()
    tables = (PREDICATES, headings.TABLE, headings.MEANINGS)
    assert set(RULES) == set().union(*tables) and len(RULES) == sum(map(len, tables))


def test_every_reason_of_every_problem_fits_its_step() -> None:
    unfit = {name: unfit_reasons(found) for name, found in solutions().items()}
    assert not {name: why for name, why in unfit.items() if why}


def steps_of(found: Solution) -> list[Step]:
    """The steps that derive made; what the author says is its own reason."""
    return [
        step for derivation in found.derivations for step in derivation.steps if not isinstance(step.claim, Refuted)
    ]


def swapped() -> Iterator[tuple[str, Step, Step]]:
    """The problem, a step, and the same step with the reason of another one: of this problem, or of another."""
    draw = random.Random(11)
    everywhere = [step.reason for found in solutions().values() for step in steps_of(found)]
    for name, found in solutions().items():
        steps = steps_of(found)
        reasons = list(dict.fromkeys(step.reason for step in steps))
        pairs = [(step, reason) for step in steps for reason in reasons]
        pairs = draw.sample(pairs, min(WITHIN, len(pairs)))
        pairs += [(draw.choice(steps), draw.choice(everywhere)) for _ in range(ACROSS if steps else 0)]
        for step, reason in pairs:
            if reason != step.reason:
                yield name, step, replace(step, reason=reason)


def is_true_too(reason: Reason, step: Step) -> bool:
    """Whether the other reason says the same, or something that is true of the step as well."""
    rows = TRUE_TOO.get(reason.rule.name, ((), ""))[0]
    return reason_text(reason) == reason_text(step.reason) or step.reason.rule.name in rows


def test_swapped_reasons_that_are_false_are_refused(record_property: Callable[[str, object], None]) -> None:
    tally, survivors = Counter[str](), Counter[tuple[str, str]]()
    before = {name: steps_of(found) for name, found in solutions().items()}
    for name, step, other in swapped():
        steps = before[name]
        if unfit(other, tuple(steps[: steps.index(step)]), tuple(steps)):
            tally["refused"] += 1
        elif is_true_too(other.reason, step):
            tally["true as well"] += 1
        else:
            tally["survived"] += 1
            survivors[reason_text(other.reason), reason_text(step.reason)] += 1
    for what, count in tally.items():
        record_property(f"mutants: swapped reasons, {what}", count)
    false = tally["refused"] + tally["survived"]
    assert tally["refused"] >= PART_REFUSED * false, survivors.most_common(20)


def test_every_predicate_fails_somewhere() -> None:
    """A predicate that holds for every step says nothing."""
    steps = [step for found in solutions().values() for step in steps_of(found)]
    some = random.Random(3).sample(steps, 150)
    for name in PREDICATES:
        reasons = [step.reason for step in steps if step.reason.rule.name == name][:1] or [Reason(RULES[name])]
        others = [step for step in some if step.reason.rule.name != name]
        assert any(unfit(replace(step, reason=reasons[0])) for step in others), name
