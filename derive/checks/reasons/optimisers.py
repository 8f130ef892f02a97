"""Reasons of optimisers: their rules, closed forms of their states, expectations; dropout."""

from __future__ import annotations

from typing import Any

from sympy import Pow, Sum

from derive.algebra.nodes import Expectation, Factors, Quotient, Terms, plain
from derive.checks.reasons.cited import (
    Cited,
    has,
    is_a,
    is_numeric,
    is_symbolic,
    parts,
    same,
    symbols,
)
from derive.checks.reasons.vocabulary import (
    Predicate,
    about_is,
    about_nothing,
    about_occurs,
    claims,
    computes,
    follows,
    gone,
    in_world,
    is_tagged,
    left,
    right,
    speaks_of,
)
from derive.derivation import Equal, HasMean
from derive.worlds import DropoutRun, MomentRun, OptimiserRun

run, moments, dropout = in_world(OptimiserRun), in_world(MomentRun), in_world(DropoutRun)
STATE = is_tagged(("state",), ("parameter",))


def general(c: Cited) -> bool:
    """For any step: the run has no gradients of its own."""
    return getattr(c.world, "gradients", None) is None


def step_of(c: Cited) -> Any:
    return c.tag(c.left)[-1] if c.tag(c.left) else None


at_any_time = Predicate("at any time", lambda c: step_of(c) == "now" and general(c))
at_step = Predicate("after a step of a number", lambda c: isinstance(step_of(c), int) and general(c))


def has_step_before(c: Cited) -> bool:
    return any(c.tags.get(s, ("",))[0] == "state" and s != c.left for s in symbols(c.right))


REPLACED = Predicate("a symbol is the symbol before", has_step_before)


def is_the_factor(c: Cited, factor: Any) -> bool:
    """Whether the factor is one, or the right side has powers of it that the time is in."""
    powers = [p for p in parts(c.right) if isinstance(p, Pow) and symbols(p.exp)]
    return any(same(p.base, factor) for p in powers) if powers else same(factor, 1)


UPDATES = {
    "line of the optimiser": claims(Equal)
    & run
    & at_any_time
    & right(is_symbolic)
    & about_nothing
    & right(lambda e: not has(Sum)(e), "has no sum"),
    "insert into the rule": claims(Equal)
    & run
    & Predicate("a number for a quantity of the run", lambda c: bool(c.tag(c.left)) and is_numeric(c.right)),
    "compute the step": claims(Equal) & run & about_nothing & computes,
}

CLOSED = {
    "recurrence": claims(Equal) & run & at_any_time & REPLACED,
    "first step": claims(Equal) & run & at_step & Predicate("of the first", lambda c: step_of(c) == 1) & ~REPLACED,
    "unroll": claims(Equal)
    & run
    & at_step
    & REPLACED
    & Predicate(
        "the state before is that of one step less",
        lambda c: any(c.tags.get(s, ("",))[0] == "state" and c.tags[s][-1] == step_of(c) - 1 for s in symbols(c.right)),
    ),
    "collect": claims(Equal)
    & run
    & about_nothing
    & Predicate(
        "a state is replaced by its gradients",
        lambda c: (
            any(c.tags.get(s, ("",))[0] == "state" for s in symbols(c.left))
            and not any(c.tags.get(s, ("",))[0] == "state" for s in symbols(c.right))
            and not c.tag(c.left)
        ),
    )
    & right(lambda e: not has(Sum)(e), "has no sum"),
    "pattern": claims(Equal)
    & run
    & at_any_time
    & right(has(Sum))
    & speaks_of(0, is_the_factor, "the factor is one, or has a power in each term"),
    "induction step": claims(Equal)
    & run
    & about_nothing
    & left(has(Sum))
    & right(has(Sum))
    & Predicate("the sum has one term more", lambda c: _terms(c.right) == [n + 1 for n in _terms(c.left)]),
}


def _terms(expr: Any) -> list[Any]:
    return [p.limits[0][2] for p in parts(expr) if isinstance(p, Sum)]


def sums(expr: Any) -> list[Any]:
    return [p for p in parts(expr) if isinstance(p, Sum)]


def counts_backwards(c: Cited) -> bool:
    """The summation starts at 0 on the right and at 1 on the left, with the same number of terms."""
    (before,), (after,) = sums(c.left)[:1] or (None,), sums(c.right)[:1] or (None,)
    if before is None or after is None:
        return False
    (_, low, high), (_, low2, high2) = before.limits[0], after.limits[0]
    return low != low2 and plain(high - low - high2 + low2) == 0


def correction(c: Cited) -> bool:
    return (
        isinstance(c.right, Quotient)
        and len(c.about) == 1
        and same(c.right.args[1], c.about[0])
        and not has(Expectation)(c.about[0])
    )


def equal_terms(c: Cited) -> bool:
    found = sums(c.left)
    return (
        len(c.about) == 1
        and len(found) == 1
        and not sums(c.right)
        and plain(found[0].limits[0][2] - found[0].limits[0][1] + 1 - c.about[0]) == 0
    )


EXPECTATIONS = {
    "linearity of the expectation": claims(HasMean) & moments & right(has(Sum)) & right(has(Expectation)),
    "stationary gradient": claims(Equal)
    & moments
    & gone(Expectation)
    & left(has(Sum))
    & right(has(Sum))
    & speaks_of(0, lambda c, w: c.tag(w) in (("mean",), ("second_moment",)), "it is a moment of the gradient"),
    "count backwards": claims(Equal)
    & moments
    & about_nothing
    & Predicate("the index runs the other way", counts_backwards),
    "geometric series": claims(Equal)
    & moments
    & left(has(Sum))
    & right(lambda e: not has(Sum)(e), "has no sum")
    & right(has(Quotient))
    & about_occurs(),
    "cancel the factor": claims(Equal)
    & moments
    & about_nothing
    & gone(Quotient)
    & left(is_a(Factors))
    & right(is_symbolic),
    "equal terms": claims(Equal) & moments & Predicate("the sum has so many terms", equal_terms),
    "bias correction": claims(HasMean)
    & moments
    & right(is_a(Quotient))
    & Predicate("it names the denominator", correction),
    "bias is gone": claims(Equal)
    & moments
    & about_nothing
    & left(is_a(Quotient))
    & right(is_symbolic)
    & right(lambda e: not has(Quotient)(e), "has no fraction"),
    "insert the expectation": claims(Equal) & moments & gone(Expectation) & left(is_a(Quotient)),
    "insert the time": claims(HasMean)
    & moments
    & right(is_numeric)
    & about_is(0, step_of, "after the step that is named"),
    "compute the expectation": claims(Equal) & moments & about_nothing & computes,
}


def names_probabilities(c: Cited) -> bool:
    return len(c.about) == 2 and same(plain(c.about[0]) + plain(c.about[1]), 1)


def is_of_output(c: Cited) -> bool:
    return c.tag(c.claim.of)[:1] == ("output",)


def outcomes(expr: Any) -> bool:
    return isinstance(expr, Terms) and len(expr.args) == 2 and all(isinstance(a, Factors) for a in expr.args)


OUTPUT = Predicate("of the output itself", is_of_output)

DROPOUT = {
    "two outcomes of dropout": claims(HasMean)
    & dropout
    & OUTPUT
    & right(outcomes)
    & Predicate("the probabilities are named", names_probabilities),
    "mean of dropout": claims(HasMean)
    & dropout
    & OUTPUT
    & right(lambda e: not outcomes(e), "is worked out")
    & Predicate("it is the input", lambda c: c.tags.get(c.right, ("",))[0] == "input"),
    "variance of dropout": claims(HasMean) & dropout & ~OUTPUT & right(outcomes),
    "collect the variance": claims(Equal) & dropout & left(outcomes) & right(is_symbolic) & about_nothing,
    "insert the probability": claims(HasMean)
    & dropout
    & ~right(outcomes)
    & Predicate("it names the probability", lambda c: len(c.about) == 2 and same(c.about[1], c.world.p))
    & follows(
        lambda c, s: dict(getattr(s.claim.world, "observed", ())).get(c.about[0]) == ("probability",),
        "which was so called",
    ),
}

REMARKS = {
    "name of the mean": moments & about_is(0, lambda c: _named(c, "mean"), "it is the mean"),
    "name of the second moment": moments
    & about_is(0, lambda c: _named(c, "second_moment"), "it is the mean of the square"),
}


def _named(c: Cited, tag: str) -> Any:
    return next((symbol for symbol, found in c.tags.items() if found == (tag,)), None)


TABLE = {**REMARKS, **UPDATES, **CLOSED, **EXPECTATIONS, **DROPOUT}
