"""Cross-entropy over classes, example by example."""

from __future__ import annotations

from typing import Any

from sympy import Integer, Rational, Symbol, exp, log

from derive.algebra.nodes import Factors, Numeral, Terms, plain
from derive.algebra.numbers import numeral
from derive.derivation import Section, Work, rule
from derive.topics.minibatch import Minibatch

OWN_CLASS = rule("the target's class", "only the class of the target counts: class {0}, counted from zero")
WEIGHTED = rule("weighted classes", "each class counts with its target probability")
SOFTMAX = rule(
    "logarithm of softmax", "the logarithm of softmax is the logit minus the logarithm of the sum of exponentials"
)
INSERT = rule("insert an example", "insert the numbers of example {0}")
VALUE = rule("value of an example", "compute")


def class_sections(batch: Minibatch) -> tuple[list[Section], list[Any]]:
    """A section an example; and the exact loss of each."""
    sections, terms = [], []
    for i in range(batch.rows):
        section, value = _example(batch, i)
        sections.append(section)
        terms.append(value)
    return sections, terms


def _example(batch: Minibatch, i: int) -> tuple[Section, Any]:
    work = Work(f"Example {i + 1}", batch.world)
    ell = Symbol(f"ell_{i + 1}")
    letter = "z" if batch.outputs_are == "logits" else "y_hat"
    outputs = [Symbol(f"{letter}_{i + 1}_{j + 1}", real=True) for j in range(len(batch.outputs[i]))]
    weights = _weights(batch, i)
    chosen = [j for j, w in enumerate(weights) if w != 0]
    why, about = (OWN_CLASS, (Integer(chosen[0]),)) if len(chosen) == 1 and weights[chosen[0]] == 1 else (WEIGHTED, ())
    if batch.outputs_are == "logits":
        why = SOFTMAX if len(chosen) == 1 else why
    named = _loss(batch, outputs, weights, chosen)
    inserted = _loss(batch, [Numeral(v) for v in batch.outputs[i]], weights, chosen)
    work.equal(ell, named, why=why, about=about)
    work.equal(named, inserted, why=INSERT, about=(i + 1,))
    value = plain(inserted)
    work.equal(inserted, numeral(value), why=VALUE, result=True)
    return work.section(), value


def _weights(batch: Minibatch, i: int) -> list[Any]:
    target = batch.targets[i]
    if isinstance(target, tuple):
        return list(target)
    return [Integer(int(j == target)) for j in range(len(batch.outputs[i]))]


def _loss(batch: Minibatch, outputs: list[Any], weights: list[Any], chosen: list[int]) -> Any:
    """The cross-entropy of one example in its outputs (symbols or numerals), classes of weight zero left out."""
    total = Terms(*[exp(z) for z in outputs])
    terms = []
    for j in chosen:
        inner = log(outputs[j]) if batch.outputs_are != "logits" else None
        weight = () if weights[j] == 1 else (Numeral(Rational(weights[j])),)
        if inner is not None:
            terms.append(Factors(Integer(-1), *weight, inner))
        else:
            terms.append(Factors(*weight, Terms(log(total), Factors(Integer(-1), outputs[j]))))
    return Terms(*terms)
