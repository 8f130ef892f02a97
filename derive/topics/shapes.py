"""`shapes`: every matrix and vector of a network with its dimensions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sympy import Integer

from derive.derivation import Answer, Derivation, HasShape, Reason, Work, rule
from derive.topics import headings
from derive.topics.network import network_of
from derive.topics.registry import questions
from derive.topics.stack import is_stack, stack_of
from derive.topics.stack_answers import shapes_derivation

INPUT = rule("network input", "one column, a row for each input")
WEIGHT = rule("weight matrix", "a row for each unit of layer {0}, a column for each of its inputs")
BIAS = rule("bias vector", "one entry for each unit of layer {0}")
PRE_ACTIVATION = rule("pre-activation", "as many entries as layer {0} has units")
ACTIVATION = rule("activation vector", "the activation works entry by entry and keeps the size")
OUTPUT = rule("network output", "what the network predicts, one entry for each output unit")
TARGET = rule("network target", "of the size of the prediction")


@questions("shapes")
@dataclass(frozen=True)
class Shapes:
    """The dimensions of every weight matrix, bias and layer output, for one example in a column."""

    def derive(self, given: Any) -> Derivation:
        if is_stack(given):
            return shapes_derivation(stack_of(given))
        net = network_of(given)
        world = replace(net.world, sizes_only=True)
        work = Work("", world)

        def size(symbol: Any, meaning: Reason, why: Any, *about: Any) -> None:
            work.claim(HasShape(world, symbol, symbol.shape, meaning), why, about)

        def part(what: str, unit: Any) -> Reason:
            return Reason(headings.PART, (what, Integer(unit.number)))

        size(net.x, Reason(headings.NETWORK_INPUT), INPUT)
        for unit in net.units:
            size(unit.W, part("weights", unit), WEIGHT, unit.number)
            if unit.b is not None:
                size(unit.b, part("biases", unit), BIAS, unit.number)
            size(unit.z, part("pre-activation", unit), PRE_ACTIVATION, unit.number)
            if unit is net.units[-1]:
                size(unit.a, Reason(headings.NETWORK_OUTPUT), OUTPUT)
            else:
                size(unit.a, part("output", unit), ACTIVATION)
        if given.loss is not None:
            size(net.y, Reason(headings.NETWORK_TARGET), TARGET)
        answers = tuple(_answer(step.claim) for step in work.steps)
        return Derivation("Dimensions", (work.section(),), answers)


def _answer(claim: Any) -> Answer:
    def is_shape(value: Any) -> HasShape:
        return HasShape(claim.world, claim.of, tuple(value), claim.meaning)

    return Answer(f"{claim.of.name}.shape", claim.shape, is_shape)
