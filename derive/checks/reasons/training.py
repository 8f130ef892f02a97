"""Reasons of training with numbers: steps, finite differences, predictions."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sympy import Add, Rational
from sympy.matrices.expressions import MatAdd
from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra.nodes import Gradient, Terms, is_array, plain
from derive.checks.reasons.cited import (
    Cited,
    is_a,
    is_numeric,
    is_symbolic,
    is_value,
    number,
    same,
)
from derive.checks.reasons.vocabulary import (
    Predicate,
    about_nothing,
    claims,
    in_world,
    is_tagged,
    left,
    right,
    that,
)
from derive.derivation import Equal, Holds, IsGradient
from derive.worlds import StackRun


def usual_values(c: Cited, symbol: Any) -> Any:
    """The numbers that most steps give an array."""
    given = [dict(getattr(step.claim.world, "values", ())) for step in c.others]
    found = Counter(values[symbol] for values in given if symbol in values)
    return found.most_common(1)[0][0] if found else None


def moved_by(sign: int) -> Predicate:
    """The entry that is named differs from the network's own number by the step that is named."""

    def test(c: Cited) -> bool:
        if len(c.about) != 2 or not isinstance(c.about[0], MatrixElement):
            return False
        entry, step = c.about
        now, usual = c.values.get(entry.parent), usual_values(c, entry.parent)
        if now is None or usual is None:
            return False
        return same(number(now[entry.i, entry.j]) - number(usual[entry.i, entry.j]), sign * plain(step))

    return Predicate("the weight is " + ("raised" if sign > 0 else "lowered"), test)


@that("the learning rate is that of the optimiser")
def names_the_rate(c: Cited) -> bool:
    return len(c.about) == 1 and same(getattr(c.world.optimiser, "learning_rate", None), c.about[0])


def is_update(expr: Any) -> bool:
    return isinstance(expr, MatAdd | Terms | Add) and len(expr.args) == 2 and is_numeric(expr)


def example_of(c: Cited) -> set[Any]:
    """The rows (or columns) that the entries in the relation stand in, counted from one."""
    return {place + 1 for side in c.sides if isinstance(side, MatrixElement) for place in (side.i, side.j)}


def is_half(expr: Any) -> bool:
    return same(number(expr), Rational(1, 2)) if not is_symbolic(expr) else False


@that("the example is the one named")
def names_the_example(c: Cited) -> bool:
    return (
        bool(c.about)
        and isinstance(c.left if isinstance(c.left, MatrixElement) else c.right, MatrixElement)
        and any(same(place, c.about[0]) for place in example_of(c))
    )


@that("the class is the one of the larger output")
def names_the_class(c: Cited) -> bool:
    larger = c.claim.relation.gts
    return (
        len(c.about) == 2
        and isinstance(larger, MatrixElement)
        and (
            (same(larger.i + 1, c.about[0]) and same(larger.j, c.about[1]))
            or (same(larger.j + 1, c.about[0]) and same(larger.i, c.about[1]))
        )
    )


@that("the first of two outputs is the one named")
def names_equal_outputs(c: Cited) -> bool:
    return (
        len(c.about) == 2
        and isinstance(c.left, MatrixElement)
        and isinstance(c.right, MatrixElement)
        and (
            (same(c.left.i + 1, c.about[0]) and same(c.left.j, c.about[1]) and c.left.j < c.right.j)
            or (same(c.left.j + 1, c.about[0]) and same(c.left.i, c.about[1]) and c.left.i < c.right.i)
        )
    )


def _above(c: Cited) -> bool:
    relation = c.claim.relation
    return isinstance(relation.gts, MatrixElement) and same(relation.lts, Rational(1, 2))


def _below(c: Cited) -> bool:
    relation = c.claim.relation
    return isinstance(relation.lts, MatrixElement) and same(relation.gts, Rational(1, 2))


run = in_world(StackRun)


def is_array_sum(expr: Any) -> bool:
    return is_array(expr) and is_update(expr)


TRAINING = {
    "gradient before a step": claims(IsGradient, Equal)
    & run
    & Predicate(
        "a step, or a difference of losses, goes with it",
        lambda c: getattr(c.world, "steps", 0) > 0 or any(s.reason.rule.name == "loss above" for s in c.before),
    )
    & right(is_value)
    & Predicate(
        "it is a derivative in a weight",
        lambda c: (
            c.tag(c.left)[:1] == ("weight",)
            and (
                isinstance(c.left, Gradient)
                or (isinstance(c.left, MatrixElement) and isinstance(c.left.parent, Gradient))
            )
        ),
    ),
    "gradient descent": claims(Equal) & run & is_tagged(("after",)) & right(is_update) & names_the_rate,
    "weights after a step": claims(Equal)
    & run
    & left(is_array_sum)
    & right(is_value)
    & Predicate(
        "it was put in before", lambda c: bool(c.before) and c.before[-1].reason.rule.name == "gradient descent"
    ),
    "loss above": claims(Equal) & run & is_tagged(("loss",)) & moved_by(1),
    "loss below": claims(Equal) & run & is_tagged(("loss",)) & moved_by(-1),
    "difference of two losses": claims(Equal)
    & run
    & about_nothing
    & left(is_a(Terms))
    & right(is_value)
    & Predicate(
        "both losses were shown", lambda c: [s.reason.rule.name for s in c.before[-2:]] == ["loss above", "loss below"]
    ),
    "central difference": claims(Equal)
    & run
    & about_nothing
    & left(lambda e: is_numeric(e) and type(e).__name__ == "Quotient", "is a quotient of numbers")
    & right(is_value)
    & Predicate(
        "the difference was shown",
        lambda c: bool(c.before) and c.before[-1].reason.rule.name == "difference of two losses",
    ),
    "near the derivative": claims(Holds)
    & run
    & left(lambda e: type(e).__name__ == "Magnitude", "is a magnitude")
    & right(is_value),
    "largest output": claims(Holds) & run & names_the_class,
    "probability of a half": claims(Equal) & run & names_the_example & right(is_half),
    "equal outputs": claims(Equal) & run & names_equal_outputs,
    "probability above a half": claims(Holds) & run & names_the_example & Predicate("it is above one half", _above),
    "probability below a half": claims(Holds) & run & names_the_example & Predicate("it is below one half", _below),
}

TABLE = TRAINING
