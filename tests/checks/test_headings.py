"""Numbers and names in headings, beside sizes and in figures are values of claims: a fault put into any of them is refused."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sympy import Basic, Integer

from derive.checks.reasons import unfit, unfit_remark
from derive.checks.reasons.headings import MEANINGS, PLAIN, TABLE, unfit_headings
from derive.derivation import HasShape, Heading, Reason, Refuted, Rule, Solution
from derive.topics import headings
from tests.shipped import PROBLEMS, solution

FAULTS = 4  # tried of each problem
OPPOSITE = {"minimum": "maximum", "maximum": "minimum", "least": "largest", "largest": "least"}
TWINS = {
    "Height": "Width", "Width": "Height", "Left side": "Right side", "Max pooling": "Average pooling",
    "Average pooling": "Max pooling", "One layer more": "One unit more in each layer",
    "One unit more in each layer": "One layer more", "One step of gradient descent": "",
}  # fmt: skip
WORDS = (
    "dense",
    "conv2d",
    "activation tanh",
    "activation relu",
    "softplus",
    "Adam",
    "RMSProp",
    "first",
    "second",
    "weights",
    "output",
)


def values_beside(value: Any, names: tuple[Any, ...]) -> Iterator[Any]:
    """Other values of the same kind: numbers near by, other words, other names of the same problem."""
    if isinstance(value, str):
        yield from (word for word in (*WORDS, value + "a") if word != value)
    elif isinstance(value, Integer | int):
        yield from (Integer(value + 1), Integer(value + 7), *((Integer(value - 1),) if value > 1 else ()))
    else:
        yield from (name for name in names if name != value)


def faults_in(heading: Heading, names: tuple[Any, ...]) -> Iterator[Heading]:
    """The heading with one of its values changed, or with the other word where it says what kind of point it is."""
    if isinstance(heading, str):
        other = TWINS.get(heading) or " ".join(OPPOSITE.get(word, word) for word in heading.split(" "))
        if other != heading:
            yield other
        return
    for place, value in enumerate(heading.about):
        for wrong in values_beside(value, names):
            yield Reason(heading.rule, (*heading.about[:place], wrong, *heading.about[place + 1 :]))


def names_of(found: Solution) -> tuple[Any, ...]:
    """A few names of the problem's quantities."""
    symbols: dict[Any, None] = {}
    for _, step in found.steps():
        for side in getattr(step.claim, "sides", ()):
            free = side.free_symbols if isinstance(side, Basic) else set()
            symbols |= dict.fromkeys(sorted((s for s in free if s.is_symbol), key=str))
    return tuple(symbols)[:4]


def with_faults(found: Solution) -> Iterator[tuple[str, Solution]]:
    """The solution with a fault in one heading, or in the words beside one size; and what stands for what."""
    names = names_of(found)
    for p, derivation in enumerate(found.derivations):

        def put(changed: Any, p: int = p) -> Solution:
            return replace(found, derivations=(*found.derivations[:p], changed, *found.derivations[p + 1 :]))

        if derivation.sections:
            for wrong in faults_in(derivation.heading, names):
                yield f"{wrong} for {derivation.heading}", put(replace(derivation, heading=wrong))
        for s, section in enumerate(derivation.sections):

            def into(changed: Any, s: int = s, derivation: Any = derivation, put: Any = put) -> Solution:
                return put(
                    replace(derivation, sections=(*derivation.sections[:s], changed, *derivation.sections[s + 1 :]))
                )

            for wrong in faults_in(section.heading, names) if section.steps else ():
                yield f"{wrong} for {section.heading}", into(replace(section, heading=wrong))
            for k, step in enumerate(section.steps):
                if not isinstance(step.claim, HasShape):
                    continue
                for wrong in faults_in(step.claim.meaning, names):
                    changed = replace(step, claim=replace(step.claim, meaning=wrong))
                    steps = (*section.steps[:k], changed, *section.steps[k + 1 :])
                    yield f"{wrong} for {step.claim.meaning}", into(replace(section, steps=steps))


def test_every_heading_with_values_has_a_judge() -> None:
    rules = {value.name for value in vars(headings).values() if isinstance(value, Rule)}
    assert rules == set(TABLE) | set(MEANINGS)
    assert not [words for words in PLAIN if re.search(r"\d", words)]


def test_faults_in_headings_and_beside_sizes_are_refused(record_property: Callable[[str, object], None]) -> None:
    """Of every problem a few faults, each time others: of all headings with values, and of the words in tables of sizes."""
    draw, missed, tried = random.Random(7), [], 0
    for name in PROBLEMS:
        every = list(with_faults(solution(name)))
        for words, wrong in draw.sample(every, min(FAULTS, len(every))):
            tried += 1
            if not unfit_headings(wrong):
                missed.append((name, words))
    assert not missed
    assert tried > 250
    record_property("faults in headings and beside sizes that were refused", tried)


def with_faults_in_reasons(found: Solution) -> Iterator[tuple[str, bool]]:
    """What a reason or a remark says with one of its printed values changed, and whether it is refused."""
    names, before, others = names_of(found), [], tuple(step for _, step in found.steps())
    draw = random.Random(3)
    for section in (section for derivation in found.derivations for section in derivation.sections):
        if section.remark is not None and section.steps:
            for wrong in faulty(section.remark, names, draw):
                yield f"{wrong.rule.words} {wrong.about}", bool(unfit_remark(wrong, section, tuple(before)))
        for step in section.steps:
            for wrong in faulty(step.reason, names, draw) if not isinstance(step.claim, Refuted) else ():
                refused = unfit(replace(step, reason=wrong), tuple(before), others)
                yield f"{wrong.rule.words} {wrong.about}", bool(refused)
            before.append(step)


def faulty(reason: Reason, names: tuple[Any, ...], draw: random.Random) -> Iterator[Reason]:
    """The reason with a value changed that is printed: up to three faults in each place."""
    for place in {int(k) for k in re.findall(r"\{(\d+)\}", reason.rule.words)}:
        value = reason.about[place]
        wrong = list(values_beside(value, names))
        for other in draw.sample(wrong, min(3, len(wrong))):
            yield Reason(reason.rule, (*reason.about[:place], other, *reason.about[place + 1 :]))


def test_faults_in_numbers_and_names_in_sentences_are_refused(record_property: Callable[[str, object], None]) -> None:
    tried = [(name, *fault) for name in PROBLEMS for fault in with_faults_in_reasons(solution(name))]
    missed = [(name, words) for name, words, refused in tried if not refused]
    record_property("faults in numbers and names in sentences that were refused", len(tried) - len(missed))
    record_property("faults in numbers and names in sentences that were not", len(missed))
    assert len(tried) > 1500
    assert len(missed) < 0.02 * len(tried), missed
