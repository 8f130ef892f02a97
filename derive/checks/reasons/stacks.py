"""Reasons of stacks of layers: sizes, equations, numbers, gradients; and of truth tables."""

from __future__ import annotations

from typing import Any

from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra.nodes import Factors, Gradient, Terms, is_array, plain
from derive.checks.reasons.cited import (
    Cited,
    is_name,
    is_numeric,
    is_symbolic,
    is_value,
    is_zero,
    number,
    same,
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
    right,
    that,
)
from derive.derivation import Definition, Equal, HasCount, HasShape, Holds, IsGradient
from derive.worlds import Formulas, StackRun

run = in_world(StackRun)
SIZE = claims(HasShape) & run


def layer_at(layers: Any, path: str) -> Any:
    """The layer at a place, an index joined by dots; None inside of blocks."""
    first, _, rest = path.partition(".")
    return None if rest or not first.isdigit() or int(first) >= len(layers) else layers[int(first)]


@that("they are the words of that layer")
def words_of_the_layer(c: Cited) -> bool:
    layer = layer_at(c.world.layers, c.tag(c.left)[1])
    return layer is None or c.about == (layer.in_words,)


def form_of_input(c: Cited) -> bool:
    """Rows for examples, a column for one, or nothing is said."""
    (words,) = c.about
    if words == ", one column a step":
        return c.tag(c.left)[:1] == ("step",)
    rows = {f", an example in each of the {symbol} rows" for symbol, tag in c.tags.items() if tag == ("batch",)}
    rows |= {f", an example in each of the {c.world.batch} rows"}
    held = rows if c.world.convention == "row" else {", one example in a column"}
    return c.tag(c.left)[:1] == ("input",) and words in {"", *held}


SIZES = {
    "input of a stack": SIZE & Predicate("it is an input, in rows or columns as it says", form_of_input),
    "output of a layer": SIZE & is_tagged(("output",)) & words_of_the_layer,
    "learned array": SIZE & is_tagged(("weight",), ("whole",)),
}


FORWARD = {
    "loss of a batch": claims(Equal, Definition) & run & is_tagged(("loss",)) & right(is_symbolic),
    "name of a part": claims(Definition)
    & in_world(Formulas)
    & Predicate("the world gives it this meaning", lambda c: c.definitions.get(c.left) == c.right),
    "insert numbers into a layer": claims(Equal, Definition)
    & run
    & inserts_numbers
    & Predicate(
        "into a quantity of the forward pass, at the network's own numbers",
        lambda c: (
            c.tag(c.left)[:1] not in (("weight",), ("whole",), ("after",), ("input",))
            and not isinstance(c.left, MatrixElement | Gradient)
        ),
    ),
    "compute a layer": claims(Equal) & run & computes,
    "gradient with numbers": claims(IsGradient)
    & run
    & right(is_value)
    & Predicate("in a weight", lambda c: c.tag(c.left)[:1] in (("weight",), ("whole",))),
}


# truth tables


def row_of(c: Cited) -> Any:
    """The row as it is written: 1 where the letter of that place stands in the sum."""
    row = str(c.about[0])
    if isinstance(c.claim, Holds):
        return row
    nothing = [t for t in c.left.args if isinstance(t, Factors) and is_zero(plain(t.args[-1]))]
    letters = symbols(c.left) - {s for term in nothing for s in symbols(term)}
    return "".join(
        "1" if any(str(s).split("_")[:2] == ["w", str(k + 1)] for s in letters) else "0" for k in range(len(row))
    )


def names_row_and_side(c: Cited) -> bool:
    """The row by its letters, and the side by the sign of the number."""
    if len(c.about) != 2 or not (same(c.about[1], 0) or same(c.about[1], 1)):
        return False
    value = c.right if isinstance(c.claim, Equal) else next((s for s in c.sides if not is_zero(s)), None)
    side = number(value)
    if side is None or (side > 0) != same(c.about[1], 1):
        return False
    if isinstance(c.claim, Holds):
        return bool(c.before) and c.before[-1].reason == c.step.reason
    return (
        not (is_name(c.left) and c.left in c.definitions and not c.before)
        and _follows_choice(c)
        and row_of(c) == str(c.about[0])
        and all(str(s).split("_")[0] in ("b", "w") for s in symbols(c.left))
    )


def _follows_choice(c: Cited) -> bool:
    """Every weight was chosen before, in this world."""
    chosen = {
        s.claim.sides[0] if isinstance(s.claim, Equal) else s.claim.symbol
        for s in c.before
        if isinstance(s.claim, Equal | Definition)
        and s.claim.world == c.world
        and s.reason.rule.name == "weights of the unit"
    }
    return set(c.definitions) <= chosen


def multiples(c: Cited) -> bool:
    """The factors of the sum are the ones named, their signs aside, in order."""
    terms = c.left.args if isinstance(c.left, Terms) else (c.left,)
    named = [part for part in str(c.about[0]).split(", ") if part != "0"] if c.about else []
    return [str(abs(plain(t.args[0]))) for t in terms if isinstance(t, Factors)] == named


LOGIC = {
    "one unit decides": claims(Equal, Holds)
    & in_world(Formulas)
    & Predicate("the row and its side are named", names_row_and_side),
    "sum of the inequalities": claims(Equal)
    & in_world(Formulas)
    & right(is_zero)
    & Predicate("the factors are named", multiples),
    "contradiction": claims(Holds)
    & in_world(Formulas)
    & about_nothing
    & Predicate(
        "the sum was shown",
        lambda c: (
            bool(c.before)
            and isinstance(c.before[-1].claim, Equal)
            and is_zero(c.before[-1].claim.sides[-1])
            and is_numeric(c.left)
        ),
    ),
    "network on all rows": claims(Equal) & run & about_nothing & right(is_value) & is_tagged(("output",)),
    "units of the hidden layer": claims(HasCount) & run & is_tagged(("count", "0")) & about_nothing,
    "weights of the unit": claims(Equal, Definition)
    & in_world(Formulas)
    & about_nothing
    & right(is_value)
    & Predicate(
        "a letter is given a number",
        lambda c: (
            c.left in c.definitions
            and same(c.definitions[c.left], c.right)
            and not is_array(c.left)
            and not _follows_choice(c)
        ),
    ),
}

REMARKS = {
    "an image on the page": run & about_nothing & Predicate("the input is an image", lambda c: len(c.world.input) == 3),
    "no single unit": claims(Equal)
    & in_world(Formulas)
    & about_nothing
    & right(is_zero)
    & Predicate("a sum of inequalities follows", lambda c: isinstance(c.left, Terms)),
}

TABLE = {**REMARKS, **SIZES, **FORWARD, **LOGIC}
