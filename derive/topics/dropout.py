"""`dropout`: the mean and the variance of what dropout makes of a number while training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Integer, Symbol

from derive.algebra.nodes import Factors, Numeral, Quotient, Terms
from derive.derivation import Answer, Derivation, HasMean, Work, rule
from derive.errors import GivenError
from derive.topics.registry import questions
from derive.worlds import DropoutRun

OUTCOMES = rule("two outcomes of dropout", "zero with probability {0}, the number over {1} otherwise")
KEEPS = rule("mean of dropout", "so the mean stays what it was, and evaluation needs no dropout")
DISTANCES = rule("variance of dropout", "the squared distances of the two outcomes from the mean")
COLLECTED = rule("collect the variance", "collect")
INSERT = rule("insert the probability", "with {0} at {1}")


@questions("dropout")
@dataclass(frozen=True)
class DropoutMoments:
    """The expectation and the variance of a dropped-out number, for any probability and then for that of the layer given."""

    def derive(self, given: Any) -> Derivation:
        if given.layer is None or given.layer.name != "dropout":
            raise GivenError("a dropout layer is needed here, such as 'layer: {dropout: {p: 0.5}}'", ("given",))
        x, p, d = Symbol("x", real=True), Symbol("p", positive=True), Symbol("d", real=True)
        world = DropoutRun(None, ((x, ("input",)), (p, ("probability",)), (d, ("output",))))
        kept = 1 - p
        mean = Work("Mean", world)
        by_outcome = Terms(Factors(p, Integer(0)), Factors(kept, Quotient(x, kept)))
        mean.claim(HasMean(world, d, (by_outcome,)), OUTCOMES, (p, kept))
        mean.claim(HasMean(world, d, (x,)), KEEPS, result=True)
        spread, short = (d - x) ** 2, p * x**2 / kept
        variance = Work("Variance", world)
        by_distance = Terms(Factors(p, Terms(Integer(0), -x) ** 2), Factors(kept, Terms(Quotient(x, kept), -x) ** 2))
        variance.claim(HasMean(world, spread, (by_distance,)), DISTANCES)
        variance.equal(by_distance, short, why=COLLECTED, result=True)
        sections = [mean.section(), variance.section()]
        number = given.layer.p
        if number < 1:
            there = DropoutRun(number, ((x, ("input",)), (d, ("output",))))
            last = Work("With the number", there)
            last.claim(HasMean(there, spread, (short.xreplace({p: number}),)), INSERT, (p, Numeral(number)), True)
            sections.append(last.section())
        answers = (
            Answer("mean", x, lambda value: HasMean(world, d, (value,)), True),
            Answer("variance", short, lambda value: HasMean(world, spread, (value,))),
        )
        return Derivation("Dropout while training", tuple(sections), answers)
