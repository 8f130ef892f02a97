"""Minima and maxima of a function of one scalar: all stationary points, each classified, and which is the least of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Ge, Le, Symbol, oo

from derive.algebra.critical import Curve, shortest
from derive.algebra.nodes import At, Partial
from derive.derivation import (
    Answer,
    Derivation,
    Holds,
    IsLimit,
    IsMinimum,
    IsStationary,
    NoMinimum,
    Section,
    Work,
    rule,
)
from derive.topics.extremum import Extremum, equal_claim, value_claim

DIFFERENTIATE = rule("derivative of the objective", "differentiate")
VANISHES = rule("where the derivative vanishes", "all solutions of: derivative = 0")
NOWHERE = rule("the derivative vanishes nowhere", "the derivative has no zero")
SECOND = rule("second derivative of the objective", "differentiate once more")
CONVEX = rule("convex objective", "nowhere negative, so the objective is convex")
CONCAVE = rule("concave objective", "nowhere positive, so the objective is concave")
CONVEX_NUMBER = rule("convex objective, of degree two", "differentiate once more: positive, so the objective is convex")
CONCAVE_NUMBER = rule(
    "concave objective, of degree two", "differentiate once more: negative, so the objective is concave"
)
LOCAL = rule("local extremum by the second derivative", "by the sign of the second derivative there")
TURNS = rule("local extremum by the first derivative", "the derivative changes its sign there")
PASSES = rule("inflection", "the derivative has the same sign on both sides, so it is neither")
BY_CONVEXITY = rule("a convex function at its stationary point", "a convex function is least where it is stationary")
BY_CONCAVITY = rule(
    "a concave function at its stationary point", "a concave function is largest where it is stationary"
)
END = rule("limit at an end of the domain", "what it tends to where its domain ends")
VALUE = rule("the value at a point", "put in")
BY_VALUES = rule("the best of all stationary points", "no other stationary point and no end of the domain is {0}")
AT_END = rule(
    "the best at an end of the domain", "no stationary point and no other end is {0}, and {1} belongs to the domain"
)
NO_END = rule("an end is better than all stationary points", "an end of the domain is {0} than every stationary point")


@dataclass(frozen=True)
class _Found:
    """What was found out: sections, and the answers."""

    sections: tuple[Section, ...]
    answers: tuple[Answer, ...]


def one_unknown_derivation(problem: Extremum) -> Derivation:
    """The whole study of a function of one variable. Raises NotDerivable where SymPy leaves something open."""
    (x,) = problem.over
    curve = Curve(problem.function, x)
    sections = [problem.objective_section(), derivative_section(problem, curve), stationary_section(problem, curve)]
    bend = curve.curvature
    if bend and curve.points and len(curve.pieces) == 1:
        sections.append(convexity_section(problem, curve, bend))
        if bend * problem.sign > 0:
            found = by_convexity(problem, curve, bend)
            return Derivation(f"The {problem.kind}", (*sections, *found.sections), found.answers)
    sections.append(classes_section(problem, curve))
    found = by_values(problem, curve)
    return Derivation(f"The {problem.kind}", (*sections, *found.sections), found.answers)


def derivative_section(problem: Extremum, curve: Curve) -> Section:
    work = Work("Derivative", problem.world)
    work.gradient(problem.name, curve.variable, curve.derivative, why=DIFFERENTIATE)
    return work.section()


def stationary_section(problem: Extremum, curve: Curve) -> Section:
    """All points at which the derivative is zero."""
    work = Work("Stationary points", problem.world)
    points = tuple(((curve.variable, p),) for p in curve.points)
    claim = IsStationary(problem.world, problem.name, (curve.variable,), points, are_all=True)
    return work.claim(claim, VANISHES if points else NOWHERE, (), True).section()


def convexity_section(problem: Extremum, curve: Curve, bend: int) -> Section:
    """The second derivative, and that it never changes its sign."""
    work = Work("Second derivative", problem.world)
    x = curve.variable
    if curve.second.is_number:
        why = CONVEX_NUMBER if bend > 0 else CONCAVE_NUMBER
        return work.equal(Partial(problem.name, x, x), curve.second, why=why).section()
    work.equal(Partial(problem.name, x, x), curve.second, why=SECOND)
    relation: Any = (Ge if bend > 0 else Le)(curve.second, 0, evaluate=False)
    return work.claim(Holds(problem.world, relation), CONVEX if bend > 0 else CONCAVE).section()


def by_convexity(problem: Extremum, curve: Curve, bend: int) -> _Found:
    """A convex function is least where it is stationary (a concave one largest)."""
    work = Work(f"The {problem.kind}", problem.world)
    why = BY_CONVEXITY if bend > 0 else BY_CONCAVITY
    for point in curve.points:
        claim = IsMinimum(
            problem.world, problem.name, ((curve.variable, point),), is_maximum=problem.sign < 0, proof="convex"
        )
        work.claim(claim, why, (), True)
    value = value_step(problem, curve, curve.points[0], work)
    return _Found((work.section(),), answers(problem, curve.variable, curve.points[:1], value))


def value_step(problem: Extremum, curve: Curve, point: Any, work: Work) -> Any:
    """The objective at the point."""
    value = curve.value(curve.function, point)
    work.claim(value_claim(problem, ((curve.variable, point),), value), VALUE, (), True)
    return value


def answers(problem: Extremum, x: Any, points: Any, value: Any) -> tuple[Answer, ...]:
    """The unknown, where it is one, and the value."""
    named = tuple(
        Answer(x.name, point, equal_claim(problem.at(((x, point),)), x), is_main=True)
        for point in points[:1]
        if len(points) == 1
    )
    return (*named, *problem.value_answers(((x, points[0]),), value))


def classes_section(problem: Extremum, curve: Curve) -> Section:
    """Each stationary point: a local minimum, a local maximum, or neither."""
    work, x = Work("What kind of points they are", problem.world), curve.variable
    if curve.points:
        work.equal(Partial(problem.name, x, x), curve.second, why=SECOND)
    for k, point in enumerate(curve.points):
        bend, kind = curve.value(curve.second, point), curve.kind_at(k)
        work.equal(At(curve.second, x, point), bend, why=VALUE)
        place = ((x, point),)
        if kind == 0:
            work.claim(IsStationary(problem.world, problem.name, (x,), (place,)), PASSES)
            continue
        claim = IsMinimum(problem.world, problem.name, place, is_maximum=kind < 0, is_local=True, proof="curvature")
        work.claim(claim, LOCAL if bend.is_nonzero else TURNS)
    return work.section()


def by_values(problem: Extremum, curve: Curve) -> _Found:
    """The least of the values at the stationary points and of the limits at the ends: at a point, it is the minimum; at an
    end, there is none."""
    x, sign = curve.variable, problem.sign
    values = [curve.value(curve.function, point) for point in curve.points]
    ends = curve.ends
    work = Work("Values, and limits at the ends", problem.world)
    for point, value in zip(curve.points, values, strict=True):
        work.claim(value_claim(problem, ((x, point),), value), VALUE)
    for end, side, value in ends:
        one_sided = 0 if end in (oo, -oo) else (1 if side == "+" else -1)
        work.claim(IsLimit(problem.world, problem.name, x, end, value, one_sided), END)
    best_end = min(ends, key=lambda e: sign * e[2])
    best = min((sign * v for v in values), default=oo)
    better = ("lower", "higher")[sign < 0]
    last = Work(f"The {problem.kind}", problem.world)
    if curve.points and bool(best <= sign * best_end[2]):
        chosen = [p for p, v in zip(curve.points, values, strict=True) if shortest(sign * v - best) == 0]
        for point in chosen:
            claim = IsMinimum(problem.world, problem.name, ((x, point),), is_maximum=sign < 0, proof="values")
            last.claim(claim, BY_VALUES, (better,), True)
        return _Found((work.section(), last.section()), answers(problem, x, chosen, sign * best))
    if curve.domain.contains(best_end[0]) == True:  # noqa: E712  of SymPy
        work.claim(value_claim(problem, ((x, best_end[0]),), best_end[2]), VALUE)
        bound: Any = (Ge if sign > 0 else Le)(problem.name, best_end[2], evaluate=False)
        last.claim(Holds(problem.world, bound), AT_END, (better, best_end[0]), True)
        return _Found((work.section(), last.section()), answers(problem, x, [best_end[0]], best_end[2]))
    parameter = Symbol(problem.given.named(("letter", "t", ()), ("t", "s", "tau", "r")), positive=True)
    path = ((x, path_to(*best_end[:2], parameter)),)
    none = NoMinimum(problem.world, problem.name, path, parameter, best_end[2], sign < 0)
    last.claim(none, NO_END, (better,), True)
    return _Found((work.section(), last.section()), ())


def path_to(end: Any, side: str, parameter: Any) -> Any:
    """A way to an end of the domain as the parameter grows: t, -t, or the end and 1/(1 + t) from its side."""
    if end in (oo, -oo):
        return parameter if end == oo else -parameter
    return end + (1 if side == "+" else -1) / (1 + parameter)
