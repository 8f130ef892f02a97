"""`expectation`: what an optimiser's moment estimates are on average, for a gradient that is stationary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from sympy import Expr, Integer, Sum, Symbol, Tuple

from derive.algebra.nodes import Expectation, Factors, Numeral, Power, Quotient, Terms, plain
from derive.algebra.numbers import numeral
from derive.catalogue.optimisers.base import State, hyper_values
from derive.derivation import Answer, Derivation, Equal, HasMean, Reason, Section, Work, rule
from derive.errors import GivenError
from derive.topics import headings
from derive.topics.closed_form import unrolling
from derive.topics.moments import G, M, at_time, entry, g, hyper_tags, i, optimiser_of, state_of, t
from derive.topics.registry import questions
from derive.worlds import MomentRun

NAME_OF_MEAN = rule("name of the mean", "{0} is the mean of the gradient")
NAME_OF_SQUARE = rule("name of the second moment", "{0} is the mean of the gradient's square")
LINEARITY = rule("linearity of the expectation", "the expectation of a sum is the sum of the expectations")
STATIONARY = rule("stationary gradient", "the gradient is stationary: its moment is {0} at every step")
REINDEX = rule("count backwards", "count from the last step backwards")
GEOMETRIC = rule("geometric series", "sum the geometric series in {0}")
CANCEL = rule("cancel the factor", "the factor in front cancels the denominator")
COUNT = rule("equal terms", "the sum has {0} equal terms")
CORRECTION = rule("bias correction", "the corrected state divides by {0}, which is no random number")
NO_BIAS = rule("bias is gone", "the bias cancels")
INSERT_MEAN = rule("insert the expectation", "insert the expectation from above")
INSERT = rule("insert the time", "insert the numbers, after step {0}")
COMPUTE = rule("compute the expectation", "compute")

Steps = Annotated[
    tuple[Annotated[int, Field(ge=1, le=100_000, strict=True)], ...],
    BeforeValidator(lambda v: v if isinstance(v, list | tuple) else [v]),
]
SHOWN_DIGITS = 9


@questions("expectation")
@dataclass(frozen=True)
class ExpectedMoment:
    """The expectation of a state of the optimiser (`of`: m, v, m_hat, v_hat) in symbols, then after the steps `at`."""

    of: str
    at: Steps = ()

    def derive(self, given: Any) -> Derivation:
        optimiser = optimiser_of(given)
        state, corrected = state_of(optimiser, self.of)
        gradient = given.gradient
        if gradient is None or not gradient.stationary:
            raise GivenError(
                "the expectation needs a gradient with 'stationary: true'; without it nothing is known of its sum",
                ("given",),
            )
        sections = [Section("Closed form", unrolling(optimiser, state).steps), symbolic(optimiser, state, corrected)]
        answers: tuple[Answer, ...] = ()
        if self.at:
            moment = gradient.mean if state.power == 1 else gradient.second_moment
            if moment is None:
                needed = "mean" if state.power == 1 else "second_moment"
                raise GivenError(f"numbers need the gradient's '{needed}'", ("given", "gradient"))
            if (
                gradient.mean is not None
                and gradient.second_moment is not None
                and gradient.second_moment < gradient.mean**2
            ):
                raise GivenError(
                    "no gradient has a second moment below its mean squared", ("given", "gradient", "second_moment")
                )
            section, values = numeric(optimiser, state, corrected, gradient, self)
            sections.append(section)
            answers = (_answer(numeric_world(optimiser, state, gradient, self), self.of, self.at, values),)
        kind = "first" if state.power == 1 else "second"
        heading = Reason(headings.OF_CORRECTED if corrected else headings.OF_ESTIMATE, (kind,))
        return Derivation(heading, tuple(sections), answers)


def moment_symbol(state: State) -> Symbol:
    """G for the mean, M for the second moment."""
    return G if state.power == 1 else M


def symbolic_world(optimiser: Any, state: State) -> MomentRun:
    observed = [
        (at_time(state.name, t), ("state", state.name, "now")),
        (G, ("mean",)),
        (M, ("second_moment",)),
        (t, ("time",)),
        (g, ("gradients",)),
    ]
    if state.corrected:
        observed.append((at_time(state.corrected, t), ("state", state.corrected, "now")))
    return MomentRun(optimiser, None, None, (), (*observed, *hyper_tags(optimiser)))


def symbolic(optimiser: Any, state: State, corrected: bool) -> Section:
    """E[s_t] by linearity, stationarity and the geometric series; then the corrected state."""
    named = Reason(NAME_OF_MEAN if state.power == 1 else NAME_OF_SQUARE, (moment_symbol(state),))
    work = Work("In symbols", symbolic_world(optimiser, state), named)
    now, moment, a = at_time(state.name, t), moment_symbol(state), state.decay
    j = Symbol("j", integer=True, nonnegative=True)
    linear = _scaled(state.gain, Sum(a ** (t - i) * Expectation(entry(i) ** state.power), (i, 1, t)))
    work.claim(HasMean(work.world, now, (linear,)), LINEARITY)
    constant = _scaled(moment, *_gain(state), Sum(a ** (t - i), (i, 1, t)))
    work.equal(linear, constant, why=STATIONARY, about=(moment,))
    if a == 1:
        mean: Any = _scaled(moment, *_gain(state), t)
        work.equal(constant, mean, why=COUNT, about=(t,), result=True)
    else:
        backwards = _scaled(moment, *_gain(state), Sum(a**j, (j, 0, t - 1)))
        work.equal(constant, backwards, why=REINDEX)
        summed = _scaled(moment, *_gain(state), Quotient(1 - a**t, 1 - a))
        work.equal(backwards, summed, why=GEOMETRIC, about=(a,), result=not corrected and state.gain == 1)
        mean = summed
        if state.gain == 1 - a:
            mean = Factors(moment, Terms(Integer(1), -(a**t)))
            work.equal(summed, mean, why=CANCEL, result=not corrected)
    if corrected:
        _correct(work, state, mean, moment)
    return work.section()


def _correct(work: Work, state: State, mean: Any, moment: Symbol) -> None:
    factor = 1 - state.decay**t
    divided = Quotient(Expectation(at_time(state.name, t)), factor)
    work.claim(HasMean(work.world, at_time(state.corrected, t), (divided,)), CORRECTION, (factor,))
    inserted = Quotient(mean, factor)
    work.equal(divided, inserted, why=INSERT_MEAN)
    work.equal(inserted, moment, why=NO_BIAS, result=True)


def _gain(state: State) -> tuple[Expr, ...]:
    return () if state.gain == 1 else (state.gain,)


def _scaled(*factors: Any) -> Any:
    kept = [f for f in factors if f != 1]
    return Factors(*kept) if len(kept) > 1 else kept[0]


def numeric_world(optimiser: Any, state: State, gradient: Any, question: ExpectedMoment) -> MomentRun:
    observed = [(at_time(question.of, k), ("state", question.of, k)) for k in question.at]
    return MomentRun(optimiser, gradient.mean, gradient.second_moment, question.at, tuple(observed))


def numeric(
    optimiser: Any, state: State, corrected: bool, gradient: Any, question: ExpectedMoment
) -> tuple[Section, list[Any]]:
    """The expectation after each step that is asked for."""
    work, values = Work("With the numbers", numeric_world(optimiser, state, gradient, question)), []
    moment = gradient.mean if state.power == 1 else gradient.second_moment
    known = hyper_values(optimiser)
    a, gain = (plain(e.xreplace(known)) for e in (state.decay, state.gain))
    for k in question.at:
        bias = Terms(Integer(1), -Power(Numeral(a), Integer(k)))
        mean = _expected(Numeral(moment), a, gain, bias, k)
        written = Quotient(mean, bias) if corrected else mean
        value = plain(written)
        work.claim(HasMean(work.world, at_time(question.of, k), (written,)), INSERT, (Integer(k),))
        work.equal(written, numeral(value, SHOWN_DIGITS), why=COMPUTE, result=True)
        values.append(value)
    return work.section(), values


def _expected(moment: Numeral, a: Any, gain: Any, bias: Any, k: int) -> Any:
    if a == 1:
        return _scaled(moment, gain, Integer(k))
    if gain == 1 - a:
        return Factors(moment, bias)
    return _scaled(moment, gain, Quotient(bias, Terms(Integer(1), -Numeral(a))))


def _answer(world: MomentRun, name: str, at: tuple[int, ...], values: list[Any]) -> Answer:
    means = Tuple(*[Expectation(at_time(name, k)) for k in at])

    def claim(value: Any) -> Equal:
        entries = value if isinstance(value, tuple) else (value,)
        if len(entries) != len(at):
            raise ValueError(f"{len(at)} numbers are needed, not {len(entries)}")
        return Equal(world, (means, Tuple(*entries)))

    return Answer(name, tuple(values), claim)
