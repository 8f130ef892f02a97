"""Cross-entropy over classes, example by example."""

from __future__ import annotations

from typing import Any

from sympy import IndexedBase, Integer, Rational, Sum, Symbol, exp, log

from derive.algebra.nodes import Factors, Numeral, Terms, plain
from derive.algebra.numbers import numeral
from derive.derivation import Reason, Section, Work, rule
from derive.topics import headings
from derive.topics.minibatch import Minibatch
from derive.worlds import LossRun

DEFINITION = rule("definition of the loss over classes", "the loss of one example, summed over its {0} classes")
THROUGH_SOFTMAX = rule("loss of logits", "the probabilities are the softmax of the logits")
LOG_SUM_EXP = rule(
    "log-sum-exp", "the logarithm of a quotient is a difference, and the targets of an example add up to one"
)
OWN_CLASS = rule("the target's class", "only the class of the target counts: class {0}, counted from zero")
WEIGHTED = rule("weighted classes", "each class counts with its target probability")
INSERT = rule("insert an example", "insert the numbers of example {0}")
VALUE = rule("value of an example", "compute")
SHIFT = rule("log-sum-exp shifted", "e to {0} taken out of the sum: for any number, so for the largest logit")
LARGEST_OUT = rule("largest logit taken out", "the largest logit, {0}, is taken out, so that no exponential overflows")


def class_sections(batch: Minibatch) -> tuple[list[Section], list[Any]]:
    """The definition, and a section an example; and the exact loss of each."""
    sections, terms = [definition_section(batch)], []
    for i in range(batch.rows):
        section, value = _example(batch, i)
        sections.append(section)
        terms.append(value)
    return sections, terms


def definition_section(batch: Minibatch) -> Section:
    """The loss of one example, for any target and any outputs in as many classes as the batch has."""
    ell, classes, k, j = Symbol("ell"), Integer(len(batch.outputs[0])), *map(_index, "kj")
    y, output = IndexedBase("y"), IndexedBase(batch.output_symbol.name)
    observed = ((ell, ("element", 0)), (y, ("targets",)), (output, ("outputs",)))
    work = Work("Definition", LossRun(batch.loss, None, classes, observed, batch.outputs_are))
    if batch.outputs_are != "logits":
        return work.equal(
            ell, _over(batch.loss.term(y[k], output[k]), k, classes), why=DEFINITION, about=(classes,)
        ).section()
    total = Sum(exp(output[j]), (j, 1, classes))
    through = _over(batch.loss.term(y[k], exp(output[k]) / total), k, classes)
    work.equal(ell, through, why=THROUGH_SOFTMAX)
    chosen = -Sum(y[k] * output[k], (k, 1, classes))
    work.equal(through, Terms(log(total), chosen), why=LOG_SUM_EXP)
    if any(map(batch.is_large, batch.outputs)):
        m = Symbol("m", real=True)
        work.equal(
            Terms(log(total), chosen),
            Terms(m, log(Sum(exp(output[j] - m), (j, 1, classes))), chosen),
            why=SHIFT,
            about=(m,),
        )
    return work.section()


def _index(letter: str) -> Symbol:
    return Symbol(letter, integer=True, positive=True)


def _over(term: Any, k: Symbol, classes: Any) -> Any:
    """The sum of the term over the classes, its sign in front."""
    sign, rest = term.as_coeff_Mul()
    return sign * Sum(rest, (k, 1, classes))


def _example(batch: Minibatch, i: int) -> tuple[Section, Any]:
    work = Work(Reason(headings.EXAMPLE, (Integer(i + 1),)), batch.world)
    ell = Symbol(f"ell_{i + 1}")
    outputs = [Symbol(f"{batch.output_symbol}_{i + 1}_{j + 1}", real=True) for j in range(len(batch.outputs[i]))]
    weights = batch.weights(i)
    chosen = [j for j, w in enumerate(weights) if w != 0]
    why, about = (OWN_CLASS, (Integer(chosen[0]),)) if len(chosen) == 1 else (WEIGHTED, ())
    named = _loss(batch, outputs, weights, chosen)
    numbers = [Numeral(v) for v in batch.outputs[i]]
    largest = None
    if batch.is_large(batch.outputs[i]):
        largest = max(range(len(numbers)), key=lambda j: batch.outputs[i][j])
        named, why, about = _loss(batch, outputs, weights, chosen, outputs[largest]), LARGEST_OUT, (outputs[largest],)
    work.equal(ell, named, why=why, about=about)
    inserted = _loss(batch, numbers, weights, chosen, None if largest is None else numbers[largest])
    work.equal(named, inserted, why=INSERT, about=(i + 1,))
    value = plain(inserted)
    work.equal(inserted, numeral(value), why=VALUE, result=True)
    return work.section(), value


def _loss(batch: Minibatch, outputs: list[Any], weights: tuple[Any, ...], chosen: list[int], shift: Any = None) -> Any:
    """The cross-entropy of one example in its outputs (symbols or numerals), classes of weight zero left out, and with `shift`
    taken out of the logarithm of the sum of exponentials."""
    over_logits = batch.outputs_are == "logits"
    powers = [exp(z if shift is None else Terms(z, Factors(Integer(-1), shift))) for z in outputs]
    terms = [*([] if shift is None else [shift]), log(Terms(*powers))] if over_logits else []
    for j in chosen:
        weight = () if weights[j] == 1 else (Numeral(Rational(weights[j])),)
        terms.append(Factors(Integer(-1), *weight, outputs[j] if over_logits else log(outputs[j])))
    return Terms(*terms)
