"""Derivations as data: steps, their reasons, and the claims that the referee tries to refute. Nothing here computes.

A claim is made in a `World`: the frozen description of where the values of its symbols come from (worlds.py). The
engine never looks into a world; the referee builds it in torch and reads the symbols' values off it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from derive.errors import Bug


@dataclass(frozen=True)
class World:
    """Base of the worlds in worlds.py."""


@dataclass(frozen=True)
class Rule:
    """Why a step holds: a name (unique), and words in which {0}, {1} stand for what the rule was applied to."""

    name: str
    words: str


RULES: dict[str, Rule] = {}


def rule(name: str, words: str) -> Rule:
    """Registers a rule; a name taken twice with other words is a bug."""
    if RULES.setdefault(name, Rule(name, words)).words != words:
        raise Bug(f"two rules are called '{name}'")
    return RULES[name]


@dataclass(frozen=True)
class Reason:
    """A rule and the expressions (or words) that fill its places."""

    rule: Rule
    about: tuple[Any, ...] = ()


Heading = str | Reason  # words alone, or a rule whose places hold the numbers and names in them


@dataclass(frozen=True)
class Claim:
    """Something that can be false, in a world."""

    world: World


@dataclass(frozen=True)
class Equal(Claim):
    """All sides are equal. Where a side shows a rounded numeral, the digits shown are the right ones."""

    sides: tuple[Any, ...]


@dataclass(frozen=True)
class Conjecture(Equal):
    """The sides are equal for all values, and nothing that stands before it shows this: it has a tick only where the referee
    proves it, and is else printed as tried."""


@dataclass(frozen=True)
class Definition(Claim):
    """`symbol` is a name for `meaning`: a line without a tick, since there is nothing to refute. The world must define the
    symbol as just that, or give it as a value; anything else is a claim (Equal)."""

    symbol: Any
    meaning: Any


@dataclass(frozen=True)
class IsGradient(Claim):
    """Every side is the derivative of the scalar `of` in `wrt` (a symbol or an array), in denominator layout.

    `of` is a symbol of the world, or an expression in its symbols.
    """

    of: Any
    wrt: Any
    sides: tuple[Any, ...]


@dataclass(frozen=True)
class Holds(Claim):
    """A relation (SymPy's Lt, Le, Gt, Ge, Ne) holds."""

    relation: Any


@dataclass(frozen=True)
class HasShape(Claim):
    """A quantity of the world has these sizes; each size is an integer or a written expression of one.

    `of` is the symbol that the world knows; `meaning` says in a few words what it is, with the number and the name of its
    layer as values (checks/reasons/headings.py).
    """

    of: Any
    shape: tuple[Any, ...]
    meaning: Reason


@dataclass(frozen=True)
class HasCount(Claim):
    """`of` (a symbol of the world: a number of parameters, of weights, ...) is every side."""

    of: Any
    sides: tuple[Any, ...]


@dataclass(frozen=True)
class Assumption(Claim):
    """A condition under which what follows holds, stated before it is used: a line without a tick. The points of its
    world are drawn by it."""

    relation: Any


Point = tuple[tuple[Any, Any], ...]  # ((symbol, value), ...)


@dataclass(frozen=True)
class IsMinimum(Claim):
    """The objective has its minimum (or maximum) over the symbols of `point` at that point, ((symbol, value), ...), among
    the points where the arrays (or scalars) of `constraints` are zero. Symbols stay in their domains: positive, a
    probability, positive definite. A value in which a symbol of the point stands says that every value of it will do.

    `proof` names what the steps before have shown (PROOFS); without one, the claim is that the point is stationary and
    that nothing lower was found: no tick.
    """

    objective: Any
    point: Point
    constraints: tuple[Any, ...] = ()
    is_maximum: bool = False
    is_local: bool = False
    proof: str = ""


PROOFS = {
    "convex": "the objective (or its Lagrange function, where there are constraints) is convex, for a maximum concave",
    "squares": "the objective is a sum of squares and what it is worth at the point",
    "values": "values at all stationary points, and limits at the ends of the domain",
    "curvature": "the second derivatives at the point (a local minimum)",
    "monotone": "the derivative in the one unknown has everywhere the sign of the distance from the point",
    "stages": "first in some unknowns for any values of the others, then in these",
    "substitution": "convex in a variable that stands for the unknown one to one",
}


@dataclass(frozen=True)
class IsStationary(Claim):
    """All first derivatives of the objective in the symbols `over` vanish at each of the points; with `are_all` nowhere
    else. A value in which a symbol of its point stands says that every value of it will do."""

    objective: Any
    over: tuple[Any, ...]
    points: tuple[Point, ...]
    are_all: bool = False


@dataclass(frozen=True)
class IsSaddle(Claim):
    """The objective is stationary at the point, and takes larger and smaller values as near to it as one likes."""

    objective: Any
    point: Point


@dataclass(frozen=True)
class IsPositiveDefinite(Claim):
    """A symmetric matrix has positive eigenvalues only, and so has an inverse."""

    matrix: Any


@dataclass(frozen=True)
class NoMinimum(Claim):
    """The objective has no minimum (or maximum): along `path`, which gives each unknown as `parameter` goes to infinity,
    it tends to `bound`, which is infinite, or which it comes near to everywhere on that way and reaches nowhere."""

    objective: Any
    path: Point
    parameter: Any
    bound: Any
    is_maximum: bool = False


@dataclass(frozen=True)
class IsLimit(Claim):
    """`of` tends to `value` as the scalar `variable` tends to `to` (numbers, or SymPy's infinities); `side` is 1 where it
    comes from above alone, -1 from below."""

    of: Any
    variable: Any
    to: Any
    value: Any
    side: int = 0


@dataclass(frozen=True)
class Drawn:
    """A layer in a figure: its number in the author's list (0 for the input, the first of several that are drawn once), its word,
    and the sizes that leave it. Where its units are drawn, `symbol` names them, and `weights` (units x inputs, exact numbers)
    stand on the edges that lead to them. `times` says how many follow one another, `loops` that a state is carried from step to
    step, `adds` that the input is added."""

    number: int
    word: str
    size: tuple[int, ...]
    symbol: Any = None
    weights: Any = None
    times: int = 1
    loops: bool = False
    adds: bool = False


@dataclass(frozen=True)
class IsDrawn(Claim):
    """The network of the world, whose layers are written in the author's list as `listed`, looks like this. Its writer draws it
    from these values alone."""

    listed: tuple[Any, ...]
    layers: tuple[Drawn, ...]


@dataclass(frozen=True)
class HasMean(Claim):
    """The expectation of the random quantity `of` (a symbol of the world) is every side."""

    of: Any
    sides: tuple[Any, ...]


@dataclass(frozen=True)
class Refuted(Claim):
    """Somebody's answer that is wrong: `claim` does not hold. `by` says whose, `right` is what holds instead."""

    claim: Claim
    by: str
    right: Claim | None = None


@dataclass(frozen=True)
class Step:
    """A claim with its reason; `is_result` sets it off. `remark` is shown without its equation (a comment on a claim)."""

    claim: Claim
    reason: Reason
    is_result: bool = False


@dataclass(frozen=True)
class Section:
    """Steps under a heading, which is a statement about them (checks/reasons/headings.py); `remark` words above."""

    heading: Heading
    steps: tuple[Step, ...]
    remark: Reason | None = None


@dataclass(frozen=True)
class Answer:
    """A named result: what it is called in `expect`, its symbol, its value (expression, array or tuple of sizes),
    and the claim that an author's own value for it becomes (given the value's expression). A main answer is the one that
    an `expect` without names speaks of."""

    name: str
    value: Any
    claim: Callable[[Any], Claim]
    is_main: bool = False


@dataclass(frozen=True)
class Derivation:
    """What one question asks, worked out."""

    heading: Heading
    sections: tuple[Section, ...]
    answers: tuple[Answer, ...] = ()

    @property
    def steps(self) -> Iterator[Step]:
        return (step for section in self.sections for step in section.steps)


@dataclass(frozen=True)
class Solution:
    """A problem worked out: one derivation a question, in the order asked, then the figure, if there is one, and the author's
    key, as claims.

    Step ids are `part.section.step`, counted from 1: '2.1.3'; the figure is 'figure', the author's answers are 'expect.NAME'.
    """

    problem: Any
    derivations: tuple[Derivation, ...]
    key: tuple[tuple[str, Step], ...] = ()
    figure: Step | None = None

    def steps(self) -> Iterator[tuple[str, Step]]:
        for p, derivation in enumerate(self.derivations, 1):
            for s, section in enumerate(derivation.sections, 1):
                for k, step in enumerate(section.steps, 1):
                    yield f"{p}.{s}.{k}", step
        if self.figure is not None:
            yield FIGURE, self.figure
        yield from self.key


FIGURE = "figure"


def is_defined_as(world: World, symbol: Any, meaning: Any) -> bool:
    """Whether the world gives the symbol this very meaning."""
    shown = getattr(meaning, "value", meaning)  # of a numeral, the number that it shows
    return any(one == symbol and other in (meaning, shown) for one, other in getattr(world, "definitions", ()))


@dataclass
class Work:
    """Collects the steps of one section in one world, so that topics write reasons and expressions only."""

    heading: Heading
    world: World
    remark: Reason | None = None
    steps: list[Step] = field(default_factory=list)

    def equal(self, *sides: Any, why: Rule, about: Iterable[Any] = (), result: bool = False) -> Work:
        """All sides are equal. A name beside the very expression that the world defines it by is a definition: nothing is at
        stake in it."""
        if len(sides) == 2 and is_defined_as(self.world, *sides):
            return self.claim(Definition(self.world, *sides), why, about, result)
        return self.claim(Equal(self.world, sides), why, about, result)

    def define(self, symbol: Any, meaning: Any, why: Rule, about: Iterable[Any] = ()) -> Work:
        return self.claim(Definition(self.world, symbol, meaning), why, about)

    def gradient(
        self, of: Any, wrt: Any, *sides: Any, why: Rule, about: Iterable[Any] = (), result: bool = False
    ) -> Work:
        return self.claim(IsGradient(self.world, of, wrt, sides), why, about, result)

    def claim(self, claim: Claim, why: Rule, about: Iterable[Any] = (), result: bool = False) -> Work:
        self.steps.append(Step(claim, Reason(why, tuple(about)), result))
        return self

    def section(self) -> Section:
        return Section(self.heading, tuple(self.steps), self.remark)


def answers_by_name(derivations: Iterable[Derivation]) -> Mapping[str, Answer]:
    """Every answer of a problem under its name; the first question that gives a name keeps it."""
    found: dict[str, Answer] = {}
    for derivation in derivations:
        for answer in derivation.answers:
            found.setdefault(answer.name, answer)
    return found
