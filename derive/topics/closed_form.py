"""`closed_form`: a moment recurrence of an optimiser, unrolled and summed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer, Sum, Symbol

from derive.algebra.nodes import Factors, Terms
from derive.catalogue.optimisers.base import State, product, state_line
from derive.derivation import Answer, Derivation, Equal, Reason, Section, Work, rule
from derive.topics import headings
from derive.topics.moments import at_time, entry, g, hyper_tags, i, names_at, optimiser_of, state_of, t
from derive.topics.registry import questions
from derive.worlds import OptimiserRun

RECURRENCE = rule("recurrence", "the recurrence; the state starts at zero")
FIRST = rule("first step", "before the first step the state is zero")
UNROLL = rule("unroll", "insert the step before")
COLLECT = rule("collect", "collect the gradients")
PATTERN = rule("pattern", "each gradient is multiplied once more by {0} in every later step")
INDUCTION = rule(
    "induction step", "induction: the recurrence takes the formula for the step before to the formula for this step"
)
UNROLLED = 3


@questions("closed_form")
@dataclass(frozen=True)
class ClosedForm:
    """The closed form of a state of the optimiser (`of`: m, v, ...), by unrolling its recurrence."""

    of: str = "m"

    def derive(self, given: Any) -> Derivation:
        optimiser = optimiser_of(given)
        state, _ = state_of(optimiser, self.of)
        section = unrolling(optimiser, state)
        world = unrolled_world(optimiser, state)
        now = at_time(state.name, t)
        answer = Answer(state.name, closed_form(state, t), lambda v: Equal(world, (now, v)))
        return Derivation(Reason(headings.CLOSED_FORM_OF, (Symbol(state.name),)), (section,), (answer,))


def unrolled_world(optimiser: Any, state: State) -> OptimiserRun:
    observed: list[tuple[Any, tuple[Any, ...]]] = [
        (at_time(state.name, k), ("state", state.name, k)) for k in range(1, UNROLLED + 1)
    ]
    observed += [
        (at_time(state.name, t), ("state", state.name, "now")),
        (at_time(state.name, t - 1), ("state", state.name, "before")),
    ]
    observed += [(at_time("g", t), ("gradient", "now")), (g, ("gradients",)), (t, ("time",)), *hyper_tags(optimiser)]
    return OptimiserRun(optimiser, None, None, tuple(observed))


def closed_form(state: State, upto: Any) -> Expr:
    """gain sum_i decay^(t-i) g_i^power."""
    return state.gain * Sum(state.decay ** (upto - i) * entry(i) ** state.power, (i, 1, upto))


def partial_sum(state: State, k: int) -> Any:
    """The gradients after k steps, collected, oldest first."""
    terms = [product(state.decay ** (k - j), entry(Integer(j)) ** state.power) for j in range(1, k + 1)]
    inner = Terms(*terms)
    return inner if state.gain == 1 else Factors(state.gain, inner)


def unrolling(optimiser: Any, state: State) -> Section:
    """The first steps, the pattern, and the induction that proves it."""
    work = Work("", unrolled_world(optimiser, state))
    work.equal(*state_line(state, names_at(t, t - 1)), why=RECURRENCE)
    for k in range(1, UNROLLED + 1):
        now = at_time(state.name, k)
        added = product(state.gain, entry(Integer(k)) ** state.power)
        if k == 1:
            work.equal(now, added, why=FIRST)
            continue
        recurrence = Terms(product(state.decay, at_time(state.name, k - 1)), added)
        work.equal(now, recurrence, why=UNROLL)
        work.equal(recurrence, partial_sum(state, k), why=COLLECT)
    work.equal(at_time(state.name, t), closed_form(state, t), why=PATTERN, about=(state.decay,), result=True)
    before = Terms(
        product(state.decay, *_factors(closed_form(state, t - 1))), product(state.gain, entry(t) ** state.power)
    )
    work.equal(before, closed_form(state, t), why=INDUCTION)
    return work.section()


def _factors(expr: Expr) -> tuple[Expr, ...]:
    return tuple(sorted(expr.args, key=lambda f: isinstance(f, Sum))) if expr.is_Mul else (expr,)
