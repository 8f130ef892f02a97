"""`loss`: a loss on a minibatch, element by element, then its reduction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sympy import Add, Dummy, Expr, Integer, Mul, Piecewise, Rational, Symbol, count_ops, exp, log, preorder_traversal
from sympy.core.relational import Ge, Gt, Le, Lt, Relational

from derive.algebra.functions import sigmoid
from derive.algebra.inserting import put_in
from derive.algebra.nodes import Factors, Numeral, Quotient, Terms, plain
from derive.algebra.notation import as_written, positive_first
from derive.algebra.numbers import exact, numeral
from derive.algebra.values import unfolded
from derive.derivation import Answer, Derivation, Equal, Holds, Reason, Section, Work, rule
from derive.errors import GivenError
from derive.topics import headings
from derive.topics.loss_classes import class_sections
from derive.topics.minibatch import Minibatch, minibatch_of
from derive.topics.registry import questions
from derive.worlds import LossRun

DEFINITION = rule("definition of the loss", "the loss of one element")
SIDE = rule("which branch", "compare to choose the branch")
BRANCH = rule("branch of an element", "so this is the branch of element {0}")
INSERT = rule("insert an element", "insert target and output of element {0}")
VALUE = rule("value of an element", "compute")
THROUGH_SIGMOID = rule("loss of a logit", "the probability is the sigmoid of the logit")
LABELLED = rule("loss of a logit with a label", "the definition of the sigmoid, for the label {0}")
COLLECT = rule("collect the labels", "weigh the two by {0} and {1}")
TAKEN_OUT = rule(
    "larger exponential taken out",
    "the larger of 1 and e to the logit taken out of the logarithm, so that nothing overflows",
)
EXACT = rule("exact value", "what multiplies zero drops out")
ARITHMETIC = rule("arithmetic before logarithms", "carry out the arithmetic")
MEAN = rule("mean of the elements", "the mean over the {0} elements")
ONLY = rule("loss of a single element", "there is one element only")
SUM = rule("sum of the elements", "the sum over the {0} elements")
ROWS = rule("mean over rows", "the sum over the entries, divided by the number of rows, {0}")
INSERT_ELEMENTS = rule("insert the elements", "insert the elements")
ADD = rule("add up", "add up")
DIVIDE = rule("divide", "divide")
OPPOSITE = {Le: Gt, Lt: Ge, Ge: Lt, Gt: Le}


@questions("loss")
@dataclass(frozen=True)
class Loss:
    """The loss of a minibatch: the definition, each element with its numbers, the reduction."""

    def derive(self, given: Any) -> Derivation:
        batch = minibatch_of(given)
        if batch.loss.on == "classes":
            sections, terms = class_sections(batch)
        else:
            sections, terms = element_sections(batch)
        each = _terms_answer(batch, terms)
        if batch.loss.reduction == "none":
            answers: tuple[Answer, ...] = (replace(each, name="loss", is_main=True), each)
        else:
            section, value = reduction_section(batch, terms)
            sections.append(section)
            answers = (_loss_answer(batch, value), each)
        return Derivation("Loss of the minibatch", tuple(sections), answers)


def element_sections(batch: Minibatch) -> tuple[list[Section], list[Any]]:
    """The definition, and a section an element; and the exact value of each element."""
    sections, terms = [definition_section(batch)], []
    for k in range(len(batch.places)):
        section, value = element_section(batch, k)
        sections.append(section)
        terms.append(value)
    return sections, terms


def definition_section(batch: Minibatch) -> Section:
    """The loss of one element, for any target and output."""
    y, p, ell = Symbol("y", real=True), batch.output_symbol, Symbol("ell")
    settings = tuple((symbol, ("setting", symbol.name)) for symbol in batch.settings)
    observed = ((ell, ("element", 0)), (y, ("target", 0)), (p, ("output", 0)), *settings)
    work = Work("Definition", LossRun(batch.loss, None, None, observed, batch.outputs_are))
    if batch.outputs_are != "logits":
        return work.equal(ell, batch.term(y, p), why=DEFINITION).section()

    def by_probability(label: Expr) -> Any:
        return as_written(batch.loss.term(label, sigmoid(p)))

    work.equal(ell, by_probability(y), why=THROUGH_SIGMOID)
    for label in (Integer(1), Integer(0)):
        work.equal(by_probability(label), batch.term(label, p), why=LABELLED, about=(label,))
    work.equal(ell, batch.term(y, p), why=COLLECT, about=(y, 1 - y))
    if any(batch.is_large(batch.numbers(k)[1:]) for k in range(len(batch.places))):
        work.equal(batch.term(y, p), batch.large_term(y, p), why=TAKEN_OUT)
    return work.section()


def element_section(batch: Minibatch, k: int) -> tuple[Section, Any]:
    """One element: which branch it is on, its formula with the numbers, its value."""
    y, p, ell = batch.symbols(k)
    target, output = batch.numbers(k)
    work = Work(Reason(headings.ELEMENT, (Integer(k + 1),)), batch.world)
    is_large = batch.is_large((output,))
    formula = batch.large_term(y, p) if is_large else batch.term(y, p)
    shown = {y: Numeral(target), p: Numeral(output), **{symbol: Numeral(v) for symbol, v in batch.settings.items()}}
    if isinstance(formula, Piecewise):
        formula = _branch(formula, shown, work, k + 1)
    inserted = put_in(formula, shown)
    work.equal(ell, formula, why=TAKEN_OUT if is_large else DEFINITION)
    if inserted != formula:
        work.equal(formula, inserted, why=INSERT, about=(k + 1,))
    value = plain(inserted)
    steps_to_value(work, inserted, value)
    return Section(work.heading, tuple(work.steps)), value


def steps_to_value(work: Work, inserted: Any, value: Any) -> None:
    """From the formula with its numbers to the value: exact first, rounded last."""
    if isinstance(value, Rational):
        if inserted != value:
            work.equal(inserted, numeral(value), why=VALUE, result=True)
        return
    readable = readable_value(inserted)
    if readable != inserted:
        dropped = any(
            plain(f) == 0 for p in preorder_traversal(inserted) if isinstance(p, Mul | Factors) for f in p.args
        )
        work.equal(inserted, readable, why=EXACT if dropped else ARITHMETIC)
    work.equal(readable, numeral(unfolded(value)), why=VALUE, result=True)


def _branch(formula: Piecewise, shown: dict[Any, Any], work: Work, number: int) -> Expr:
    """The branch that the numbers choose, with the comparison that chooses it."""
    for branch, condition in formula.args:
        if not isinstance(condition, Relational):
            return branch
        if count_ops(condition.lhs) < count_ops(condition.rhs):
            condition = condition.reversed
        left, right = condition.args
        value = numeral(plain(left.xreplace(shown)))
        if (inserted := put_in(left, shown)) != value:
            work.equal(left, inserted, value, why=SIDE)
        holds = bool(plain(condition.xreplace(shown)))
        kind = type(condition) if holds else OPPOSITE[type(condition)]
        work.claim(
            Holds(
                work.world, kind(value, right.xreplace(shown) if right.free_symbols else Numeral(right), evaluate=False)
            ),
            BRANCH,
            (number,),
        )
        if holds:
            return branch
    raise GivenError("no branch of the loss holds for these numbers", ("given",))


def readable_value(inserted: Any) -> Any:
    """The arithmetic around and inside logarithms and exponentials done, these themselves kept: 0 log 0.9 - 1 log(1 - 0.9)
    reads -log 0.1."""
    kept: dict[Any, Dummy] = {}

    def keep(node: Any) -> Any:
        inside = plain(node.args[0])
        simple = node.func(inside)
        return simple if isinstance(simple, Rational) else kept.setdefault(node.func(Numeral(inside)), Dummy())

    def is_simple(node: Any) -> bool:
        return isinstance(node, log | exp) and isinstance(plain(node.args[0]), Rational)

    sums = plain(inserted.replace(is_simple, keep))
    back = {dummy: node for node, dummy in kept.items()}
    return Terms(*[_term(term, back) for term in positive_first(Add.make_args(sums))])


def _term(term: Any, back: dict[Any, Any]) -> Any:
    """One term with its coefficient as a numeral, and as_written what was kept."""
    coefficient, rest = term.as_coeff_Mul()
    rest = as_written(rest).xreplace(back)
    if rest == 1:
        return Numeral(coefficient)
    if abs(coefficient) == 1:
        return coefficient * rest
    return Factors(Numeral(coefficient), rest)


def reduction_section(batch: Minibatch, terms: list[Any]) -> tuple[Section, Any]:
    """The mean or the sum of the elements; and its exact value."""
    work, loss = Work("Reduction", batch.world), Symbol("L")
    symbols = batch.elements
    divisor = {"mean": len(terms), "batchmean": batch.rows, "sum": 1}[batch.loss.reduction]
    why = {"mean": MEAN, "batchmean": ROWS, "sum": SUM}[batch.loss.reduction]
    about: tuple[Any, ...] = (Integer(batch.rows if batch.loss.reduction == "batchmean" else len(terms)),)
    if len(terms) == divisor == 1:
        why, about = ONLY, ()
    numbers = [numeral(unfolded(term)) for term in terms]
    total = exact(sum((exact(unfolded(term)) for term in terms), Integer(0)))

    def over(top: Any) -> Any:
        return top if divisor == 1 else Quotient(top, Integer(divisor))

    named = over(Terms(*symbols))
    work.equal(loss, named, why=why, about=about)
    inserted = over(Terms(*numbers))
    if inserted != named:
        work.equal(named, inserted, why=INSERT_ELEMENTS)
    if len(terms) > 1:
        work.equal(inserted, over(numeral(total)), why=ADD, result=divisor == 1)
    value = exact(total / divisor)
    if divisor != 1:
        work.equal(over(numeral(total)), numeral(value), why=DIVIDE, result=True)
    return work.section(), value


def _loss_answer(batch: Minibatch, value: Any) -> Answer:
    return Answer("loss", value, lambda v: Equal(batch.world, (Symbol("L"), v)), True)


def _terms_answer(batch: Minibatch, terms: list[Any]) -> Answer:
    from sympy import Tuple

    symbols = Tuple(*batch.elements)
    values = tuple(exact(unfolded(term)) for term in terms)

    def claim(value: Any) -> Equal:
        if len(value) != len(terms):
            raise ValueError(f"{len(terms)} numbers are needed, not {len(value)}")
        return Equal(batch.world, (symbols, Tuple(*value)))

    return Answer("terms", values, claim)
