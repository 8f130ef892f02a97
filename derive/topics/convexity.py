"""`convex` for functions of one variable: the second derivative between kinks, and how the slope changes at each of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from sympy import Abs, Dummy, Expr, FiniteSet, Ge, Gt, Interval, Le, Ne, Piecewise, Rational, S, factor, sign, simplify
from sympy.calculus.util import minimum
from sympy.core.relational import Relational
from sympy.sets.sets import Set

from derive.algebra.branches import UNDECIDED, by_definition, zeros
from derive.algebra.critical import between, domain_of, is_nonnegative
from derive.algebra.domains import conditions
from derive.algebra.limits import limit_from, settled
from derive.algebra.nodes import At, Partial
from derive.algebra.notation import text
from derive.algebra.numbers import numeral, value_of
from derive.algebra.scalars import scalar_derivative
from derive.algebra.shortest import shortest
from derive.derivation import Answer, Derivation, Equal, Holds, IsLimit, Section, Work, rule
from derive.errors import GivenError, NotDerivable
from derive.problem.types import Formula, SymbolNames
from derive.topics.limits import FIRST_SIDE, SIDES
from derive.topics.one_variable import OneVariable, function_of
from derive.topics.registry import questions

SECOND = rule("second derivative of a function", "the second derivative")
CONVEX = rule("convex", "the second derivative is nowhere negative, so the function is convex")
CONCAVE = rule("concave", "the second derivative is nowhere positive, so the function is concave")
BENT = {
    1: rule(
        "convex with kinks",
        "between the kinks the slope does not fall, and at them it rises, so the function is convex",
    ),
    -1: rule(
        "concave with kinks",
        "between the kinks the slope does not rise, and at them it falls, so the function is concave",
    ),
}
STRAIGHT = {
    1: rule(
        "convex and straight between kinks",
        "from {0}: the slope rises, and is constant elsewhere; so the function is convex",
    ),
    -1: rule(
        "concave and straight between kinks",
        "from {0}: the slope falls, and is constant elsewhere; so the function is concave",
    ),
}
CONTINUOUS = rule("continuous at a kink", "the function is continuous at {0}")
RISES = rule("the slope rises at a kink", "from {0}: the slope rises")
FALLS = rule("the slope falls at a kink", "from {0}: the slope falls")
JUMP = rule(
    "neither convex nor concave, for a jump", "from {0}: the function jumps, so it is neither convex nor concave"
)
HERE = rule("second derivative at a point", "at {0} it is positive")
BELOW = rule("negative second derivative at a point", "at {0} it is negative")
NEITHER = rule(
    "neither convex nor concave",
    "the second derivative is positive at {0} and negative at {1}, so the function is neither convex nor concave",
)
BOTH = rule(
    "neither convex nor concave, with kinks",
    "the slope rises at {0} and falls at {1}, so the function is neither convex nor concave",
)


@questions("convex")
@dataclass(frozen=True)
class Convex:
    """Whether `of` is convex in `wrt` where it is defined, which must be an interval."""

    of: Formula
    wrt: SymbolNames

    def derive(self, given: Any) -> Derivation:
        bend = Bend(function_of(given, self.of, self.wrt))
        function, x, second = bend.function, bend.function.x, bend.second
        work = Work("Second derivative", function.smooth)
        work.equal(Partial(function.of, x, x), second, why=SECOND)
        sections = [*function.sections(), *verdict(bend, work)]
        answer = Answer(
            "second", second, lambda v: Equal(function.smooth, (Partial(function.of, x, x), v)), is_main=True
        )
        return Derivation("Convexity", tuple(sections), (answer,))


@dataclass(frozen=True)
class Turn:
    """A place where the slope rises (`way` 1) or falls (-1): at a kink, or because the second derivative has that sign there."""

    place: Expr
    way: int
    is_kink: bool


@dataclass(frozen=True)
class Bend:
    """How the slope of a function changes over its domain."""

    function: OneVariable

    @cached_property
    def second(self) -> Expr:
        """The second derivative, away from kinks."""
        expr, x = self.function.expr, self.function.x
        found = shortest(scalar_derivative(shortest(scalar_derivative(expr, x)), x))
        return min((found, factor(found.expand())), key=lambda e: len(str(e)))

    @cached_property
    def domain(self) -> Interval:
        """The open interval on which the function is defined. Raises GivenError where it is none."""
        x, found = self.function.x, domain_of(self.function.x)
        for condition in conditions([(self.function.of, self.function.expr)]):
            if condition.relation.has(x):
                found = found & _solved(condition.relation, x)
        if not isinstance(found, Interval):
            raise GivenError(
                f"the function is not defined on an interval, but on {found}; declare {x} as 'positive' or as a range, such as "
                "'range(0, 1)'"
            )
        return found.interior

    @cached_property
    def kinks(self) -> list[Expr]:
        """The places of the kinks, in order."""
        return sorted({p for kink in self.function.kinks for p in self.places(self.written(kink.left - kink.right))})

    def places(self, boundary: Expr) -> list[Expr]:
        """Where a boundary lies inside of the domain. Raises NotDerivable where this is no list of numbers."""
        found = zeros(by_definition(boundary), self.function.x)
        if found is None or not all(place.is_number and place.is_real for place in found):
            raise NotDerivable(f"where {text(boundary)} is zero")
        return [place for place in found if self.domain.contains(place) == True]  # noqa: E712  of SymPy

    def written(self, expr: Expr) -> Expr:
        """In the variable: names that it moves written out."""
        for symbol, meaning in reversed(self.function.used):
            expr = expr.xreplace({symbol: meaning}) if symbol != self.function.x else expr
        return expr

    @cached_property
    def pieces(self) -> list[tuple[Interval, Expr]]:
        """The second derivative by one formula each, on the intervals between all kinks and borders of branches."""
        x = self.function.x
        expr = by_definition(self.second).replace(
            lambda e: isinstance(e, Abs | sign) and e.has(x), lambda e: e.rewrite(Piecewise)
        )
        cuts = set(self.kinks)
        for node in expr.atoms(Piecewise):
            for _, condition in node.args:
                for relation in condition.atoms(Relational):
                    cuts |= set(self.places(relation.lhs - relation.rhs))
        marks = [self.domain.start, *sorted(cuts), self.domain.end]
        parts = [Interval.open(a, b) for a, b in pairwise(marks)]
        return [(part, settled(expr, x, between(part.start, part.end))) for part in parts]

    @cached_property
    def turns(self) -> list[Turn]:
        """A place for each way in which the second derivative goes, then every kink at which the slope changes."""
        found: dict[int, Turn] = {}
        for part, expr in self.pieces:
            for way, place in signs_on(expr, self.function.x, part).items():
                found.setdefault(way, Turn(place, way, False))
        return [*found.values(), *[t for place in self.kinks if (t := self.turn_at(place)) is not None]]

    def turn_at(self, place: Expr) -> Turn | None:
        before, after = self.slopes(place)
        if before == after or simplify(after - before) == 0:
            return None
        rise = after - before
        if not (rise.is_positive or rise.is_negative):
            raise NotDerivable(f"how the slope changes at {text(place)}")
        return Turn(place, 1 if rise.is_positive else -1, True)

    def slopes(self, place: Expr) -> tuple[Any, Any]:
        """The slope on both sides of a kink."""
        slope = scalar_derivative(self.function.expr, self.function.x)
        return self.sides(slope, place)

    def sides(self, expr: Expr, place: Expr) -> tuple[Any, Any]:
        left, right = (limit_from(expr, self.function.x, place, side) for side in (-1, 1))
        if left is None or right is None:
            raise NotDerivable(f"the limits at {text(place)}")
        return left, right

    @cached_property
    def jump(self) -> tuple[Expr, Any, Any] | None:
        """The first kink at which the function jumps, with the limits on both sides."""
        for place in self.kinks:
            left, right = self.sides(self.function.expr, place)
            if left != right and simplify(left - right) != 0:
                return place, left, right
            if simplify(self.function.expr.xreplace({self.function.x: place}) - left) != 0:
                raise GivenError(f"the function has a value of its own at {text(self.function.x)} = {text(place)}")
        return None


def _solved(relation: Any, x: Any) -> Set:
    """Where a condition on the variable holds; all numbers for a half-line whose end is a parameter."""
    plain = by_definition(relation.lhs - relation.rhs)
    if plain.free_symbols != {x}:
        if isinstance(relation, Gt) and plain.is_polynomial(x) and plain.diff(x, 2) == 0:
            return S.Reals
        raise NotDerivable(f"where {text(relation.lhs)} {relation.rel_op} {text(relation.rhs)}")
    if isinstance(relation, Ne):
        places = zeros(plain, x)
        if places is None:
            raise NotDerivable(f"where {text(relation.lhs)} is zero")
        return S.Reals - FiniteSet(*places)
    try:
        found: Set = (plain.xreplace({x: Dummy(real=True)}) > 0).as_set()
    except UNDECIDED:
        raise NotDerivable(f"where {text(relation.lhs)} is positive") from None
    return found


def signs_on(expr: Expr, x: Any, part: Interval) -> dict[int, Expr]:
    """The signs that an expression takes on an open interval (none for zero), each with a place where it does. Raises
    NotDerivable where that is not known."""
    place = between(part.start, part.end)
    if expr.free_symbols - {x}:
        for way, one in ((1, expr), (-1, -expr)):
            if one.is_nonnegative:
                return {} if one.is_zero else {way: place}
        raise NotDerivable("the sign of the second derivative")
    near = [place + k for k in (-3, -2, -1, 1, 2, 3)] + [S(k) for k in (1, 2, 3, 5, -1, -2, -3, 0)]
    near += [end + side * Rational(1, 10) for end, side in ((part.start, 1), (part.end, -1)) if end.is_finite]
    found: dict[int, Expr] = {}
    for one in sorted(near, key=lambda p: (not p.is_Integer, abs(p), bool(p < 0))):
        value = expr.xreplace({x: one}).evalf() if part.contains(one) == True else S.NaN  # noqa: E712
        if value.is_positive or value.is_negative:
            found.setdefault(1 if value.is_positive else -1, one)
    if len(found) == 2 or expr.is_zero:
        return found
    way = next(iter(found), 1)
    if not _is_nowhere_negative(way * expr, x, part):
        raise NotDerivable("the sign of the second derivative")
    return found


def _is_nowhere_negative(expr: Expr, x: Any, part: Interval) -> bool:
    if expr.is_nonnegative or is_nonnegative(expr, x, part):
        return True
    try:
        return bool(minimum(expr, x, part) >= 0)
    except UNDECIDED:
        return False


def verdict(bend: Bend, work: Work) -> list[Section]:
    """The lines that decide: they go on in `work`, and in a section of their own for the kinks."""
    if bend.jump is not None:
        return [work.section(), jump_section(bend)]
    rises, falls = ([t for t in bend.turns if t.way == way] for way in (1, -1))
    if rises and falls:
        return against(bend, rises[0], falls[0], work)
    kinks = [turn for turn in bend.turns if turn.is_kink]
    way = -1 if falls else 1
    relation = (Ge if way > 0 else Le)(bend.second, 0, evaluate=False)
    if not kinks:
        work.claim(Holds(bend.function.smooth, relation), CONVEX if way > 0 else CONCAVE, (), True)
        return [work.section()]
    at_kinks = Work("Kinks", bend.function.world)
    for turn in kinks:
        ends = bend.second == 0 and turn is kinks[-1]
        kink_lines(bend, turn, at_kinks, STRAIGHT[way] if ends else None, (SIDES[1],))
    if bend.second != 0:
        at_kinks.claim(Holds(bend.function.smooth, relation), BENT[way], (), True)
    return [work.section(), at_kinks.section()]


def against(bend: Bend, rise: Turn, fall: Turn, work: Work) -> list[Section]:
    """One place where the slope rises, another where it falls."""
    places = (rise.place, fall.place)
    ordered = sorted((rise, fall), key=lambda turn: not turn.is_kink)
    at_kinks = Work("Kinks", bend.function.world)
    only_points = not ordered[0].is_kink
    for k, turn in enumerate(ordered):
        is_last, into = k == 1, work if only_points else at_kinks
        why, about = (NEITHER if only_points else BOTH, places) if is_last else (None, ())
        if turn.is_kink:
            kink_lines(bend, turn, into, why, about)
            continue
        value = shortest(bend.second.xreplace({bend.function.x: turn.place}))
        reason = why or (HERE if turn.way > 0 else BELOW)
        said = about if why else (turn.place,)
        shown = (value,) if value.is_Rational else (value, numeral(value_of(value)))
        into.equal(At(bend.second, bend.function.x, turn.place), *shown, why=reason, about=said, result=is_last)
    return [work.section(), *([at_kinks.section()] if at_kinks.steps else [])]


def kink_lines(bend: Bend, turn: Turn, work: Work, why: Any = None, about: tuple[Any, ...] = ()) -> None:
    """Continuity at a kink, then the slope from both sides of it."""
    function, place = bend.function, turn.place
    slope = Partial(function.of, function.x)
    here = shortest(function.expr.xreplace({function.x: place}))
    work.claim(IsLimit(work.world, function.of, function.x, place, here), CONTINUOUS, (place,))
    before, after = bend.slopes(place)
    work.claim(IsLimit(work.world, slope, function.x, place, before, -1), FIRST_SIDE, (SIDES[-1],))
    reason, said = (why, about) if why else (RISES if turn.way > 0 else FALLS, (SIDES[1],))
    work.claim(IsLimit(work.world, slope, function.x, place, after, 1), reason, said, bool(why))


def jump_section(bend: Bend) -> Section:
    """The limits on both sides of a jump."""
    assert bend.jump is not None
    place, left, right = bend.jump
    function = bend.function
    work = Work("A jump", function.world)
    work.claim(IsLimit(function.world, function.of, function.x, place, left, -1), FIRST_SIDE, (SIDES[-1],))
    work.claim(IsLimit(function.world, function.of, function.x, place, right, 1), JUMP, (SIDES[1],), True)
    return work.section()
