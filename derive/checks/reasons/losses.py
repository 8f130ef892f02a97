"""Reasons of losses and of the numbers that are put into them."""

from __future__ import annotations

from typing import Any

from sympy import Sum, exp, log

from derive.algebra.nodes import Factors, Largest, Magnitude, Quotient, Terms, plain
from derive.checks.reasons.cited import (
    Cited,
    has,
    is_a,
    is_name,
    is_numeric,
    is_sum_of_numbers,
    is_symbolic,
    is_value,
    number,
    parts,
    same,
    sides_of,
    symbols,
)
from derive.checks.reasons.vocabulary import (
    Predicate,
    about_nothing,
    claims,
    computes,
    in_world,
    inserts_numbers,
    is_tagged,
    left,
    right,
    speaks_of,
    that,
)
from derive.derivation import Equal, Holds
from derive.worlds import LossRun

loss = in_world(LossRun)


def _log_of_sum(expr: Any) -> bool:
    return any(isinstance(p, log) and isinstance(p.args[0], Sum) for p in parts(expr))


def shifts_all(c: Cited, what: Any) -> bool:
    """m + log sum e^(z - m): the symbol is a term of the sum, and taken from every exponent."""
    powers = [p for p in parts(c.right) if isinstance(p, exp)]
    return (
        isinstance(c.right, Terms) and what in c.right.args and bool(powers) and all(what in symbols(p) for p in powers)
    )


def largest_output(c: Cited, what: Any) -> bool:
    """It names the place of the largest of the given outputs of its example."""
    place = c.tags.get(what, ("",))
    if place[0] != "output":
        return False
    row = c.world.outputs[place[1][0]]
    return row[place[1][1]] == max(row) and shifts_all(c, what)


ELEMENT = claims(Equal) & loss & is_tagged(("element",))


def element(c: Cited) -> set[int]:
    """Which elements (or rows) the sides speak of, counted from one."""
    tags = [c.tags.get(s, ()) for side in c.sides for s in symbols(side)]
    places = [tag[1] for tag in tags if len(tag) > 1 and tag[0] in ("element", "target", "output")]
    return {_count(c, place) for place in places}


def _count(c: Cited, place: Any) -> int:
    """The number of an element: of an example where classes are summed, else counted along the rows."""
    if not isinstance(place, tuple):
        return int(place) + 1
    along = 0 if c.world.loss.on == "classes" else place[0] * (len(c.world.outputs[0]) - 1) + place[1]
    return int(place[0]) + along + 1


def names_the_element(c: Cited) -> bool:
    return len(c.about) == 1 and any(same(c.about[0], place) for place in element(c))


def of_running_element(c: Cited) -> bool:
    """A comparison of numbers is of the element that was compared just before, or of one of its numbers."""
    if len(c.about) != 1 or not isinstance(c.claim, Holds):
        return False
    last = c.before[-1] if c.before else None
    if last is not None and last.reason.rule.name == "which branch":
        return element(Cited(last)) == {int(c.about[0])}
    if last is not None and last.reason.rule.name == c.step.reason.rule.name and last.claim.world == c.world:
        return last.reason.about == c.about
    given = [flat(numbers) for numbers in (c.world.targets, c.world.outputs)]
    return any(same(side, numbers[int(c.about[0]) - 1]) for side in c.sides for numbers in given)


def flat(nested: Any) -> list[Any]:
    return [entry for part in nested for entry in flat(part)] if isinstance(nested, tuple) else [nested]


@that("targets and outputs are replaced")
def of_numbers(c: Cited) -> bool:
    return all(c.tags.get(s, ("",))[0] != "element" for s in symbols(c.left)) and not any(map(is_symbolic, c.sides[1:]))


def sum_of_elements(expr: Any) -> Any:
    """The terms of a plain sum of elements, of one divided by a number; None for anything else."""
    top = expr.args[0] if isinstance(expr, Quotient) else expr
    terms = top.args if isinstance(top, Terms) else (top,)
    return terms if all(map(is_name, terms)) else None


def has_one_element(c: Cited) -> bool:
    """One number, or one example of a loss that sums over the classes of each."""
    outputs = c.world.outputs
    is_nested = isinstance(outputs[0], tuple)
    examples = len(outputs) if is_nested else 1
    return len(flat(c.world.targets)) == 1 or (c.world.loss.on == "classes" and examples == 1)


def all_elements(c: Cited, divided: bool) -> bool:
    terms = sum_of_elements(c.right)
    if terms is None or len(c.about) != 1 or not same(c.about[0], len(terms)):
        return False
    over = isinstance(c.right, Quotient) and same(c.right.args[1], len(terms))
    return all(c.tag(t)[:1] == ("element",) for t in terms) and (over or not divided or len(terms) == 1)


def over_rows(c: Cited) -> bool:
    terms = sum_of_elements(c.right)
    divisor = c.right.args[1] if isinstance(c.right, Quotient) else 1
    return terms is not None and len(c.about) == 1 and same(divisor, c.about[0])


def multiplications(expr: Any) -> list[Any]:
    return [p for p in parts(expr) if isinstance(p, Factors) or type(p).__name__ == "Mul"]


def drops_a_zero(c: Cited) -> bool:
    """A product on the left has a factor that is zero, and nothing more than its loss (and that of factors one) has happened."""
    return is_numeric(c.left) and any(
        any(same(number(f), 0) for f in p.args if number(f) is not None) for p in multiplications(c.left)
    )


def drops_a_one(c: Cited) -> bool:
    return is_numeric(c.left) and not drops_a_zero(c)


@that("letters of the elements stand on the left, numbers on the right")
def elements_put_in(c: Cited) -> bool:
    terms = sum_of_elements(c.left)
    if terms is None or not is_symbolic(c.left) or not is_numeric(c.right):
        return False
    return len(terms) > 1 or any(c.right in sides_of(s.claim) for s in c.before)


def is_total(expr: Any) -> bool:
    top = expr.args[0] if isinstance(expr, Quotient) else expr
    return is_sum_of_numbers(top)


def added_up(expr: Any) -> bool:
    return is_value(expr) or (isinstance(expr, Quotient) and is_value(expr.args[0]) and is_value(expr.args[1]))


def is_written_division(expr: Any) -> bool:
    return isinstance(expr, Quotient) and is_value(expr.args[0]) and is_value(expr.args[1])


def outputs_by_themselves(c: Cited, expr: Any) -> list[Any]:
    """The outputs that do not stand inside of an exponential."""
    if isinstance(expr, exp) or not getattr(expr, "args", ()) or is_name(expr):
        return [expr] if is_name(expr) and c.tags.get(expr, ("",))[0] == "output" else []
    return [found for arg in expr.args for found in outputs_by_themselves(c, arg)]


def the_class(c: Cited) -> bool:
    """The only output by itself is that of the class that is named, counted from zero."""
    if len(c.about) != 1:
        return False
    found = outputs_by_themselves(c, c.right)
    return len(found) == 1 and str(found[0]).rpartition("_")[2] == str(plain(c.about[0]) + 1)


def label(c: Cited, what: Any) -> bool:
    """With the label 1 the probability's logarithm, with 0 that of the other."""
    outside = str(plain(c.left))
    return same(what, 1) != ("1 - sigmoid" in outside or "- sigmoid" in outside)


def weights_of_labels(c: Cited) -> bool:
    return (
        len(c.about) == 2 and same(plain(c.about[0]) + plain(c.about[1]), 1) and plain(c.about[0]) in symbols(c.right)
    )


general = Predicate("of any element", lambda c: c.tag(c.left) == ("element", 0) and not c.world.targets)

TABLE = {
    "definition of the loss": ELEMENT
    & Predicate("it is a formula of the element's own letters", lambda c: len(element(c)) <= 1)
    & about_nothing
    & right(lambda e: not has(exp, Sum)(e) or True, "is a formula"),
    "which branch": claims(Equal)
    & loss
    & about_nothing
    & Predicate(
        "a letter is replaced by its numbers, and worked out",
        lambda c: len(c.sides) == 3 and is_symbolic(c.left) and is_numeric(c.sides[1]) and is_value(c.right),
    ),
    "branch of an element": claims(Holds) & loss & Predicate("it names an element", of_running_element),
    "insert an element": claims(Equal)
    & of_numbers
    & loss
    & inserts_numbers
    & Predicate("it names the element", names_the_element),
    "value of an element": claims(Equal) & loss & about_nothing & computes,
    "loss of a logit": ELEMENT
    & general
    & right(has(log))
    & right(lambda e: any("sigmoid" in type(p).__name__ for p in parts(e)), "has the sigmoid"),
    "loss of a logit with a label": claims(Equal)
    & loss
    & left(lambda e: any("sigmoid" in type(p).__name__ for p in parts(e)), "has the sigmoid")
    & right(has(exp))
    & speaks_of(0, lambda c, w: (same(w, 0) or same(w, 1)) and label(c, w), "the label is the one named"),
    "collect the labels": ELEMENT
    & general
    & right(has(exp))
    & Predicate("the weights are the label and what is left to one", weights_of_labels),
    "larger exponential taken out": claims(Equal) & loss & about_nothing & right(has(Largest)) & right(has(Magnitude)),
    "exact value": claims(Equal)
    & loss
    & about_nothing
    & Predicate("a product on the left has a factor zero", drops_a_zero),
    "arithmetic before logarithms": claims(Equal)
    & loss
    & about_nothing
    & left(is_numeric)
    & ~left(is_value)
    & right(has(log, exp)),
    "mean of the elements": claims(Equal)
    & loss
    & is_tagged(("loss",))
    & Predicate("all elements, divided by their number", lambda c: all_elements(c, True)),
    "sum of the elements": claims(Equal)
    & loss
    & is_tagged(("loss",))
    & ~right(is_a(Quotient))
    & Predicate("all elements", lambda c: all_elements(c, False)),
    "loss of a single element": claims(Equal)
    & loss
    & is_tagged(("loss",))
    & about_nothing
    & right(is_name)
    & Predicate("there is one element", has_one_element),
    "mean over rows": claims(Equal)
    & loss
    & is_tagged(("loss",))
    & Predicate("divided by the number of rows", over_rows),
    "add up": claims(Equal) & loss & about_nothing & left(is_total) & right(added_up),
    "divide": claims(Equal) & loss & about_nothing & left(is_written_division) & right(is_value),
    "insert the elements": claims(Equal) & loss & about_nothing & elements_put_in,
    "definition of the loss over classes": ELEMENT
    & general
    & right(has(Sum))
    & right(lambda e: not has(exp)(e), "has no exponentials")
    & speaks_of(
        0,
        lambda c, what: any(same(what, limit[2]) for p in parts(c.right) if isinstance(p, Sum) for limit in p.limits),
        "so many classes",
    ),
    "loss of logits": ELEMENT & general & right(has(Sum)) & right(has(exp)) & right(has(log)),
    "log-sum-exp": claims(Equal)
    & loss
    & about_nothing
    & left(has(Sum))
    & left(has(exp))
    & right(has(log))
    & Predicate("the logarithm of the quotient is gone", lambda c: _log_of_sum(c.right) and not _log_of_sum(c.left)),
    "log-sum-exp shifted": claims(Equal)
    & loss
    & left(_log_of_sum)
    & right(_log_of_sum)
    & speaks_of(0, shifts_all, "what is taken out stands beside the logarithm, and in each exponent"),
    "largest logit taken out": ELEMENT
    & right(has(exp))
    & speaks_of(0, largest_output, "it is the largest of the logits, and stands in each exponent"),
    "the target's class": ELEMENT & Predicate("its class is named", the_class),
    "weighted classes": ELEMENT
    & about_nothing
    & Predicate("several classes count", lambda c: len(outputs_by_themselves(c, c.right)) > 1),
    "insert an example": claims(Equal)
    & of_numbers
    & loss
    & inserts_numbers
    & Predicate("it names the example", names_the_element),
    "value of an example": claims(Equal) & loss & about_nothing & computes,
}
