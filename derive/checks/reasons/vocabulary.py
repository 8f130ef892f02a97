"""The predicates that reasons are tested by: small, named, and combined with `&`, `|` and `~`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy.matrices.expressions.matexpr import MatrixElement

from derive.algebra.nodes import Gradient
from derive.checks.reasons import cited
from derive.checks.reasons.cited import Cited, Test, parts, same
from derive.derivation import Claim, World


@dataclass(frozen=True)
class Predicate:
    """Something that can be said of a step, in words, and whether it holds."""

    words: str
    test: Callable[[Cited], bool]

    def __call__(self, c: Cited) -> bool:
        return bool(self.test(c))

    def __and__(self, other: Predicate) -> Predicate:
        return Predicate(f"{self.words} and {other.words}", lambda c: self(c) and other(c))

    def __or__(self, other: Predicate) -> Predicate:
        return Predicate(f"({self.words} or {other.words})", lambda c: self(c) or other(c))

    def __invert__(self) -> Predicate:
        return Predicate(f"not ({self.words})", lambda c: not self(c))


def that(words: str) -> Callable[[Callable[[Cited], bool]], Predicate]:
    """A function of the step as a predicate."""
    return lambda test: Predicate(words, test)


# what kind of claim, in what world


def claims(*kinds: type[Claim]) -> Predicate:
    """The claim is of one of these kinds."""
    return Predicate("it claims " + " or ".join(k.__name__ for k in kinds), lambda c: isinstance(c.claim, kinds))


def in_world(*kinds: type[World]) -> Predicate:
    """The values come from one of these worlds."""
    return Predicate("in " + " or ".join(k.__name__ for k in kinds), lambda c: isinstance(c.world, kinds))


# the sides


def left(test: Test, words: str = "") -> Predicate:
    """The left side is so."""
    return Predicate(f"the left side {words or name_of(test)}", lambda c: bool(c.sides) and test(c.left))


def right(test: Test, words: str = "") -> Predicate:
    """The last side is so."""
    return Predicate(f"the right side {words or name_of(test)}", lambda c: len(c.sides) > 1 and test(c.right))


def some_side(test: Test, words: str = "") -> Predicate:
    """One side at least is so."""
    return Predicate(f"a side {words or name_of(test)}", lambda c: any(map(test, c.sides)))


def gone(*kinds: type) -> Predicate:
    """Nodes of these kinds stand on the left side, fewer of them (or none) on the right."""

    def test(c: Cited) -> bool:
        count = [sum(isinstance(p, kinds) for p in parts(side)) for side in (c.left, c.right)]
        return count[0] > count[1]

    return Predicate("the left side has more of " + ", ".join(k.__name__ for k in kinds), test)


def name_of(test: Any) -> str:
    return str(getattr(test, "__name__", "is as it must be")).replace("_", " ")


def is_tagged(*tags: tuple[Any, ...]) -> Predicate:
    """The left side is a quantity that the run knows by a tag that begins so."""

    def test(c: Cited) -> bool:
        found = c.tag(c.left)
        return any(found[: len(tag)] == tag for tag in tags if found)

    return Predicate("the left side is " + " or ".join(str(tag[0]) for tag in tags), test)


def tagged_number(place: int, about: int = 0, plus: int = 1) -> Predicate:
    """A number in the tag of the left side is the one that the reason names, counted from one."""
    return Predicate(
        "the number is that of the left side",
        lambda c: len(c.tag(c.left)) > place and same(c.tag(c.left)[place] + plus, c.about[about]),
    )


# steps that differ in one thing


@that("names are replaced by numbers")
def inserts_numbers(c: Cited) -> bool:
    """The letters of the left side (of what defines it, where it is a name) are gone from the last side, whose numbers are still
    to be worked out."""
    if (
        isinstance(c.left, MatrixElement)
        or len(c.sides) != 2
        or not (cited.is_symbolic(c.left) and cited.is_numeric(c.right))
    ):
        return False
    return not cited.is_value(c.right) or right_shown_before(c) or not cited.is_name(c.left)


@that("numbers are worked out")
def computes(c: Cited) -> bool:
    """A side of numbers to a single number (or array of them)."""
    return len(c.sides) > 1 and cited.is_numeric(c.left) and not cited.is_value(c.left) and cited.is_value(c.right)


@that("a name stands for a formula")
def names_a_formula(c: Cited) -> bool:
    return len(c.sides) > 1 and cited.is_name(c.left) and not cited.is_name(c.right)


@that("a name stands for a formula or for another name")
def names_a_formula_or_name(c: Cited) -> bool:
    return len(c.sides) > 1 and cited.is_name(c.left) and not cited.is_value(c.right)


@that("the right side follows from the left by definitions of the world")
def unfolds(c: Cited) -> bool:
    """Names that stand on one side only are defined in the world."""
    new = cited.symbols(c.right) ^ cited.symbols(c.sides[-2])
    return bool(new) and any(s in c.definitions for s in new)


# what the reason is about


def speaks_of(place: int, test: Callable[[Cited, Any], bool], words: str) -> Predicate:
    """What fills a place of the reason is so."""
    return Predicate(words, lambda c: len(c.about) > place and test(c, c.about[place]))


def about_left(place: int = 0) -> Predicate:
    """It speaks of the left side, or of the symbol of the derivative that stands there."""

    def test(c: Cited, what: Any) -> bool:
        one = c.left
        if isinstance(one, Gradient):
            one = one.args[1]
        return same(what, one)

    return speaks_of(place, test, "it speaks of the left side")


def about_occurs(place: int = 0) -> Predicate:
    """What it speaks of stands in one of the sides."""
    return speaks_of(
        place,
        lambda c, what: any(same(what, p) for side in c.sides for p in parts(side)),
        "what it speaks of stands in a side",
    )


def about_is(place: int, find: Callable[[Cited], Any], words: str) -> Predicate:
    """A place is filled by what the step itself says."""

    def test(c: Cited, what: Any) -> bool:
        found = find(c)
        return found is not None and same(what, found)

    return speaks_of(place, test, words)


@that("it speaks of nothing in particular")
def about_nothing(c: Cited) -> bool:
    return not c.about


# what stands before


def follows(test: Callable[[Cited, Any], bool], words: str) -> Predicate:
    """A step before is so."""
    return Predicate(words, lambda c: any(test(c, step) for step in c.before))


@that("the left side was shown before")
def shown_before(c: Cited) -> bool:
    return any(c.left in cited.sides_of(step.claim) for step in c.before)


@that("the right side was shown before")
def right_shown_before(c: Cited) -> bool:
    return any(c.right in cited.sides_of(step.claim) for step in c.before)
