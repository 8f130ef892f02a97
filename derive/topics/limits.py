"""`limit`: what a function of one variable tends to, from both sides where there are two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import false, oo, simplify

from derive.algebra.critical import domain_of
from derive.algebra.domains import conditions
from derive.algebra.limits import beside, limit_from
from derive.derivation import Answer, Claim, Derivation, IsLimit, Work, rule
from derive.errors import GivenError
from derive.problem.types import Formula, SymbolNames, to_exact
from derive.topics.one_variable import OneVariable, function_of
from derive.topics.registry import questions

LIMIT = rule("limit", "the limit, which values on the way approach")
ONE_SIDE = rule("limit from a side", "from {0} alone: on the other side the function is not defined")
FIRST_SIDE = rule("limit from the first of two sides", "from {0}")
NO_LIMIT = rule("no limit", "from {0}: the two differ, so there is no limit")
SIDES = {-1: "the left", 1: "the right"}


@questions("limit")
@dataclass(frozen=True)
class Limit:
    """The limit of `of` as `wrt` goes to `to` (a number, 'infinity' or '-infinity')."""

    of: Formula
    wrt: SymbolNames
    to: Any = "infinity"

    def derive(self, given: Any) -> Derivation:
        function, target = function_of(given, self.of, self.wrt), _target(str(self.to))
        found = limits(function, target)
        if not found:
            raise GivenError(f"the function is not defined around {target}")
        (side, value), *more = found.items()
        if not more:
            return one_limit(function, target, value, ONE_SIDE if target.is_finite else LIMIT, side)
        other = more[0][1]
        if value == other or simplify(value - other) == 0:
            return one_limit(function, target, value, LIMIT, 0)
        return no_limit(function, target, found)


def limits(function: OneVariable, target: Any) -> dict[int, Any]:
    """The limits by the side from which one comes, of those on which the function is defined."""
    sides = SIDES if target.is_finite else [-1 if target == oo else 1]
    sides = [side for side in sides if _is_defined(function, beside(target, side))]
    found = {side: limit_from(function.expr, function.x, target, side) for side in sides}
    return {side: value for side, value in found.items() if value is not None}


def _is_defined(function: OneVariable, place: Any) -> bool:
    """Whether the variable may be there, and no condition of the formula is known to fail."""
    if domain_of(function.x).contains(place) != True:  # noqa: E712  of SymPy
        return False
    needed = conditions([*function.used, (function.of, function.expr)])
    return all(c.relation.xreplace({function.x: place}).doit() != false for c in needed)


def one_limit(function: OneVariable, target: Any, value: Any, why: Any, side: int) -> Derivation:
    """There is a limit; from one side alone, for `side` not 0."""
    side = side if target.is_finite else 0
    work = Work("Limit", function.world)
    about = (SIDES[side],) if side else ()
    work.claim(IsLimit(function.world, function.of, function.x, target, value, side), why, about, True)
    answer = Answer("limit", value, limit_claim(function, target, side), is_main=True)
    return Derivation("The limit", (*function.sections(is_smooth=False), work.section()), (answer,))


def no_limit(function: OneVariable, target: Any, found: dict[int, Any]) -> Derivation:
    """Two sides, two limits."""
    work, answers = Work("There is no limit", function.world), []
    for why, (side, value) in zip((FIRST_SIDE, NO_LIMIT), found.items(), strict=True):
        claim = IsLimit(function.world, function.of, function.x, target, value, side)
        work.claim(claim, why, (SIDES[side],), why is NO_LIMIT)
        answers.append(Answer(SIDES[side].split()[-1], value, limit_claim(function, target, side)))
    return Derivation("The limit", (*function.sections(is_smooth=False), work.section()), tuple(answers))


def limit_claim(function: OneVariable, target: Any, side: int) -> Callable[[Any], Claim]:
    """What an author's value for a limit says."""
    return lambda value: IsLimit(function.world, function.of, function.x, target, value, side)


def _target(text: str) -> Any:
    known = {"infinity": oo, "-infinity": -oo, "inf": oo, "-inf": -oo}
    if text in known:
        return known[text]
    try:
        return to_exact(int(text) if text.lstrip("+-").isdigit() else text)
    except ValueError:
        raise GivenError("'to' is a whole number, a fraction such as 1/2, infinity or -infinity") from None
