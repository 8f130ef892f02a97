"""`dropout`: the mean and the variance of what dropout makes of a number while training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer, Symbol

from derive.algebra.nodes import Factors, Numeral, Quotient, Terms
from derive.derivation import Answer, Derivation, Equal, HasMean, Work, rule
from derive.errors import GivenError
from derive.topics.registry import questions
from derive.worlds import DropoutRun, Formulas

OUTCOMES = rule("two outcomes of dropout", "zero with probability {0}, the number over {1} otherwise")
KEEPS = rule("mean of dropout", "so the mean stays what it was, and evaluation needs no dropout")
SQUARES = rule("mean square of dropout", "the squares of the two outcomes")
SHORT = rule("shorten the fraction", "shorten")
VARIANCE = rule("variance of dropout", "the mean square less the square of the mean")
COMMON = rule("collect the variance", "collect")
INSERT = rule("insert the probability", "with the probability that is given")


@questions("dropout")
@dataclass(frozen=True)
class DropoutMoments:
    """The expectation and the variance of a dropped-out number, for any probability and then for that of the layer given."""

    def derive(self, given: Any) -> Derivation:
        if given.layer is None or given.layer.name != "dropout":
            raise GivenError("a dropout layer is needed here, such as 'layer: {dropout: {p: 0.5}}'", ("given",))
        x, p, d, v = Symbol("x", real=True), Symbol("p", positive=True), Symbol("d", real=True), Symbol("v", real=True)
        world = DropoutRun(None, ((x, ("input",)), (p, ("probability",)), (d, ("output",))))
        kept = 1 - p
        mean = Work("Mean", world)
        by_outcome = Terms(Factors(p, Integer(0)), Factors(kept, Quotient(x, kept)))
        mean.claim(HasMean(world, d, (by_outcome,)), OUTCOMES, (p, kept))
        mean.claim(HasMean(world, d, (x,)), KEEPS, result=True)
        square = Work("Mean square", world)
        squares = Terms(Factors(p, Integer(0)), Factors(kept, Quotient(x**2, kept**2)))
        square.claim(HasMean(world, d**2, (squares,)), SQUARES)
        square.equal(squares, x**2 / kept, why=SHORT, result=True)
        moments = Formulas(((v, x**2 / kept - x**2),), ((x, "real"), (p, "unit")))
        variance = Work("Variance", moments)
        written = Terms(Quotient(x**2, kept), -(x**2))
        short: Expr = p * x**2 / kept
        variance.equal(v, written, why=VARIANCE)
        variance.equal(written, short, why=COMMON, result=True)
        sections = [mean.section(), square.section(), variance.section()]
        number = given.layer.p
        if number < 1:
            there = Formulas(((p, number), *moments.definitions), ((x, "real"),))
            last = Work("With the number", there)
            last.equal(p, Numeral(number), why=INSERT)
            last.equal(v, short.xreplace({p: number}), why=INSERT, result=True)
            sections.append(last.section())
        answers = (
            Answer("mean", x, lambda value: HasMean(world, d, (value,)), True),
            Answer("variance", short, lambda value: Equal(moments, (v, value))),
        )
        return Derivation("Dropout while training", tuple(sections), answers)
