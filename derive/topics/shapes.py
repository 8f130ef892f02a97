"""`shapes`: every matrix and vector of a network with its dimensions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from derive.derivation import Answer, Derivation, HasShape, Work, rule
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

        def size(symbol: Any, meaning: str, why: Any, *about: Any) -> None:
            work.claim(HasShape(world, symbol, symbol.shape, meaning), why, about)

        size(net.x, "input", INPUT)
        for unit in net.units:
            size(unit.W, f"weights of layer {unit.number}", WEIGHT, unit.number)
            if unit.b is not None:
                size(unit.b, f"biases of layer {unit.number}", BIAS, unit.number)
            size(unit.z, f"pre-activation of layer {unit.number}", PRE_ACTIVATION, unit.number)
            if unit is net.units[-1]:
                size(unit.a, "output of the network", OUTPUT)
            else:
                size(unit.a, f"output of layer {unit.number}", ACTIVATION)
        if given.loss is not None:
            size(net.y, "target", TARGET)
        answers = tuple(_answer(step.claim) for step in work.steps)
        return Derivation("Dimensions", (work.section(),), answers)


def _answer(claim: Any) -> Answer:
    def is_shape(value: Any) -> HasShape:
        return HasShape(claim.world, claim.of, tuple(value), claim.meaning)

    return Answer(f"{claim.of.name}.shape", claim.shape, is_shape)
